"""What the samples of one forward pass have in common, so that their tensors have equal shapes and nothing is padded in vain."""

from dataclasses import dataclass

from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.training.randomness import Purpose, generator


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Passes of the network, whether it reads several rows, and the number of templates, possibly none."""

    passes: int = 1
    deep: bool = False
    templates: int = 0


def plan(config: TrainingConfig, step: int, first_sample: int) -> Plan:
    """The plan of the forward pass that begins with a sample; passes are the same for a whole step (Alg. 31, line 2)."""
    return Plan(
        passes=num_passes(config, step),
        deep=is_deep(config, first_sample),
        templates=num_templates(config, first_sample),
    )


def num_passes(config: TrainingConfig, step: int) -> int:
    """Uniformly 1 to `max_recycles` + 1."""
    return 1 + int(generator(config.run.seed, Purpose.RECYCLES, step).integers(0, config.step.max_recycles + 1))


def is_deep(config: TrainingConfig, first_sample: int) -> bool:
    """By the shares of the inputs with several rows and with one."""
    return bool(generator(config.run.seed, Purpose.DEPTH, first_sample).random() < config.data.inputs.deep_share)


def num_templates(config: TrainingConfig, first_sample: int) -> int:
    """None by their share, otherwise uniformly 1 to the largest number (supplement 1.2.4)."""
    most, mix = max_templates(config), config.data.templates
    rng = generator(config.run.seed, Purpose.TEMPLATES, first_sample)
    wanted = rng.random() * (mix.none + mix.corrupted + mix.homologues) >= mix.none
    return int(rng.integers(1, most + 1)) if wanted and most else 0


def max_templates(config: TrainingConfig) -> int:
    """The largest number of templates that data and network take."""
    template = config.model.template
    return 0 if template is None else min(config.data.templates.max_templates, template.max_templates)
