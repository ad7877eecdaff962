"""`summary.csv` and `summary.json` of a distillation: a row a sequence, kept or why not. The batch of the predictions has its own below."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from alphafold_lite.distill.settings import Rules
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.scores import to_json

CSV, JSON = "summary.csv", "summary.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One sequence. Confidence in nats for `distogram`, 0-100 for `plddt`."""

    target: str
    length: int
    depth: int | None = None
    mean_plddt: float | None = None
    mean_confidence: float | None = None
    confident_share: float | None = None  # of residues at the threshold or above
    kept: bool = False
    reason: str = ""  # why not

    def to_plain(self) -> dict[str, Any]:
        """For both files."""
        rounded = {"mean_plddt": 2, "mean_confidence": 4, "confident_share": 4}
        values: dict[str, Any] = asdict(self)
        for name, digits in rounded.items():
            values[name] = None if values[name] is None else round(values[name], digits)
        return values


def write_summary(out: Path, rows: Sequence[Row], rules: Rules, *, facts: dict[str, object]) -> None:
    """Write both files.

    Args:
        facts: further entries of the JSON file.

    Raises:
        InputError: the folder cannot be written.
    """
    plain = [row.to_plain() for row in rows]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [f.name for f in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(plain)
    write_atomic(out / CSV, stream.getvalue())
    chosen = asdict(rules) | {"threshold": rules.limit, "full_weight_from": rules.full}
    write_atomic(out / JSON, to_json({"rules": chosen, **facts, "counts": counts(rows), "targets": plain}))


def counts(rows: Sequence[Row]) -> dict[str, int]:
    """Sequences in all, those predicted, those kept."""
    predicted = sum(row.mean_confidence is not None for row in rows)
    return {"sequences": len(rows), "predicted": predicted, "kept": sum(row.kept for row in rows)}
