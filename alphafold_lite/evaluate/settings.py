"""What an evaluation is asked for: one frozen configuration, checked when it is made. Imports nothing heavy."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from alphafold_lite.common.errors import InputError
from alphafold_lite.predict.settings import Settings

InputKind = Literal["auto", "search", "profile", "msa", "single"]
TemplateKind = Literal["none", "library", "self"]
BaselineKind = Literal["none", "template-copy"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSettings:
    """Which chains, what the network is given for each, and how it is run.

    Raises:
        InputError: a value out of its range, or options that contradict each other.
    """

    dataset: Path
    params: str | None = None
    prediction: Settings = field(
        default_factory=lambda: Settings(relax="none")
    )  # one model; `seed` also draws the chains
    limit: int | None = None  # None: all chains
    only: Path | None = None  # a file with the names of the chains to be evaluated
    inputs: InputKind = "auto"  # the first that every chain has: profile, alignment, else the sequence alone
    templates: TemplateKind = "none"
    baseline: BaselineKind = "none"
    leave_out: str | None = None  # what of the library may not be used; None: as the dataset asks for
    num_relaxed: int = 0  # so many of the chains are relaxed as well, and scored before and after

    def __post_init__(self) -> None:
        if self.inputs == "search" and self.templates == "self":
            raise InputError("--templates library or none with --inputs search", "self", "choose other inputs")
        if self.leave_out is not None and not self.uses_library:
            action = "give --templates library or --baseline template-copy, or leave it out"
            raise InputError("--leave-out where library templates are used", "none", action)
        if self.limit is not None and self.limit < 1:
            raise InputError("a --limit of 1 or more", str(self.limit), "give a number of chains")
        if self.num_relaxed < 0:
            raise InputError("a --relax of 0 or more", str(self.num_relaxed), "give a number of chains")
        if len(self.prediction.models) != 1:
            raise InputError("one model to evaluate", ", ".join(self.prediction.models), "evaluate one after another")

    @property
    def uses_library(self) -> bool:
        """Whether library chains serve as templates, so that some must be left out."""
        return self.templates == "library" or self.baseline == "template-copy"
