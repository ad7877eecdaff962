import gzip
import pickle

import numpy as np
import pytest

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.pdb import to_pdb
from alphafold_lite.training.chains import ChainSet, to_aatype
from tests.support.packed_sets import CLUSTERS, PIECES, allatom_arrays, backbone_arrays, write
from tests.support.reference import REFERENCE
from tests.support.structure_pairs import reference_chain

CB = rc.atom_order["CB"]


@pytest.fixture
def backbone(tmp_path):
    return ChainSet.open(write(tmp_path / "backbone.npz", backbone_arrays()))


@pytest.fixture
def allatom(tmp_path):
    return ChainSet.open(write(tmp_path / "allatom.npz", allatom_arrays()))


def test_a_set_describes_its_chains_without_making_them(backbone):
    assert len(backbone) == 3
    assert backbone.ids == ("1AAA_A", "2BBB_B", "3CCC_C")
    assert backbone.lengths.tolist() == [end - start for start, end in PIECES]
    assert backbone.clusters.tolist() == list(CLUSTERS)
    assert backbone.contacts.tolist() == pytest.approx([0.2, 0.9, 1.4])


def test_backbone_atoms_sequence_and_profile(backbone):
    chain, source, arrays = backbone[1], reference_chain("4zey_A"), backbone_arrays()
    rows, packed = slice(*PIECES[1]), slice(PIECES[0][1], PIECES[0][1] + 20)
    assert chain.sequence == source.sequence[rows]
    assert chain.aatype.tolist() == [rc.restypes.index(letter) for letter in chain.sequence]
    for name in ("N", "CA", "C", "O"):
        atom = rc.atom_order[name]
        np.testing.assert_allclose(chain.atom37_positions[:, atom], source.atom37_positions[rows, atom], atol=0.006)
        assert chain.atom37_mask[:, atom].all()
    np.testing.assert_allclose(chain.profile, arrays["profile"][packed] / 255, atol=1e-6)
    np.testing.assert_array_equal(chain.cluster_profile[:, :20], chain.profile)
    assert chain.cluster_profile.shape == (20, 23)
    assert not chain.cluster_profile[:, 20:].any()
    assert chain.residue_index.tolist() == list(range(20))
    assert not chain.has_side_chains
    assert chain.atom37_positions.dtype == chain.profile.dtype == np.float32


def test_backbone_chains_get_beta_carbons(backbone):
    """Near the atoms of the structure, and none for glycine."""
    source = reference_chain("4zey_A")
    for chain, piece in zip(backbone, PIECES, strict=True):
        is_glycine = np.array([letter == "G" for letter in chain.sequence])
        np.testing.assert_array_equal(chain.atom37_mask[:, CB] > 0, ~is_glycine)
        there = ~is_glycine & (source.atom37_mask[slice(*piece), CB] > 0)
        error = np.linalg.norm(chain.atom37_positions[:, CB] - source.atom37_positions[slice(*piece), CB], axis=-1)
        assert error[there].max() < 0.25
        assert chain.atom37_mask.sum() == 5 * len(chain.sequence) - is_glycine.sum()


def test_all_atoms_come_back(allatom):
    source = reference_chain("4zey_A")
    for chain, piece in zip(allatom, PIECES, strict=True):
        known = source.atom37_mask[slice(*piece), :36]  # OXT has no place in atom14
        np.testing.assert_array_equal(chain.atom37_mask[:, :36], known)
        error = (chain.atom37_positions - source.atom37_positions[slice(*piece)])[:, :36] * known[..., None]
        assert np.abs(error).max() < 0.006
        assert chain.has_side_chains
        assert chain.profile is None and chain.cluster_profile is None
        assert chain.residue_index.tolist() == list(range(0, 2 * len(chain.sequence), 2))


def test_protein_is_numbered_from_one(allatom):
    protein = allatom[0].protein
    assert protein.residue_index[0] == 1
    assert not protein.b_factors.any()


def test_selection_keeps_order_and_can_be_narrowed_again(backbone):
    chosen = backbone.select([2, 0])
    assert chosen.ids == ("3CCC_C", "1AAA_A")
    assert [chain.id for chain in chosen] == ["3CCC_C", "1AAA_A"]
    assert chosen.clusters.tolist() == [7, 7]
    assert chosen.contacts.tolist() == pytest.approx([1.4, 0.2])
    assert chosen.select([1])[0].id == "1AAA_A"
    assert chosen[-1].id == "1AAA_A"


def test_a_set_can_be_handed_to_another_process(backbone):
    again = pickle.loads(pickle.dumps(backbone))
    assert again[2].sequence == backbone[2].sequence


def test_families_are_clusters_and_bring_their_alignments(tmp_path):
    arrays = allatom_arrays()
    del arrays["cluster"], arrays["residue_index"]
    arrays["family"] = np.array(["PF2", "PF1", "PF2"])
    (tmp_path / "PF1.2BBB_B.a3m.gz").write_bytes(gzip.compress(b">q\nACD\n"))
    chains = ChainSet.open(write(tmp_path / "families.npz", arrays))
    assert chains.clusters[0] == chains.clusters[2] != chains.clusters[1]
    assert [chain.alignment for chain in chains] == [None, tmp_path / "PF1.2BBB_B.a3m.gz", None]


def test_alignments_and_resolutions_that_a_set_names(tmp_path):
    """Names of files beside the set; what is a path, or not there, is no alignment."""
    (tmp_path / "inner").mkdir()
    for name in ("a.a3m.gz", "outside.a3m.gz", "inner/b.a3m.gz"):
        (tmp_path / name).write_bytes(b"")
    more = {"resolution": np.array([1.5, np.nan, 3.0], np.float32)}
    path = write(tmp_path / "set.npz", allatom_arrays() | more | {"alignment": np.array(["a.a3m.gz", "", "c.a3m.gz"])})
    first, second, third = ChainSet.open(path)
    assert first.alignment == tmp_path / "a.a3m.gz" and second.alignment is None and third.alignment is None
    assert (first.resolution, second.resolution, third.resolution) == (1.5, None, 3.0)
    paths = np.array(["inner/b.a3m.gz", "../outside.a3m.gz", str(tmp_path / "a.a3m.gz")])
    inner = write(tmp_path / "inner" / "set.npz", allatom_arrays() | {"alignment": paths})
    assert [chain.alignment for chain in ChainSet.open(inner)] == [None, None, None]


@pytest.mark.parametrize("name", ["id", "offset", "coords", "sequence"])
def test_a_packed_set_without_an_array_is_refused(tmp_path, name):
    arrays = backbone_arrays()
    del arrays[name]
    with pytest.raises(InputError, match=f"without {name}"):
        ChainSet.open(write(tmp_path / "set.npz", arrays))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("offset", lambda a: a[:-1]),
        ("offset", lambda a: a + 1),
        ("offset", lambda a: a[[0, 2, 1, 3]]),
        ("sequence", lambda a: a[:-1]),
        ("profile", lambda a: a[:-1]),
        ("coords", lambda a: a[:, :3]),
        ("coords", lambda a: a[:, 0]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, name, change):
    arrays = backbone_arrays()
    arrays[name] = change(arrays[name])
    with pytest.raises(InputError):
        ChainSet.open(write(tmp_path / "set.npz", arrays))


def test_files_that_are_no_sets_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    for path in (tmp_path / "text.npz", tmp_path / "absent.npz", tmp_path):
        with pytest.raises(InputError):
            ChainSet.open(path)


def test_a_folder_of_both_formats(tmp_path):
    """The PDB text of an mmCIF chain reads as that chain; equal sequences share a cluster."""
    source = reference_chain("4zey_A")
    text = f"REMARK   2 RESOLUTION.    2.35 ANGSTROMS.\n{to_pdb(source.protein)}"
    (tmp_path / "b.pdb.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "a.cif.gz").write_bytes((REFERENCE / "templates" / "4zey.cif.gz").read_bytes())
    (tmp_path / "notes.txt").write_text("no structure")
    chains = ChainSet.open(tmp_path)
    assert chains.ids == ("a_A", "b_A")
    assert chains.clusters.tolist() == [0, 0]
    first, second = chains
    assert (first.resolution, second.resolution) == (1.5, 2.35)
    assert first.sequence == second.sequence
    np.testing.assert_array_equal(first.atom37_mask, second.atom37_mask)
    np.testing.assert_allclose(first.atom37_positions, second.atom37_positions, atol=2e-3)
    assert first.residue_index[0] == 0
    assert first.has_side_chains


def test_mmcif_chains_agree_with_the_recorded_ones():
    chains = ChainSet.open(REFERENCE / "templates")
    for name in ("3u8v_A", "3u8v_B", "3zee_A", "4i6p_A", "4i6p_B", "4zey_A"):
        chain, recorded = chains[chains.ids.index(name)], np.load(REFERENCE / "templates" / f"mmcif_{name}.npz")
        known = recorded["all_atom_mask"][:, 1] > 0
        np.testing.assert_array_equal(chain.atom37_mask, recorded["all_atom_mask"][known])
        np.testing.assert_allclose(chain.atom37_positions, recorded["all_atom_positions"][known], atol=1e-3)
        assert chain.residue_index.tolist() == (np.flatnonzero(known) - np.flatnonzero(known)[0]).tolist()


def test_all_chains_of_the_first_model_without_ligands(tmp_path):
    protein = reference_chain("4zey_A").protein
    lines = [line for line in to_pdb(protein).split("\n") if line.startswith("ATOM")]
    other = [line[:21] + "B" + line[22:] for line in lines[:200]]
    calcium = "HETATM 9000 CA    CA C   1      10.000  10.000  10.000  1.00 10.00          CA"
    nucleotide = "ATOM   9001  C1'  DA D   1      10.000  10.000  10.000  1.00 10.00           C"
    model = [
        "MODEL        1",
        *lines,
        *other,
        calcium,
        nucleotide,
        "ENDMDL",
        "MODEL        2",
        *lines,
        "ENDMDL",
        "END",
        "",
    ]
    (tmp_path / "x.pdb").write_text("\n".join(model))
    chains = ChainSet.open(tmp_path)
    assert chains.ids == ("x_A", "x_B")
    assert chains.clusters.tolist() == [0, 1]
    assert chains.lengths[0] == len(protein.aatype)


def test_a_folder_without_proteins_is_refused(tmp_path):
    (tmp_path / "x.pdb").write_text(
        "ATOM   9001  C1'  DA D   1      10.000  10.000  10.000  1.00 10.00           C\nEND\n"
    )
    with pytest.raises(InputError, match="protein chains"):
        ChainSet.open(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"), [("x.cif", "data_\nloop_\n_atom_site.id\n"), ("x.cif", "hello"), ("x.pdb.gz", "no gzip")]
)
def test_damaged_structure_files_are_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError):
        ChainSet.open(tmp_path)


def test_unknown_letters():
    assert to_aatype("AXVB").tolist() == [0, 20, 19, 20]
