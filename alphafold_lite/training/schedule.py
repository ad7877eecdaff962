"""Learning rate as a function of samples (supplement 1.11.3), weight of the moving average as a function of steps."""

import math

from alphafold_lite.training.config import OptimizerConfig, TrainingConfig, samples_before


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The rate of a step (from 0): warm-up times decay times, after a restart, a second warm-up."""
    optimizer = config.optimizer
    done = samples_before(config, step + 1)  # the step's own samples count, so that the first step moves
    factor = _ramp(done, optimizer.warmup_samples) * _decay(config, done)
    if config.run.first_step:
        factor *= _ramp(done - samples_before(config, config.run.first_step), optimizer.restart_warmup_samples)
    return optimizer.learning_rate * factor


def ema_weight(optimizer: OptimizerConfig, steps_done: int) -> float:
    """Share of the newest parameters in the moving average after `steps_done` steps."""
    decay = optimizer.ema_decay
    if optimizer.ema_warmup:
        decay = min(decay, (1 + steps_done) / (10 + steps_done))
    return 1.0 - decay


def _ramp(samples: int, length: int) -> float:
    return min(1.0, samples / length) if length > 0 else 1.0


def _decay(config: TrainingConfig, done: int) -> float:
    optimizer = config.optimizer
    if optimizer.schedule == "steps":
        return optimizer.decay_factor if done > optimizer.decay_after_samples else 1.0
    total = optimizer.total_samples or samples_before(config, config.run.steps)
    start = min(optimizer.warmup_samples, total)
    progress = min(max((done - start) / max(total - start, 1), 0.0), 1.0)
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return optimizer.final_factor + (1 - optimizer.final_factor) * cosine
