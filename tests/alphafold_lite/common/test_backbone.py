"""CB at its ideal place, and arginines named as AlphaFold names them; on chains of REFERENCE."""

import numpy as np

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.backbone import with_arginine_names, with_beta_carbons
from tests.support.structure_pairs import reference_chain

CB = rc.atom_order["CB"]


def test_beta_carbons_are_left_handed():
    """The improper dihedral of an L amino acid; CB at 1.53 Å."""
    source = reference_chain("4zey_A")
    mask = source.atom37_mask.copy()
    mask[:, CB] = 0
    positions, made = with_beta_carbons(source.aatype, source.atom37_positions, mask)
    n, ca, c, cb = (positions[made[:, CB] > 0, atom].astype(np.float64) for atom in (0, 1, 2, CB))
    assert (np.einsum("ni,ni->n", np.cross(n - ca, c - ca), cb - ca) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(cb - ca, axis=-1), 1.53, atol=0.02)


def test_beta_carbons_that_are_there_stay():
    source = reference_chain("4zey_A")
    positions, mask = with_beta_carbons(source.aatype, source.atom37_positions, source.atom37_mask)
    np.testing.assert_array_equal(positions, source.atom37_positions)
    np.testing.assert_array_equal(mask, source.atom37_mask)


def test_arginines_are_named_as_alphafold_names_them():
    """Exchanging the two names by hand is undone; other residues are left alone."""
    source = reference_chain("4zey_A")
    nh1, nh2, cd1, cd2 = (rc.atom_order[name] for name in ("NH1", "NH2", "CD1", "CD2"))
    mistaken = source.atom37_positions.copy()
    mistaken[:, [nh1, nh2, cd1, cd2]] = mistaken[:, [nh2, nh1, cd2, cd1]]
    corrected = with_arginine_names(source.aatype, mistaken, source.atom37_mask)
    is_arginine = source.aatype == rc.restype_order["R"]
    assert is_arginine.any() and (mistaken[is_arginine] != corrected[is_arginine]).any()
    np.testing.assert_array_equal(corrected[:, nh1], source.atom37_positions[:, nh1])
    np.testing.assert_array_equal(corrected[:, cd1], source.atom37_positions[:, cd2])
