"""Everything that decides a training run: frozen dataclasses whose defaults are AlphaFold's initial training (supplement 1.11, Table 4).

Presets are functions that return a `TrainingConfig` (`training.presets`); ablations map one to another (`training.ablations`).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.training import settings
from alphafold_lite.training.losses.config import LossConfig

CONFIGURATIONS_KEPT = 32
STAGED = ("data", "loss", "step")  # groups that a stage may change


@dataclass(frozen=True, kw_only=True, slots=True)
class InputMix:
    """Shares in which the MSA input is made; a sample for which a kind is not there takes the next one of this list.

    Deep kinds (several rows) and single-row kinds never share a forward pass, so that single rows need no padding.
    """

    alignment: float = 1.0  # rows of a real alignment
    sampled: float = 0.0  # rows drawn column by column from the profile
    profile: float = 0.0  # the query alone, its cluster profile replaced by the chain's profile
    carried: float = 0.0  # the query alone, its cluster profile replaced where sure homologues are aligned by theirs
    query: float = 0.0  # the query alone
    carried_in_deep: float = 0.0  # share of samples with several rows whose first row gets the homologues' profile too

    def __post_init__(self) -> None:
        _check_shares("data.inputs", self.alignment, self.sampled, self.profile, self.carried, self.query)

    @property
    def deep_share(self) -> float:
        """How often a forward pass reads several rows."""
        deep = self.alignment + self.sampled
        return deep / (deep + self.profile + self.carried + self.query)


@dataclass(frozen=True, kw_only=True, slots=True)
class CorruptionConfig:
    """How far a template made of the chain itself is from it: for each template, strengths are drawn uniformly from 0 to these values."""

    gaps: float = 0.5  # share of residues missing, in runs
    noise: float = 2.0  # Å, standard deviation of smooth displacements
    noise_length: float = 8.0  # residues over which the displacement is correlated
    segments: int = 3  # segments moved as rigid bodies
    shift: float = 6.0  # Å
    turn: float = 0.7  # radians
    register: int = 4  # residues by which a segment may slip along the sequence
    mutated: float = (
        0.8  # share of residues with another letter, drawn from the profile; such residues keep backbone and CB
    )
    side_chains: bool = True  # False: backbone and CB alone, all that the embedded library has


@dataclass(frozen=True, kw_only=True, slots=True)
class HomologueConfig:
    """Which of a chain's relatives in the library are offered: fewer near ones than there are, lest the network learn to copy."""

    most_identity: float = 0.95  # a hit that is nearer is never offered
    limited_share: float = 0.5  # samples for which only hits below a random identity are offered
    least_limit: float = 0.2  # of that identity
    dropped: float = 0.2  # share of hits that are left out at random

    def __post_init__(self) -> None:
        if not 0 <= self.least_limit <= self.most_identity:
            raise InputError("identities with least_limit <= most_identity", str(self), "correct the values")


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateMix:
    """Shares of samples without and with templates; without a template stack in the model nothing is made."""

    none: float = 0.25
    corrupted: float = 0.75  # one to `max_templates` corrupted copies of the chain itself
    homologues: float = 0.0  # the best of the chain's relatives (`--homologues`), possibly none
    max_templates: int = 4  # supplement, Table 4
    corruption: CorruptionConfig = field(default_factory=CorruptionConfig)
    homologue: HomologueConfig = field(default_factory=HomologueConfig)

    def __post_init__(self) -> None:
        _check_shares("data.templates", self.none, self.corrupted, self.homologues)


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """From chains to crops and their inputs."""

    crop_size: int = 256
    max_clusters: int = 128
    max_extra: int = 1024
    sampled_rows: int = 128  # rows drawn from a profile
    thinned_share: float = 0.0  # samples for which only some rows of the alignment are read, down to one
    block_deletion: bool = True  # Alg. 1
    masked_fraction: float = 0.15
    inputs: InputMix = field(default_factory=InputMix)
    templates: TemplateMix = field(default_factory=TemplateMix)
    clamped_share: float = 0.9  # samples whose backbone FAPE is clamped (supplement 1.9.2)
    length_floor: int = (
        256  # a chain's weight is min(max(length, floor), ceiling) over its cluster's size (supplement 1.2.5)
    )
    length_ceiling: int = 512
    min_length: int = 16
    num_chains: int = 0  # learn from so many chains only, of different clusters as far as there are; 0: from all
    shares: tuple[float, ...] = ()  # share of samples from each data file; empty: one pool

    def __post_init__(self) -> None:
        _check_positive("data.crop_size", self.crop_size)
        _check_positive("data.max_clusters", self.max_clusters)
        _check_positive("data.length_floor", self.length_floor)
        if self.shares:
            _check_shares("data.shares", *self.shares)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepConfig:
    """One step (Alg. 31): which samples, how many passes, which arithmetic."""

    batch_size: int = 128  # crops a step, all processes together
    micro_batch: int = 1  # crops of equal length in one forward pass; gradients of the rest are accumulated
    max_recycles: int = 3  # each step draws a number of recycles from 0 to this
    clip: Literal["example", "step"] = "example"  # of each crop on its own (supplement 1.11.3), or of the step's mean
    clip_norm: float = 0.1
    precision: Literal["fp32", "bf16"] = "bf16"
    kernels: Literal["fast", "reference"] = "fast"
    checkpoint_blocks: bool = True  # keep only each block's input for the backward pass
    fuse_triangles: bool = False  # one projection a triangle multiplication: the same result in fewer operations
    compile_triangles: bool = False  # those, by `torch.compile`; half a minute for each crop size
    compile_blocks: bool = False
    end_to_end: bool = True  # whether gradients go from the structure module back into the trunk
    msa_alone: bool = False  # the trunk's MSA track by itself, without templates; no loss but `backbone_angles`
    packing_alone: bool = False  # the packer of side chains; no loss but `torsion`, `rotamer` and `angle_norm`
    types_alone: bool = False  # the same before it packs: hidden residue types; no loss but `masked_msa`
    threads: int = 0  # of a CPU; 0 leaves the default

    def __post_init__(self) -> None:
        _check_positive("step.batch_size", self.batch_size)
        _check_positive("step.micro_batch", self.micro_batch)
        _check_positive("step.clip_norm", self.clip_norm)
        if self.batch_size % self.micro_batch:
            raise InputError(
                "step.batch_size as a multiple of step.micro_batch",
                f"{self.batch_size} and {self.micro_batch}",
                "change one of them",
            )
        alone = [f"step.{name}" for name in ("msa_alone", "packing_alone", "types_alone") if getattr(self, name)]
        if len(alone) > 1:
            raise InputError("at most one part that learns alone", " and ".join(alone), "leave one of them")
        if self.compile_triangles and not self.fuse_triangles:
            raise InputError(
                "step.fuse_triangles with step.compile_triangles", "compile_triangles alone", "set both to true"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """Adam or Muon, learning rate over samples, moving average of the parameters (supplement 1.11.3 and 1.11.7)."""

    method: Literal["adam", "muon"] = "adam"  # muon: for matrices inside the network; AlphaFold 2 has Adam alone
    learning_rate: float = 1e-3
    momentum: float = 0.95  # of muon
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6
    warmup_samples: int = 128_000
    schedule: Literal["steps", "cosine"] = "steps"
    decay_after_samples: int = 6_400_000  # steps: from here on the rate is times `decay_factor`
    decay_factor: float = 0.95
    total_samples: int | None = None  # cosine: where it ends; None is the run's end
    final_factor: float = 0.0  # cosine: the rate there, as a factor
    restart_warmup_samples: int = 0  # a second warm-up from `run.first_step` on, for moments that start from nothing
    ema_decay: float = 0.999
    ema_warmup: bool = False  # shorter averages at the start: decay at most (1 + step) / (10 + step)

    def __post_init__(self) -> None:
        _check_positive("optimizer.learning_rate", self.learning_rate)
        if not 0 <= self.ema_decay < 1:
            raise InputError("optimizer.ema_decay from 0 to below 1", str(self.ema_decay), "correct the value")
        if not 0 <= self.momentum < 1:
            raise InputError("optimizer.momentum from 0 to below 1", str(self.momentum), "correct the value")


@dataclass(frozen=True, kw_only=True, slots=True)
class ValidationConfig:
    """A fixed sample of the validation chains, predicted with the averaged parameters."""

    count: int = 40
    max_length: int = 256  # longer chains are cut to their middle
    num_recycles: int = 3
    templates: tuple[Literal["none", "corrupted", "homologues"], ...] = ("none", "corrupted")
    inputs: Literal["alignment", "sampled", "profile", "carried", "query"] = "profile"
    one_of_cluster: bool = True  # False: any chains, related ones too


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """Length of the run and what is kept of it."""

    seed: int = 0
    steps: int = 78_125  # 10 million samples
    first_step: int = 0  # above 0: parameters were trained so far elsewhere; data and schedule go on from there
    checkpoint_every: int = 1000
    keep_checkpoints: int = 2
    validate_every: int = 1000  # 0: never
    log_every: int = 10
    max_skipped: int = 20  # steps with numbers that are not finite before the run stops

    def __post_init__(self) -> None:
        if not 0 <= self.first_step <= self.steps:
            raise InputError(
                "run.first_step from 0 to run.steps", f"{self.first_step} of {self.steps}", "correct the steps"
            )
        _check_positive("run.checkpoint_every", self.checkpoint_every)
        _check_positive("run.log_every", self.log_every)


@dataclass(frozen=True, kw_only=True, slots=True)
class AdaptationConfig:
    """Which parameters a run changes, where it starts from trained ones."""

    freeze: Literal["trunk", "structure", "backbone", "folding"] | None = None
    # trunk: all but structure module and heads; folding: all but the packer of side chains
    # backbone: all but what predicts torsions from the last s; frames and confidence stay as they are
    lora_rank: int = (
        0  # above 0: pairs of matrices of this rank beside the weights of linear layers learn, all else is frozen
    )
    lora_parts: tuple[str, ...] = ("template_embedder", "extra_msa_stack", "evoformer", "structure_module")

    def __post_init__(self) -> None:
        if self.lora_rank < 0:
            raise InputError("adaptation.lora_rank of 0 or more", str(self.lora_rank), "correct the rank")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """Settings that hold from a step on, as `name=value`; only of the groups `data`, `loss` and `step`."""

    first_step: int
    settings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """One run."""

    name: str
    model: ModelConfig
    loss: LossConfig
    data: DataConfig = field(default_factory=DataConfig)
    step: StepConfig = field(default_factory=StepConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    run: RunConfig = field(default_factory=RunConfig)
    adaptation: AdaptationConfig = field(default_factory=AdaptationConfig)
    stages: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        firsts = [stage.first_step for stage in self.stages]
        if firsts != sorted(set(firsts)) or any(first < 1 for first in firsts):
            raise InputError("stages in the order of their first steps, from 1 on", str(firsts), "reorder the stages")
        for name in (setting for stage in self.stages for setting in stage.settings):
            if name.partition(".")[0] not in STAGED:
                raise InputError(f"a stage that changes {', '.join(STAGED)} only", name, "leave that out of the stage")


def at_step(config: TrainingConfig, step: int) -> TrainingConfig:
    """The configuration in force at a step (from 0)."""
    return _after_stages(config, sum(stage.first_step <= step for stage in config.stages))


@lru_cache(maxsize=CONFIGURATIONS_KEPT)
def _after_stages(config: TrainingConfig, count: int) -> TrainingConfig:
    for stage in config.stages[:count]:
        config = settings.override(config, stage.settings)
    return config


def samples_before(config: TrainingConfig, step: int) -> int:
    """How many crops all earlier steps took: the position in the data."""
    total, since, size = 0, 0, config.step.batch_size
    for stage in config.stages:
        if stage.first_step >= step:
            break
        total += (stage.first_step - since) * size
        since, size = stage.first_step, at_step(config, stage.first_step).step.batch_size
    return total + (step - since) * size


def _check_shares(name: str, *shares: float) -> None:
    if min(shares) < 0 or sum(shares) <= 0:
        raise InputError(f"shares of at least 0, one of them above, in {name}", str(shares), "correct the shares")


def _check_positive(name: str, value: float) -> None:
    if value <= 0:
        raise InputError(f"{name} above 0", str(value), "give a larger number")
