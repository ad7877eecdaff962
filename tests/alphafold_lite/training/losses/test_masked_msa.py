import pytest
import torch

from alphafold_lite.training.losses import MsaTruth
from alphafold_lite.training.losses.masked_msa import masked_msa_loss


def test_mean_over_the_letters_asked_for():
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 23, generator=g, dtype=torch.float64)
    letters = torch.randint(0, 22, (3, 5), generator=g)
    asked = torch.zeros(3, 5, dtype=torch.float64)
    places = ((0, 1), (2, 4), (1, 0))
    for place in places:
        asked[place] = 1
    truth = MsaTruth(true_msa=letters, bert_mask=asked)
    want = sum(-float(logits[p].log_softmax(-1)[letters[p]]) for p in places) / 3
    assert float(masked_msa_loss(logits, truth, torch.ones(3, 5))) == pytest.approx(want, rel=1e-7)

    rows = torch.ones(3, 5)
    rows[2] = 0
    want = sum(-float(logits[p].log_softmax(-1)[letters[p]]) for p in (places[0], places[2])) / 2
    assert float(masked_msa_loss(logits, truth, rows)) == pytest.approx(want, rel=1e-7)


def test_nothing_asked():
    truth = MsaTruth(true_msa=torch.zeros(2, 3, dtype=torch.int64), bert_mask=torch.zeros(2, 3))
    assert masked_msa_loss(torch.randn(2, 3, 23), truth, torch.ones(2, 3)) == 0
