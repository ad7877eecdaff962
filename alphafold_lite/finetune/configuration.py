"""The training that suits a network and a request: from parameters and settings to `TrainingConfig`. Nothing but these decides it."""

from dataclasses import dataclass, replace
from math import ceil

from alphafold_lite.finetune.settings import FinetuneSettings
from alphafold_lite.presets import rows_of
from alphafold_lite.training import losses, parameters, presets, settings
from alphafold_lite.training.config import (
    AdaptationConfig,
    InputMix,
    OptimizerConfig,
    RunConfig,
    StepConfig,
    TemplateMix,
    TrainingConfig,
    ValidationConfig,
)
from alphafold_lite.training.losses import LossConfig
from alphafold_lite.weights.convert import on_meta
from alphafold_lite.weights.registry import ParameterSource

LARGE = 30_000_000  # parameters, from which on blocks are run again in the backward pass and AlphaFold's own losses are used
ADAPTER_RATE = 10.0  # adapters start at 0 and learn at a higher rate
LOG_LINES, SAVED = 100, 10  # of a run


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """What goes with the size of a network."""

    crop: int
    steps: int
    rate: float
    batch: int
    micro_batch: int


SMALL = Size(crop=128, steps=1000, rate=1e-4, batch=4, micro_batch=4)
BIG = Size(crop=256, steps=500, rate=1e-4, batch=8, micro_batch=1)


def start_source(params: str) -> ParameterSource:
    """The parameters to start from: what `--params` takes, or the folder of a run, whose average is taken.

    Raises:
        InputError: several sets, or a file that cannot be used.
        MissingResourceError: nothing there.
    """
    return parameters.start_source(params, "from (--params)")


def num_parameters(source: ParameterSource) -> int:
    """Of the network, read from its configuration alone."""
    return sum(parameter.numel() for parameter in on_meta(source.config).parameters())


def reads_library(source: ParameterSource) -> bool:
    """Whether library hits are of use to the network: as templates or for their profiles."""
    return source.config.template is not None or source.carried_profile


def training_config(
    source: ParameterSource, request: FinetuneSettings, *, has_hits: bool, cuda: bool, processes: int = 1
) -> TrainingConfig:
    """A run that starts from these parameters.

    Args:
        has_hits: whether there are library hits to offer.
        cuda: bfloat16 for large networks.
        processes: the batch becomes a multiple of what they take at once.

    Raises:
        InputError: a setting that is not there or does not fit.
    """
    large = num_parameters(source) >= LARGE
    size = BIG if large else SMALL
    base = _large(source) if large else _small(source)
    steps = request.steps or size.steps
    share = size.micro_batch * processes
    batch = share * ceil(size.batch / share)
    rate = request.learning_rate or size.rate * (ADAPTER_RATE if request.lora else 1.0)
    config = replace(
        base,
        name=f"{source.name}_finetuned",
        model=source.config,
        data=replace(
            base.data,
            crop_size=request.crop or size.crop,
            thinned_share=0.0,
            inputs=InputMix(alignment=1.0, carried_in_deep=float(source.carried_profile and has_hits)),
            templates=_templates(source, has_hits=has_hits),
            min_length=min(base.data.min_length, request.filters.min_length),
            clamped_share=0.9,
        ),
        step=replace(
            base.step, batch_size=batch, micro_batch=size.micro_batch, precision="bf16" if cuda and large else "fp32"
        ),
        optimizer=OptimizerConfig(
            learning_rate=rate, beta2=0.99, warmup_samples=batch * steps // 20, schedule="cosine", final_factor=0.05,
            ema_decay=0.99, ema_warmup=True,
        ),
        validation=_validation(source, has_hits=has_hits, large=large),
        run=RunConfig(
            seed=request.seed, steps=steps, checkpoint_every=ceil(steps / SAVED), validate_every=ceil(steps / SAVED),
            log_every=ceil(steps / LOG_LINES),
        ),
        adaptation=AdaptationConfig(freeze=request.freeze, lora_rank=request.lora),
        stages=(),
    )  # fmt: skip
    return settings.override(config, request.changes)


def _templates(source: ParameterSource, *, has_hits: bool) -> TemplateMix:
    template = source.config.template
    if template is None or not has_hits:
        return TemplateMix(none=1.0, corrupted=0.0, homologues=0.0)
    return TemplateMix(none=0.2, corrupted=0.0, homologues=0.8, max_templates=template.max_templates)


def _validation(source: ParameterSource, *, has_hits: bool, large: bool) -> ValidationConfig:
    templates = has_hits and source.config.template is not None
    return ValidationConfig(
        count=100,
        max_length=384 if large else 256,
        num_recycles=3,
        templates=("homologues",) if templates else ("none",),
        inputs="alignment",
        one_of_cluster=False,
    )


def _large(source: ParameterSource) -> TrainingConfig:
    """AlphaFold's fine-tuning with fewer MSA rows; step and losses of the supplement, activations checkpointed."""
    official = presets.finetuning()
    loss = losses.finetuning(losses.initial_training(), pae=source.config.heads.pae)
    clusters, extra = rows_of(source)
    data = replace(official.data, max_clusters=min(clusters, 128), max_extra=min(extra, 1024))
    return replace(official, model=source.config, loss=_heads_fit(loss, source), data=data)


def _small(source: ParameterSource) -> TrainingConfig:
    """As the own small networks are trained in their last stage."""
    clusters, extra = rows_of(source)
    data = replace(presets.small_data(crop_size=SMALL.crop), max_clusters=min(clusters, 32), max_extra=min(extra, 128))
    loss = replace(presets.small_loss(), violation=0.05, plddt=0.05)
    step = StepConfig(
        batch_size=SMALL.batch, micro_batch=SMALL.micro_batch, max_recycles=1, clip="step", clip_norm=1.0,
        kernels="reference", checkpoint_blocks=False, fuse_triangles=True,
    )  # fmt: skip
    return TrainingConfig(name=source.name, model=source.config, loss=_heads_fit(loss, source), data=data, step=step)


def _heads_fit(loss: LossConfig, source: ParameterSource) -> LossConfig:
    return loss if source.config.heads.pae else replace(loss, pae=0.0)
