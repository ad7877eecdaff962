import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.finetune import prepare
from alphafold_lite.finetune.relatives import MOST_IDENTITY, AlignmentProblemError, Finder, laid_onto
from alphafold_lite.finetune.run import open_searcher
from alphafold_lite.finetune.settings import FinetuneSettings, SplitSettings
from alphafold_lite.finetune.structures import list_files, read_all
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.homologues import Homologues
from data_pipeline.pipeline import read_alignment
from tests.support.small_library import NAMES, chain_sequence, write_small_library
from tests.support.structure_folders import FAMILY_SIZE, member, structure_text, write_structures

CHAINS = 3 * FAMILY_SIZE


@pytest.fixture
def asked(tmp_path):
    """Three families of three chains, one to be judged by."""
    library = write_small_library(tmp_path / "library")
    folder = write_structures(tmp_path / "structures")
    return FinetuneSettings(
        structures=str(folder), params="random:0", library=str(library), split=SplitSettings(share=0.34)
    )


@pytest.fixture
def searcher(asked):
    return open_searcher(asked, threads=1)


def run(asked, out, searcher, *, with_hits=True):
    seen = []
    return prepare.prepare(asked, out, searcher, with_hits=with_hits, report=lambda *item: seen.append(item)), seen


def rows(path):
    return list(csv.DictReader(path.open(encoding="utf-8")))


def test_the_set_is_what_the_trainer_reads(asked, searcher, tmp_path):
    made, seen = run(asked, tmp_path / "out", searcher)
    assert (made.num_training, made.num_validation, made.num_clusters) == (CHAINS - FAMILY_SIZE, FAMILY_SIZE, 3)
    assert len(seen) == CHAINS and made.num_rejected == 0
    train, valid = (ChainSet.open(made.folder / name) for name in (prepare.TRAINING_SET, prepare.VALIDATION_SET))
    assert not set(train.clusters) & set(valid.clusters) and len(set(valid.clusters)) == 1
    for chain in (*train, *valid):
        family, number = int(chain.id[1]), int(chain.id[3])
        assert chain.sequence == member(family, number) and chain.resolution == 2.0
        alignment = read_alignment(chain.alignment)
        assert alignment.sequences[0] == chain.sequence and len(alignment.sequences) > 1  # the library chain, at least
    table = rows(tmp_path / "out" / prepare.CHAINS)
    assert {row["chain"] for row in table if row["part"] == "validation"} == set(valid.ids)


def test_hits_are_on_the_library_and_never_on_the_chain_itself(asked, tmp_path):
    own = tmp_path / "structures"
    (own / "1AAA.pdb").write_text(structure_text(chain_sequence(0), 0))  # 1AAA_A of the library
    twin = chain_sequence(1)[:-1] + ("A" if chain_sequence(1)[-1] != "A" else "G")  # all but one residue of 1AAA_B
    (own / "twin.pdb").write_text(structure_text(twin, 1))
    made, _ = run(asked, tmp_path / "out", open_searcher(asked, threads=1))
    relatives = ChainSet.open(made.folder / prepare.LIBRARY_SET)
    hits = Homologues.open(made.folder / prepare.HITS, [relatives])
    assert set(relatives.ids) <= set(NAMES)
    found = {name: [hit.name for hit in hits.hits(name)] for name in ("1AAA_A", "twin_A", "f0m0_A", "f1m0_A")}
    assert "1AAA_A" not in found["1AAA_A"] and "1AAA_B" not in found["twin_A"]
    assert found["f0m0_A"][0] == "1AAA_A" and found["f1m0_A"][0] == "1AAA_B"
    hit = hits.hits("f0m0_A")[0]
    assert 0.7 < hit.identity < MOST_IDENTITY and len(hits.structure(hit.chain).sequence) == len(chain_sequence(0))


def test_equal_inputs_are_not_searched_again_and_other_inputs_are(asked, searcher, tmp_path):
    out = tmp_path / "out"
    first, _ = run(asked, out, searcher)
    again, seen = run(asked, out, searcher)
    assert again == first and not seen
    other, seen = run(replace(asked, seed=1), out, searcher)
    assert seen and other.fingerprint != first.fingerprint


def test_an_interrupted_preparation_goes_on(asked, searcher, tmp_path, monkeypatch):
    out = tmp_path / "out"

    def stop(done, total, name):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare.prepare(asked, out, searcher, with_hits=True, report=stop)
    assert not (out / prepare.DATA / prepare.READY).exists()
    searched = []
    engine = type(searcher.engines[0])
    plain = engine.run
    monkeypatch.setattr(engine, "run", lambda self, query: searched.append(query.name) or plain(self, query))
    run(asked, out, searcher)
    assert (
        len([name for name in searched if name.startswith("f")]) == CHAINS - 5
    )  # the clustering has numbers for names


def test_the_users_alignments_are_taken(asked, searcher, tmp_path):
    folder = tmp_path / "msa"
    folder.mkdir()
    own = member(0, 0)
    (folder / "f0m0.a3m").write_text(f">q\n{own}\n>r\n{own[:3].lower()}{'-' * 20}{own[20:]}\n")
    (folder / "f0m1_A.a3m").write_text(f">q\n{member(0, 2)}\n")
    made, _ = run(replace(asked, msa_dir=str(folder)), tmp_path / "out", searcher)
    sets = [ChainSet.open(made.folder / name) for name in (prepare.TRAINING_SET, prepare.VALIDATION_SET)]
    chains = {chain.id: chain for chains in sets for chain in chains}
    given = read_alignment(chains["f0m0_A"].alignment)
    assert given.sequences == (own, "-" * 20 + own[20:]) and given.deletion_matrix[1, 0] == 3
    (lost,) = rows(tmp_path / "out" / prepare.REJECTED)
    assert lost["file"] == "f0m1.pdb" and lost["kind"] == "alignment" and "f0m1_A" not in chains


def test_an_alignment_of_the_full_sequence_is_cut_to_the_chain(tmp_path):
    (tmp_path / "x.pdb").write_text(structure_text(member(0, 0), 0))
    (chain,) = read_all(tmp_path, list_files(tmp_path), None)
    longer = replace(chain, full_sequence=f"MGS{chain.sequence}HH", start=3)
    path = tmp_path / "x.a3m"
    path.write_text(f">q\n{longer.full_sequence}\n>r\n{longer.full_sequence[::-1]}\n")
    cut = laid_onto(longer, read_alignment(path))
    assert cut.sequences == (chain.sequence, longer.full_sequence[::-1][3:-2])
    assert cut.deletion_matrix.shape == (2, len(chain.sequence))
    with pytest.raises(AlignmentProblemError, match="other residues"):
        laid_onto(replace(longer, full_sequence=chain.sequence + "A"), read_alignment(path))


def test_validation_chains_by_name(asked, searcher, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("# half of a family\nF0M1\nf2m0_a\n")
    made, _ = run(replace(asked, split=SplitSettings(names=str(names))), tmp_path / "out", searcher)
    assert set(ChainSet.open(made.folder / prepare.VALIDATION_SET).ids) == {"f0m1_A", "f2m0_A"}
    names.write_text("nobody\n")
    with pytest.raises(InputError, match="none that is used"):
        run(replace(asked, split=SplitSettings(names=str(names))), tmp_path / "other", searcher)


def test_without_hits_nothing_is_scanned(asked, searcher, tmp_path, monkeypatch):
    monkeypatch.setattr(type(searcher), "library_hits", lambda *_, **__: pytest.fail("scanned"))
    made, _ = run(asked, tmp_path / "out", searcher, with_hits=False)
    assert not made.has_hits and not (made.folder / prepare.HITS).exists()


def test_nothing_that_passes(tmp_path, asked, searcher):
    folder = tmp_path / "short"
    folder.mkdir()
    (folder / "x.pdb").write_text(structure_text(member(0, 0)[:20], 0))
    with pytest.raises(InputError, match="mostly: length"):
        run(replace(asked, structures=str(folder)), tmp_path / "out", searcher)


def test_what_is_known_needs_no_search(asked, searcher, tmp_path):
    made, _ = run(asked, tmp_path / "out", searcher)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "new.pdb").write_text(structure_text(member(0, 7), 0))
    finder = Finder(made.folder, searcher, None, with_hits=True)
    old = list(read_all(tmp_path / "structures", list_files(tmp_path / "structures"), None))
    new = list(read_all(tmp_path / "one", list_files(tmp_path / "one"), None))
    assert all(finder.is_known(chain) for chain in old) and not finder.is_known(new[0])
    found = finder.find(old[0])
    assert found.hits[0].query_index.dtype.kind == "i"
    kept = json.loads((made.folder / finder._hits_name(old[0], found.alignment)).read_text())
    assert np.isclose(kept[0]["identity"], found.hits[0].identity)
