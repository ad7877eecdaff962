"""Random draws: what must hold for every seed."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features, SampledFeatures, TemplateFeatures
from data_pipeline.clustering import squash_deletions
from data_pipeline.msa import MASK, Msa, letter_profile
from data_pipeline.pipeline import assemble_features, build_features
from data_pipeline.sampling import (
    BlockDeletionConfig,
    MaskingConfig,
    SamplingConfig,
    apply_choices,
    block_delete,
    draw_choices,
    pick_letters,
    replacement_probabilities,
    sample,
)

RESTYPES = "ARNDCQEGHILKMFPSTWYVX"


def random_features(num_rows: int, num_res: int = 13, seed: int = 0) -> Features:
    rng = np.random.default_rng(seed)
    letters = rng.integers(0, 22, (num_rows, num_res)).astype(np.int32)
    letters[0] = rng.integers(0, 21, num_res)
    letters[:, 0] = np.arange(num_rows) % 20  # tells rows apart
    deletions = np.where(rng.random(letters.shape) < 0.3, rng.integers(1, 9, letters.shape), 0).astype(np.int32)
    deletions[0] = 0
    msa = Msa(letters=letters, deletion_matrix=deletions, descriptions=tuple(f"row {i}" for i in range(num_rows)))
    return assemble_features("".join(RESTYPES[letter] for letter in letters[0]), msa, name="test")


def draw(features: Features, seed: int = 0, **options: object) -> SampledFeatures:
    return sample(features, SamplingConfig(**options), np.random.default_rng(seed))


def assert_same(one: SampledFeatures, two: SampledFeatures) -> None:
    for field in fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(two, field.name), err_msg=field.name)


def differs(one: SampledFeatures, two: SampledFeatures) -> bool:
    return any(
        not np.array_equal(getattr(one, name), getattr(two, name)) for name in ("true_msa", "extra_msa", "bert_mask")
    )


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 40), st.integers(0, 1000))
def test_counts_shapes_and_first_row(num_rows, max_clusters, max_extra, seed):
    features = random_features(num_rows)
    drawn = draw(features, seed, max_clusters=max_clusters, max_extra=max_extra)
    num_clusters, num_extra = min(num_rows, max_clusters), min(max(num_rows - max_clusters, 0), max_extra)
    assert drawn.msa.shape == drawn.msa_mask.shape == (num_clusters, 13)
    assert drawn.cluster_profile.shape == (num_clusters, 13, 23)
    assert drawn.extra_msa.shape == drawn.extra_msa_mask.shape == (max(num_extra, 1), 13)
    assert drawn.extra_msa_mask.sum() == num_extra * 13 and drawn.msa_mask.all() and drawn.seq_mask.all()
    np.testing.assert_array_equal(drawn.true_msa[0], features.msa[0])
    np.testing.assert_allclose(drawn.cluster_profile.sum(-1), 1, atol=1e-6)
    for field in fields(drawn):
        if field.name != "templates":
            assert getattr(drawn, field.name).dtype in (np.int32, np.float32), field.name


def test_rows_are_a_subset_and_each_is_used_once():
    features = random_features(20)
    choices = draw_choices(features, SamplingConfig(max_clusters=6, max_extra=9), np.random.default_rng(5))
    assert choices.order[0] == 0 and sorted(choices.order) == list(range(20))
    drawn = apply_choices(features, choices, max_templates=0)
    np.testing.assert_array_equal(drawn.true_msa, features.msa[choices.order[:6]])
    np.testing.assert_array_equal(drawn.extra_msa, features.msa[choices.order[6:15]])
    deletions = features.deletion_matrix[choices.order]
    np.testing.assert_array_equal(drawn.msa_has_deletion, deletions[:6] > 0)
    np.testing.assert_array_equal(drawn.extra_deletion_value, squash_deletions(deletions[6:15]))
    np.testing.assert_array_equal(drawn.msa_deletion_value, squash_deletions(deletions[:6]))


def test_every_row_reaches_the_clusters_also_beyond_the_extra_limit():
    features = random_features(50)
    few, many = (draw(features, 3, max_clusters=4, max_extra=limit) for limit in (1, 46))
    np.testing.assert_array_equal(few.cluster_profile, many.cluster_profile)
    sizes = 1 / np.where(many.cluster_profile > 0, many.cluster_profile, 1).min(axis=(1, 2))
    assert sizes.max() > 4  # some centre was joined


def test_same_seed_same_draw_and_another_seed_another():
    features = random_features(40)
    assert_same(draw(features, 7, max_clusters=9, max_extra=20), draw(features, 7, max_clusters=9, max_extra=20))
    assert differs(draw(features, 7, max_clusters=9, max_extra=20), draw(features, 8, max_clusters=9, max_extra=20))
    rng = np.random.default_rng(7)
    config = SamplingConfig(max_clusters=9)
    assert differs(sample(features, config, rng), sample(features, config, rng))  # every recycle draws anew


def test_sampling_leaves_features_alone():
    features = random_features(10)
    before = features.msa.copy()
    draw(features, max_clusters=4)
    np.testing.assert_array_equal(features.msa, before)


def test_permuted_extra_rows_leave_centres_and_profiles_alone():
    features = random_features(40)
    choices = draw_choices(features, SamplingConfig(max_clusters=8), np.random.default_rng(1))
    order = choices.order.copy()
    order[8:] = np.random.default_rng(2).permutation(order[8:])
    one, two = (apply_choices(features, c, max_templates=0) for c in (choices, replace(choices, order=order)))
    for name in ("msa", "cluster_profile", "cluster_deletion_mean", "msa_deletion_value"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert not np.array_equal(one.extra_msa, two.extra_msa)


def test_few_rows_are_all_centres_and_extra_is_one_masked_row():
    drawn = draw(random_features(3), max_clusters=8)
    assert len(drawn.msa) == 3 and drawn.extra_msa.shape == (1, 13)
    assert (
        not drawn.extra_msa_mask.any() and not drawn.extra_has_deletion.any() and not drawn.extra_deletion_value.any()
    )
    np.testing.assert_array_equal(drawn.extra_msa, 21)
    assert (drawn.cluster_profile == np.eye(23)[drawn.msa]).all()


@pytest.mark.parametrize("sequence", ["M", "MKTAYIAKQRX"])
def test_single_sequence_mode(sequence):
    drawn = draw(build_features(sequence, name="q"))
    assert drawn.msa.shape == (1, len(sequence)) and drawn.extra_msa.shape == (1, len(sequence))
    np.testing.assert_array_equal(drawn.true_msa[0], drawn.aatype)
    assert not drawn.domain_break.any()


def test_masking_changes_only_masked_letters_at_the_right_rate():
    features = random_features(200, num_res=300)
    drawn = draw(features, max_clusters=200)
    masked = drawn.bert_mask.astype(bool)
    np.testing.assert_array_equal(drawn.msa[~masked], drawn.true_msa[~masked])
    assert abs(masked.mean() - 0.15) < 0.01  # 60,000 positions: one sigma is 0.0015
    assert abs((drawn.msa[masked] == MASK).mean() - 0.7) < 0.03  # 9,000 positions: one sigma is 0.005
    assert drawn.true_msa.max() <= 21


def test_masking_can_be_switched_off():
    drawn = draw(random_features(5), masking=MaskingConfig(fraction=0.0))
    assert not drawn.bert_mask.any() and (drawn.msa == drawn.true_msa).all()


def test_replacement_probabilities():
    profile = letter_profile(random_features(9).msa)
    letters = np.arange(13) + 9  # gap among them
    probabilities = replacement_probabilities(letters, profile, MaskingConfig())
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-6)
    np.testing.assert_allclose(probabilities[:, MASK], 0.7, atol=1e-6)
    wanted = 0.1 * np.array([1 / 20] * 20 + [0, 0]) + 0.1 * profile + 0.1 * np.eye(22)[letters]
    np.testing.assert_allclose(probabilities[:, :22], wanted, atol=1e-6)


def test_letters_are_picked_by_their_probability():
    probabilities = np.tile(np.eye(23)[[4]] * 0.25 + np.eye(23)[[22]] * 0.75, (8, 1))
    draws = np.array([0, 0.1, 0.2499, 0.25, 0.5, 0.9, 0.99, np.nextafter(1, 0)])
    assert pick_letters(probabilities, draws).tolist() == [4, 4, 4, 22, 22, 22, 22, 22]
    rng = np.random.default_rng(0)
    random_rows = rng.dirichlet(np.ones(23), 1)
    picked = pick_letters(np.tile(random_rows, (50_000, 1)), rng.random(50_000))
    np.testing.assert_allclose(np.bincount(picked, minlength=23) / 50_000, random_rows[0], atol=0.01)


@given(st.integers(1, 50), st.lists(st.integers(0, 49), max_size=5), st.floats(0, 1))
def test_block_deletion_keeps_the_query_and_removes_runs(num_rows, starts, fraction):
    kept = block_delete(num_rows, np.array([s % num_rows for s in starts], int), fraction)
    size = int(num_rows * fraction)
    wanted = {row for row in range(1, num_rows) if not any(0 <= row - s % num_rows < size for s in starts)}
    assert kept[0] == 0 and set(kept[1:]) == wanted and len(kept) == len(wanted) + 1


def test_block_deletion_is_drawn_only_when_asked_for():
    features = random_features(40)
    config = SamplingConfig(max_clusters=5, block_deletion=BlockDeletionConfig())
    choices = draw_choices(features, config, np.random.default_rng(0))
    assert choices.order[0] == 0 and 1 < len(choices.order) < 40
    assert len(draw_choices(features, SamplingConfig(max_clusters=5), np.random.default_rng(0)).order) == 40


def test_templates_are_cut_and_may_take_clusters():
    features = random_features(30)
    rng = np.random.default_rng(0)
    templates = TemplateFeatures(
        names=("a", "b", "c"),
        aatype=rng.integers(0, 22, (3, 13)),
        atom_positions=rng.normal(size=(3, 13, 37, 3)).astype(np.float32),
        atom_mask=np.ones((3, 13, 37), np.float32),
        sum_probs=np.array([3, 2, 1], np.float32),
    )
    drawn = draw(replace(features, templates=templates), max_templates=2, max_clusters=10, templates_take_clusters=True)
    assert drawn.templates is not None and drawn.templates.names == ("a", "b") and len(drawn.msa) == 8
    np.testing.assert_array_equal(drawn.templates.atom_positions, templates.atom_positions[:2])
    assert draw(features).templates is None
    assert draw(replace(features, templates=templates), max_templates=0).templates is None


@pytest.mark.parametrize(
    "options",
    [
        {"max_clusters": 0},
        {"max_extra": -1},
        {"max_templates": -1},
        {"max_clusters": 4, "templates_take_clusters": True},
    ],
)
def test_impossible_limits_are_errors(options):
    with pytest.raises(InputError, match="cluster"):
        SamplingConfig(**options)


@pytest.mark.parametrize("options", [{"fraction": 1.5}, {"same": -0.1}, {"uniform": 0.5, "profile": 0.5}])
def test_impossible_masking_is_an_error(options):
    with pytest.raises(InputError, match="fraction"):
        MaskingConfig(**options)
