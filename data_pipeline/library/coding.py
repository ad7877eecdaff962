"""Backbones as six small integers a residue: torsions and bond angles coded in a closed loop.

Each atom is coded from the three atoms before it *as they decode*, so the next atom sees an error and corrects it, and errors do not add up along the chain (in an open loop they reach several Å). Bond lengths are ideal.

Residue i places CA of i, C of i and N of i + 1, each by a torsion and an angle. After the last residue that N is virtual: its torsion is taken from O. O follows from CA, C and the next N.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int, Int8

BACKBONE_ATOMS = 4  # N, CA, C, O
NUM_CODES = 6  # a residue: torsions of CA, C and the next N, then their angles
_PLACED = 3  # atoms a residue: CA, C, next N
_TORSION_STEP = np.deg2rad(3.0)
_TORSION_LEVELS = 120  # a turn
_ANGLE_STEP = np.deg2rad(2.0)
_MAX_ANGLE_CODE = 25  # 50 degrees from ideal; what is further off is no bond angle
# Medians of the backbone sets; they agree with Engh and Huber (Int. Tables F, 2001) within 0.005 Å and 1 degree.
_LENGTHS = np.array((1.459, 1.525, 1.330))  # Å: N-CA, CA-C, C-N
_ANGLES = np.deg2rad((121.5, 111.1, 116.6))  # C-N-CA, N-CA-C, CA-C-N
_O_LENGTH, _O_ANGLE = 1.232, np.deg2rad(120.5)  # C=O; CA-C-O
_BATCH_ROWS = 150_000  # residues coded or decoded at a time, padding included
_TINY = 1e-9  # Å; keeps directions defined where atoms coincide


@dataclass(frozen=True, kw_only=True, slots=True)
class CodedChains:
    """Chains as integers, one after another, and what the coding costs."""

    codes: Int8[np.ndarray, "N_rows 6"]
    worst_backbone: Float[np.ndarray, "N_chain"]  # Å: the largest error of N, CA and C in each chain
    worst_oxygen: Float[np.ndarray, "N_chain"]  # Å: the largest error of O


def encode(coordinates: Float[np.ndarray, "N_rows 4 3"], offsets: Int[np.ndarray, "N_chain_plus_1"]) -> CodedChains:
    """Code chains of N, CA, C, O (Å); rows `offsets[i]:offsets[i + 1]` are chain i.

    Every chain gets codes; for one with breaks or bond angles far from ideal the errors say that they are of no use.
    """
    lengths = np.diff(offsets)
    codes = np.zeros((len(coordinates), NUM_CODES), np.int8)
    worst = np.zeros((len(lengths), BACKBONE_ATOMS))
    for chosen in _batches(lengths):
        rows, inside = _padded_rows(offsets, lengths, chosen)
        atoms = _in_first_frame(coordinates[rows].astype(np.float64))
        batch = _encode_batch(atoms, lengths[chosen])
        errors = np.linalg.norm(_decode_batch(batch) - atoms, axis=-1)
        worst[chosen] = np.where(inside[..., None], errors, 0.0).max(axis=1)
        codes[rows[inside]] = batch[inside]
    return CodedChains(codes=codes, worst_backbone=worst[:, :3].max(-1), worst_oxygen=worst[:, 3])


def decode(
    codes: Int8[np.ndarray, "N_rows 6"], offsets: Int[np.ndarray, "N_chain_plus_1"]
) -> Float64[np.ndarray, "N_rows 4 3"]:
    """N, CA, C, O in Å of coded chains; each starts with N at the origin, CA on the x axis and C in the xy plane."""
    lengths = np.diff(offsets)
    coordinates = np.zeros((len(codes), BACKBONE_ATOMS, 3))
    for chosen in _batches(lengths):
        rows, inside = _padded_rows(offsets, lengths, chosen)
        coordinates[rows[inside]] = _decode_batch(codes[rows])[inside]
    return coordinates


def _batches(lengths: Int[np.ndarray, "N_chain"]) -> Iterator[Int[np.ndarray, "N_batch"]]:
    """Chains of similar lengths, longest first."""
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    while len(order):
        size = max(1, _BATCH_ROWS // int(lengths[order[0]]))
        yield order[:size]
        order = order[size:]


def _padded_rows(
    offsets: Int[np.ndarray, "N_chain_plus_1"], lengths: Int[np.ndarray, "N_chain"], chosen: Int[np.ndarray, "N_batch"]
) -> tuple[Int[np.ndarray, "N_batch N_res"], np.ndarray]:
    """Rows of each chain, the last one repeated to the length of the longest, and which of them count."""
    place = np.arange(lengths[chosen].max())
    last = lengths[chosen, None] - 1
    return offsets[chosen, None] + np.minimum(place, last), place <= last


def _turns(
    angle_codes: Int[np.ndarray, "*batch"], torsion_codes: Int[np.ndarray, "*batch"], kind: int | np.ndarray
) -> Float64[np.ndarray, "*batch 3 3"]:
    """Rotation from the frame at an atom to that at the next one.

    A frame's x axis runs along the last bond, z stands on the plane of the last three atoms, y points to the side of the first of them.
    """
    angle = _ANGLES[kind] + angle_codes * _ANGLE_STEP
    torsion = torsion_codes * _TORSION_STEP
    sin_angle, cos_angle, sin, cos = np.sin(angle), np.cos(angle), np.sin(torsion), np.cos(torsion)
    turn = np.empty((*angle.shape, 3, 3))
    turn[..., 0, 0], turn[..., 1, 0], turn[..., 2, 0] = -cos_angle, sin_angle * cos, sin_angle * sin
    turn[..., 0, 1], turn[..., 1, 1], turn[..., 2, 1] = -sin_angle, -cos_angle * cos, -cos_angle * sin
    turn[..., 0, 2], turn[..., 1, 2], turn[..., 2, 2] = 0.0, -sin, cos
    return turn


def _in_first_frame(atoms: Float64[np.ndarray, "N_chain N_res 4 3"]) -> Float64[np.ndarray, "N_chain N_res 4 3"]:
    """Chains moved to where they decode: first N at the origin, CA on the x axis, C in the xy plane."""
    n, ca, c = (atoms[:, 0, atom] for atom in range(3))
    x = _unit(ca - n)
    z = _unit(np.cross(x, c - ca))
    frame = np.stack((x, np.cross(z, x), z), axis=-1)
    return (atoms - n[:, None, None]) @ frame[:, None]


def _targets(
    atoms: Float64[np.ndarray, "N_chain N_res 4 3"], lengths: Int[np.ndarray, "N_chain"]
) -> Float64[np.ndarray, "N_res_times_3 N_chain 3"]:
    """Where the placed atoms should come: CA, C, next N of each residue; the last next N from O."""
    placed = np.empty((*atoms.shape[:2], _PLACED, 3))
    placed[:, :, :2] = atoms[:, :, 1:3]
    placed[:, :-1, 2] = atoms[:, 1:, 0]
    chain, last = np.arange(len(atoms)), lengths - 1
    placed[chain, last, 2] = _opposite(*(atoms[chain, last, atom] for atom in (1, 2, 3)), length=_LENGTHS[2])
    return np.ascontiguousarray(placed.reshape(len(atoms), -1, 3).transpose(1, 0, 2))


def _encode_batch(
    atoms: Float64[np.ndarray, "N_chain N_res 4 3"], lengths: Int[np.ndarray, "N_chain"]
) -> Int8[np.ndarray, "N_chain N_res 6"]:
    """Atom by atom, all chains at once; the chains are sorted, longest first, so those still growing come first."""
    codes = np.zeros((*atoms.shape[:2], NUM_CODES), np.int8)
    place = np.broadcast_to((_LENGTHS[0], 0.0, 0.0), (len(atoms), 3))  # CA of the first residue lies on the x axis
    frame = np.broadcast_to(np.eye(3), (len(atoms), 3, 3))
    for step, target in enumerate(_targets(atoms, lengths)[1:], start=1):
        residue, kind = divmod(step, _PLACED)
        growing = int(np.searchsorted(-lengths, -residue))
        frame, place = frame[:growing], place[:growing]
        local = np.einsum("cji,cj->ci", frame, target[:growing] - place)
        torsion = np.rint(np.arctan2(local[:, 2], local[:, 1]) / _TORSION_STEP).astype(np.int64)
        torsion = (torsion + _TORSION_LEVELS // 2) % _TORSION_LEVELS - _TORSION_LEVELS // 2
        angle = np.arctan2(np.hypot(local[:, 1], local[:, 2]), -local[:, 0])
        angle = np.rint((angle - _ANGLES[kind]) / _ANGLE_STEP).astype(np.int64)
        angle = np.clip(angle, -_MAX_ANGLE_CODE, _MAX_ANGLE_CODE)
        if step == 1:
            torsion[:] = 0  # C of the first residue spans the plane
        codes[:growing, residue, kind], codes[:growing, residue, kind + _PLACED] = torsion, angle
        frame = frame @ _turns(angle, torsion, kind)
        place = place + _LENGTHS[kind] * frame[..., 0]
    return codes


def _decode_batch(codes: Int8[np.ndarray, "N_chain N_res 6"]) -> Float64[np.ndarray, "N_chain N_res 4 3"]:
    num_chains, num_res = codes.shape[:2]
    turns = _turns(codes[..., _PLACED:], codes[..., :_PLACED], np.arange(_PLACED)).reshape(num_chains, -1, 3, 3)
    turns[:, 0] = np.eye(3)  # CA of the first residue lies on the x axis
    bonds = _running_product(turns)[..., 0].reshape(num_chains, num_res, _PLACED, 3) * _LENGTHS[:, None]
    placed = bonds.reshape(num_chains, -1, 3).cumsum(axis=1).reshape(bonds.shape)
    atoms = np.zeros((num_chains, num_res, BACKBONE_ATOMS, 3))
    atoms[:, 1:, 0], atoms[:, :, 1:3] = placed[:, :-1, 2], placed[:, :, :2]
    atoms[:, :, 3] = _opposite(*(placed[:, :, atom] for atom in range(3)), length=_O_LENGTH)
    return atoms


def _running_product(matrices: Float64[np.ndarray, "N_chain N 3 3"]) -> Float64[np.ndarray, "N_chain N 3 3"]:
    """M_0, M_0 M_1, M_0 M_1 M_2, ... by doubling: few steps over long arrays."""
    product, shift = matrices, 1
    while shift < matrices.shape[1]:
        product = np.concatenate((product[:, :shift], product[:, :-shift] @ product[:, shift:]), axis=1)
        shift *= 2
    return product


def _opposite(
    first: Float64[np.ndarray, "*batch 3"],
    middle: Float64[np.ndarray, "*batch 3"],
    second: Float64[np.ndarray, "*batch 3"],
    *,
    length: float,
) -> Float64[np.ndarray, "*batch 3"]:
    """The third atom at a planar middle atom: opposite of the two others' bisector."""
    bisector = _unit(first - middle) + _unit(second - middle)
    return middle - length * _unit(bisector)


def _unit(vectors: Float64[np.ndarray, "*batch 3"]) -> Float64[np.ndarray, "*batch 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), _TINY)
