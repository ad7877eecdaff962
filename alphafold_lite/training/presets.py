"""Training runs by name: plain functions over frozen dataclasses."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from alphafold_lite import presets as models
from alphafold_lite.common.errors import InputError
from alphafold_lite.model.config import ModelConfig, PackingConfig, StackConfig, StructureConfig, TemplateConfig
from alphafold_lite.training import losses
from alphafold_lite.training.config import (
    DataConfig,
    InputMix,
    OptimizerConfig,
    RunConfig,
    Stage,
    StepConfig,
    TemplateMix,
    TrainingConfig,
    ValidationConfig,
)
from alphafold_lite.training.losses import LossConfig


def initial_training() -> TrainingConfig:
    """AlphaFold's initial training of the network with templates and PAE head (supplement 1.11 and Table 4): all defaults."""
    return TrainingConfig(name="initial_training", model=models.monomer_ptm(1), loss=losses.initial_training())


def finetuning(config: TrainingConfig | None = None) -> TrainingConfig:
    """The fine-tuning that follows `initial_training` (supplement 1.11.1 and Table 4); start it from that run's parameters."""
    config = initial_training() if config is None else config
    return replace(
        config,
        name="finetuning",
        loss=losses.finetuning(config.loss, pae=config.model.heads.pae),
        data=replace(config.data, crop_size=384, max_clusters=512, max_extra=5120),
        optimizer=replace(config.optimizer, learning_rate=5e-4, warmup_samples=0, decay_after_samples=10**12),
        run=replace(config.run, steps=11_719),  # 1.5 million samples
    )


def cpu_small() -> TrainingConfig:
    """About 1.3 million parameters for two CPU cores: crops of 64, then 96 and 128; profile, query or rows of it; corrupted templates.

    Choices follow measurements: the pair track is nearly all of the cost, so triangle multiplication has half the width of the pair
    representation and triangle attention is left out of the trunk; four equal crops share a forward pass. On two cores the fused triangles
    give 1.2 times the samples per second; compiling the blocks as well (`step.compile_blocks=true`) adds a twentieth and costs minutes.
    """
    return TrainingConfig(
        name="cpu_small",
        model=small_model(num_blocks=8, pair=64, msa=64, structure_layers=4, template_blocks=1),
        loss=small_loss(),
        data=small_data(crop_size=64),
        step=StepConfig(
            batch_size=4, micro_batch=4, max_recycles=1, clip="step", clip_norm=1.0, kernels="reference",
            checkpoint_blocks=False, fuse_triangles=True,
        ),
        optimizer=OptimizerConfig(
            learning_rate=1.5e-3, beta2=0.99, warmup_samples=2_000, schedule="cosine", final_factor=0.05,
            ema_decay=0.998, ema_warmup=True,
        ),
        validation=ValidationConfig(count=24, max_length=128, num_recycles=1),
        run=RunConfig(steps=100_000, validate_every=1000, log_every=50),
        stages=(
            Stage(first_step=30_000, settings=("data.crop_size=96", "data.clamped_share=0.75")),
            Stage(
                first_step=60_000,
                settings=("data.crop_size=128", "data.clamped_share=0.9", "loss.violation=0.05", "loss.plddt=0.05"),
            ),
        ),
    )  # fmt: skip


def gpu_single() -> TrainingConfig:
    """About 7 million parameters for an hour or more of one GPU: 12 blocks with a wider pair representation, some triangle attention."""
    config = cpu_small()
    return replace(
        config,
        name="gpu_single",
        model=small_model(num_blocks=12, pair=128, msa=128, structure_layers=6, triangle_attention_every=4),
        data=replace(config.data, crop_size=96, max_clusters=16, max_extra=64, sampled_rows=64),
        step=replace(config.step, batch_size=32, micro_batch=32, max_recycles=2, compile_blocks=True),
        optimizer=replace(config.optimizer, learning_rate=1e-3, warmup_samples=10_000, ema_decay=0.999),
        validation=ValidationConfig(count=64, max_length=256, num_recycles=3),
        run=RunConfig(steps=60_000, validate_every=1000, log_every=50),
        stages=(
            Stage(first_step=20_000, settings=("data.crop_size=128", "data.clamped_share=0.9")),
            Stage(first_step=40_000, settings=("data.crop_size=192", "step.micro_batch=16", "loss.violation=0.05")),
        ),
    )


def lite() -> TrainingConfig:
    """The bundled default model: `cpu_small` that also learns from the relatives which a search of the embedded library finds.

    The template stack has no triangle attention, a quarter of its cost. Twice the structure layers, which share their parameters and cost an
    eighth of the samples a second: with four, coordinates stayed behind the distogram between close neighbours. Nothing is dropped out: such a
    network has more to learn than it can overfit.

    Made for three data files in this order: backbones, all-atom chains, families with alignments. `scripts/train_default.sh` begins with a run
    without trunk blocks, in which the structure module learns to follow templates, and one of the MSA track by itself, which learns the local
    structure; then come the stages, the first four with four trunk blocks, and four more on top of them from the fifth on. Batches of 16 take
    half the time a sample of batches of 4; those of 64 fill a GPU, where passes of `step.micro_batch` 64 do.
    """
    config = cpu_small()
    model = small_model(num_blocks=8, pair=64, msa=64, structure_layers=8, template_blocks=1)
    model = replace(model, heads=replace(model.heads, backbone_angle_bins=12), packing=PackingConfig())
    assert model.template is not None
    return replace(
        config,
        name="lite",
        model=without_dropout(
            replace(
                model, template=replace(model.template, hit_quality=True, max_templates=4, triangle_attention=False)
            )
        ),
        loss=replace(config.loss, backbone_angles=0.3, near_distance=0.3, smooth_lddt=0.5),
        data=replace(
            config.data,
            shares=(0.55, 0.4, 0.05),
            inputs=InputMix(alignment=0.15, sampled=0.1, profile=0.35, carried=0.3, query=0.1, carried_in_deep=0.5),
            templates=TemplateMix(none=0.4, corrupted=0.1, homologues=0.5, max_templates=2),
        ),
        step=replace(config.step, batch_size=16, micro_batch=8),
        optimizer=replace(config.optimizer, method="muon", final_factor=0.03),
        validation=ValidationConfig(
            count=40, max_length=160, num_recycles=1, templates=("none", "homologues"), inputs="carried"
        ),
        run=RunConfig(steps=7_000, validate_every=250, checkpoint_every=100, log_every=25),
        stages=(
            Stage(
                first_step=1_600,
                settings=(
                    "loss.violation=0.05", "loss.plddt=0.05", "loss.smooth_lddt=1.0",
                    "data.templates.none=0.5", "data.templates.homologues=0.4",
                ),
            ),
            Stage(first_step=3_200, settings=("data.crop_size=96", "data.clamped_share=0.7", "step.micro_batch=4")),
            Stage(
                first_step=3_900,
                settings=(
                    "data.clamped_share=0.9", "loss.violation=0.1", "loss.smooth_lddt=2.0", "loss.rotamer=2.0",
                    "data.templates.corrupted=0.05", "data.templates.homologues=0.45",
                    "data.inputs.profile=0.45", "data.inputs.alignment=0.1", "data.inputs.query=0.05",
                ),
            ),
            Stage(first_step=4_450, settings=("data.crop_size=128",)),
            Stage(first_step=4_600, settings=("data.crop_size=96", "step.batch_size=64", "step.max_recycles=0")),
            Stage(first_step=5_025, settings=("data.crop_size=128", "step.max_recycles=1")),
            Stage(first_step=5_314, settings=("data.crop_size=192",)),
        ),
    )  # fmt: skip


def tiny() -> TrainingConfig:
    """A network of a hundred thousand parameters without dropout, for overfitting a chain or a handful and for trying things out."""
    return TrainingConfig(
        name="tiny",
        model=without_dropout(small_model(num_blocks=2, pair=32, msa=32, structure_layers=4, template=False)),
        loss=replace(small_loss(), masked_msa=0.0, scale_by_length=False),
        data=replace(
            small_data(crop_size=64), inputs=InputMix(alignment=0, query=1.0), masked_fraction=0.0, clamped_share=0.0
        ),
        step=StepConfig(
            batch_size=1, max_recycles=0, clip="step", clip_norm=1.0, precision="fp32", kernels="reference",
            checkpoint_blocks=False,
        ),
        optimizer=OptimizerConfig(
            learning_rate=2e-3, beta2=0.99, warmup_samples=20, schedule="cosine", final_factor=0.02, ema_decay=0.98,
            ema_warmup=True,
        ),
        validation=ValidationConfig(count=4, max_length=64, num_recycles=0, templates=("none",), inputs="query"),
        run=RunConfig(steps=1000, checkpoint_every=500, validate_every=0, log_every=20),
    )  # fmt: skip


PRESETS: Mapping[str, Callable[[], TrainingConfig]] = {
    "initial_training": initial_training,
    "finetuning": finetuning,
    "cpu_small": cpu_small,
    "gpu_single": gpu_single,
    "lite": lite,
    "tiny": tiny,
}


def training_config(name: str) -> TrainingConfig:
    """A preset by name, with ablations behind plus signs: `cpu_small+no_templates`.

    Raises:
        InputError: a name that is not known.
    """
    from alphafold_lite.training.ablations import ABLATIONS

    base, *changes = name.split("+")
    if base not in PRESETS:
        raise InputError(f"a training preset out of {', '.join(PRESETS)}", repr(base), "correct the name")
    config = PRESETS[base]()
    for change in changes:
        if change not in ABLATIONS:
            raise InputError(f"an ablation out of {', '.join(ABLATIONS)}", repr(change), "correct the name")
        config = ABLATIONS[change](config)
    return replace(config, name=name)


def small_model(
    *,
    num_blocks: int,
    pair: int,
    msa: int,
    structure_layers: int,
    triangle_attention_every: int = 0,
    template_blocks: int = 2,
    template: bool = True,
) -> ModelConfig:
    """This very network at sizes for small machines: half-width triangle multiplication, no extra-MSA stack."""
    stack = StackConfig(
        num_blocks=num_blocks, row_heads=4, column_heads=4, starting_heads=4, ending_heads=4, outer_channels=8,
        outgoing_channels=pair // 2, incoming_channels=pair // 2, msa_transition_factor=2, pair_transition_factor=2,
        triangle_attention_every=triangle_attention_every,
    )  # fmt: skip
    width = pair // 2
    config = ModelConfig(
        msa_channels=msa,
        pair_channels=pair,
        extra_msa_channels=16,
        single_channels=2 * msa,
        evoformer=stack,
        extra_msa=replace(stack, num_blocks=0),
        template=TemplateConfig(
            channels=width, num_blocks=template_blocks, starting_key_channels=width, ending_key_channels=width, outgoing_channels=width,
            incoming_channels=width, attention_key_channels=width, attention_value_channels=width, unit_vectors=True,
            max_templates=2,
        )
        if template
        else None,
        structure=StructureConfig(
            num_layers=structure_layers, channels=2 * msa, num_heads=8, scalar_qk=16, scalar_v=16,
            sidechain_channels=64,
        ),
    )  # fmt: skip
    return replace(config, heads=replace(config.heads, pae=True, plddt_channels=64))


def without_dropout(model: ModelConfig) -> ModelConfig:
    """The same network with nothing dropped."""
    off = {"msa_dropout": 0.0, "pair_dropout": 0.0}
    return replace(
        model,
        evoformer=replace(model.evoformer, **off),
        extra_msa=replace(model.extra_msa, **off),
        template=None if model.template is None else replace(model.template, pair_dropout=0.0),
        structure=replace(model.structure, dropout=0.0),
    )


def small_loss() -> LossConfig:
    """Weights that worked at small scale; the sets have no resolutions, so confidence learns from every chain."""
    return replace(
        losses.initial_training(), backbone_fape=1.0, distogram=0.5, masked_msa=0.2, plddt=0.02, pae=0.02,
        scale_by_length=False, plddt_resolution=None, pae_resolution=None, resolved_resolution=None,
    )  # fmt: skip


def small_data(*, crop_size: int) -> DataConfig:
    """Every kind of input, from the bare query to an alignment; templates in most samples; clamped FAPE in few at first."""
    return DataConfig(
        crop_size=crop_size, max_clusters=4, max_extra=16, sampled_rows=16, thinned_share=0.5, masked_fraction=0.1,
        inputs=InputMix(alignment=0.1, sampled=0.1, profile=0.6, query=0.2),
        templates=TemplateMix(none=0.35, corrupted=0.65, max_templates=2),
        clamped_share=0.4, length_floor=64, length_ceiling=256, min_length=30,
    )  # fmt: skip
