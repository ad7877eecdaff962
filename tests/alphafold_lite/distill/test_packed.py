"""Predictions that are written by hand, read back and packed."""

from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features
from alphafold_lite.common.protein import Protein
from alphafold_lite.distill.packed import arrays_of, frequencies, pack, write_set
from alphafold_lite.distill.predicted import Predicted
from alphafold_lite.outputs.pdb import to_pdb
from alphafold_lite.training.chains import ChainSet, to_aatype
from data_pipeline.feature_file import save_features
from data_pipeline.pipeline import read_alignment

SEQUENCE = "XMQRW"
ROWS = ((20, 12, 5, 1, 17), (0, 12, 21, 1, 17), (0, 12, 5, 1, 20))  # letters by number; gap 21


@pytest.fixture
def target(tmp_path):
    """A prediction of five residues, the first unknown, with an alignment of three rows."""
    folder, aatype = tmp_path / "predictions" / "t", to_aatype(SEQUENCE)
    folder.mkdir(parents=True)
    positions = np.random.default_rng(0).uniform(-20, 20, (5, 37, 3)).astype(np.float32)
    mask = rc.restype_atom37_mask[aatype].astype(np.float32)
    mask[0] = 0
    protein = Protein(
        atom_positions=positions * mask[..., None],
        atom_mask=mask,
        aatype=aatype,
        residue_index=np.arange(1, 6),
        chain_index=np.zeros(5, np.int32),
        b_factors=mask * np.array([0, 10, 20, 30, 40], np.float32)[:, None],
    )
    (folder / "ranked_0.pdb").write_text(to_pdb(protein))
    deletions = np.zeros((3, 5), np.int32)
    deletions[1, 3] = 2
    features = Features(
        name="t",
        sequence=SEQUENCE,
        aatype=aatype,
        residue_index=np.arange(5, dtype=np.int32),
        chain_index=np.zeros(5, np.int32),
        msa=np.array(ROWS, np.int32),
        deletion_matrix=deletions,
        msa_descriptions=("query", "one", "two"),
    )
    save_features(features, folder / "features.npz")
    return Predicted(
        name="t", length=5, depth=3, mean_plddt=20.0, problem=None, folder=folder, distogram=folder / "none"
    )


def test_unknown_residues_are_rows_without_atoms(target):
    protein = target.structure()
    assert protein.aatype.tolist() == to_aatype(SEQUENCE).tolist()
    assert protein.atom_mask[0].sum() == 0 and protein.atom_mask[4].sum() == 14
    assert protein.b_factors[:, 1].tolist() == [0, 10, 20, 30, 40]


@pytest.mark.parametrize("change", ["missing", "longer", "text"])
def test_structures_that_are_not_the_target(target, change):
    path = target.folder / "ranked_0.pdb"
    if change == "missing":
        path.unlink()
    elif change == "text":
        path.write_text("no structure\n")
    else:
        target = replace(target, length=4)
    with pytest.raises(InputError):
        target.structure()


def test_what_is_learned_from(target, tmp_path):
    weights = np.array([0, 0.5, 1.0, 0.75, 0], np.float32)
    protein = target.structure()
    write_set(tmp_path, [pack(target, protein, weights, tmp_path)])
    (chain,) = ChainSet.open(tmp_path / "distilled.npz")
    assert (chain.id, chain.sequence) == ("t", SEQUENCE)
    assert chain.weights == pytest.approx(weights, abs=0.5 / 255)
    known = protein.atom_mask > 0
    shift = protein.atom_positions[known] - chain.atom37_positions[known]
    assert np.array_equal(chain.atom37_mask > 0, known) and np.ptp(shift, axis=0).max() <= 0.011
    found = read_alignment(chain.alignment)
    assert found.sequences == (SEQUENCE, "AM-RW", "AMQRX")
    assert found.deletion_matrix.tolist() == [[0] * 5, [0, 0, 0, 2, 0], [0] * 5]
    assert found.descriptions == ("t", "one", "two")
    assert chain.profile[1] == pytest.approx(np.eye(20)[12]) and chain.profile[0, 0] == 1
    assert chain.profile.sum(-1) == pytest.approx(1)


def test_frequencies_count_residues_only():
    letters = np.array([[20, 0], [21, 0], [21, 1], [20, 0]], np.int32)
    aatype, none = letters[0], np.zeros(2, np.int32)
    features = Features(
        name="t", sequence="XA", aatype=aatype, residue_index=none, chain_index=none, msa=letters,
        deletion_matrix=np.zeros_like(letters), msa_descriptions=("",) * 4,
    )  # fmt: skip
    found = frequencies(features)
    assert found[0].sum() == 0 and found[1, :2].tolist() == [0.75, 0.25]


def test_alignments_of_an_earlier_set_go_with_it(target, tmp_path):
    pupil = pack(target, target.structure(), np.ones(5, np.float32), tmp_path)
    (tmp_path / "old.a3m.gz").write_bytes(b"")
    (tmp_path / "mine.a3m.gz").write_bytes(b"")
    write_set(tmp_path, [pupil, replace(pupil, id="old", alignment="old.a3m.gz")])
    write_set(tmp_path, [pupil])
    names = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert names == {"distilled.npz", "t.a3m.gz", "mine.a3m.gz"}
    write_set(tmp_path, [])
    assert not (tmp_path / "distilled.npz").exists() and not (tmp_path / "t.a3m.gz").exists()


def test_what_cannot_be_packed(target, tmp_path):
    protein = target.structure()
    spread = replace(protein, atom_positions=protein.atom_positions * 100)
    with pytest.raises(InputError, match="Å from the centre"):
        pack(target, spread, np.ones(5, np.float32), tmp_path)
    with pytest.raises(InputError, match="a structure of another"):
        pack(target, replace(protein, aatype=to_aatype("AMQRW")), np.ones(5, np.float32), tmp_path)


def test_chains_one_after_another(target, tmp_path):
    pupil = pack(target, target.structure(), np.ones(5, np.float32), tmp_path)
    arrays = arrays_of([pupil, replace(pupil, id="u")])
    assert arrays["offset"].tolist() == [0, 5, 10] and arrays["weight"].tolist() == [255] * 10
    assert arrays["residue_index"].tolist() == [*range(5)] * 2 and arrays["cluster"].tolist() == [0, 1]
