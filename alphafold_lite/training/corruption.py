"""Templates made of the chain itself: spoiled as those of homologues are, by gaps, displacements, moved segments, slips of the register and
other letters. NumPy; Å."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.backbone import with_beta_carbons
from alphafold_lite.training.config import CorruptionConfig
from alphafold_lite.training.crops import Crop
from data_pipeline.msa import GAP

MEAN_GAP = 6  # residues
SHORTEST_SEGMENT = 5  # residues
BACKBONE_COLUMNS = [rc.atom_order[name] for name in ("N", "CA", "C", "O", "CB")]
CA, CB = rc.atom_order["CA"], rc.atom_order["CB"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateStructure:
    """One template on the residues of a crop."""

    aatype: Int[np.ndarray, "N_res"]  # 0-20, gap 21
    positions: Float[np.ndarray, "N_res 37 3"]
    mask: Float[np.ndarray, "N_res 37"]


def corrupt(crop: Crop, config: CorruptionConfig, rng: np.random.Generator) -> TemplateStructure:
    """A spoiled copy; every kind of damage has a strength of its own, drawn from 0 to the configured one."""
    mask = crop.mask if config.side_chains else crop.mask * _backbone()
    structure = TemplateStructure(aatype=crop.aatype, positions=crop.positions, mask=mask)
    structure = slip_register(structure, config, rng)
    structure = mutate(structure, crop.profile, config.mutated * rng.random(), rng)
    structure = move_segments(structure, config, rng)
    structure = displace(structure, config.noise * rng.random(), config.noise_length, rng)
    return open_gaps(structure, config.gaps * rng.random(), rng)


def slip_register(
    structure: TemplateStructure, config: CorruptionConfig, rng: np.random.Generator
) -> TemplateStructure:
    """Residues of one segment take atoms and letters of those a few places further on, as behind a misplaced gap."""
    slip = int(rng.integers(-config.register, config.register + 1))
    start, stop = _segment(len(structure.aatype), rng)
    length = len(structure.aatype)
    source = np.arange(length)
    source[start:stop] = source[start:stop] + slip
    inside = (source >= 0) & (source < length)
    source = source.clip(0, length - 1)
    return TemplateStructure(
        aatype=structure.aatype[source],
        positions=structure.positions[source],
        mask=structure.mask[source] * inside[:, None],
    )


def mutate(
    structure: TemplateStructure, profile: Float[np.ndarray, "N_res 23"] | None, share: float, rng: np.random.Generator
) -> TemplateStructure:
    """Other letters for a share of the residues, from the profile or any; they keep their backbone and get a CB if they need one."""
    length = len(structure.aatype)
    weights = np.ones((length, len(rc.restypes))) if profile is None else profile[:, : len(rc.restypes)] + 1e-3
    cumulative = np.cumsum(weights, axis=-1)
    drawn = (rng.random((length, 1)) * cumulative[:, -1:] >= cumulative).sum(-1).clip(max=len(rc.restypes) - 1)
    changed = (rng.random(length) < share) & (drawn != structure.aatype)
    aatype = np.where(changed, drawn, structure.aatype).astype(np.int32)
    mask = np.where(changed[:, None], structure.mask * _backbone() * rc.restype_atom37_mask[aatype], structure.mask)
    positions, mask = with_beta_carbons(aatype, structure.positions, mask.astype(np.float32))
    return TemplateStructure(aatype=aatype, positions=positions, mask=mask)


def move_segments(
    structure: TemplateStructure, config: CorruptionConfig, rng: np.random.Generator
) -> TemplateStructure:
    """Turn and shift some segments as rigid bodies about their centres."""
    positions = structure.positions.copy()
    for _ in range(int(rng.integers(0, config.segments + 1))):
        start, stop = _segment(len(positions), rng)
        centre = positions[start:stop, CA].mean(axis=0)
        rotation = rotation_about(rng.standard_normal(3), config.turn * rng.random())
        shift = config.shift * rng.random() * _unit(rng.standard_normal(3))
        positions[start:stop] = (positions[start:stop] - centre) @ rotation.T + centre + shift
    return replace(structure, positions=positions.astype(np.float32))


def displace(
    structure: TemplateStructure, deviation: float, correlation: float, rng: np.random.Generator
) -> TemplateStructure:
    """Displacements with this standard deviation (Å an axis) that vary smoothly along the chain; a residue moves as one."""
    steps = np.arange(-int(2 * correlation), int(2 * correlation) + 1)
    kernel = np.exp(-0.5 * (steps / max(correlation / 2, 1e-3)) ** 2)
    kernel /= np.sqrt(np.square(kernel).sum())
    length = len(structure.aatype)
    noise = rng.standard_normal((length + len(kernel) - 1, 3))
    smooth = np.stack([np.convolve(noise[:, axis], kernel, mode="valid") for axis in range(3)], axis=-1)
    return replace(structure, positions=(structure.positions + deviation * smooth[:, None]).astype(np.float32))


def open_gaps(structure: TemplateStructure, share: float, rng: np.random.Generator) -> TemplateStructure:
    """Take out runs of residues until about this share is gone; gaps have letter 21 and no atoms."""
    length = len(structure.aatype)
    missing = np.zeros(length, bool)
    while missing.sum() < int(share * length):
        start = int(rng.integers(0, length))
        missing[start : start + int(rng.geometric(1 / MEAN_GAP))] = True
    missing |= structure.mask[:, CA] == 0
    return TemplateStructure(
        aatype=np.where(missing, GAP, structure.aatype).astype(np.int32),
        positions=np.where(missing[:, None, None], 0.0, structure.positions).astype(np.float32),
        mask=np.where(missing[:, None], 0.0, structure.mask).astype(np.float32),
    )


def rotation_about(axis: Float[np.ndarray, "3"], angle: float) -> Float[np.ndarray, "3 3"]:
    """Rotation matrix by Rodrigues' formula; radians."""
    x, y, z = _unit(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _backbone() -> Float[np.ndarray, "37"]:
    """1 in the columns of backbone and CB."""
    kept = np.zeros(len(rc.atom_types), np.float32)
    kept[BACKBONE_COLUMNS] = 1
    return kept


def _segment(length: int, rng: np.random.Generator) -> tuple[int, int]:
    size = int(rng.integers(min(SHORTEST_SEGMENT, length), max(length // 2, min(SHORTEST_SEGMENT, length)) + 1))
    start = int(rng.integers(0, length - size + 1))
    return start, start + size


def _unit(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    return vector / np.linalg.norm(vector)
