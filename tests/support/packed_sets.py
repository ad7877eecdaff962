"""Small packed sets of chains, in the layouts of the training data, made of a structure of the reference set."""

from pathlib import Path

import numpy as np

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.training.chains import Chain
from tests.support.structure_pairs import reference_chain

PIECES = ((0, 24), (30, 50), (52, 74))  # rows of the structure that serve as chains
CLUSTERS = (7, 3, 7)


def _source() -> Chain:
    return reference_chain("4zey_A")


def _rows() -> np.ndarray:
    return np.concatenate([np.arange(*piece) for piece in PIECES])


def _common(chain: Chain, rows: np.ndarray) -> dict[str, np.ndarray]:
    lengths = np.array([end - start for start, end in PIECES])
    return {
        "id": np.array(["1AAA_A", "2BBB_B", "3CCC_C"]),
        "length": lengths.astype(np.int32),
        "offset": np.append(0, np.cumsum(lengths)),
        "cluster": np.array(CLUSTERS, np.int32),
        "sequence": np.frombuffer("".join(chain.sequence[row] for row in rows).encode(), np.uint8),
    }


def backbone_arrays() -> dict[str, np.ndarray]:
    """N, CA, C, O with profiles, as `backbone_*.npz`."""
    chain, rows = _source(), _rows()
    atoms = [rc.atom_order[name] for name in ("N", "CA", "C", "O")]
    profile = np.random.default_rng(0).dirichlet(np.ones(20), len(rows))
    return _common(chain, rows) | {
        "coords": np.rint(chain.atom37_positions[rows][:, atoms] * 100).astype(np.int16),
        "profile": np.rint(profile * 255).astype(np.uint8),
        "contacts": np.array([0.2, 0.9, 1.4], np.float32),
    }


def allatom_arrays() -> dict[str, np.ndarray]:
    """All heavy atoms (atom14) with mask and residue numbers, as `allatom_*.npz`."""
    chain, rows = _source(), _rows()
    columns = rc.restype_atom14_to_atom37[chain.aatype[rows]]
    mask = np.take_along_axis(chain.atom37_mask[rows], columns, axis=1) * rc.restype_atom14_mask[chain.aatype[rows]]
    positions = np.take_along_axis(chain.atom37_positions[rows], columns[..., None], axis=1)
    return _common(chain, rows) | {
        "coords": np.rint(positions * mask[..., None] * 100).astype(np.int16),
        "mask": mask > 0,
        "residue_index": np.concatenate([2 * np.arange(end - start) for start, end in PIECES]).astype(np.int32),
    }


def write(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Save without pickle and return the path."""
    np.savez_compressed(path, allow_pickle=False, **arrays)
    return path
