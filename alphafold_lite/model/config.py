"""Shapes and rates of the network: frozen dataclasses whose defaults are the official monomer model (supplement 1.4-1.11, Table 1)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_type_hints

from alphafold_lite.common.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class StackConfig:
    """One stack of blocks over MSA and pair (Alg. 6 and 18). Head widths are channels // heads."""

    num_blocks: int
    row_heads: int = 8
    column_heads: int = 8
    starting_heads: int = 4
    ending_heads: int = 4
    outer_channels: int = 32
    outgoing_channels: int = 128
    incoming_channels: int = 128
    msa_transition_factor: int = 4
    pair_transition_factor: int = 4
    triangle_multiplication: bool = True
    triangle_attention_every: int = 1  # only blocks 0, k, 2k, ... have triangle attention; 0: none has it
    msa_dropout: float = 0.15
    pair_dropout: float = 0.25

    def has_triangle_attention(self, block: int) -> bool:
        """Whether the block with this number (from 0) has triangle attention."""
        return self.triangle_attention_every > 0 and block % self.triangle_attention_every == 0


@dataclass(frozen=True, kw_only=True, slots=True)
class BinsConfig:
    """Evenly spaced distance bins, Å."""

    min_bin: float
    max_bin: float
    num_bins: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateConfig:
    """Template pair stack, pointwise attention and torsion rows (Alg. 2, lines 7-13; Alg. 16 and 17)."""

    channels: int = 64
    num_blocks: int = 2
    starting_heads: int = 4
    starting_key_channels: int = 64
    ending_heads: int = 4
    ending_key_channels: int = 64
    outgoing_channels: int = 64
    incoming_channels: int = 64
    pair_transition_factor: int = 2
    triangle_attention: bool = True
    pair_dropout: float = 0.25
    attention_heads: int = 4
    attention_key_channels: int = 64
    attention_value_channels: int = 64
    distances: BinsConfig = field(default_factory=lambda: BinsConfig(min_bin=3.25, max_bin=50.75, num_bins=39))
    unit_vectors: bool = False
    hit_quality: bool = False  # tell the stack how good the search found each template; not in AlphaFold
    embed_torsions: bool = True
    torsion_placeholder: bool = False  # (1, 0) for absent torsions, as where AlphaFold's `zero_init` is off
    max_templates: int = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class StructureConfig:
    """Structure module (Alg. 20, 22, 23)."""

    num_layers: int = 8
    channels: int = 384
    num_heads: int = 12
    scalar_qk: int = 16
    scalar_v: int = 16
    point_qk: int = 4
    point_v: int = 8
    transition_layers: int = 3
    position_scale: float = 10.0  # Å a unit of length inside
    sidechain_channels: int = 128
    sidechain_blocks: int = 2
    pair_bias: bool = True  # whether attention in the structure module sees the pair representation
    points: bool = True  # whether it sees 3-D points
    dropout: float = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadsConfig:
    """Output heads (supplement 1.9)."""

    distogram: BinsConfig = field(default_factory=lambda: BinsConfig(min_bin=2.3125, max_bin=21.6875, num_bins=64))
    masked_msa_classes: int = 23
    plddt_channels: int = 128
    plddt_bins: int = 50
    pae: bool = False
    pae_bins: int = 64
    pae_max: float = 31.0  # Å
    backbone_angle_bins: int = 0  # classes of phi and of psi in a head that training alone reads; 0: no such head


@dataclass(frozen=True, kw_only=True, slots=True)
class PackingConfig:
    """Side chains packed on the folded backbone by a small network of its own; not in AlphaFold 2."""

    channels: int = 96
    num_layers: int = 2
    neighbours: int = 16  # residues that one hears of, itself among them
    least_plddt: float = 70.0  # below it the structure module's own side chains stay
    dropout: float = 0.15
    noise: float = 0.1  # Å on each coordinate of the backbones that it learns from


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The whole network (Alg. 2)."""

    msa_channels: int = 256
    pair_channels: int = 128
    extra_msa_channels: int = 64
    single_channels: int = 384
    max_relative: int = 32
    recycling_distances: BinsConfig = field(
        default_factory=lambda: BinsConfig(min_bin=3.25, max_bin=20.75, num_bins=15)
    )
    evoformer: StackConfig = field(default_factory=lambda: StackConfig(num_blocks=48))
    extra_msa: StackConfig = field(default_factory=lambda: StackConfig(num_blocks=4, msa_dropout=0.0, pair_dropout=0.0))
    template: TemplateConfig | None = field(default_factory=TemplateConfig)
    structure: StructureConfig = field(default_factory=StructureConfig)
    heads: HeadsConfig = field(default_factory=HeadsConfig)
    packing: PackingConfig | None = None

    def to_json_dict(self) -> dict[str, Any]:
        """Nested plain values, for file headers and run records."""
        return asdict(self)

    @classmethod
    def from_json_dict(cls, values: Mapping[str, Any]) -> "ModelConfig":
        """Inverse of `to_json_dict`. Raises InputError on unknown names or values of another type."""
        return _from_plain(cls, values, "model configuration")


def _from_plain(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}  # pyright: ignore[reportArgumentType]
    if unknown := sorted(set(values) - known):
        raise InputError(
            f"a {where} with the fields {', '.join(sorted(known))}",
            f"unknown {', '.join(unknown)}",
            "update alphafold_lite",
        )
    return kind(**{name: _value(hints[name], value, f"{where}.{name}") for name, value in values.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    options = get_args(hint) or (hint,)
    if value is None and type(None) in options:
        return None
    wanted = next(o for o in options if o is not type(None))
    if is_dataclass(wanted) and isinstance(value, Mapping):
        return _from_plain(wanted, value, where)  # pyright: ignore[reportArgumentType, reportUnknownArgumentType]
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not wanted:
        raise InputError(f"a {getattr(wanted, '__name__', wanted)} at {where}", repr(value), "rebuild the file")
    return value
