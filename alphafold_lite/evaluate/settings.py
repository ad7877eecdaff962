"""What an evaluation is asked for: one frozen configuration, checked when it is made. Imports nothing heavy."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

from alphafold_lite.common.errors import InputError
from alphafold_lite.predict.settings import Settings

InputKind = Literal["auto", "search", "profile", "msa", "single"]
TemplateKind = Literal["none", "library", "self"]
BaselineKind = Literal["none", "template-copy"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSettings:
    """Which chains, what the network is given for each, and how it is run.

    Raises:
        InputError: a value out of its range, or an option that needs the embedded library.
    """

    dataset: Path
    params: str | None = None
    prediction: Settings = field(
        default_factory=lambda: Settings(relax="none")
    )  # one model; `seed` also draws the chains
    limit: int | None = None  # None: all chains
    inputs: InputKind = "auto"  # the first that every chain has: profile, alignment, else the sequence alone
    templates: TemplateKind = "none"
    baseline: BaselineKind = "none"
    leave_out: str | None = None
    num_relaxed: int = 0  # so many of the chains are relaxed as well, and scored before and after

    def __post_init__(self) -> None:
        if self.inputs == "search":
            _needs_library("--inputs search", "give --inputs profile, msa or single")
        if self.templates == "library":
            _needs_library("--templates library", "give --templates none or self")
        if self.baseline == "template-copy":
            _needs_library("--baseline template-copy", "leave --baseline out")
        if self.leave_out is not None:
            _needs_library("--leave-out", "leave it out: there is no library to leave entries out of")
        if self.limit is not None and self.limit < 1:
            raise InputError("a --limit of 1 or more", str(self.limit), "give a number of chains")
        if self.num_relaxed < 0:
            raise InputError("a --relax of 0 or more", str(self.num_relaxed), "give a number of chains")
        if len(self.prediction.models) != 1:
            raise InputError("one model to evaluate", ", ".join(self.prediction.models), "evaluate one after another")


def _needs_library(option: str, action: str) -> NoReturn:
    raise InputError(f"the embedded library for {option}", "a version without it", action)
