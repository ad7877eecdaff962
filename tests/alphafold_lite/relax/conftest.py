from dataclasses import fields

import numpy as np
import pytest
import torch

from alphafold_lite.common import residue_constants
from alphafold_lite.common.protein import Protein
from alphafold_lite.geometry.atoms import atom14_to_atom37
from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.geometry.torsions import frames_to_atom14, torsions_to_frames
from alphafold_lite.relax.result import RelaxConfig


@pytest.fixture(scope="session")
def quick():
    """CPU, one core, and a time limit that only a broken program meets."""
    return RelaxConfig(platform="cpu", threads=1, max_seconds=120.0)


@pytest.fixture(scope="session")
def take():
    """Cut rows out of a protein."""

    def cut(protein, rows):
        return Protein(**{field.name: getattr(protein, field.name)[rows] for field in fields(protein)})

    return cut


def _next_atom(a, b, c, length, angle, torsion):
    """The atom bonded to c, from internal coordinates (Å, degrees)."""
    along = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, along)
    normal /= np.linalg.norm(normal)
    angle, torsion = np.radians([angle, torsion])
    local = length * np.array([-np.cos(angle), np.sin(angle) * np.cos(torsion), np.sin(angle) * np.sin(torsion)])
    return c + np.stack([along, np.cross(normal, along), normal], axis=1) @ local


def _backbone(num_residues):
    """N, CA, C of an extended chain: phi -120, psi 140, omega 180 degrees."""
    atoms = [np.array([-0.522, 1.361, 0.0]), np.zeros(3), np.array([1.525, 0.0, 0.0])]
    for _ in range(num_residues - 1):
        atoms.append(_next_atom(*atoms[-3:], 1.329, 116.6, 140.0))
        atoms.append(_next_atom(*atoms[-3:], 1.458, 121.7, 180.0))
        atoms.append(_next_atom(*atoms[-3:], 1.525, 111.0, -120.0))
    return torch.tensor(np.array(atoms).reshape(num_residues, 3, 3), dtype=torch.float64)


@pytest.fixture(scope="session")
def strand():
    """An extended chain of ideal residues with all heavy atoms, in no conflict with itself."""

    def build(sequence="AFGKCPSHMQ", chi1=180.0):
        aatype = torch.tensor([residue_constants.restype_order[letter] for letter in sequence])
        frames = Rigid.from_three_points(*_backbone(len(sequence)).unbind(1))
        angles = torch.tensor([[0.0, -1.0]] * 7, dtype=torch.float64).repeat(len(sequence), 1, 1)
        psi = np.radians(140.0)
        angles[:, 2] = torch.tensor([np.sin(psi), np.cos(psi)])
        angles[:, 3] = torch.tensor([np.sin(np.radians(chi1)), np.cos(np.radians(chi1))])
        atom14 = frames_to_atom14(torsions_to_frames(frames, angles, aatype), aatype)
        atom37 = atom14_to_atom37(atom14, aatype, torch.ones(len(sequence), dtype=torch.float64))
        mask = residue_constants.restype_atom37_mask[aatype].astype(np.float32)
        return Protein(
            atom_positions=atom37.numpy().astype(np.float32),
            atom_mask=mask,
            aatype=aatype.numpy(),
            residue_index=np.arange(1, len(sequence) + 1),
            chain_index=np.zeros(len(sequence), np.int64),
            b_factors=np.linspace(50, 90, len(sequence), dtype=np.float32)[:, None] * mask,
        )

    return build
