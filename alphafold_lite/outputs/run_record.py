"""`run.json`: everything needed to say what was computed, with what, and to compute it again."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from alphafold_lite.outputs.scores import to_json

_PACKAGES = ("alphafold-lite", "torch", "numpy", "biopython", "gemmi", "pyhmmer", "safetensors", "openmm", "pdbfixer")
_CHUNK = 1 << 20


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that touch the numbers, as far as installed; nothing is imported."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def sha256_of(source: Path | bytes | str) -> str:
    """Hexadecimal SHA-256 of a file (read in pieces), of bytes, or of text in UTF-8."""
    digest = hashlib.sha256()
    if isinstance(source, Path):
        with source.open("rb") as stream:
            while block := stream.read(_CHUNK):
                digest.update(block)
    else:
        digest.update(source.encode() if isinstance(source, str) else source)
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """One target's run. Mappings hold JSON values; dataclasses, paths and NumPy numbers are accepted inside them.

    Attributes:
        target: name, original header, sequence (as folded), replaced letters.
        configuration: the resolved options that decide the results; leave out those that do not (verbosity, folders).
        seeds: random seeds in the order of `pred_N`.
        parameters: one entry for each model: name, sha256, untrained, licence.
        msas: sha256 of each alignment by name; empty in single-sequence mode.
        device: where it ran, in words.
        note: says "untrained" where the parameters are.
        searches: engine, version, database, command and time of every search.
        msa_depth: rows, and effective depth by residue.
    """

    target: Mapping[str, object]
    configuration: Mapping[str, object]
    seeds: Sequence[int]
    parameters: Sequence[Mapping[str, object]]
    msas: Mapping[str, str]
    device: str
    note: str | None = None
    searches: Sequence[Mapping[str, object]] = ()
    msa_depth: Mapping[str, object] = field(default_factory=dict[str, object])
    versions: Mapping[str, str] = field(default_factory=package_versions)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the results apart from device and versions: equal for runs that may share a folder."""
        decisive = (self.target, self.configuration, self.seeds, self.parameters, self.msas)
        return sha256_of(to_json(decisive))

    def to_json(self) -> str:
        """The content of `run.json`, keys sorted."""
        content = json.loads(to_json(self))
        return to_json(content | {"fingerprint": self.fingerprint})
