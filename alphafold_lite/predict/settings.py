"""What a prediction is asked for: one frozen configuration, checked when it is made. Imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from alphafold_lite.common.errors import InputError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
PrecisionName = Literal["auto", "fp32", "bf16"]
RelaxChoice = Literal["none", "best", "all"]

DEFAULT_MODELS = ("auto",)  # as `weights.registry.resolve` has it
ALL_MODELS = tuple(f"model_{number}_ptm" for number in range(1, 6))
MAX_RECYCLES, MAX_SEEDS = 100, 1000
MAX_SEED = 2**31 - 1
MAX_BAND = 10_000


class SettingsKeywords(TypedDict, total=False):
    """The fields of `Settings` as keyword arguments of `fold` and `Predictor`."""

    models: tuple[str, ...]
    num_recycles: int
    recycle_tolerance: float
    seed: int
    num_seeds: int
    device: DeviceName
    precision: PrecisionName
    relax: RelaxChoice
    max_clusters: int | None
    max_extra: int | None
    distogram_band: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything about a run but the query and the parameters.

    Raises:
        InputError: a value out of its range.
    """

    models: tuple[str, ...] = DEFAULT_MODELS
    num_recycles: int = 3  # supplement 1.10
    recycle_tolerance: float = 0.0  # Å; stop recycling when Cα distances change by less; 0 never stops early
    seed: int = 0
    num_seeds: int = 1  # prediction N of a model uses seed + N
    device: DeviceName = "auto"  # CUDA where there is one, else CPU
    precision: PrecisionName = "auto"  # bfloat16 on CUDA, float32 elsewhere
    relax: RelaxChoice = "best"
    max_clusters: int | None = None  # None: what the model was trained with
    max_extra: int | None = None
    distogram_band: int = 0  # hand out distograms of pairs up to so many residues apart, which changes no other result

    def __post_init__(self) -> None:
        if not self.models or len(set(self.models)) < len(self.models):
            raise InputError("one or more model names, each once", repr(",".join(self.models)), "name each model once")
        _check_range("--num-recycles", self.num_recycles, 0, MAX_RECYCLES)
        _check_range("--num-seeds", self.num_seeds, 1, MAX_SEEDS)
        _check_range("--seed", self.seed, 0, MAX_SEED - MAX_SEEDS)
        if not 0.0 <= self.recycle_tolerance < float("inf"):
            raise InputError(
                "a --recycle-tolerance of 0 Å or more", str(self.recycle_tolerance), "give a distance in Å"
            )
        if self.max_clusters is not None:
            _check_range("MSA clusters", self.max_clusters, 1, 2**20)
        if self.max_extra is not None:
            _check_range("extra MSA rows", self.max_extra, 1, 2**20)
        _check_range("the width of distograms", self.distogram_band, 0, MAX_BAND)
        _check_choice("--device", self.device, get_args(DeviceName))
        _check_choice("--precision", self.precision, get_args(PrecisionName))
        _check_choice("--relax", self.relax, get_args(RelaxChoice))


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InputError(f"{name} between {least} and {most}", str(value), "give a number in that range")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} to be one of {', '.join(choices)}", repr(value), "choose one of these")


def parse_models(text: str) -> tuple[str, ...]:
    """`model_1_ptm,model_3_ptm` or `all` (the five models with a PAE head) as names, in the order given."""
    if text.strip() == "all":
        return ALL_MODELS
    return tuple(name.strip() for name in text.split(",") if name.strip())


def parse_max_msa(text: str) -> tuple[int, int]:
    """`CLUSTERS:EXTRA`, for example `128:512`.

    Raises:
        InputError: not two whole numbers.
    """
    parts = text.split(":")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise InputError(
            "--max-msa CLUSTERS:EXTRA, two whole numbers", repr(text), "write for example --max-msa 128:512"
        )
    return int(parts[0]), int(parts[1])
