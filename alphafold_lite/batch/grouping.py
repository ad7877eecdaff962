"""Which short targets a folding worker gets together, to be folded in the same passes of the network. Imports nothing heavy."""

from collections.abc import Iterable
from dataclasses import dataclass

MAX_TARGETS = 8
MAX_WASTE = 0.15  # share of a group's work that is done on what was added to make all of one size
MAX_PAIRS = 100_000  # of residues, in all targets of a group
# Measured on two CPU cores with the network of preset `lite` (tests/benchmarks/bench_group.py): four or eight together are 1.5 times as fast
# at 30 residues, 1.4 to 1.5 at 40, 1.2 to 1.3 at 50; from 75 on slower. With triangle attention in the trunk nothing was gained at 30 on one
# core. Not measured on a GPU, where more may be gained by far longer targets.
FASTER_UP_TO = 50  # residues
FASTER_WITH = 64  # channels of the pair representation, at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Residues of a target, the rows of its alignment, and whether it has templates, whose work those without any are spared."""

    residues: int
    rows: int = 1
    templates: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Grouping:
    """What a folding worker takes together.

    Args:
        max_residues: of a target that is folded together with others; 0: none is.
        max_rows: of an alignment, that reach the network.
    """

    max_residues: int
    max_rows: int

    def companions(self, first: Size, waiting: Iterable[Size], *, limit: int = MAX_TARGETS) -> tuple[int, ...]:
        """Places of those waiting ones that are folded together with the first, in order.

        Args:
            limit: targets in the group, the first included.
        """
        if first.residues > self.max_residues:
            return ()
        group, found = [first], list[int]()
        for place, size in enumerate(waiting):
            if len(group) >= min(limit, MAX_TARGETS):
                break
            alike = size.residues <= self.max_residues and size.templates == first.templates
            if alike and self._go_together([*group, size]):
                group.append(size)
                found.append(place)
        return tuple(found)

    def _go_together(self, group: list[Size]) -> bool:
        residues = max(size.residues for size in group)
        rows = max(min(size.rows, self.max_rows) for size in group)
        pairs = len(group) * residues**2
        done = pairs + len(group) * residues * rows
        needed = sum(size.residues**2 + size.residues * min(size.rows, self.max_rows) for size in group)
        return pairs <= MAX_PAIRS and done - needed <= MAX_WASTE * done


def automatic_residues(pair_channels: int, *, attends: bool) -> int:
    """The most residues up to which a network is faster on several targets together, by measurements.

    Args:
        pair_channels: of the pair representation.
        attends: whether its trunk has triangle attention.
    """
    return 0 if attends or pair_channels > FASTER_WITH else FASTER_UP_TO
