"""The books of a conversion: what a file lacks, has too much, or has in another shape, told in one error."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alphafold_lite.common.errors import InputError

LISTED = 20  # names a kind; the rest are counted


@dataclass(kw_only=True, slots=True)
class Accounts:
    """Names that do not balance. Empty lists: the file and the model agree."""

    missing: list[str] = field(default_factory=list[str])
    unused: list[str] = field(default_factory=list[str])
    misshapen: list[str] = field(default_factory=list[str])  # with both shapes
    unusable: list[str] = field(default_factory=list[str])  # with the reason: not real numbers, or not finite

    def require_balance(self, origin: str, expected: str) -> None:
        """Raises InputError that lists every kind of disagreement, at most `LISTED` names of each."""
        kinds = (
            ("missing", self.missing),
            ("unused", self.unused),
            ("misshapen", self.misshapen),
            ("unusable", self.unusable),
        )
        found = "; ".join(f"{len(names)} {kind}: {listing(names)}" for kind, names in kinds if names)
        if found:
            action = "check that the file belongs to this model and was downloaded completely"
            raise InputError(expected, f"{origin} with {found}", action)


def listing(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")
