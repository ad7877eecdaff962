import gzip

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.finetune.filters import choose, problem
from alphafold_lite.finetune.settings import FilterSettings
from alphafold_lite.finetune.structures import Candidate, Rejection, entry_name, list_files, read_all
from tests.support.structure_folders import member, structure_text, write_structures
from tests.support.structure_texts import Header, mmcif, pdb, peptide
from tests.support.synthetic_backbones import backbone, pdb_text


def read(folder, wanted=None):
    found = list(read_all(folder, list_files(folder), wanted))
    return [f for f in found if isinstance(f, Candidate)], [f for f in found if isinstance(f, Rejection)]


def test_one_damaged_file_among_many_is_one_rejection(tmp_path):
    write_structures(tmp_path, families=[0])
    (tmp_path / "broken.cif").write_text("data_broken\n_atom_site.Cartn_x what\n")
    (tmp_path / "empty.pdb").write_text("")
    (tmp_path / "cut.pdb.gz").write_bytes(gzip.compress(structure_text(member(0, 0), 0).encode())[:200])
    (tmp_path / "notes.txt").write_text("no structure")
    chains, rejected = read(tmp_path)
    assert [chain.id for chain in chains] == ["f0m0_A", "f0m1_A", "f0m2_A"]
    assert [(r.file, r.kind) for r in rejected] == [
        (f, "unreadable") for f in ("broken.cif", "cut.pdb.gz", "empty.pdb")
    ]


def test_chains_of_both_formats_and_of_subfolders_are_packed_as_they_are(tmp_path):
    atoms = backbone(3, 40)
    letters = member(0, 0)[:40]
    (tmp_path / "sub").mkdir()
    text = pdb_text([("A", letters, atoms), ("B", letters[:35], atoms[:35])])
    (tmp_path / "sub" / "pdb1abc.ent.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "2abc.cif").write_text(mmcif(peptide("ACDEFGHIKL"), Header(resolution="2.5")))
    chains, rejected = read(tmp_path)
    assert not rejected and [chain.id for chain in chains] == ["2abc_A", "1abc_A", "1abc_B"]
    assert chains[0].resolution == 2.5 and chains[0].is_only_chain and not chains[1].is_only_chain
    packed = chains[1].coords[:, :4] / 100
    assert np.abs(packed - packed[0, 1] - (atoms - atoms[0, 1])).max() < 0.02
    assert chains[1].mask[:, :4].all() and not chains[1].mask[:, 4:].any()


def test_ends_without_atoms_are_cut_off_and_gaps_stay(tmp_path):
    letters = "MAGSHHACDEFGHIKLMNPQ"
    residues = [r for r in peptide(letters) if 3 <= r.number <= 18 and r.number not in (9, 10)]
    names = [r.name for r in peptide(letters)]
    (tmp_path / "x.pdb").write_text(pdb(residues, seqres={"A": names}))
    (chain,), _ = read(tmp_path)
    assert chain.sequence == letters[2:18] and chain.full_sequence == letters and chain.start == 2
    assert list(np.flatnonzero(~chain.mask[:, 1])) == [6, 7]


def test_names_choose_structures_and_chains(tmp_path):
    letters, atoms = member(0, 0)[:30], backbone(0, 30)
    (tmp_path / "1abc.pdb").write_text(pdb_text([("A", letters, atoms), ("B", letters, atoms)]))
    write_structures(tmp_path, families=[1], size=2)
    chains, rejected = read(tmp_path, frozenset({"1abc_b", "f1m0"}))
    assert [chain.id for chain in chains] == ["1abc_B", "f1m0_A"]
    assert [(r.file, r.chain, r.kind) for r in rejected] == [
        ("1abc.pdb", "A", "not asked for"),
        ("f1m1.pdb", "", "not asked for"),
    ]


def test_two_files_of_one_name(tmp_path):
    (tmp_path / "1abc.pdb").write_text(structure_text(member(0, 0), 0))
    (tmp_path / "1abc.pdb.gz").write_bytes(gzip.compress(structure_text(member(1, 0), 1).encode()))
    chains, rejected = read(tmp_path)
    assert len(chains) == 1 and [r.kind for r in rejected] == ["same name"]


def test_a_folder_without_structures(tmp_path):
    with pytest.raises(InputError, match="none"):
        list_files(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        list_files(tmp_path / "missing")


def test_names_by_file(tmp_path):
    names = ("pdb1abc.ent.gz", "1abc.cif", "model 7.pdb")
    assert [entry_name(tmp_path / name) for name in names] == ["1abc", "1abc", "model_7"]


def candidate(sequence, *, mask=None, resolution=None, name="x_A"):
    length = len(sequence)
    return Candidate(
        id=name, entry=name[:-2], file="x.pdb", is_only_chain=True, sequence=sequence, full_sequence=sequence, start=0,
        coords=np.zeros((length, 14, 3), np.int16), resolution=resolution,
        mask=np.ones((length, 14), bool) if mask is None else mask,
    )  # fmt: skip


GOOD = "ACDEFGHIKLMNPQRSTVWY" * 2


def without_backbone(share):
    mask = np.ones((len(GOOD), 14), bool)
    mask[: round(share * len(GOOD)), 1] = False
    return mask


@pytest.mark.parametrize(
    "chain, kind",
    [
        (candidate(GOOD), None),
        (candidate(GOOD[:29]), "length"),
        (candidate(GOOD, resolution=9.1), "resolution"),
        (candidate(GOOD, resolution=9.0), None),
        (candidate(GOOD, resolution=None), None),
        (candidate("A" * 33 + GOOD[:7]), "composition"),
        (candidate("X" * 5 + GOOD[5:]), "composition"),
        (candidate(GOOD, mask=without_backbone(0.35)), "missing atoms"),
        (candidate(GOOD, mask=without_backbone(0.25)), None),
    ],
)
def test_filters_and_their_reasons(chain, kind):
    found = problem(chain, FilterSettings())
    assert (found and found[0]) == kind
    assert found is None or any(letter.isdigit() for letter in found[1])  # the reason says how much


def test_of_equal_sequences_the_best_resolved_stays():
    twins = [
        candidate(GOOD, name=n, resolution=r) for n, r in (("b_A", 3.0), ("c_A", 1.5), ("a_A", None), ("d_A", 2.0))
    ]
    kept, rejected = choose(twins, FilterSettings())
    assert [chain.id for chain in kept] == ["c_A"]
    assert {r.kind for r in rejected} == {"same sequence"} and len(rejected) == 3
