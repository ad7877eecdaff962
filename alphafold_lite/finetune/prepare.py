"""Structures to a training set on disk: packed chains, alignments, hits and the library chains that they are on. Done once for equal inputs."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alphafold_lite.common.errors import InputError, TargetError
from alphafold_lite.finetune.filters import rejection
from alphafold_lite.finetune.relatives import AlignmentProblemError, Finder, Relatives
from alphafold_lite.finetune.settings import FinetuneSettings
from alphafold_lite.finetune.structures import Candidate, Rejection, list_files
from alphafold_lite.finetune.survey import Survey, chains_csv, rejected_csv, survey
from alphafold_lite.outputs.files import write_atomic, write_npz
from alphafold_lite.outputs.run_record import sha256_of
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.training.chains import library_arrays, packed_columns, whole_numbering
from alphafold_lite.training.homologues import to_arrays
from data_pipeline.searcher import Searcher

DATA = "data"
TRAINING_SET, VALIDATION_SET, LIBRARY_SET, HITS = "train.npz", "valid.npz", "library.npz", "hits.npz"
READY, REJECTED, CHAINS = "ready.json", "rejected.csv", "chains.csv"
FORMAT = 1
LOOK_AGAIN = 1.0  # seconds between two looks for the first process's work
Report = Callable[[int, int, str], None]  # chains done, of how many, the name of the next


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A training set, and what there is to say of it."""

    folder: Path
    num_files: int
    num_training: int
    num_validation: int
    num_clusters: int
    num_rejected: int
    reasons: dict[str, int]
    has_hits: bool
    fingerprint: str


def prepare(settings: FinetuneSettings, out: Path, searcher: Searcher, *, with_hits: bool, report: Report) -> Prepared:
    """Make the training set in `OUT/data`, or take what an earlier call made of the same inputs.

    Raises:
        InputError: structures or names that cannot be used, or a folder that cannot be written.
    """
    digest = fingerprint(settings, searcher, with_hits=with_hits)
    if (known := read_prepared(out, digest)) is not None:
        return known
    (out / DATA / READY).unlink(missing_ok=True)  # of other inputs, whose set is about to be replaced
    found = survey(settings, threads=searcher.threads)
    finder = Finder(out / DATA, searcher, _path(settings.msa_dir), with_hits=with_hits)
    found, relatives = _find_all(found, finder, report)
    return _write(out, found, relatives, searcher, digest, with_hits=with_hits)


def read_prepared(out: Path, digest: str | None) -> Prepared | None:
    """What lies in the folder, where it is whole and was made of the same inputs; None for `digest`: of any."""
    path = out / DATA / READY
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Prepared(folder=out / DATA, **values) if digest in (None, values["fingerprint"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def wait_for(out: Path, digest: str) -> Prepared:
    """What the first process of several makes; it ends the others if it fails."""
    while (known := read_prepared(out, digest)) is None:
        time.sleep(LOOK_AGAIN)
    return known


def fingerprint(settings: FinetuneSettings, searcher: Searcher, *, with_hits: bool) -> str:
    """Digest of all that decides the training set: files, names, alignments, filters, split, library."""
    folder, msa = Path(settings.structures), _path(settings.msa_dir)
    named = [None if name is None else sha256_of(Path(name)) for name in _named(settings)]
    alignments = [] if msa is None else sorted(path for path in msa.iterdir() if path.is_file())
    parts: list[object] = [
        FORMAT,
        [(path.relative_to(folder).as_posix(), sha256_of(path)) for path in list_files(folder)],
        [(path.name, sha256_of(path)) for path in alignments],
        named,
        settings.filters,
        (settings.split.share, settings.split.identity, settings.seed),
        searcher.library.version,
        with_hits,
    ]
    return sha256_of(to_json(parts))


def _named(settings: FinetuneSettings) -> tuple[str | None, ...]:
    for name in (settings.ids, settings.split.names):
        if name is not None and not Path(name).is_file():
            raise InputError("a text file with names of chains", f"no file {name}", "check the path")
    if settings.msa_dir is not None and not Path(settings.msa_dir).is_dir():
        raise InputError("a folder of alignments (--msa-dir)", f"no folder {settings.msa_dir}", "correct the path")
    return settings.ids, settings.split.names


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _find_all(found: Survey, finder: Finder, report: Report) -> tuple[Survey, list[Relatives]]:
    """The relatives of every chain; chains without a usable alignment are left out."""
    relatives: list[Relatives] = []
    failed: dict[str, Rejection] = {}
    for number, chain in enumerate(found.chains):
        report(number, len(found.chains), chain.id)
        try:
            relatives.append(finder.find(chain))
        except (AlignmentProblemError, TargetError) as error:
            kind = "alignment" if isinstance(error, AlignmentProblemError) else "search"
            failed[chain.id] = rejection(chain, kind, str(error))
    if not failed:
        return found, relatives
    left = found.without(frozenset(failed), tuple(failed.values()))
    if left.is_validation.all():
        raise InputError("chains to learn from", f"none; {next(iter(failed.values())).reason}", "check the alignments")
    return left, relatives


def _write(
    out: Path, found: Survey, relatives: Sequence[Relatives], searcher: Searcher, digest: str, *, with_hits: bool
) -> Prepared:
    folder = out / DATA
    for name, judged in ((TRAINING_SET, False), (VALIDATION_SET, True)):
        places = [int(place) for place in np.flatnonzero(found.is_validation == judged)]
        (folder / name).unlink(missing_ok=True)
        if places:
            chains, theirs = [found.chains[i] for i in places], [relatives[i] for i in places]
            write_npz(folder / name, chain_arrays(chains, theirs, found.clusters[places]))
    hits = {chain.id: theirs.hits for chain, theirs in zip(found.chains, relatives, strict=True)}
    has_hits = with_hits and any(hits.values())
    if has_hits:
        write_npz(folder / HITS, to_arrays(hits.items()))
        write_npz(
            folder / LIBRARY_SET,
            library_arrays(searcher.library, sorted({hit.chain for some in hits.values() for hit in some})),
        )
    write_atomic(out / REJECTED, rejected_csv(found.rejected))
    write_atomic(out / CHAINS, chains_csv(found))
    values: dict[str, Any] = {
        "num_files": found.num_files,
        "num_training": int((~found.is_validation).sum()),
        "num_validation": int(found.is_validation.sum()),
        "num_clusters": len(set(found.clusters.tolist())),
        "num_rejected": len(found.rejected),
        "reasons": dict(Counter(lost.kind for lost in found.rejected)),
        "has_hits": has_hits,
        "fingerprint": digest,
    }
    write_atomic(folder / READY, to_json(values))
    return Prepared(folder=folder, **values)


def chain_arrays(
    chains: Sequence[Candidate], relatives: Sequence[Relatives], clusters: np.ndarray
) -> dict[str, np.ndarray]:
    """A packed set as `training.chains` reads it."""
    sequences = [chain.sequence for chain in chains]
    resolutions = [np.nan if chain.resolution is None else chain.resolution for chain in chains]
    return packed_columns([chain.id for chain in chains], sequences) | {
        "cluster": clusters.astype(np.int32),
        "coords": np.concatenate([chain.coords for chain in chains]),
        "mask": np.concatenate([chain.mask for chain in chains]),
        "residue_index": whole_numbering(sequences),
        "resolution": np.array(resolutions, np.float32),
        "alignment": np.array([theirs.alignment for theirs in relatives], np.str_),
    }
