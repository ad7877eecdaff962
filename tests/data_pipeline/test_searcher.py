from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError, MissingResourceError, TargetError
from alphafold_lite.common.features import CarriedProfile
from data_pipeline.config import SearchConfig, parse_modes
from data_pipeline.library.packing import LibraryContents, quantised, write_library
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.search.base import Query
from data_pipeline.searcher import Searcher
from data_pipeline.templates.selection import TemplateConfig
from tests.support.planted_families import drawn, made_up_library, random_sequence
from tests.support.small_library import NAMES, chain_sequence, relative, search_config, write_small_library
from tests.support.structure_texts import Entity, Header, mmcif, peptide, three
from tests.support.synthetic_backbones import backbone


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_small_library(tmp_path_factory.mktemp("small") / "library")


@pytest.fixture(scope="module")
def searcher(folder):
    return Searcher(search_config(folder))


def test_a_relative_is_found_aligned_and_laid_on_the_query(searcher):
    query = Query(name="q", sequence=relative(0))
    found = searcher.gather(query)
    assert [outcome.name for outcome in found.templates.outcomes if outcome.used] == [NAMES[0]]
    templates = found.templates.features
    assert templates.coverage[0] > 0.9 and 0.5 < templates.identity[0] < 0.9 and templates.e_value[0] < 1e-3
    where = templates.atom_mask[0, :, 1] > 0
    true = searcher.library.backbone(0)[where, 1]
    assert np.allclose(templates.atom_positions[0, where, 1], true, atol=1e-4)  # without gaps residue i stands on i
    (alignment,) = found.alignments
    assert alignment.sequences[0] == query.sequence and len(alignment.sequences) >= 2
    assert found.carried is None or found.carried.trust.max() == 0  # this library has no profiles
    assert [record.engine for record in found.records] == ["pyhmmer-jackhmmer", "library-profiles"]


def test_the_same_search_gives_the_same(searcher):
    first, second = (searcher.gather(Query(name="q", sequence=relative(2))) for _ in range(2))
    assert first.alignments[0].sequences == second.alignments[0].sequences
    assert np.array_equal(first.templates.features.atom_positions, second.templates.features.atom_positions)


def test_a_chain_is_left_out_by_name_or_by_identity(searcher):
    query = Query(name="q", sequence=relative(0))
    assert searcher.gather(query, exclude={NAMES[0]}).templates.features is None
    assert searcher.gather(query, max_identity=0.3).templates.features is None
    assert searcher.gather(query, max_identity=0.99).templates.features is not None


def test_an_alignment_that_is_there_is_not_searched_again(searcher):
    found = searcher.gather(Query(name="q", sequence=relative(1)), given=())
    assert found.results == () and found.templates.features is not None


def test_weak_hits_are_templates_where_asked_for_and_carry_no_profile(folder, monkeypatch):
    monkeypatch.setattr("data_pipeline.searcher.SURE", 1e-12)
    monkeypatch.setattr(
        "data_pipeline.searcher.carried_profile",
        lambda hits, library, length: CarriedProfile(
            frequencies=np.zeros((length, 20), np.float32), trust=np.ones(length, np.float32)
        ),
    )
    config = search_config(folder)
    weak = Query(name="q", sequence=chain_sequence(0)[5:21] + 2 * "GSAGSDNPKT")  # E about 1e-9
    sure = Query(name="q", sequence=relative(0))
    for limit, number in ((1e-12, 0), (1e-3, 1)):
        searcher = Searcher(replace(config, selection=replace(config.selection, max_e_value=limit)))
        hits, (record,) = searcher.library_hits(weak)
        assert len(hits) == number and record.options["max_e_value"] == limit
        assert searcher.carried(hits, len(weak.sequence)) is None
        assert searcher.gather(sure).carried is not None


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """A library large enough for profiles to be compared with, and the chains' frequencies."""
    rng = np.random.default_rng(1)
    made = made_up_library(rng, 520)
    profiles = [
        rows if rows is not None else np.zeros((len(s), 20))
        for s, rows in zip(made.chain_sequences, made.profiles, strict=True)
    ]
    long = backbone(0, 140)
    folder = tmp_path_factory.mktemp("families") / "library"
    folder.mkdir()
    packed = LibraryContents(
        name="families",
        chain_names=made.chain_names,
        chain_sequences=made.chain_sequences,
        chain_dates=(None,) * made.num_chains,
        backbones=tuple(long[: len(sequence)] for sequence in made.chain_sequences),
        profiles=tuple(quantised(rows) for rows in profiles),
        sequence_names=(),
        sequences=(),
    )
    write_library(packed, folder)
    return Searcher(search_config(folder)), profiles


def _family_alignment(query: str, profile: np.ndarray) -> Alignment:
    rng = np.random.default_rng(2)
    rows = (query, *(drawn(rng, profile) for _ in range(60)))
    zeros = np.zeros((len(rows), len(query)), np.int32)
    return Alignment(sequences=rows, deletion_matrix=zeros, descriptions=tuple(map(str, range(len(rows)))))


def test_an_alignment_finds_templates_that_the_sequence_does_not(families):
    searcher, profiles = families
    query = Query(name="q", sequence=random_sequence(np.random.default_rng(3), len(profiles[8])))
    assert searcher.library_hits(query)[0] == ()
    hits, records = searcher.library_hits(query, [_family_alignment(query.sequence, profiles[8])])
    assert [hit.name for hit in hits] == ["0008_A"] and hits[0].e_value < 1e-3
    assert [(record.engine, record.num_hits) for record in records] == [("library-profiles", 0), ("profile-profile", 1)]
    found = searcher.gather(query, given=[_family_alignment(query.sequence, profiles[8])])
    assert found.templates.features.names == ("0008_A",) and found.carried.trust.max() > 0
    left_out = searcher.gather(query, given=[_family_alignment(query.sequence, profiles[8])], exclude={"0008_A"})
    assert left_out.templates.features is None and left_out.carried is None


def test_of_two_hits_on_a_chain_the_surer_one_is_kept(families):
    searcher, profiles = families
    query = Query(name="q", sequence=drawn(np.random.default_rng(4), profiles[8]))
    (scanned,) = searcher.scan.scan(query)
    hits, records = searcher.library_hits(query, [_family_alignment(query.sequence, profiles[8])])
    assert [record.num_hits for record in records] == [1, 1] and len(hits) == 1
    assert hits[0].chain == scanned.chain == 8 and hits[0].e_value < scanned.e_value
    assert searcher.library_hits(query, max_identity=hits[0].identity)[0] == ()


def test_an_alignment_of_another_query_is_refused(families):
    searcher, profiles = families
    other = _family_alignment("A" * len(profiles[8]), profiles[8])
    with pytest.raises(InputError, match="first row"):
        searcher.gather(Query(name="q", sequence="C" * len(profiles[8])), given=[other])


def test_a_template_can_be_required(folder):
    searcher = Searcher(search_config(folder, require_template=True))
    with pytest.raises(TargetError, match="template"):
        searcher.gather(Query(name="q", sequence="GASGASGASGASGASGASGASGASGASGAS"))


def test_templates_released_too_late_or_undated_are_told(folder):
    from datetime import date

    late = search_config(folder, selection=TemplateConfig(max_date=date(2001, 1, 1)))
    (outcome,) = Searcher(late).gather(Query(name="q", sequence=relative(0))).templates.outcomes
    assert not outcome.used and "2001-02-03" in outcome.reason
    (outcome,) = Searcher(late).gather(Query(name="q", sequence=relative(1))).templates.outcomes
    assert not outcome.used and "not known" in outcome.reason
    allowed = search_config(folder, selection=TemplateConfig(max_date=date(2001, 1, 1), allow_undated=True))
    (outcome,) = Searcher(allowed).gather(Query(name="q", sequence=relative(1))).templates.outcomes
    assert outcome.used


def test_a_library_given_for_templates_only(folder):
    searcher = Searcher(SearchConfig(msa_modes=("single",), templates=str(folder), use_cache=False, threads=1))
    found = searcher.gather(Query(name="q", sequence=relative(0)))
    assert found.results == () and found.templates.features.names == (NAMES[0],)


def test_no_templates_no_scan(folder):
    found = Searcher(search_config(folder, templates="none")).gather(Query(name="q", sequence=chain_sequence(0)))
    assert found.templates.features is None and [r.engine for r in found.records] == ["pyhmmer-jackhmmer"]


def test_searches_are_kept(folder, tmp_path):
    config = SearchConfig(library=folder, cache=tmp_path / "kept", threads=1)
    query = Query(name="q", sequence=relative(0))
    first, second = Searcher(config).gather(query), Searcher(config).gather(query)
    assert not first.records[0].from_cache and second.records[0].from_cache
    assert first.alignments[0].sequences == second.alignments[0].sequences


def test_databases_choose_their_programs(folder, tmp_path):
    fasta = tmp_path / "db.fasta"
    fasta.write_text(f">one\n{chain_sequence(0)}\n")
    assert [e.name for e in Searcher(search_config(folder, databases=(str(fasta),))).engines] == ["jackhmmer"]
    both = search_config(folder, databases=(str(fasta),), msa_modes=("embedded", "jackhmmer"))
    assert len(Searcher(both).engines) == 2
    with pytest.raises(InputError, match="mode that reads db"):
        Searcher(search_config(folder, databases=(str(fasta),), msa_modes=("hhblits",)))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"msa_modes": ("jackhmmer",)}, InputError, "a database for jackhmmer"),
        ({"databases": ("/nowhere/db.fasta",)}, MissingResourceError, "nowhere"),
        ({"templates": "/nowhere/pdb70"}, MissingResourceError, "nowhere"),
        ({"msa_modes": ("server",), "server_url": "file:///etc/passwd"}, InputError, "address|http"),
    ],
)
def test_what_is_not_there_is_one_clear_error(folder, change, error, words):
    with pytest.raises(error, match=words):
        Searcher(search_config(folder, **change))


@pytest.mark.parametrize("text", ["", "embeded", "embedded,embedded", "auto,single"])
def test_modes_that_are_none(text):
    with pytest.raises(InputError, match="--msa-mode"):
        parse_modes(text)


def test_modes():
    assert parse_modes("auto") is None and parse_modes("jackhmmer, embedded") == ("jackhmmer", "embedded")


@pytest.mark.parametrize(
    "change", [{"msa_modes": ("single", "embedded")}, {"templates": "none", "require_template": True}, {"threads": 0}]
)
def test_settings_that_contradict_each_other(change):
    with pytest.raises(InputError):
        SearchConfig(**change)


@pytest.fixture
def data_folder(tmp_path):
    """A data folder with one entry of the PDB: its sequence, and its structure."""
    letters = chain_sequence(0)
    (tmp_path / "pdb_seqres").mkdir()
    (tmp_path / "pdb_seqres" / "pdb_seqres.txt").write_text(f">1xyz_A mol:protein length:{len(letters)}\n{letters}\n")
    structures = tmp_path / "pdb_mmcif" / "mmcif_files"
    structures.mkdir(parents=True)
    header = Header(entry="1XYZ", entities={"A": Entity(names=three(letters))})
    (structures / "1xyz.cif").write_text(mmcif(peptide(letters), header))
    return tmp_path


def test_templates_of_a_data_folder_come_before_those_of_the_library(folder, data_folder):
    searcher = Searcher(search_config(folder, data_dir=data_folder, msa_modes=("single",)))
    found = searcher.gather(Query(name="q", sequence=relative(0)))
    assert found.templates.features.names == ("1xyz_A", NAMES[0])
    assert {record.engine for record in found.records} == {"hmmsearch", "library-profiles"}
    assert "1xyz_A" in found.texts["hits.sto"]


def test_sequences_of_the_pdb_need_their_structures(folder, data_folder):
    path = str(data_folder / "pdb_seqres" / "pdb_seqres.txt")
    searcher = Searcher(search_config(folder, templates=path, msa_modes=("single",)))
    with pytest.raises(InputError, match="mmCIF files"):
        searcher.gather(Query(name="q", sequence=relative(0)))


def test_structures_of_the_user_come_first(folder, data_folder):
    structure = data_folder / "pdb_mmcif" / "mmcif_files" / "1xyz.cif"
    searcher = Searcher(search_config(folder, template_files=(structure,), msa_modes=("single",)))
    assert searcher.gather(Query(name="q", sequence=relative(0))).templates.features.names == ("1xyz_A", NAMES[0])
