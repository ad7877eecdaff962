"""Random inputs and networks for tests: everything non-trivial, masks with holes, a jump in the residue numbers."""

from dataclasses import replace

import torch

from alphafold_lite.geometry.rigid import Rigid
from alphafold_lite.geometry.rotation import quaternion_to_rotation
from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.alphafold import AlphaFold, build
from alphafold_lite.model.batch import Batch, ClusteredMsa, ExtraMsa, Templates
from alphafold_lite.model.config import ModelConfig, StackConfig, StructureConfig, TemplateConfig
from alphafold_lite.weights.convert import load_official, official_layout
from alphafold_lite.weights.random_parameters import random_parameters


def random_rigid(shape: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype = torch.float64) -> Rigid:
    """Uniform rotations and translations of some ten Å."""
    quaternion = torch.randn(*shape, 4, generator=generator, dtype=dtype)
    quaternion = quaternion / quaternion.norm(dim=-1, keepdim=True)
    return Rigid(
        rotation=quaternion_to_rotation(quaternion),
        translation=10 * torch.randn(*shape, 3, generator=generator, dtype=dtype),
    )


def small_config(*, template: bool = True, pae: bool = True) -> ModelConfig:
    """Every part of the network, at sizes that run in milliseconds; no two sizes are equal that could be confused."""
    stack = StackConfig(
        num_blocks=2, row_heads=3, column_heads=2, starting_heads=2, ending_heads=5, outer_channels=3,
        outgoing_channels=7, incoming_channels=9, msa_transition_factor=2, pair_transition_factor=3,
    )  # fmt: skip
    config = ModelConfig(
        msa_channels=12,
        pair_channels=10,
        extra_msa_channels=6,
        single_channels=14,
        evoformer=stack,
        extra_msa=replace(stack, num_blocks=1),
        template=TemplateConfig(
            channels=8, num_blocks=1, starting_heads=2, starting_key_channels=6, ending_heads=4, ending_key_channels=4,
            outgoing_channels=5, incoming_channels=6, attention_heads=2, attention_key_channels=6,
            attention_value_channels=4,
        )
        if template
        else None,
        structure=StructureConfig(
            num_layers=2, channels=14, num_heads=3, scalar_qk=4, scalar_v=5, point_qk=2, point_v=3,
            sidechain_channels=11,
        ),
    )  # fmt: skip
    return replace(config, heads=replace(config.heads, pae=pae, plddt_channels=9))


def random_model(config: ModelConfig, ops: Ops, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> AlphaFold:
    """A network whose parameters are all random and none of them zero."""
    model = build(config, ops).to(dtype)
    load_official(model, random_parameters(official_layout(config), seed))
    return model


def random_batch(
    *,
    n: int = 9,
    s: int = 4,
    e: int = 5,
    t: int = 3,
    padded: int = 0,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Batch:
    """One example with `padded` residues masked at the end, a masked MSA row, and (for t > 1) an empty template place."""
    g = torch.Generator().manual_seed(seed)

    def real(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=g, dtype=dtype)

    def whole(high: int, *shape: int) -> torch.Tensor:
        return torch.randint(0, high, shape, generator=g)

    seq_mask = (torch.arange(n) < n - padded).to(dtype)
    index = torch.arange(n) + 3 + 7 * (torch.arange(n) >= n // 2)
    rows = torch.ones(s, 1, dtype=dtype)
    rows[-1] = 0
    templates = None
    if t:
        atoms_mask = (real(t, n, 37) > 0.2).to(dtype) * seq_mask[:, None]
        positions = 8 * torch.randn(t, n, 37, 3, generator=g, dtype=dtype)
        templates = Templates(
            aatype=whole(22, t, n),
            atom37=positions,
            atom37_mask=atoms_mask,
            pseudo_beta=positions[..., 3, :],
            pseudo_beta_mask=atoms_mask[..., 3],
            mask=(torch.arange(t) < max(1, t - 1)).to(dtype),
        )
    return Batch(
        aatype=whole(20, n),
        residue_index=index,
        domain_break=torch.zeros(n, dtype=dtype),
        seq_mask=seq_mask,
        msa=ClusteredMsa(
            tokens=whole(23, s, n),
            has_deletion=(real(s, n) > 0.7).to(dtype),
            deletion_value=real(s, n),
            profile=real(s, n, 23),
            deletion_mean=real(s, n),
            mask=rows * seq_mask,
        ),
        extra_msa=ExtraMsa(
            tokens=whole(23, e, n),
            has_deletion=(real(e, n) > 0.7).to(dtype),
            deletion_value=real(e, n),
            mask=(real(e, n) > 0.2).to(dtype) * seq_mask,
        ),
        templates=templates,
    )
