"""Chains side by side: numbers, rows, templates."""

from dataclasses import fields

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import TemplateFeatures
from alphafold_lite.common.residue_constants import restypes
from data_pipeline.complexes import (
    build_complex_features,
    complex_note,
    join_templates,
    sort_alignments,
)
from data_pipeline.feature_file import load_features, save_features
from data_pipeline.parsers.a3m import parse_a3m
from data_pipeline.parsers.fasta import sequence_record
from data_pipeline.pipeline import build_features
from data_pipeline.sampling import SamplingConfig, sample

A, B = "MKTA", "YIG"
MSA_A = parse_a3m(">a\nMKTA\n>tr|A00001|A00001_MOUSE\nMccRTA\n>tr|A00002|A00002_YEAST\nM-TA\n>UPI1\nMKT-\n")
MSA_B = parse_a3m(">b\nYIG\n>tr|B00001|B00001_YEAST\nYaVG\n>UPI2\nYI-\n")
LETTERS = dict(enumerate(f"{''.join(restypes)}X-"))


def record_features(record, alignments):
    joined, own = sort_alignments(record.chains, alignments)
    return build_complex_features(record.chains, name=record.name, msas=own, joined=joined)


def rows(features):
    return ["".join(LETTERS[int(letter)] for letter in row) for row in features.msa]


def same(one, other):
    """Whether two containers hold the same."""
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))


def test_numbers_jump_by_two_hundred_between_chains():
    features = build_complex_features((A, B, A), name="t")
    assert features.residue_index.tolist() == [0, 1, 2, 3, 204, 205, 206, 407, 408, 409, 410]
    assert features.chain_index.tolist() == [0] * 4 + [1] * 3 + [2] * 4
    assert (features.name, features.sequence) == ("t", A + B + A)
    assert rows(features) == [A + B + A] and features.msa_descriptions == ("t",)


def test_rows_of_a_heterodimer_are_paired_by_species_then_block_diagonal():
    features = build_complex_features((A, B), name="d", msas=([MSA_A], [MSA_B]))
    assert rows(features) == [
        "MKTAYIG", "M-TAYVG", "MRTA---", "M-TA---", "MKT----", "----YVG", "----YI-",
    ]  # fmt: skip
    assert features.msa_descriptions[1] == "tr|A00002|A00002_YEAST + tr|B00001|B00001_YEAST"
    assert features.msa_descriptions[2:4] == MSA_A.descriptions[1:3]
    deletions = np.zeros((7, 7), int)
    deletions[1, 5] = deletions[5, 5] = 1
    deletions[2, 1] = 2
    assert features.deletion_matrix.tolist() == deletions.tolist()


def test_rows_of_a_homodimer_are_repeated_then_block_diagonal():
    features = build_complex_features((B, B), name="h", msas=([MSA_B],))
    assert rows(features) == ["YIGYIG", "YVGYVG", "YI-YI-", "YVG---", "YI----", "---YVG", "---YI-"]
    assert features.deletion_matrix[1].tolist() == [0, 1, 0, 0, 1, 0]
    assert features.msa_descriptions[1:3] == MSA_B.descriptions[1:]


def test_copies_in_a_trimer_stand_together_in_every_paired_row():
    features = build_complex_features((B, A, B), name="t", msas=([MSA_B], [MSA_A]))
    assert rows(features)[:4] == ["YIGMKTAYIG", "YVGM-TAYVG", "YVG----YVG", "YI-----YI-"]
    assert rows(features)[4:] == [
        "YVG-------", "YI--------", "-------YVG", "-------YI-", "---MRTA---", "---M-TA---", "---MKT----",
    ]  # fmt: skip


def test_alignments_for_each_chain_or_for_each_distinct_one():
    each = build_complex_features((B, A, B), name="t", msas=([MSA_B], [MSA_A], [MSA_B]))
    distinct = build_complex_features((B, A, B), name="t", msas=([MSA_B], [MSA_A]))
    assert same(each, distinct)
    assert same(each, build_complex_features((B, A, B), name="t", msas=([], [MSA_A], [MSA_B])))
    with pytest.raises(InputError, match="3 lists of alignments, one a chain, or 2"):
        build_complex_features((B, A, B), name="t", msas=([MSA_B],))


def test_alignments_over_all_chains_come_as_they_are():
    whole = parse_a3m(">q\nMKTAYIG\n>r\nMKRAYcI-\n")
    features = build_complex_features((A, B), name="d", joined=[whole], msas=([], [MSA_B]))
    assert rows(features) == ["MKTAYIG", "MKRAYI-", "----YVG", "----YI-"]
    assert features.msa_descriptions[:2] == ("q", "r") and features.deletion_matrix[1, 5] == 1


def test_one_chain_gives_the_features_of_a_monomer():
    assert same(build_complex_features((A,), name="m", msas=([MSA_A],)), build_features(A, name="m", msa=[MSA_A]))
    assert same(record_features(sequence_record(A), [MSA_A]), build_features(A, name="target", msa=[MSA_A]))
    with pytest.raises(InputError, match=r"target \(4 residues\)"):
        record_features(sequence_record(A), [MSA_B])


@pytest.mark.parametrize("chains", [(), ("",), (A, ""), ("", A)])
def test_chains_without_residues(chains):
    with pytest.raises(InputError, match="residues in every chain of x"):
        build_complex_features(chains, name="x")


def test_an_alignment_of_another_chain_names_the_chain():
    with pytest.raises(InputError, match="chain B of d"):
        build_complex_features((A, B), name="d", msas=([MSA_A], [MSA_A]))


def test_alignments_are_told_apart_by_their_first_row():
    whole = parse_a3m(">q\nMKTAYIG\n")
    joined, own = sort_alignments((A, B, B), [MSA_B, parse_a3m(">q\nMKTAYIGYIG\n"), MSA_A])
    assert [one.sequences[0] for one in joined] == ["MKTAYIGYIG"] and own == [[MSA_A], [MSA_B]]
    with pytest.raises(InputError, match=r"10 residues of all chains, or one chain \(A: 4, B: 3, C: 3\)") as caught:
        sort_alignments((A, B, B), [whole])
    assert "another row of 7 residues" in str(caught.value)
    assert sort_alignments(("MX", B), [parse_a3m(">q\nMU\n")])[1][0]


def templates(length, count, *, identity=None):
    """`count` templates whose coordinates say which they are."""
    return TemplateFeatures(
        names=tuple(f"{length}_{number}" for number in range(count)),
        aatype=np.full((count, length), 3, np.int32),
        atom_positions=np.broadcast_to(
            np.arange(1, count + 1, dtype=np.float32)[:, None, None, None], (count, length, 37, 3)
        ).copy(),
        atom_mask=np.ones((count, length, 37), np.float32),
        sum_probs=np.arange(count, dtype=np.float32) + length,
        identity=None if identity is None else np.array(identity, np.float32),
    )


def test_a_template_covers_its_own_chain_only():
    joined = join_templates((A, B), [templates(4, 1), templates(3, 2)])
    assert joined.names == ("4_0", "3_0", "3_1")
    assert joined.aatype.tolist() == [[3] * 4 + [21] * 3, [21] * 4 + [3] * 3, [21] * 4 + [3] * 3]
    assert joined.atom_mask[:, :, 0].tolist() == [[1] * 4 + [0] * 3, [0] * 4 + [1] * 3, [0] * 4 + [1] * 3]
    assert joined.atom_positions[:, 5, 1, 2].tolist() == [0, 1, 2] and joined.sum_probs.tolist() == [4, 3, 4]
    assert joined.identity is None and joined.e_value is None


def test_every_chain_gets_its_best_template_before_any_gets_its_second():
    joined = join_templates((A, B), [templates(4, 4), templates(3, 2)])
    assert joined.names == ("4_0", "3_0", "4_1", "3_1", "4_2", "4_3")


def test_templates_of_a_homodimer_stand_on_both_copies():
    joined = join_templates((B, B), [templates(3, 1, identity=[0.5])])
    assert joined.names == ("3_0", "3_0") and joined.identity.tolist() == [0.5, 0.5]
    assert joined.atom_mask[:, :, 0].tolist() == [[1] * 3 + [0] * 3, [0] * 3 + [1] * 3]


def test_scores_of_some_chains_only_are_nan_for_the_others():
    joined = join_templates((A, B), [templates(4, 1), templates(3, 1, identity=[0.25])])
    assert np.array_equal(joined.identity, np.array([np.nan, 0.25], np.float32), equal_nan=True)


def test_chains_without_templates_and_templates_that_do_not_fit():
    assert join_templates((A, B), []) is None and join_templates((A, B), [None, None]) is None
    assert join_templates((A, B), [None, templates(3, 1)]).names == ("3_0",)
    with pytest.raises(InputError, match="templates over 4 residues for chain A"):
        join_templates((A, B), [templates(3, 1), None])
    with pytest.raises(InputError, match="2 sets of templates"):
        join_templates((A, B), [None])


def test_features_of_a_complex_can_be_sampled_and_kept(tmp_path):
    features = build_complex_features(
        (A, B), name="d", msas=([MSA_A], [MSA_B]), templates=[templates(4, 1, identity=[0.5]), templates(3, 1)]
    )
    drawn = sample(features, SamplingConfig(max_clusters=4), np.random.default_rng(0))
    assert drawn.chain_index.tolist() == [0] * 4 + [1] * 3 and drawn.residue_index[4] - drawn.residue_index[3] == 201
    assert drawn.templates.aatype.shape == (2, 7)
    save_features(features, tmp_path / "features.npz")
    again = load_features(tmp_path / "features.npz")
    assert again.chain_index.tolist() == features.chain_index.tolist() and again.templates.names == ("4_0", "3_0")


def test_what_is_said_about_complexes():
    assert complex_note((A,)) is None
    assert "homo-oligomer of 2 chains" in complex_note((A, A)) and "predict homo-oligomers well" in complex_note((A, A))
    assert "hetero-complex of 3 chains (2 distinct)" in complex_note((A, B, A))
    assert "future" in complex_note((A, B))
