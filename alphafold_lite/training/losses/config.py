"""Weights and settings of the losses. Defaults are AlphaFold's initial training (supplement 1.9, eq. 7, and Table 4)."""

from dataclasses import dataclass, field, replace
from math import isfinite

from alphafold_lite.common.errors import InputError
from alphafold_lite.model.config import BinsConfig, HeadsConfig

TERMS = (
    "backbone_fape",
    "sidechain_fape",
    "torsion",
    "angle_norm",
    "distogram",
    "masked_msa",
    "plddt",
    "resolved",
    "violation",
    "pae",
    "smooth_lddt",
    "rotamer",
    "near_distance",
    "backbone_angles",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FapeConfig:
    """Frame-aligned point error (Alg. 28), Å."""

    clamp: float = 10.0  # larger errors count as this
    length_scale: float = 10.0  # an error of this size has loss 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ViolationConfig:
    """What counts as a violation (supplement 1.9.11)."""

    tolerance_factor: float = 12.0  # standard deviations of bonds and angles
    overlap_tolerance: float = 1.5  # Å by which van der Waals spheres may overlap


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolutionRange:
    """Resolutions (Å) of the structures that teach a confidence head; NMR structures and predictions have 0 (supplement 1.9.6)."""

    lowest: float = 0.1
    highest: float = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """Weights by term, then settings. A term of weight 0 is not computed.

    Eq. 7 counts the torsions and the backbone FAPE over all layers as L_aux (0.5 · L_aux, in which the angle norm has 0.02), and FAPE over all
    atoms of the last layer as 0.5 · L_FAPE.
    """

    backbone_fape: float = 0.5
    sidechain_fape: float = 0.5
    torsion: float = 0.5
    angle_norm: float = 0.01
    distogram: float = 0.3
    masked_msa: float = 2.0
    plddt: float = 0.01
    resolved: float = 0.0
    violation: float = 0.0
    pae: float = 0.0
    smooth_lddt: float = 0.0  # of AlphaFold 3, not in eq. 7
    rotamer: float = 0.0  # not in AlphaFold
    near_distance: float = 0.0  # not in AlphaFold
    backbone_angles: float = 0.0  # not in AlphaFold

    scale_by_length: bool = True  # times the square root of the number of residues in the crop (supplement 1.9)
    backbone_torsions: bool = False  # False: chi1-4 only, as the reference implementation; True: all seven, as Alg. 27
    backbone: FapeConfig = field(default_factory=FapeConfig)
    sidechain: FapeConfig = field(default_factory=FapeConfig)
    violations: ViolationConfig = field(default_factory=ViolationConfig)
    distogram_bins: BinsConfig = field(default_factory=lambda: HeadsConfig().distogram)
    pae_max: float = field(default_factory=lambda: HeadsConfig().pae_max)  # Å, lower edge of the last bin
    plddt_resolution: ResolutionRange | None = field(default_factory=ResolutionRange)  # None: any
    resolved_resolution: ResolutionRange | None = field(default_factory=ResolutionRange)
    pae_resolution: ResolutionRange | None = field(default_factory=ResolutionRange)

    def __post_init__(self) -> None:
        for name, weight in self.weights().items():
            if not (isfinite(weight) and weight >= 0):
                raise InputError(f"a weight of at least 0 for the loss {name}", str(weight), "correct the weight")

    def weights(self) -> dict[str, float]:
        """Weight of every term by its name."""
        return {name: float(getattr(self, name)) for name in TERMS}


def initial_training() -> LossConfig:
    """Initial training (supplement, eq. 7 and Table 4): no violations, no experimentally resolved atoms, no aligned error."""
    return LossConfig()


def finetuning(config: LossConfig, *, pae: bool = False) -> LossConfig:
    """Fine-tuning (supplement, eq. 7 and Table 4); with `pae` that of the models that predict aligned errors (supplement 1.9.7)."""
    return replace(config, violation=1.0, resolved=0.01, pae=0.1 if pae else config.pae)
