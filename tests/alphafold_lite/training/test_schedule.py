from dataclasses import replace

import pytest

from alphafold_lite.training.presets import cpu_small, finetuning, initial_training
from alphafold_lite.training.schedule import ema_weight, learning_rate


def test_initial_training_warms_up_and_decays_once():
    config = initial_training()
    assert learning_rate(config, 499) == pytest.approx(5e-4)  # 64,000 of 128,000 samples
    assert learning_rate(config, 999) == pytest.approx(1e-3)
    assert learning_rate(config, 49_999) == pytest.approx(1e-3)  # 6.4 million samples
    assert learning_rate(config, 50_000) == pytest.approx(0.95e-3)


def test_finetuning_has_half_the_rate_from_its_first_step_to_its_last():
    config = finetuning()
    assert learning_rate(config, 0) == learning_rate(config, config.run.steps - 1) == 5e-4


def test_cosine_ends_at_the_final_factor():
    config = cpu_small()
    peak, factor = config.optimizer.learning_rate, config.optimizer.final_factor
    rates = [learning_rate(config, step) for step in range(0, config.run.steps, 1000)]
    assert max(rates) == pytest.approx(peak, rel=1e-3)
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert learning_rate(config, config.run.steps - 1) == pytest.approx(peak * factor, rel=1e-3)


def test_a_run_that_starts_later_warms_up_again():
    config = cpu_small()
    later = replace(
        config,
        run=replace(config.run, first_step=10_000),
        optimizer=replace(config.optimizer, restart_warmup_samples=400),
    )
    assert learning_rate(later, 10_049) == pytest.approx(0.5 * learning_rate(config, 10_049))
    assert learning_rate(later, 10_100) == learning_rate(config, 10_100)


def test_average_is_short_at_first_where_configured():
    optimizer = cpu_small().optimizer
    assert ema_weight(optimizer, 0) == pytest.approx(0.9)
    assert ema_weight(optimizer, 10**6) == pytest.approx(1 - optimizer.ema_decay)
    assert ema_weight(initial_training().optimizer, 1) == pytest.approx(1e-3)
