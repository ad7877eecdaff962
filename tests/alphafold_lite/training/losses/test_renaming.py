from dataclasses import replace

import numpy as np
import pytest
import torch

from alphafold_lite.training.losses.renaming import rename_ambiguous
from tests.support.loss_examples import predict, random_leaves, random_truth, stacked


def _choice_by_loops(predicted, targets):
    """Sums over atoms as Alg. 26 reads."""
    predicted, first, second = (
        t.numpy() for t in (predicted, targets.atom14_positions, targets.atom14_positions_alternative)
    )
    there, ambiguous = targets.atom14_mask.numpy(), targets.atom14_is_ambiguous.numpy()
    better = np.zeros(len(there), bool)
    for i in range(len(there)):
        sums = [0.0, 0.0]
        for a in np.nonzero(there[i] * ambiguous[i])[0]:
            for j, b in zip(*np.nonzero(there * (1 - ambiguous)), strict=True):
                wanted = np.linalg.norm(predicted[i, a] - predicted[j, b])
                for which, naming in enumerate((first, second)):
                    sums[which] += abs(wanted - np.linalg.norm(naming[i, a] - naming[j, b]))
        better[i] = sums[1] < sums[0]
    return better


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_choice_is_that_of_the_algorithm(missing):
    truth = random_truth(30, seed=2, missing=missing)
    predicted = predict(truth, random_leaves(truth, noise=6.0)).atom14_positions
    renamed = rename_ambiguous(predicted, truth.targets())
    want = _choice_by_loops(predicted, truth.targets())
    np.testing.assert_array_equal(renamed.alternative_is_better, want)
    assert 1 < want.sum() < len(want)


def test_the_other_naming_is_undone():
    truth = random_truth(20)
    prediction = predict(truth, random_leaves(truth, noise=0.0))
    plain = rename_ambiguous(prediction.atom14_positions, truth.targets())
    swapped = rename_ambiguous(prediction.atom14_positions, truth.renamed().targets())
    is_ambiguous = truth.targets().atom14_is_ambiguous.amax(-1) > 0
    assert is_ambiguous.sum() >= 4
    assert not plain.alternative_is_better.any()
    assert torch.equal(swapped.alternative_is_better, is_ambiguous)
    torch.testing.assert_close(swapped.atom14_positions, plain.atom14_positions)
    torch.testing.assert_close(swapped.groups.rotation, plain.groups.rotation, atol=0.05, rtol=0)


def test_masks_follow_the_names():
    truth = random_truth(4)  # D E F Y
    mask = truth.atom37_mask.clone()
    mask[0, 17] = 0  # OD2 of the aspartate
    prediction = predict(truth, random_leaves(truth, noise=0.0))
    targets = replace(truth, atom37_mask=mask).renamed().targets()
    assert targets.atom14_mask[0, 6:8].tolist() == [0, 1] and targets.atom14_mask_alternative[0, 6:8].tolist() == [1, 0]
    renamed = rename_ambiguous(prediction.atom14_positions, targets)
    chosen = targets.atom14_mask_alternative if renamed.alternative_is_better[0] else targets.atom14_mask
    assert torch.equal(renamed.atom14_mask[0], chosen[0])


def test_no_ambiguous_residue():
    truth = random_truth(6)
    truth = replace(truth, aatype=torch.zeros_like(truth.aatype))
    renamed = rename_ambiguous(truth.targets().atom14_positions, truth.targets())
    assert not renamed.alternative_is_better.any()


def test_no_gradient_and_leading_dimensions():
    truths = [random_truth(8, seed=s) for s in (0, 1)]
    predictions = [predict(t, random_leaves(t, noise=5.0).map(lambda x: x.requires_grad_())) for t in truths]
    together = rename_ambiguous(stacked(predictions).atom14_positions, stacked(truths).targets())
    assert not together.atom14_positions.requires_grad
    for one, (truth, prediction) in enumerate(zip(truths, predictions, strict=True)):
        alone = rename_ambiguous(prediction.atom14_positions, truth.targets())
        assert torch.equal(together.alternative_is_better[one], alone.alternative_is_better)
        assert torch.equal(together.atom14_positions[one], alone.atom14_positions)
