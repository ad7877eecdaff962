import json
from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common.features import CarriedProfile
from alphafold_lite.kernels.reference import reference
from alphafold_lite.model.alphafold import build
from alphafold_lite.predict.collect import collect
from alphafold_lite.predict.predictor import Predictor
from alphafold_lite.predict.targets import Request, predict_targets
from alphafold_lite.presets import tiny
from alphafold_lite.weights.checkpoint import Checkpoint, save_checkpoint
from data_pipeline.feature_file import load_features
from data_pipeline.parsers.a3m import a3m_text, parse_a3m
from data_pipeline.parsers.fasta import parse_fasta
from data_pipeline.sampling import MaskingConfig, SamplingConfig, sample
from data_pipeline.search.base import Query
from data_pipeline.searcher import Searcher
from tests.support.small_library import NAMES, relative, search_config, write_small_library


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_small_library(tmp_path_factory.mktemp("small") / "library")


@pytest.fixture(scope="module")
def searcher(folder):
    return Searcher(search_config(folder))


def record(sequence, name="q"):
    return parse_fasta(f">{name}\n{sequence}\n").records[0]


def test_one_chain(searcher):
    found = collect(record(relative(0)), [], searcher)
    assert found.features.templates.names == (NAMES[0],) and len(found.features.msa) >= 2
    assert list(found.msas) == ["pyhmmer-jackhmmer"] and list(found.found) == ["A"]
    assert found.depth.num_rows == len(found.features.msa)
    assert parse_a3m(found.msas["pyhmmer-jackhmmer"]).sequences[0] == relative(0)


def test_nothing_searches_nothing():
    found = collect(record(relative(0)), [], None)
    assert found.features.templates is None and list(found.msas) == ["single"] and found.templates_json() is None


def test_an_alignment_of_the_user_is_enough(searcher):
    alignment = parse_a3m(f">q\n{relative(0)}\n>other\n{relative(0, seed=3)}\n")
    found = collect(record(relative(0)), [alignment], searcher)
    assert list(found.msas) == ["user"] and len(found.features.msa) == 2
    assert found.features.templates.names == (NAMES[0],)
    assert parse_a3m(a3m_text(alignment)).sequences == alignment.sequences


def test_each_chain_is_searched_with_what_the_users_alignments_say_of_it(searcher, monkeypatch):
    first, second = relative(0), relative(2)
    asked = []
    gather = type(searcher).gather
    monkeypatch.setattr(
        type(searcher), "gather", lambda self, query, **more: asked.append(more["given"]) or gather(self, query, **more)
    )
    whole = parse_a3m(f">q\n{second}{first}{first}\n>r\n{'-' * len(second)}{first[::-1]}{'-' * len(first)}\n")
    own = parse_a3m(f">q\n{first}\n>r\n{first[::-1]}\n")
    collect(record(f"{second}:{first}:{first}"), [whole, own], searcher)
    rows = [[alignment.sequences for alignment in given] for given in asked]
    assert rows == [[(second, "-" * len(second))], [(first, first[::-1]), (first, first[::-1])]]
    collect(record(first), [], searcher)
    assert asked[2] is None


def test_chains_of_a_complex_are_searched_one_by_one(searcher):
    first, second = relative(0), relative(2)
    found = collect(record(f"{first}:{second}:{first}"), [], searcher)
    features, length = found.features, len(first)
    assert list(found.found) == ["A", "B"]
    assert set(found.msas) == {"pyhmmer-jackhmmer_A", "pyhmmer-jackhmmer_B"}
    on_first = features.templates.atom_mask[:, :length, 1].sum(1) > 0
    on_second = features.templates.atom_mask[:, length : length + len(second), 1].sum(1) > 0
    assert (on_first.astype(int) + on_second).max() == 1 and on_first.any() and on_second.any()
    assert set(json.loads(found.templates_json())) == {"A", "B"}


def test_files_say_what_was_found_and_used(folder, tmp_path):
    predictor = Predictor("random:0", search=search_config(folder), num_recycles=0, relax="none", device="cpu")
    (report,) = predict_targets(parse_fasta(f">q\n{relative(1)}\n"), predictor, Request(out_dir=tmp_path))
    assert report.error is None
    (row,) = json.loads((tmp_path / "q" / "templates.json").read_text())["A"]["templates"]
    assert row["name"] == NAMES[1] and row["used"] and row["source"] == "library"
    run = json.loads((tmp_path / "q" / "run.json").read_text())
    assert run["configuration"]["templates"] == [NAMES[1]]
    assert [search["engine"] for search in run["searches"]] == ["pyhmmer-jackhmmer", "library-profiles"]
    assert len(run["msa_depth"]["neff"]) == len(relative(1))
    assert (tmp_path / "q" / "msas" / "pyhmmer-jackhmmer.a3m").is_file()
    saved = load_features(tmp_path / "q" / "features.npz")
    assert saved.templates.names == (NAMES[1],) and saved.templates.e_value[0] < 1e-3


def test_templates_change_the_prediction(folder):
    plddt = []
    for templates in ("library", "none"):
        search = search_config(folder, templates=templates)
        predictor = Predictor("random:0", search=search, num_recycles=0, relax="none", device="cpu")
        plddt.append(predictor.fold(relative(0)).plddt)
    assert not np.allclose(*plddt)


def with_profiles(folder):
    from data_pipeline.library.packing import write_library
    from tests.support.synthetic_backbones import contents

    folder.mkdir()
    write_library(contents((60, 45, 70), profiles=True, breaks=()), folder)
    return folder


def test_profiles_are_carried_over_and_only_networks_trained_with_them_read_them(tmp_path):
    rng_letters = relative(0, share=0.0)
    searcher = Searcher(search_config(with_profiles(tmp_path / "library")))
    found = searcher.gather(Query(name="q", sequence=rng_letters), given=())
    carried = found.carried or CarriedProfile(
        frequencies=np.full((60, 20), 0.05, np.float32), trust=np.ones(60, np.float32)
    )
    features = replace(collect(record(rng_letters), [], None).features, carried=carried)
    plain, reading = (
        sample(
            features, SamplingConfig(carried_profile=on, masking=MaskingConfig(fraction=0)), np.random.default_rng(0)
        )
        for on in (False, True)
    )
    assert np.allclose(plain.cluster_profile[0].sum(-1), 1) and np.allclose(plain.cluster_profile[0].max(-1), 1)
    expected = (
        carried.trust[:, None] * carried.frequencies + (1 - carried.trust)[:, None] * plain.cluster_profile[0, :, :20]
    )
    assert np.allclose(reading.cluster_profile[0, :, :20], expected, atol=1e-6)


@pytest.mark.parametrize("trained_with_it", [True, False])
def test_the_header_says_whether_a_network_reads_them(tmp_path, trained_with_it):
    model = build(tiny(), reference())
    about = Checkpoint(
        config=model.config, name="own", license="CC BY 4.0", untrained=True, max_clusters=7, max_extra=9,
        carried_profile=trained_with_it,
    )  # fmt: skip
    save_checkpoint(tmp_path / "own.safetensors", model, about)
    (loaded,) = Predictor(str(tmp_path / "own.safetensors"), relax="none", device="cpu").models
    assert loaded.sampling.carried_profile == trained_with_it
    assert (loaded.sampling.max_clusters, loaded.sampling.max_extra) == (7, 9)


def test_chains_of_a_complex_keep_their_own_profile(searcher):
    first, second = "GASGASGASGASGASGASGASGASGASGAS", relative(0)
    found = collect(record(f"{first}:{second}"), [], searcher)
    assert found.features.carried is None or found.features.carried.trust[: len(first)].max() == 0
