"""Which library chains would give an answer away, and are therefore neither templates nor sources of profiles in an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alphafold_lite.common.errors import InputError
from alphafold_lite.training.chains import Chain
from alphafold_lite.training.run_folder import read_names
from data_pipeline.library.library import Library

SAME = 0.95  # identity from which a chain counts as the query itself
VALIDATION, SELF = "validation", "self"


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaveOut:
    """The rule of one evaluation."""

    kind: str  # in words, for the report
    names: frozenset[str]  # left out for every chain
    max_identity: float  # hits of this identity or more are left out; above 1: none for that reason

    def excluded(self, chain: Chain) -> frozenset[str]:
        """Library chains that the prediction of a chain may not use; the chain itself is always among them."""
        return self.names | {chain.id}


def choose(text: str | None, chains: Sequence[Chain] | frozenset[str], library: Library) -> LeaveOut:
    """The rule asked for: `validation` (the library's whole validation part), `self` (the chain, and what is 95 % identical or nearer),
    a file of names, or an identity from 0 to 1. None: `validation` if the set holds chains of that part, else `self`.

    Raises:
        InputError: none of these, or a library without a validation part.
    """
    validation = library.validation_names
    if text is None:
        ids = chains if isinstance(chains, frozenset) else frozenset(chain.id for chain in chains)
        text = VALIDATION if ids & validation else SELF
    if text == VALIDATION:
        if not validation:
            raise InputError(
                "a library with a validation part (--leave-out validation)", library.name, "give --leave-out self"
            )
        return LeaveOut(kind=VALIDATION, names=validation, max_identity=SAME)
    if text == SELF:
        return LeaveOut(kind=SELF, names=frozenset(), max_identity=SAME)
    if Path(text).is_file():
        return LeaveOut(kind=Path(text).name, names=read_names(Path(text)), max_identity=SAME)
    try:
        identity = float(text)
    except ValueError:
        identity = -1.0
    if not 0 < identity <= 1:
        expected = "--leave-out validation, self, a file of names, or an identity from 0 to 1"
        raise InputError(expected, repr(text), "correct the option")
    return LeaveOut(kind=f"identity {identity:g}", names=frozenset(), max_identity=identity)
