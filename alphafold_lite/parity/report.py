"""Outcomes of the comparison with the reference set, for a reader or as JSON."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NOT_COVERED = "not covered"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayResult:
    """One recorded array (or JSON file) and how near our value came; the note says why there is no difference."""

    case: str
    file: str
    name: str
    max_difference: float | None
    tolerance: float
    ok: bool
    note: str = ""

    @property
    def ratio(self) -> float:
        """Difference in units of the tolerance: up to 1 is well."""
        if self.max_difference is None:
            return math.inf
        if self.max_difference == 0:
            return 0.0
        return self.max_difference / self.tolerance if self.tolerance > 0 else math.inf


def to_json(results: Sequence[ArrayResult]) -> str:
    """One object: `{"arrays": [{"case", "file", "name", "max_difference", "tolerance", "ok"}]}`."""
    keys = ("case", "file", "name", "max_difference", "tolerance", "ok")
    return json.dumps({"arrays": [{key: getattr(result, key) for key in keys} for result in results]})


def summary_line(case: str, results: Sequence[ArrayResult], seconds: float) -> str:
    """One case: how many arrays agree, and the worst ratio of difference to tolerance among those compared."""
    agreeing = sum(result.ok for result in results)
    compared = [result.ratio for result in results if result.note != NOT_COVERED]
    worst = f"{max(compared):9.2g}" if compared else "        -"
    return f"{case:<32} {agreeing:>4} of {len(results):<4} ok {worst} of the tolerance {seconds:8.1f} s"


def failure_lines(results: Sequence[ArrayResult]) -> Iterator[str]:
    """The arrays that do not agree; those that nothing computes are counted by file."""
    missing: dict[tuple[str, str], int] = {}
    for result in results:
        if result.note == NOT_COVERED:
            missing[result.case, result.file] = missing.get((result.case, result.file), 0) + 1
        elif not result.ok:
            difference = "none" if result.max_difference is None else f"{result.max_difference:.3g}"
            remark = f" ({result.note})" if result.note else ""
            yield (
                f"{result.case} {result.file} {result.name}: difference {difference}, tolerance {result.tolerance:.3g}{remark}"
            )
    for (case, file), count in missing.items():
        yield f"{case} {file}: {count} {NOT_COVERED}"
