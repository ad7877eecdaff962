"""Named configurations: plain functions over frozen dataclasses. Numbers from AlphaFold's published monomer configurations."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.config import ModelConfig, StackConfig, StructureConfig, TemplateConfig

if TYPE_CHECKING:
    from alphafold_lite.weights.registry import ParameterSource


@dataclass(frozen=True, kw_only=True, slots=True)
class MsaLimits:
    """Rows that a parameter set was trained with: cluster centres (template rows included where they exist) and extra rows."""

    max_clusters: int
    max_extra: int


def monomer(number: int) -> ModelConfig:
    """Official `model_1` to `model_5`: 1 and 2 read templates, 3 to 5 do not (supplement 1.12.1, Table 5)."""
    if number not in range(1, 6):
        raise InputError("a model number from 1 to 5", str(number), "choose model_1 ... model_5")
    return ModelConfig(template=TemplateConfig() if number <= 2 else None)


def monomer_ptm(number: int) -> ModelConfig:
    """Official `model_1_ptm` to `model_5_ptm`: as `monomer`, with the PAE head."""
    config = monomer(number)
    return replace(config, heads=replace(config.heads, pae=True))


def tiny() -> ModelConfig:
    """A small network of every part, for trials and tests of the pipeline without trained parameters."""
    stack = StackConfig(
        num_blocks=4, row_heads=4, column_heads=4, outer_channels=8, outgoing_channels=32, incoming_channels=32,
        msa_transition_factor=2, pair_transition_factor=2,
    )  # fmt: skip
    config = ModelConfig(
        msa_channels=64,
        pair_channels=32,
        extra_msa_channels=16,
        single_channels=64,
        evoformer=stack,
        extra_msa=replace(stack, num_blocks=1, msa_dropout=0.0, pair_dropout=0.0),
        template=TemplateConfig(
            channels=16, starting_key_channels=16, ending_key_channels=16, outgoing_channels=16, incoming_channels=16,
            attention_key_channels=16, attention_value_channels=16,
        ),
        structure=StructureConfig(num_layers=4, channels=64, num_heads=4, scalar_qk=8, scalar_v=8, sidechain_channels=32),
    )  # fmt: skip
    return replace(config, heads=replace(config.heads, pae=True, plddt_channels=32))


def official_names() -> tuple[str, ...]:
    """The ten official monomer models, those with PAE first."""
    return (*(f"model_{i}_ptm" for i in range(1, 6)), *(f"model_{i}" for i in range(1, 6)))


def model_config(name: str) -> ModelConfig:
    """Configuration by name. Raises InputError for a name that is not known."""
    if name == "tiny":
        return tiny()
    if name not in official_names():
        known = ", ".join((*official_names(), "tiny"))
        raise InputError(f"a model name out of {known}", repr(name), "correct the name")
    number = int(name.split("_")[1])
    return monomer_ptm(number) if name.endswith("_ptm") else monomer(number)


def msa_limits(name: str) -> MsaLimits:
    """MSA rows by model (supplement Table 5): models with templates give four of their 512 rows to template torsions."""
    templated = name.startswith(("model_1", "model_2"))
    deep = name.startswith(("model_1", "model_3", "model_4"))
    return MsaLimits(max_clusters=508 if templated else 512, max_extra=5120 if deep else 1024)


def rows_of(source: "ParameterSource") -> tuple[int, int]:
    """MSA rows, clustered and extra, that a network is given: those it was trained with where its file tells, else those of its preset."""
    limits = msa_limits(source.preset or source.name)
    return source.max_clusters or limits.max_clusters, source.max_extra or limits.max_extra
