"""One pass of the network (Alg. 2): `(Batch, Recycled | None) -> Prediction`. Recycling is `inference.recycling`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from alphafold_lite.confidence import plddt
from alphafold_lite.geometry import atoms, tables
from alphafold_lite.kernels.ops import Ops
from alphafold_lite.model.batch import Batch
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.model.embedders import ExtraMsaEmbedder, InputEmbedder, Recycled, RecyclingEmbedder, start
from alphafold_lite.model.evoformer import Evoformer, ExtraMsaStack
from alphafold_lite.model.heads import HeadLogits, Heads
from alphafold_lite.model.primitives import at_least_float32, full_precision
from alphafold_lite.model.structure.module import Structure, StructureModule
from alphafold_lite.model.structure.packing import SidechainPacker
from alphafold_lite.model.templates import TemplateEmbedder


@dataclass(frozen=True, kw_only=True, slots=True)
class Representations:
    """What the trunk hands to structure module and heads; `msa` is that of the first ensemble member, without template rows."""

    msa: Float[Tensor, "*batch N_clust N_res c_m"]
    msa_first_row: Float[Tensor, "*batch N_res c_m"]
    pair: Float[Tensor, "*batch N_res N_res c_z"]
    single: Float[Tensor, "*batch N_res c_s"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """Everything one pass computes. Positions in Å."""

    atom37_positions: Float[Tensor, "*batch N_res 37 3"]
    atom37_mask: Float[Tensor, "*batch N_res 37"]
    atom14_positions: Float[Tensor, "*batch N_res 14 3"]
    atom14_mask: Float[Tensor, "*batch N_res 14"]
    logits: HeadLogits
    representations: Representations
    structure: Structure

    @property
    def recycled(self) -> Recycled:
        """The part that the next pass reads, without gradients."""
        return Recycled(
            positions=self.atom37_positions.detach(),
            pair=self.representations.pair.detach(),
            msa_first_row=self.representations.msa_first_row.detach(),
        )


class AlphaFold(nn.Module):
    """The monomer network. `forward` is one pass; gradients, recycling and precision are the caller's.

    A packer of side chains, where there is one, works in evaluation mode only; it learns by itself (`training.packing_alone`).
    """

    def __init__(self, config: ModelConfig, *, ops: Ops) -> None:
        super().__init__()
        self.config = config
        self.input_embedder = InputEmbedder(config)
        self.recycling_embedder = RecyclingEmbedder(config)
        template = config.template
        self.template_embedder = None if template is None else TemplateEmbedder(config, template, ops=ops)
        self.extra_msa_embedder = ExtraMsaEmbedder(config)
        self.extra_msa_stack = ExtraMsaStack(config, ops=ops)
        self.evoformer = Evoformer(config, ops=ops)
        self.structure_module = StructureModule(config)
        self.heads = Heads(config)
        self.packer = None if config.packing is None else SidechainPacker(config.packing)

    def forward(
        self,
        batch: Batch | Sequence[Batch],
        previous: Recycled | None = None,
        template_pairs: Sequence[Tensor | None] = (),
    ) -> Prediction:
        """One pass over one draw of the features, or over several whose representations are averaged (ensembling, Alg. 2, line 4).

        Args:
            template_pairs: what `embed_templates` gives for each draw; nothing, or None: it is computed.
        """
        members = (batch,) if isinstance(batch, Batch) else tuple(batch)
        template_pairs = template_pairs or (None,) * len(members)
        first = members[0]
        if previous is None:
            previous = start(first, self.config, next(self.parameters()).dtype)
        trunks = [self.trunk(member, previous, pairs) for member, pairs in zip(members, template_pairs, strict=True)]
        representations = self._average(trunks)
        structure = self.structure_module(representations.single, representations.pair, first.aatype, first.seq_mask)
        with full_precision(first.aatype.device):
            logits = self.heads(
                at_least_float32(representations.msa),
                at_least_float32(representations.pair),
                at_least_float32(representations.single),
                structure.single,
            )
        if self.packer is not None and not self.training:
            packed = self.packer.pack(structure.sidechains[-1], first.aatype, first.seq_mask, plddt(logits.plddt))
            structure = replace(structure, sidechains=(*structure.sidechains[:-1], packed))
        atom14_mask = tables.atom14_exists(first.aatype, first.seq_mask)
        atom14 = structure.sidechains[-1].atom14 * first.seq_mask[..., None, None]
        return Prediction(
            atom37_positions=atoms.atom14_to_atom37(atom14, first.aatype, first.seq_mask),
            atom37_mask=tables.atom37_exists(first.aatype, first.seq_mask),
            atom14_positions=atom14,
            atom14_mask=atom14_mask,
            logits=logits,
            representations=representations,
            structure=structure,
        )

    def embed_templates(self, batch: Batch) -> Float[Tensor, "*batch N_templ N_res N_res c_t"] | None:
        """Each template on its own (Alg. 2, lines 9-10), the same in every pass over these templates; None without any."""
        if self.template_embedder is None or batch.templates is None:
            return None
        return self.template_embedder.pair(batch.templates, mask_of_pairs(batch))

    def trunk(self, batch: Batch, previous: Recycled, template_pairs: Tensor | None = None) -> Representations:
        """Embedders, templates, extra-MSA stack and Evoformer (Alg. 2, lines 5-18)."""
        m, z = self.embed(batch, previous)
        num_rows, msa_mask = m.shape[-3], batch.msa.mask
        pair_mask = mask_of_pairs(batch)
        if self.template_embedder is not None and batch.templates is not None:
            z = z + self.template_embedder(z, batch.templates, pair_mask, template_pairs)
            if self.template_embedder.torsions is not None:
                rows, rows_mask = self.template_embedder.torsions(batch.templates)
                m, msa_mask = torch.cat((m, rows.to(m.dtype)), dim=-3), torch.cat((msa_mask, rows_mask), dim=-2)
        if self.config.extra_msa.num_blocks:
            extra = self.extra_msa_embedder(batch.extra_msa.encode())
            z = self.extra_msa_stack(extra, z, batch.extra_msa.mask, pair_mask)
        m, z, single = self.evoformer(m, z, msa_mask, pair_mask)
        return Representations(msa=m[..., :num_rows, :, :], msa_first_row=m[..., 0, :, :], pair=z, single=single)

    def embed(self, batch: Batch, previous: Recycled) -> tuple[Tensor, Tensor]:
        """m `[*, N_clust, N_res, c_m]` and z `[*, N_res, N_res, c_z]` of sequence, alignment and previous pass (Alg. 2, lines 5-6)."""
        m, z = self.input_embedder(batch)
        first_row, z_update = self.recycling_embedder(batch.aatype, previous)
        return torch.cat((m[..., :1, :, :] + first_row[..., None, :, :], m[..., 1:, :, :]), dim=-3), z + z_update

    @staticmethod
    def _average(members: list[Representations]) -> Representations:
        if len(members) == 1:
            return members[0]
        count = len(members)
        return Representations(
            msa=members[0].msa,
            msa_first_row=sum((r.msa_first_row for r in members[1:]), members[0].msa_first_row) / count,
            pair=sum((r.pair for r in members[1:]), members[0].pair) / count,
            single=sum((r.single for r in members[1:]), members[0].single) / count,
        )


def mask_of_pairs(batch: Batch) -> Float[Tensor, "*batch N_res N_res"]:
    """1 where both residues are there."""
    return batch.seq_mask[..., :, None] * batch.seq_mask[..., None, :]


def build(config: ModelConfig, ops: Ops) -> AlphaFold:
    """A network in evaluation mode with freshly initialised parameters (torch's default generator)."""
    return AlphaFold(config, ops=ops).eval()
