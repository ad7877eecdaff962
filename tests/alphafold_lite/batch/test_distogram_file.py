"""Distograms of a batch: only where they are asked for, and nothing else changes by it."""

from dataclasses import replace

import numpy as np
import pytest

from alphafold_lite.batch.distogram_file import Distogram, load_distogram, save_distogram
from alphafold_lite.batch.files import distogram_file, distograms_folder
from alphafold_lite.common.errors import InputError
from tests.support.batches import UNTRAINED
from tests.support.distograms import num_pairs

FASTA = ">a\nMQIFVKTLTG\n>b\nMQIFVKTLTGKTI\n>twin\nMQIFVKTLTG\n"
WITH = replace(UNTRAINED, distogram_band=4)


def test_round_trip(tmp_path):
    kept = Distogram(num_res=3, log_probabilities=np.ones((3, 2), np.float16), confidence=np.ones(3), reference="ab")
    for part in (kept, replace(kept, log_probabilities=None), replace(kept, confidence=None, reference="")):
        save_distogram(part, tmp_path / "a.npz")
        found = load_distogram(tmp_path / "a.npz")
        assert (found.num_res, found.reference) == (3, part.reference)
        for name in ("log_probabilities", "confidence"):
            assert np.array_equal(getattr(found, name), getattr(part, name)), name
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[:-40])
    with pytest.raises(InputError):
        load_distogram(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", other=np.ones(3))
    with pytest.raises(InputError, match="predict it again"):
        load_distogram(tmp_path / "a.npz")


def test_kept_where_asked_for_and_no_target_is_another_by_it(batches):
    code, told = batches.run(FASTA, prediction=UNTRAINED)
    assert code == 0 and len(told.ends) == 3 and not distograms_folder(batches.out).exists()
    keys = dict(batches.rows("SELECT name, key FROM targets"))
    before = (batches.out / "a" / "ranked_0.pdb").read_bytes()

    code, told = batches.run(FASTA, prediction=WITH)  # folded again for their distograms
    assert code == 0 and len(told.ends) == 3
    assert dict(batches.rows("SELECT name, key FROM targets")) == keys
    assert (batches.out / "a" / "ranked_0.pdb").read_bytes() == before
    for name, length in (("a", 10), ("b", 13), ("twin", 10)):
        found = load_distogram(distogram_file(batches.out, keys[name]))
        assert found.num_res == length and found.log_probabilities.shape == (num_pairs(length, 4), 64)
        assert np.exp(found.log_probabilities.astype(float)).sum(-1) == pytest.approx(1, abs=5e-3)
    assert len(list(distograms_folder(batches.out).iterdir())) == 2

    code, told = batches.run(FASTA, prediction=WITH)
    assert code == 0 and not told.ends  # all there
    distogram_file(batches.out, keys["b"]).unlink()
    code, told = batches.run(FASTA, prediction=WITH)
    assert code == 0 and [end.name for end in told.ends] == ["b"]
    assert distogram_file(batches.out, keys["b"]).is_file()
    distogram_file(batches.out, keys["b"]).unlink()
    assert not batches.run(FASTA, prediction=UNTRAINED)[1].ends  # nobody asks
