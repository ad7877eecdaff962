"""Structures given by the user: any name, any chain, any ending."""

import gzip
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.residue_constants import atom_order
from data_pipeline.search.base import Query
from data_pipeline.templates.selection import TemplateConfig
from data_pipeline.templates.user_files import from_files
from tests.support.structure_texts import STEP, Entity, Header, mmcif, pdb, peptide, three

CA = atom_order["CA"]
QUERY = Query(name="q", sequence="MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ")
RELATIVE = "MKSAYLAKQRNISYVKGHFTRQLEEKLGLIDVQ"
CONFIG = TemplateConfig()


def cif(*chains: tuple[str, str], revisions=("2011-02-03",)) -> str:
    entities = {str(n): Entity(three(letters)) for n, (_, letters) in enumerate(chains, start=1)}
    residues = [
        replace(r, entity=str(n))
        for n, (name, letters) in enumerate(chains, start=1)
        for r in peptide(letters, chain=name, y=20.0 * n)
    ]
    return mmcif(residues, Header(entities=entities, revisions=revisions))


@pytest.mark.parametrize("ending", [".cif", ".cif.gz", ".pdb", ".ent", ".pdb.gz"])
def test_any_name_chain_and_ending(tmp_path, ending):
    text = cif(("Q7", RELATIVE)) if ".cif" in ending else pdb(peptide(RELATIVE, chain="Q"))
    path = tmp_path / f"my model, best{ending}"
    path.write_bytes(gzip.compress(text.encode()) if ending.endswith(".gz") else text.encode())
    selection = from_files(QUERY, [path], CONFIG)
    features = selection.features
    assert features is not None and features.names == (f"my model, best_Q{'7' if '.cif' in ending else ''}",)
    np.testing.assert_allclose(features.atom_positions[0, :, CA, 0], STEP * np.arange(33), atol=1e-3)
    assert features.aatype[0].tolist() == ["ARNDCQEGHILKMFPSTWYV".index(letter) for letter in RELATIVE]
    (outcome,) = selection.outcomes
    assert outcome.used and outcome.source == "user" and outcome.reason == "" and outcome.coverage == 1.0
    assert outcome.identity == pytest.approx(np.mean([a == b for a, b in zip(RELATIVE, QUERY.sequence, strict=True)]))


def test_the_best_chain_of_a_file(tmp_path):
    (tmp_path / "complex.cif").write_text(cif(("A", "GSGSGSTNPGSGSPPGSGSGNG"), ("B", RELATIVE), ("C", RELATIVE)))
    selection = from_files(QUERY, [tmp_path / "complex.cif"], CONFIG)
    assert selection.features is not None and selection.features.names == ("complex_B",)


def test_shorter_and_longer_chains_with_missing_pieces(tmp_path):
    """The chain begins earlier, ends sooner and lacks a loop of known length."""
    letters = "GSHM" + RELATIVE[3:28]
    residues = [r for r in peptide(letters) if not 15 <= r.number <= 18]
    (tmp_path / "a.pdb").write_text(pdb(residues))
    features = from_files(QUERY, [tmp_path / "a.pdb"], CONFIG).features
    assert features is not None
    places = np.flatnonzero(features.atom_mask[0, :, CA])
    assert set(range(3, 28)) - set(range(13, 17)) <= set(places.tolist())
    for place in set(places.tolist()) & set(range(3, 28)):
        assert features.atom_positions[0, place, CA, 0] == pytest.approx(STEP * (place + 1), abs=1e-3)
    assert not features.atom_mask[0, 13:17].any() and (features.aatype[0, 13:17] == 21).all()


def test_the_querys_own_structure_is_welcome(tmp_path):
    (tmp_path / "self.cif").write_text(cif(("A", QUERY.sequence)))
    assert from_files(QUERY, [tmp_path / "self.cif"], CONFIG).outcomes[0].used


def test_a_hardly_related_chain_gets_a_remark(tmp_path):
    (tmp_path / "a.cif").write_text(cif(("A", "GPGSTNGDDPGSNTGGDPPGSTNGDPGSNTGGD")))
    (outcome,) = from_files(QUERY, [tmp_path / "a.cif"], CONFIG).outcomes
    assert outcome.identity < 0.2 and (not outcome.used or "may be wrong" in outcome.reason)


def test_a_fragment_is_too_short(tmp_path):
    (tmp_path / "a.cif").write_text(cif(("A", RELATIVE[:9])))
    (outcome,) = from_files(QUERY, [tmp_path / "a.cif"], CONFIG).outcomes
    assert not outcome.used and outcome.reason.startswith("9 residues")


def test_a_query_with_unknown_residues(tmp_path):
    (tmp_path / "a.cif").write_text(cif(("A", RELATIVE)))
    query = Query(name="x", sequence="X" * 6 + QUERY.sequence[6:])
    features = from_files(query, [tmp_path / "a.cif"], CONFIG).features
    assert features is not None
    np.testing.assert_allclose(features.atom_positions[0, :, CA, 0], STEP * np.arange(33), atol=1e-3)


def test_folders_are_taken_by_name_and_bad_files_in_them_are_told(tmp_path):
    (tmp_path / "b.cif").write_text(cif(("A", RELATIVE)))
    (tmp_path / "a.pdb").write_text(pdb(peptide(RELATIVE)))
    (tmp_path / "c.cif").write_text("<html>")
    (tmp_path / "d.pdb").write_text("END\n")
    (tmp_path / "notes.txt").write_text("no structure")
    (tmp_path / "sub.cif").mkdir()
    selection = from_files(QUERY, [tmp_path], CONFIG)
    assert selection.features is not None and selection.features.names == ("a_A", "b_A")
    assert [(o.name, o.used) for o in selection.outcomes] == [("a_A", True), ("b_A", True), ("c", False), ("d", False)]
    assert "mmCIF" in selection.outcomes[2].reason and "atoms" in selection.outcomes[3].reason


def test_files_given_first_come_first_and_equal_names_stay_apart(tmp_path):
    for folder, y in (("one", 1.0), ("two", 2.0)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.pdb").write_text(pdb(peptide(RELATIVE, y=y)))
    paths = [tmp_path / "two" / "model.pdb", tmp_path / "one", tmp_path / "two"]
    features = from_files(QUERY, paths, CONFIG).features
    assert features is not None and features.names == ("model_A", "model_A (2)")
    assert features.atom_positions[:, 0, CA, 1].tolist() == [2.0, 1.0]


def test_more_files_than_templates(tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.pdb").write_text(pdb(peptide(RELATIVE)))
    selection = from_files(QUERY, [tmp_path], TemplateConfig(max_templates=3, max_candidates=1))
    assert [outcome.used for outcome in selection.outcomes] == [True] * 3 + [False] * 3


def test_dates_act_on_users_files(tmp_path):
    (tmp_path / "late.cif").write_text(cif(("A", RELATIVE), revisions=("2020-01-01",)))
    (tmp_path / "undated.pdb").write_text(pdb(peptide(RELATIVE)))
    config = TemplateConfig(max_date=date(2019, 1, 1))
    late, undated = from_files(QUERY, [tmp_path], config).outcomes
    assert "2020-01-01" in late.reason and "not known" in undated.reason
    late, undated = from_files(QUERY, [tmp_path], replace(config, allow_undated=True)).outcomes
    assert (late.used, undated.used) == (False, True)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.cif", "", "_atom_site"),
        ("a.cif", "<html>", "mmCIF"),
        (
            "a.pdb",
            "HETATM    1 MG    MG A   1       0.000   0.000   0.000  1.00  0.00          MG\nEND\n",
            "protein chain",
        ),
        ("a.txt", "text", r"\*\.cif"),
        ("absent.cif", None, "readable"),
    ],
)
def test_a_named_file_that_is_none(tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        from_files(QUERY, [tmp_path / name], CONFIG)


def test_a_folder_without_structures(tmp_path):
    with pytest.raises(InputError, match="structure files"):
        from_files(QUERY, [tmp_path], CONFIG)
