"""The packer of side chains by itself, taught by experimental structures: without any trunk.

It sees the backbone of the experiment, with noise (`model.packing.noise`), and residue types; what else a sample holds is not read.
"""

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.model.structure.packing import NUM_ATOMS
from alphafold_lite.model.structure.sidechains import Sidechains, build_sidechains
from alphafold_lite.training.losses import LossConfig, Losses
from alphafold_lite.training.losses.torsion import angle_norm_loss, rotamer_loss, torsion_loss
from alphafold_lite.training.targets import Targets


def pack_truth(model: AlphaFold, targets: Targets) -> Sidechains:
    """Side chains on the true backbones. Residues without all of N, CA, C and O are neighbours of none.

    Raises:
        InputError: the network has no packer.
    """
    if model.packer is None:
        raise InputError(
            "a network with a packer of side chains, for step.packing_alone",
            "a network without it",
            "take a preset with one, lite for example",
        )
    complete = targets.atom14_mask[..., :NUM_ATOMS].prod(-1)
    raw = model.packer(targets.aatype, targets.atom14_positions[..., :NUM_ATOMS, :], complete)
    return build_sidechains(raw.to(targets.atom14_positions), targets.backbone, targets.aatype)


def losses(sidechains: Sidechains, targets: Targets, config: LossConfig) -> Losses:
    """Torsions, rotamers and lengths of the raw vectors by the configured weights; nothing else can be said of it."""
    layers = (sidechains,)
    terms = {
        "torsion": torsion_loss(layers, targets),
        "rotamer": rotamer_loss(layers, targets),
        "angle_norm": angle_norm_loss(layers, targets.seq_mask),
    }
    weights = config.weights()
    return Losses(
        total=sum((weights[name] * term for name, term in terms.items()), 0 * targets.resolution), terms=terms
    )
