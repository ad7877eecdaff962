"""Reading a packed library: the embedded one, or one that a user built. Nothing is read before it is asked for."""

import difflib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from alphafold_lite.common.errors import InputError, MissingResourceError
from data_pipeline.library.coding import NUM_CODES, decode
from data_pipeline.library.manifest import BACKBONES, CHAINS, MANIFEST, PROFILES, SEQUENCES, PackedReader, read_manifest
from data_pipeline.library.packing import CHAIN_PREFIX, NUM_RESIDUE_TYPES, RAW_UNIT, new_chains, unpack_raw
from data_pipeline.library.sequence_set import SequenceSet

EMBEDDED = Path(__file__).parent / "data"
_WITHOUT_PROFILES = "-without-profiles"  # the version of a library whose profile file was taken away


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreeBitProfiles:
    """All stored profiles as they are packed: `round(7 sqrt(frequency))`, in the order of `restypes`."""

    rows: UInt8[np.ndarray, "N_rows 20"]
    offsets: Int[np.ndarray, "N_chain_plus_1"]  # rows `offsets[i]:offsets[i + 1]` are chain i


class Library:
    """Chains with backbones and, where stored, profiles, and a sequence database that includes them."""

    def __init__(self, folder: Path, name: str | None = None) -> None:
        self._folder = folder
        self._manifest, digest = read_manifest(folder)
        files = self._manifest.files
        self.name = name or folder.resolve().name
        self.has_profiles = PROFILES in files and (folder / PROFILES).is_file()
        self.version = digest if self.has_profiles or PROFILES not in files else digest + _WITHOUT_PROFILES
        self._readers = {file: PackedReader(folder, file, files[file]) for file in files}
        self._lock = threading.RLock()
        self._backbone_blocks: dict[int, tuple[np.ndarray, dict[int, np.ndarray]]] = {}
        self._profile_blocks: dict[int, np.ndarray] = {}

    @classmethod
    def embedded(cls) -> "Library":
        """The library of the package, opened once a process.

        Raises:
            MissingResourceError: this installation came without it.
        """
        return _embedded()

    @classmethod
    def open(cls, folder: Path) -> "Library":
        """A library made by `library build`.

        Raises:
            InputError: the folder holds no library, or its manifest is damaged.
        """
        return cls(folder)

    @property
    def num_chains(self) -> int:
        """Chains with a structure."""
        return self._manifest.num_chains

    @property
    def num_residues(self) -> int:
        """Residues of all chains."""
        return self._manifest.num_residues

    @property
    def num_sequences(self) -> int:
        """Sequences of the database, chains included."""
        return self._manifest.num_sequences

    @property
    def num_bytes(self) -> int:
        """Size of the packed files."""
        return sum(
            file.num_bytes for name, file in self._manifest.files.items() if name != PROFILES or self.has_profiles
        )

    @property
    def num_raw_chains(self) -> int:
        """Chains stored as coordinates."""
        return len(self._manifest.raw_chains)

    def verify(self) -> None:
        """Check the sum of every file now.

        Raises:
            MissingResourceError: a file is not there.
            InputError: one is damaged.
        """
        for name, reader in self._readers.items():
            if name != PROFILES or self.has_profiles:
                reader.verify()

    @property
    def validation_names(self) -> frozenset[str]:
        """Chains that nothing was trained on: neither templates nor profiles where a model is scored on them."""
        return frozenset(self.chain_names[chain] for chain in self._manifest.validation_chains)

    @property
    def chain_names(self) -> tuple[str, ...]:
        """Such as `5NVG_A`."""
        return self._chain_names

    @cached_property
    def _chain_names(self) -> tuple[str, ...]:
        return self._lines(CHAINS, 0, self.num_chains)

    @property
    def chain_dates(self) -> tuple[date | None, ...]:
        """Release dates; None: not known, as for all embedded chains."""
        return self._chain_dates

    @cached_property
    def _chain_dates(self) -> tuple[date | None, ...]:
        lines = self._lines(CHAINS, 1, self.num_chains)
        try:
            return tuple(date.fromisoformat(line) if line else None for line in lines)
        except ValueError as error:
            raise self._damaged(CHAINS, str(error)) from error

    @property
    def chain_sequences(self) -> tuple[str, ...]:
        """Residues with coordinates, in 20 letters and X."""
        return self._chain_sequences

    @cached_property
    def _chain_sequences(self) -> tuple[str, ...]:
        return self._lines(CHAINS, 2, self.num_chains)

    def index_of(self, name: str) -> int:
        """The number of a chain.

        Raises:
            InputError: no chain of this name; near names are given.
        """
        chain = self._numbers.get(name)
        if chain is None:
            near = difflib.get_close_matches(name, self.chain_names, n=3)
            action = f"did you mean {', '.join(near)}?" if near else "names look like 5NVG_A"
            raise InputError(f"a chain of the library {self.name}", repr(name), action)
        return chain

    def backbone(self, chain: int) -> Float[np.ndarray, "N_res 4 3"]:
        """N, CA, C, O in Å, centred on CA, in an orientation of its own."""
        return self.backbones([chain])[0]

    def backbones(self, chains: Sequence[int]) -> tuple[Float[np.ndarray, "N_res 4 3"], ...]:
        """Backbones of many chains, decoded together."""
        raw: dict[int, np.ndarray] = {}
        codes: list[np.ndarray] = []
        for chain in chains:
            block = self._block_of(chain)
            block_codes, block_raw = self._backbone_block(block)
            codes.append(block_codes[self._rows(chain, block)])
            if chain in block_raw:
                raw[chain] = block_raw[chain]
        offsets = np.append(0, np.cumsum([len(part) for part in codes]))
        decoded = decode(np.concatenate(codes), offsets) if codes else np.zeros((0, 4, 3))
        pairs = zip(chains, offsets[:-1], offsets[1:], strict=True)
        return tuple(_centred(raw.get(chain, decoded[start:end])) for chain, start, end in pairs)

    def profile(self, chain: int) -> Float[np.ndarray, "N_res 20"] | None:
        """Residue frequencies in the order of `restypes`, rows summing to 1 (or 0 where nothing is known); None without profiles."""
        if not self.has_profiles:
            return None
        block = self._block_of(chain)
        return frequencies(self._profile_block(block)[self._rows(chain, block)])

    def profiles_3bit(self) -> ThreeBitProfiles | None:
        """All profiles at once, unpacked but not turned into frequencies; None without profiles."""
        if not self.has_profiles:
            return None
        blocks = [self._profile_block(block) for block in range(len(self._manifest.block_starts) - 1)]
        rows = np.concatenate(blocks) if blocks else np.zeros((0, NUM_RESIDUE_TYPES), np.uint8)
        return ThreeBitProfiles(rows=rows, offsets=self._offsets)

    def sequences(self) -> SequenceSet:
        """The database for alignments: all other sequences, then the chains whose sequence is not among them, named `pdb|NAME`."""
        return self._sequences

    @cached_property
    def _sequences(self) -> SequenceSet:
        others = self._lines(SEQUENCES, 1, None)
        added = new_chains(self.chain_sequences, others)
        if len(others) + len(added) != self.num_sequences:
            raise self._damaged(SEQUENCES, f"{len(others) + len(added)} sequences instead of {self.num_sequences}")
        names = self._lines(SEQUENCES, 0, len(others))
        return SequenceSet(
            name=self.name,
            version=self.version,
            names=names + tuple(CHAIN_PREFIX + self.chain_names[chain] for chain in added),
            sequences=others + tuple(self.chain_sequences[chain] for chain in added),
        )

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: chain for chain, name in enumerate(self.chain_names)}

    @cached_property
    def _offsets(self) -> Int[np.ndarray, "N_chain_plus_1"]:
        offsets = np.append(0, np.cumsum([len(sequence) for sequence in self.chain_sequences], dtype=np.int64))
        if offsets[-1] != self.num_residues:
            raise self._damaged(CHAINS, f"{offsets[-1]} residues instead of {self.num_residues}")
        return offsets

    def _lines(self, file: str, block: int, count: int | None) -> tuple[str, ...]:
        text = self._readers[file].text(block)
        lines = tuple(text.split("\n")) if text else ()
        if count is not None and len(lines) != count:
            raise self._damaged(file, f"{len(lines)} lines instead of {count} in block {block}")
        return lines

    def _block_of(self, chain: int) -> int:
        if not 0 <= chain < self.num_chains:
            raise IndexError(f"chain {chain} of {self.num_chains}")
        return int(np.searchsorted(self._manifest.block_starts, chain, side="right")) - 1

    def _rows(self, chain: int, block: int) -> slice:
        first = self._offsets[self._manifest.block_starts[block]]
        return slice(int(self._offsets[chain] - first), int(self._offsets[chain + 1] - first))

    def _num_rows(self, block: int) -> int:
        starts = self._manifest.block_starts
        return int(self._offsets[starts[block + 1]] - self._offsets[starts[block]])

    def _backbone_block(self, block: int) -> tuple[np.ndarray, dict[int, np.ndarray]]:
        """Codes of all chains of a block, and the coordinates of its raw chains."""
        with self._lock:
            if block not in self._backbone_blocks:
                data = self._readers[BACKBONES].block(block)
                num_coded = NUM_CODES * self._num_rows(block)
                codes = np.frombuffer(data[:num_coded], np.int8)
                try:
                    codes = np.ascontiguousarray(codes.reshape(NUM_CODES, -1).T)
                    raw = self._raw_chains(block, unpack_raw(data[num_coded:]))
                except ValueError as error:
                    raise self._damaged(BACKBONES, str(error)) from error
                self._backbone_blocks[block] = codes, raw
            return self._backbone_blocks[block]

    def _raw_chains(self, block: int, rows: Int[np.ndarray, "N_rows 12"]) -> dict[int, np.ndarray]:
        first, last = self._manifest.block_starts[block : block + 2]
        chains = [chain for chain in self._manifest.raw_chains if first <= chain < last]
        ends = np.cumsum([self._offsets[chain + 1] - self._offsets[chain] for chain in chains], dtype=np.int64)
        if len(rows) != (ends[-1] if len(ends) else 0):
            raise ValueError(f"{len(rows)} rows of coordinates in block {block} for the chains {chains}")
        parts = np.split(rows * RAW_UNIT, ends[:-1]) if chains else []
        return {chain: part.reshape(-1, 4, 3) for chain, part in zip(chains, parts, strict=True)}

    def _profile_block(self, block: int) -> UInt8[np.ndarray, "N_rows 20"]:
        with self._lock:
            if block not in self._profile_blocks:
                rows = np.frombuffer(self._readers[PROFILES].block(block), np.uint8)
                if rows.size != NUM_RESIDUE_TYPES * self._num_rows(block):
                    raise self._damaged(PROFILES, f"{rows.size} bytes in block {block}")
                self._profile_blocks[block] = rows.reshape(-1, NUM_RESIDUE_TYPES)
            return self._profile_blocks[block]

    def _damaged(self, file: str, found: str) -> InputError:
        return InputError(f"an undamaged library file {self._folder / file}", found, "build the library again")


def frequencies(packed: UInt8[np.ndarray, "N_res 20"]) -> Float[np.ndarray, "N_res 20"]:
    """3-bit square roots as frequencies: rows sum to 1, or to 0 where all are 0."""
    squares = packed.astype(np.float32) ** 2
    return squares / np.maximum(squares.sum(axis=-1, keepdims=True), 1.0)


def _centred(backbone: Float[np.ndarray, "N_res 4 3"]) -> Float[np.ndarray, "N_res 4 3"]:
    return (backbone - backbone[:, 1].mean(axis=0)).astype(np.float32)


@cache
def _embedded() -> Library:
    if not (EMBEDDED / MANIFEST).is_file():
        raise MissingResourceError(
            "the embedded library",
            f"no {MANIFEST} in {EMBEDDED}",
            "install the package again, or name one with --library",
        )
    return Library(EMBEDDED, "embedded")
