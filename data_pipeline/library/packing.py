"""Writing a library: chains, sequences and profiles into a few compressed files and their manifest."""

import hashlib
import lzma
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from alphafold_lite.common.errors import InputError
from data_pipeline.library.coding import encode
from data_pipeline.library.manifest import BACKBONES, CHAINS, MANIFEST, PROFILES, SEQUENCES, Manifest, PackedFile

CHAIN_PREFIX = "pdb|"  # of chains among the sequences
RAW_UNIT = 0.01  # Å, of chains stored as coordinates
MAX_BACKBONE_ERROR = 0.3  # Å; a chain with a worse N, CA or C is stored as coordinates
MAX_OXYGEN_ERROR = 0.48  # Å, likewise; below 0.5 after any superposition
MAX_COORDINATE = 1e6  # Å; more is no structure
PROFILE_LEVELS = 7  # 3 bits of the square root of a frequency
NUM_RESIDUE_TYPES = 20
_BLOCK_RESIDUES = 140_000  # a block: about 45 ms to unpack
_FILTER = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 2**24, "lc": 3, "lp": 0, "pb": 0}


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryContents:
    """What goes into a library.

    Raises:
        InputError: parts that do not fit together, two chains of one name, or coordinates that are none.
    """

    name: str
    chain_names: tuple[str, ...]
    chain_sequences: tuple[str, ...]
    chain_dates: tuple[date | None, ...]
    backbones: tuple[Float[np.ndarray, "_ 4 3"], ...]  # N, CA, C, O of each chain, Å
    profiles: tuple[UInt8[np.ndarray, "_ 20"], ...] | None  # of each chain, as `quantised` gives them
    sequence_names: tuple[str, ...]  # without the chains
    sequences: tuple[str, ...]
    validation_names: frozenset[str] = (
        frozenset()
    )  # chains that nothing is trained on, left out where models are scored

    def __post_init__(self) -> None:
        """Refuse what could not be read back."""
        counts = {len(self.chain_names), len(self.chain_sequences), len(self.chain_dates), len(self.backbones)}
        if len(counts) > 1 or len(self.sequence_names) != len(self.sequences):
            raise InputError("names, sequences, dates and backbones for each chain", f"{counts}", "complete the parts")
        if len(set(self.chain_names)) < len(self.chain_names):
            raise InputError("chains with names of their own", "two of one name", "rename one")
        for name, sequence, backbone in zip(self.chain_names, self.chain_sequences, self.backbones, strict=True):
            if backbone.shape != (len(sequence), 4, 3) or not sequence:
                raise InputError(f"N, CA, C, O for each residue of {name}", f"{backbone.shape}", "complete the chain")
            if not (np.abs(backbone) < MAX_COORDINATE).all():  # also false for NaN
                raise InputError(f"finite coordinates in {name}", "others", "leave the chain out")
        lengths = [len(profile) for profile in self.profiles or ()]
        if self.profiles is not None and lengths != [len(sequence) for sequence in self.chain_sequences]:
            raise InputError("a profile row for each residue", "another number", "complete the profiles")


def quantised(profile: Float[np.ndarray, "N_res 20"]) -> UInt8[np.ndarray, "N_res 20"]:
    """Frequencies as 3-bit square roots: small ones keep more of their value than in a linear scale."""
    return np.rint(PROFILE_LEVELS * np.sqrt(np.clip(profile, 0.0, 1.0))).astype(np.uint8)


def write_library(contents: LibraryContents, folder: Path) -> Manifest:
    """Pack into an existing folder, the manifest last; equal contents give equal bytes. Files of the same names are replaced.

    Raises:
        InputError: a file cannot be written.
    """
    starts = _block_starts(contents.chain_sequences)
    dates = (day.isoformat() if day else "" for day in contents.chain_dates)
    chain_texts = (_lines(contents.chain_names), _lines(dates), _lines(contents.chain_sequences))
    sequence_texts = (_lines(contents.sequence_names), _lines(contents.sequences))
    backbone_blocks, raw_chains = _backbone_blocks(contents, starts)
    files = {
        CHAINS: _write(folder / CHAINS, chain_texts),
        SEQUENCES: _write(folder / SEQUENCES, sequence_texts),
        BACKBONES: _write(folder / BACKBONES, backbone_blocks),
    }
    if contents.profiles is not None:
        rows = [np.concatenate(contents.profiles[a:b]).tobytes() for a, b in pairwise(starts)]
        files[PROFILES] = _write(folder / PROFILES, rows)
    manifest = Manifest(
        name=contents.name,
        num_chains=len(contents.chain_names),
        num_residues=sum(map(len, contents.chain_sequences)),
        num_sequences=len(contents.sequences) + len(new_chains(contents.chain_sequences, contents.sequences)),
        block_starts=starts,
        raw_chains=raw_chains,
        validation_chains=tuple(n for n, name in enumerate(contents.chain_names) if name in contents.validation_names),
        files=files,
    )
    _replace(folder / MANIFEST, manifest.to_json().encode())
    return manifest


def new_chains(chain_sequences: Sequence[str], sequences: Sequence[str]) -> tuple[int, ...]:
    """Chains whose sequence stands neither among `sequences` nor at an earlier chain: those that the sequence database lists."""
    seen = set(sequences)
    added: list[int] = []
    for chain, sequence in enumerate(chain_sequences):
        if sequence not in seen:
            seen.add(sequence)
            added.append(chain)
    return tuple(added)


def pack_raw(coordinates: Int[np.ndarray, "N_rows 12"]) -> bytes:
    """Differences from row to row as 32-bit integers, all lowest bytes first: small differences leave long runs of equal bytes."""
    steps = np.diff(coordinates, axis=0, prepend=0).astype("<i4")
    return np.ascontiguousarray(steps.T).view(np.uint8).reshape(-1, 4).T.tobytes()


def unpack_raw(data: bytes) -> Int[np.ndarray, "N_rows 12"]:
    """What `pack_raw` was given.

    Raises:
        ValueError: the number of bytes does not fit.
    """
    steps = np.ascontiguousarray(np.frombuffer(data, np.uint8).reshape(4, -1).T).view("<i4")
    return steps.reshape(12, -1).T.cumsum(axis=0, dtype=np.int32)


def _block_starts(chain_sequences: Sequence[str]) -> tuple[int, ...]:
    starts, size = [0], 0
    for chain, sequence in enumerate(chain_sequences):
        if size and size + len(sequence) > _BLOCK_RESIDUES:
            starts.append(chain)
            size = 0
        size += len(sequence)
    return (*starts, len(chain_sequences)) if chain_sequences else (0,)


def _backbone_blocks(contents: LibraryContents, starts: tuple[int, ...]) -> tuple[list[bytes], tuple[int, ...]]:
    """A block: the codes, column by column (zeros for raw chains), then the raw chains."""
    blocks: list[bytes] = []
    all_raw: list[int] = []
    for first, last in pairwise(starts):
        chains = contents.backbones[first:last]
        rows = np.concatenate(chains)
        offsets = np.append(0, np.cumsum([len(chain) for chain in chains]))
        coded = encode(rows, offsets)
        is_raw = (coded.worst_backbone > MAX_BACKBONE_ERROR) | (coded.worst_oxygen > MAX_OXYGEN_ERROR)
        codes = np.where(np.repeat(is_raw, np.diff(offsets))[:, None], np.int8(0), coded.codes)
        raw = [_centred(chains[chain]) for chain in np.flatnonzero(is_raw)]
        blocks.append(codes.T.tobytes() + pack_raw(np.concatenate(raw) if raw else np.zeros((0, 12), np.int32)))
        all_raw += (first + np.flatnonzero(is_raw)).tolist()
    return blocks, tuple(all_raw)


def _centred(backbone: Float[np.ndarray, "N_res 4 3"]) -> Int[np.ndarray, "N_res 12"]:
    centred = backbone.astype(np.float64) - backbone[:, 1].mean(axis=0, dtype=np.float64)
    return np.rint(centred / RAW_UNIT).astype(np.int32).reshape(-1, 12)


def _lines(texts: Iterable[str]) -> bytes:
    return "\n".join(texts).encode("ascii")


def _write(path: Path, blocks: Iterable[bytes]) -> PackedFile:
    """Compress each block to an xz stream of its own."""
    packed: list[bytes] = []
    sizes: list[tuple[int, int]] = []
    for block in blocks:
        packed.append(lzma.compress(block, lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=[_FILTER]))
        sizes.append((len(packed[-1]), len(block)))
    data = b"".join(packed)
    _replace(path, data)
    return PackedFile(sha256=hashlib.sha256(data).hexdigest(), blocks=tuple(sizes))


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"a writable file {path}", error.strerror or str(error), "check the folder") from error
