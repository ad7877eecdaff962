"""Training configurations that take milliseconds a step, and data for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.training import presets, settings
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.config import InputMix, TemplateMix, TrainingConfig
from alphafold_lite.training.dataset import MicroBatch
from alphafold_lite.training.distributed import World
from alphafold_lite.training.flat import FlatParameters
from alphafold_lite.training.loader import MicroBatches, places_of_step
from alphafold_lite.training.loop import build_state
from alphafold_lite.training.schedule import learning_rate
from alphafold_lite.training.step import GradientSum, losses_of
from alphafold_lite.training.wrapping import build_for_training
from tests.support.packed_sets import allatom_arrays, backbone_arrays, write
from tests.support.structure_pairs import reference_chain

# Every setting by name, so that a command line can make the same small run.
SMALL_RUN = (
    "model.msa_channels=8", "model.pair_channels=8", "model.single_channels=8", "model.evoformer.num_blocks=1",
    "model.structure.channels=8", "model.structure.num_heads=2", "model.structure.num_layers=2",
    "model.structure.sidechain_channels=8", "data.crop_size=16", "data.min_length=8", "data.length_floor=16",
    "step.max_recycles=1", "step.threads=1", "optimizer.warmup_samples=4", "run.log_every=5",
)  # fmt: skip


def small_model(*, template: bool = True) -> ModelConfig:
    """All parts of the network but the extra-MSA stack, as small as they go."""
    return presets.small_model(num_blocks=1, pair=8, msa=8, structure_layers=2, template=template)


QUIET = (  # changes of `small_config` after which nothing is dropped out
    "model.evoformer.msa_dropout=0",
    "model.evoformer.pair_dropout=0",
    "model.structure.dropout=0",
    "model.template.pair_dropout=0",
)


PACKING = '{"channels": 8, "num_layers": 2, "neighbours": 4, "least_plddt": 70.0, "dropout": 0.0, "noise": 0.0}'


def small_config(*changes: str, template: bool = True) -> TrainingConfig:
    """The preset `tiny`, smaller, with dropout, every kind of input and corrupted templates."""
    config = presets.tiny()
    config = replace(
        config,
        model=small_model(template=template),
        data=replace(
            config.data,
            crop_size=16,
            min_length=8,
            length_floor=16,
            masked_fraction=0.15,
            clamped_share=0.5,
            max_clusters=3,
            max_extra=4,
            sampled_rows=8,
            inputs=InputMix(alignment=0, sampled=1.0, profile=1.0, query=1.0),
            templates=TemplateMix(none=0.5, corrupted=0.5, max_templates=2),
        ),
        step=replace(config.step, batch_size=2, max_recycles=1),
        loss=replace(config.loss, masked_msa=1.0),
        validation=replace(config.validation, templates=("none", "corrupted"), inputs="profile"),
    )
    return settings.override(config, changes)


def write_sets(folder: Path) -> tuple[Path, Path]:
    """A backbone set with profiles and an all-atom set."""
    return write(folder / "backbone.npz", backbone_arrays()), write(folder / "allatom.npz", allatom_arrays())


def open_sets(folder: Path) -> tuple[ChainSet, ChainSet]:
    """The same, opened."""
    first, second = write_sets(folder)
    return ChainSet.open(first), ChainSet.open(second)


def gradients(config: TrainingConfig) -> tuple[FlatParameters, GradientSum]:
    """A network with random parameters, none of them zero, and what sums its gradients."""
    torch.manual_seed(0)
    model = build_for_training(config.model, config.step, torch.device("cpu"))
    flat = FlatParameters(model)
    with torch.no_grad():
        flat.values.add_(0.05 * torch.randn(flat.values.shape))
    return flat, GradientSum(model, flat, World())


def numbered(dataset: MicroBatches, config: TrainingConfig, step: int) -> list[tuple[int, MicroBatch]]:
    """All micro-batches of a step."""
    return [(place.number, dataset[place]) for place in places_of_step(config, step)]


def taught(total: GradientSum) -> set[str]:
    """Names of the parameters that have a gradient."""
    return {name for name, p in total.model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


def learn(config: TrainingConfig, batch: MicroBatch, term: str, *, steps: int = 60) -> list[float]:
    """A term of the loss over steps that all see the same micro-batch, at a high rate."""
    fast = ("optimizer.learning_rate=0.01", "optimizer.warmup_samples=4", "optimizer.schedule=steps")
    config = settings.override(config, fast)
    model, state = build_state(config, None, torch.device("cpu"))
    values: list[float] = []
    for step in range(steps):
        state.flat.zero_gradient()
        found = losses_of(model, batch, config.step, config.loss)
        found.total.sum().backward()
        state.optimizer.update(state.flat.gradient, learning_rate(config, step))
        values.append(float(found.terms[term].detach().mean()))
    return values


def one_chain_arrays(length: int) -> dict[str, np.ndarray]:
    """The first residues of a chain of the reference set as a packed all-atom set."""
    chain = reference_chain("4zey_A")
    aatype = chain.aatype[:length]
    columns = rc.restype_atom14_to_atom37[aatype]
    mask = np.take_along_axis(chain.atom37_mask[:length], columns, axis=1) * rc.restype_atom14_mask[aatype]
    positions = np.take_along_axis(chain.atom37_positions[:length], columns[..., None], axis=1)
    return {
        "id": np.array(["4ZEY_A"]),
        "length": np.array([length], np.int32),
        "offset": np.array([0, length]),
        "cluster": np.zeros(1, np.int32),
        "sequence": np.frombuffer(chain.sequence[:length].encode(), np.uint8),
        "coords": np.rint(positions * mask[..., None] * 100).astype(np.int16),
        "mask": mask > 0,
        "residue_index": chain.residue_index[:length].astype(np.int32),
    }
