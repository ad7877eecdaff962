import numpy as np
import pytest
from pyhmmer.easel import TextSequence
from pyhmmer.plan7 import Background, Builder

from alphafold_lite.common.residue_constants import restypes
from data_pipeline.search import hmms
from tests.support.planted_families import family_profile, random_sequence

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQ"


def _phmmer_model(sequence: str):
    return Builder(hmms.AMINO).build(
        TextSequence(name="q", sequence=sequence).digitize(hmms.AMINO), Background(hmms.AMINO)
    )[0]


def test_substitutions_are_conditional_probabilities() -> None:
    matrix = hmms.substitution_probabilities()
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-5)
    tryptophan, leucine, isoleucine = (restypes.index(letter) for letter in "WLI")
    assert matrix[tryptophan].argmax() == tryptophan
    assert matrix[leucine, isoleucine] > 1.5 * hmms.background_frequencies()[isoleucine]
    assert matrix[tryptophan, isoleucine] < hmms.background_frequencies()[isoleucine]


def test_the_background_is_hmmers_in_our_order() -> None:
    frequencies = dict(zip(restypes, hmms.background_frequencies(), strict=True))
    assert frequencies["L"] == pytest.approx(0.0964, abs=1e-4)  # HMMER: most frequent
    assert frequencies["W"] == pytest.approx(0.0114, abs=1e-4)


def test_a_chain_without_a_profile_gets_phmmers_model() -> None:
    ours = hmms.build_hmm("q", hmms.emissions(SEQUENCE, None))
    theirs = _phmmer_model(SEQUENCE)
    np.testing.assert_allclose(ours.match_emissions, theirs.match_emissions, atol=1e-6)
    np.testing.assert_allclose(ours.insert_emissions, theirs.insert_emissions, atol=1e-6)
    transitions = np.asarray(ours.transition_probabilities)
    assert transitions[0, 5:].tolist() == [1.0, 0.0]  # there is no deletion before the first position
    np.testing.assert_allclose(transitions[0, :5], np.asarray(theirs.transition_probabilities)[0, :5], atol=1e-6)
    np.testing.assert_allclose(transitions[1:], np.asarray(theirs.transition_probabilities)[1:], atol=1e-6)


def test_a_profile_that_only_repeats_the_sequence_counts_as_none() -> None:
    np.testing.assert_array_equal(hmms.emissions(SEQUENCE, hmms.one_hot(SEQUENCE)), hmms.emissions(SEQUENCE, None))


def test_a_profile_is_mixed_with_35_percent_pseudocount() -> None:
    profile = family_profile(np.random.default_rng(0), SEQUENCE)
    expected = 0.65 * profile + 0.35 * profile @ hmms.substitution_probabilities()
    np.testing.assert_allclose(hmms.emissions(SEQUENCE, profile), expected, atol=1e-5)


@pytest.mark.parametrize("with_profile", [False, True])
def test_positions_without_a_residue_emit_the_background(with_profile: bool) -> None:
    profile = hmms.one_hot("AXC") * 0.5 if with_profile else None
    emitted = hmms.emissions("AXC", profile)
    np.testing.assert_allclose(emitted[1], hmms.background_frequencies(), atol=1e-6)
    np.testing.assert_allclose(emitted.sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 30, 300])
def test_models_are_valid_and_named(length: int) -> None:
    sequence = random_sequence(np.random.default_rng(length), length)
    model = hmms.build_hmm("17", hmms.emissions(sequence, None))
    model.validate(1e-4)
    assert (model.M, model.name) == (length, "17")
    shown = [ours for ours, residue in zip(model.consensus.upper(), sequence, strict=True) if residue != "M"]
    assert "".join(shown) == sequence.replace("M", "")  # BLOSUM62 has leucine in the place of most methionines
    parameters = np.asarray(model.evalue_parameters.as_vector())
    assert parameters[0] == pytest.approx(-2.420 - 1.512 * np.log(length), abs=1e-4)
    assert parameters[1] == pytest.approx(np.log(2), abs=1e-4)


def test_fitted_locations_are_near_hmmers_own_calibration() -> None:
    for length in (60, 150, 250):
        sequence = random_sequence(np.random.default_rng(length), length)
        fitted = np.asarray(hmms.build_hmm("a", hmms.emissions(sequence, None)).evalue_parameters.as_vector())
        calibrated = np.asarray(_phmmer_model(sequence).evalue_parameters.as_vector())
        np.testing.assert_allclose(fitted[::2], calibrated[::2], atol=1.6)  # bits; four standard deviations of the fit


def test_optimized_profiles_keep_lengths_of_their_own() -> None:
    models = [hmms.build_hmm(str(n), hmms.emissions("ACDEF" * n, None)) for n in (3, 1, 9)]
    assert [profile.M for profile in hmms.optimized(models, 45)] == [15, 5, 45]
