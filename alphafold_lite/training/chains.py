"""Known structures to learn from and to be judged by: packed sets (`.npz`) and folders of PDB and mmCIF files, one chain at a time. Å."""

import gzip
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.backbone import with_arginine_names, with_beta_carbons
from alphafold_lite.common.errors import InputError
from alphafold_lite.common.protein import Protein
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.weights.npz import read_npz
from data_pipeline.library.library import Library
from data_pipeline.parsers.a3m import a3m_text
from data_pipeline.parsers.alignment import Alignment

COORDINATE_UNIT = 0.01  # Å, of the packed integers
PROFILE_UNIT = 1 / 255
WEIGHT_UNIT = 1 / 255
PROFILE_LETTERS = 23  # 20 residue types, X, gap, mask
BACKBONE_ATOMS = 4  # N, CA, C, O: the first columns of atom14
PLAIN_NAME = re.compile(r"\w[\w.-]*")  # of an alignment's file
REQUIRED_ARRAYS = {"id", "length", "offset", "sequence", "coords"}  # what every packed set has
SIDE_CHAIN = [column for column, name in enumerate(rc.atom_types) if name not in ("N", "CA", "C", "O", "CB", "OXT")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """One known chain. Chains of one cluster are related; chains of different clusters count as independent.

    `weights` are there where the structure is a prediction (self-distillation, supplement 1.3): how much each residue counts in the losses that
    compare structures.
    """

    id: str
    cluster: int
    sequence: str
    aatype: Int[np.ndarray, "N_res"]  # 0-20
    residue_index: Int[np.ndarray, "N_res"]  # from 0; jumps where residues are missing
    atom37_positions: Float[np.ndarray, "N_res 37 3"]
    atom37_mask: Float[np.ndarray, "N_res 37"]
    has_side_chains: bool  # False: N, CA, C, O, and a CB built from them
    profile: Float[np.ndarray, "N_res 20"] | None = None  # frequencies in the order of `restypes`
    alignment: Path | None = None  # an A3M file whose first row is the sequence
    resolution: float | None = None  # Å; None: not known
    weights: Float[np.ndarray, "N_res"] | None = None  # 0-1; None: an experimental structure, all 1

    @property
    def cluster_profile(self) -> Float[np.ndarray, "N_res 23"] | None:
        """The profile as the network reads it: 20 residue types, then X, gap and mask, which are 0."""
        if self.profile is None:
            return None
        return np.pad(self.profile, ((0, 0), (0, PROFILE_LETTERS - self.profile.shape[1])))

    @property
    def protein(self) -> Protein:
        """The structure alone, numbered from 1, with B-factors of 0."""
        return Protein(
            atom_positions=self.atom37_positions,
            atom_mask=self.atom37_mask,
            aatype=self.aatype,
            residue_index=self.residue_index + 1,
            chain_index=np.zeros_like(self.aatype),
            b_factors=np.zeros_like(self.atom37_mask),
        )


@runtime_checkable
class ChainSource(Protocol):
    """Where a `ChainSet` takes its chains from."""

    def chain(self, number: int) -> Chain:
        """The chain with this number (from 0) in the source."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainSet(Sequence[Chain]):
    """Chains by number, made when asked for. The arrays describe every chain without making it."""

    source: ChainSource
    numbers: Int[np.ndarray, "N_chain"]  # of the chains in the source
    ids: tuple[str, ...]
    lengths: Int[np.ndarray, "N_chain"]
    clusters: Int[np.ndarray, "N_chain"]
    contacts: Float[np.ndarray, "N_chain"] | None = (
        None  # long-range contacts a residue; below 0.5 hardly a fold of its own
    )

    @classmethod
    def open(cls, path: Path) -> "ChainSet":
        """A packed set, or a folder of .pdb, .ent and .cif files (each also with .gz), all read at once.

        Raises:
            InputError: nothing there, a damaged or unknown file, or no chain in it.
        """
        if path.is_dir():
            from alphafold_lite.training.structure_files import read_folder  # Biopython: only where it is used

            return _listed(read_folder(path))
        return _open_packed(path)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Chain:  # pyright: ignore[reportIncompatibleMethodOverride] - slices: `select`
        return self.source.chain(int(self.numbers[index]))

    def __iter__(self) -> Iterator[Chain]:
        return (self[index] for index in range(len(self)))

    def select(self, indices: Sequence[int] | Int[np.ndarray, "N_kept"]) -> "ChainSet":
        """The chains at these places, in this order."""
        chosen = np.asarray(indices, np.int64)
        return replace(
            self,
            numbers=self.numbers[chosen],
            ids=tuple(self.ids[index] for index in chosen),
            lengths=self.lengths[chosen],
            clusters=self.clusters[chosen],
            contacts=None if self.contacts is None else self.contacts[chosen],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Listed:
    chains: tuple[Chain, ...]

    def chain(self, number: int) -> Chain:
        return self.chains[number]


def _listed(chains: Sequence[Chain]) -> ChainSet:
    return ChainSet(
        source=_Listed(chains=tuple(chains)),
        numbers=np.arange(len(chains)),
        ids=tuple(chain.id for chain in chains),
        lengths=np.array([len(chain.sequence) for chain in chains]),
        clusters=np.array([chain.cluster for chain in chains]),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Packed:
    """Rows of all chains one after another: backbone (N, CA, C, O) or atom14."""

    arrays: dict[str, np.ndarray]
    clusters: Int[np.ndarray, "N_chain"]
    alignments: tuple[Path | None, ...]

    def chain(self, number: int) -> Chain:
        rows = slice(*self.arrays["offset"][number : number + 2])
        sequence = self.arrays["sequence"][rows].tobytes().decode("ascii")
        aatype = to_aatype(sequence)
        positions, mask = self._atoms(rows, aatype)
        has_side_chains = bool(mask[:, SIDE_CHAIN].any())
        if not has_side_chains:
            positions, mask = with_beta_carbons(aatype, positions, mask)
        profile, index, weight = (self.arrays.get(name) for name in ("profile", "residue_index", "weight"))
        resolution = float(self.arrays["resolution"][number]) if "resolution" in self.arrays else math.nan
        return Chain(
            id=str(self.arrays["id"][number]),
            cluster=int(self.clusters[number]),
            sequence=sequence,
            aatype=aatype,
            residue_index=np.arange(len(aatype), dtype=np.int32) if index is None else index[rows].astype(np.int32),
            atom37_positions=positions,
            atom37_mask=mask,
            has_side_chains=has_side_chains,
            profile=None if profile is None else profile[rows] * np.float32(PROFILE_UNIT),
            alignment=self.alignments[number],
            resolution=None if math.isnan(resolution) else resolution,
            weights=None if weight is None else weight[rows] * np.float32(WEIGHT_UNIT),
        )

    def _atoms(self, rows: slice, aatype: Int[np.ndarray, "N_res"]) -> tuple[np.ndarray, np.ndarray]:
        """Positions and mask in the atom37 layout; O, the fourth column of both packings, stands behind CB there."""
        packed = self.arrays["coords"][rows] * np.float32(COORDINATE_UNIT)
        mask = self.arrays.get("mask")
        exists = np.ones(packed.shape[:2], bool) if mask is None else mask[rows]
        columns = packed.shape[1]
        exists = exists & (rc.restype_atom14_mask[aatype, :columns] > 0)
        positions = np.zeros((len(aatype), len(rc.atom_types), 3), np.float32)
        present = np.zeros(positions.shape[:2], np.float32)
        row, column = np.nonzero(exists)
        target = rc.restype_atom14_to_atom37[aatype[row], column]
        positions[row, target], present[row, target] = packed[row, column], 1.0
        return with_arginine_names(aatype, positions, present), present


def to_aatype(sequence: str) -> Int[np.ndarray, "N_res"]:
    """Residue types by letter, X and unknown letters 20."""
    return np.array([rc.restype_order.get(letter, rc.unk_restype_index) for letter in sequence], np.int32)


def _open_packed(path: Path) -> ChainSet:
    arrays = read_npz(path)
    _check(arrays, path)
    ids = tuple(str(name) for name in arrays["id"])
    if "cluster" in arrays:
        clusters = arrays["cluster"].astype(np.int64)
    elif "family" in arrays:
        clusters = np.unique(arrays["family"], return_inverse=True)[1]
    else:
        clusters = np.arange(len(ids))
    return ChainSet(
        source=_Packed(arrays=arrays, clusters=clusters, alignments=_alignments(arrays, path.parent)),
        numbers=np.arange(len(ids)),
        ids=ids,
        lengths=np.diff(arrays["offset"]),
        clusters=clusters,
        contacts=arrays.get("contacts"),
    )


def _alignments(arrays: dict[str, np.ndarray], folder: Path) -> tuple[Path | None, ...]:
    """The files beside the packed one that `alignment` names, else `FAMILY.ID.a3m.gz`, where they are there."""
    if "alignment" in arrays:
        named = (folder / str(name) if PLAIN_NAME.fullmatch(str(name)) else None for name in arrays["alignment"])
        return tuple(path if path is not None and path.is_file() else None for path in named)
    if "family" not in arrays:
        return (None,) * len(arrays["id"])
    pairs = zip(arrays["family"], arrays["id"], strict=True)
    paths = (folder / f"{family}.{name}.a3m.gz" for family, name in pairs)
    return tuple(path if path.is_file() else None for path in paths)


def _check(arrays: dict[str, np.ndarray], path: Path) -> None:
    expected = f"a packed set of chains with the arrays {', '.join(sorted(REQUIRED_ARRAYS))}"
    action = "see the README beside the data for the layout"
    if missing := sorted(REQUIRED_ARRAYS - set(arrays)):
        raise InputError(expected, f"{path} without {', '.join(missing)}", action)
    coords, offset = arrays["coords"], arrays["offset"]
    if not len(arrays["id"]):
        raise InputError("at least one chain", f"none in {path}", "give a set with chains")
    if coords.ndim != 3 or coords.shape[1] not in (BACKBONE_ATOMS, 14) or coords.shape[2] != 3:
        raise InputError("coords of shape [rows, 4 or 14, 3]", f"{list(coords.shape)} in {path}", action)
    rows = len(coords)
    fits = (
        len(offset) == len(arrays["id"]) + 1 and offset[0] == 0 and offset[-1] == rows and (np.diff(offset) > 0).all()
    )
    per_row = [name for name in ("sequence", "mask", "profile", "residue_index", "weight") if name in arrays]
    if not fits or any(len(arrays[name]) != rows for name in per_row):
        raise InputError(f"offsets and rows that fit {rows} residues", f"others in {path}", "fetch the file again")


def packed_columns(ids: Sequence[str], sequences: Sequence[str]) -> dict[str, np.ndarray]:
    """What every packed set says of its chains: names, lengths, first rows, letters."""
    lengths = np.array([len(sequence) for sequence in sequences])
    return {
        "id": np.array(ids, np.str_),
        "length": lengths.astype(np.int32),
        "offset": np.append(0, np.cumsum(lengths)),
        "sequence": np.frombuffer("".join(sequences).encode("ascii"), np.uint8),
    }


def library_arrays(library: Library, numbers: Sequence[int]) -> dict[str, np.ndarray]:
    """Some chains of a library as a packed set of backbones, with profiles where the library has them."""
    names, sequences = ([part[number] for number in numbers] for part in (library.chain_names, library.chain_sequences))
    coords = np.concatenate(library.backbones(numbers)) / COORDINATE_UNIT
    arrays = packed_columns(names, sequences) | {"coords": coords.round().astype(np.int16)}
    profiles = [profile for number in numbers if (profile := library.profile(number)) is not None]
    if len(profiles) < len(numbers):
        return arrays
    return arrays | {"profile": (np.concatenate(profiles) / PROFILE_UNIT).round().astype(np.uint8)}


def whole_numbering(sequences: Sequence[str]) -> Int[np.ndarray, "N_rows"]:
    """The array `residue_index` of chains of which no residue is missing."""
    return np.concatenate([np.arange(len(sequence)) for sequence in sequences]).astype(np.int32)


def write_alignment(path: Path, alignment: Alignment) -> None:
    """An alignment beside a packed set, `.a3m.gz`: the same bytes for the same alignment.

    Raises:
        InputError: the folder cannot be written.
    """
    write_atomic(path, gzip.compress(a3m_text(alignment).encode(), mtime=0))
