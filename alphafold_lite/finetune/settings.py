"""What a fine-tuning is asked for: one frozen configuration, checked when it is made, kept in `finetune.json`. Imports nothing heavy."""

from dataclasses import dataclass, field
from typing import Literal

from alphafold_lite.common.errors import InputError

Freeze = Literal["trunk", "structure"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterSettings:
    """Which chains are learnt from."""

    max_resolution: float = 9.0  # Å; structures without one, such as NMR, pass (supplement 1.2.5)
    min_length: int = 30  # residues, from the first to the last that has atoms
    max_missing: float = 0.3  # largest share of residues without N, CA or C
    max_one_letter: float = 0.8  # largest share of one residue type (supplement 1.2.5)
    max_unknown: float = 0.1  # largest share of X


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitSettings:
    """Which chains are judged and not learnt from."""

    share: float = 0.1  # of the chains
    identity: float = 0.3  # chains that share more, over half of the shorter one, stay together
    names: str | None = None  # a file that names them instead

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise InputError("a --validation-share from 0 to below 1", str(self.share), "correct the share")
        if not 0 < self.identity <= 1:
            raise InputError("a --cluster-identity above 0, at most 1", str(self.identity), "correct the identity")


@dataclass(frozen=True, kw_only=True, slots=True)
class FinetuneSettings:
    """Paths are text, so that the record can be read back.

    Attributes:
        structures: folder of .pdb, .ent, .cif and .mmcif files, also with .gz, searched with its subfolders.
        params: anything that `--params` takes, or the folder of a run.
        ids: a file with names of chains (`1ABC_A`) or of structures (`1ABC`); None: all.
        msa_dir: alignments named after chains or structures; what is not there is searched for.
        library: where alignments and templates come from; None: the embedded one.
        crop, steps, learning_rate: None: what suits the network.
        changes: `name=value` settings of the training, after all others.
    """

    structures: str
    params: str
    ids: str | None = None
    msa_dir: str | None = None
    library: str | None = None
    filters: FilterSettings = field(default_factory=FilterSettings)
    split: SplitSettings = field(default_factory=SplitSettings)
    freeze: Freeze | None = None
    lora: int = 0
    crop: int | None = None
    steps: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    changes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value, least in (("--lora", self.lora, 0), ("--crop", self.crop, 8), ("--steps", self.steps, 1)):
            if value is not None and value < least:
                raise InputError(f"a {name} of {least} or more", str(value), "give a larger number")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise InputError("a --lr above 0", str(self.learning_rate), "give a larger number")
