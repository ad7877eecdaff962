"""What a run leaves behind while it goes on: `metrics.jsonl`, TensorBoard where it is installed, a line for people."""

import importlib.util
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.training.step import LOSS, NORM

METRICS = "metrics.jsonl"
TENSORBOARD = "tensorboard"
STEP, VALIDATION, SKIPPED = "step", "validation", "skipped"  # kinds of lines
DIGITS = 6
log = logging.getLogger(__name__)


@runtime_checkable
class Display(Protocol):
    """What the user sees of a run."""

    def advance(self, step: int) -> None:
        """So many steps are done."""
        ...

    def means(self, step: int, text: str) -> None:
        """How the last steps went."""
        ...

    def report(self, line: str) -> None:
        """A line that stays."""
        ...


class Silent:
    """Shows nothing: all processes but the first, and tests."""

    def advance(self, step: int) -> None:
        pass

    def means(self, step: int, text: str) -> None:
        pass

    def report(self, line: str) -> None:
        pass


class Averages:
    """Means of what steps found, since the last line."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.sums: dict[str, float] = {}
        self.steps, self.samples, self.seconds = 0, 0, 0.0

    def add(self, means: Mapping[str, float], *, samples: int, seconds: float) -> None:
        """One step."""
        for name, value in means.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.steps, self.samples, self.seconds = self.steps + 1, self.samples + samples, self.seconds + seconds

    def take(self) -> dict[str, float]:
        """The means and the speed; starts anew."""
        values = {name: value / self.steps for name, value in self.sums.items()}
        values["samples_per_second"] = self.samples / max(self.seconds, 1e-9)
        self.clear()
        return values


class Recorder:
    """Writes to a run folder; lines of steps after `resumed_at`, which will be made again, are taken out first."""

    def __init__(self, run: Path, display: Display, *, resumed_at: int) -> None:
        self.path, self.display = run / METRICS, display
        kept = [line for line in read_metrics(run) if line["step"] <= resumed_at]
        write_atomic(self.path, "".join(_to_line(line) for line in kept))
        self.board = _board(run / TENSORBOARD, resumed_at)

    def step(self, step: int, samples: int, values: Mapping[str, float]) -> None:
        """Means of the last steps, `step` of which are done now."""
        self._append({"kind": STEP, "step": step, "samples": samples, **values})
        self.display.means(step, describe(values))

    def validation(self, step: int, samples: int, values: Mapping[str, float]) -> None:
        """Scores on the validation sample."""
        self._append({"kind": VALIDATION, "step": step, "samples": samples, **values})
        shown = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
        self.display.report(f"step {step} validation: {shown}")

    def skipped(self, step: int, samples: int, problems: Iterable[str], total: int) -> None:
        """A step that changed nothing, with the reasons."""
        lines = list(problems)
        self._append({"kind": SKIPPED, "step": step, "samples": samples, "problems": lines, "total": total})
        log.warning("step %d skipped (%d so far), not finite: %s", step, total, "; ".join(lines))

    def close(self) -> None:
        """After the last line."""
        if self.board is not None:
            self.board.close()

    def _append(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(_to_line(line))
        if self.board is not None:
            for name, value in line.items():
                if isinstance(value, float):
                    self.board.add_scalar(f"{line['kind']}/{name}", value, line["step"])


def describe(values: Mapping[str, float]) -> str:
    """How the training stands, in a few words."""
    shown = [f"loss {values[LOSS]:.4g}", f"{values['samples_per_second']:.3g} samples/s"]
    if NORM in values:
        shown.append(f"gradient {values[NORM]:.3g}")
    return ", ".join(shown)


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of a run; a last line that was cut off by a crash is left out.

    Raises:
        InputError: the file cannot be read.
    """
    path = run / METRICS
    if not path.is_file():
        return []
    lines: list[dict[str, Any]] = []
    content = path.read_text(encoding="utf-8").split("\n")
    for number, text in enumerate(content, start=1):
        if not text:
            continue
        try:
            lines.append(json.loads(text))
        except ValueError as error:
            if number >= len(content) - 1:
                break
            raise InputError(f"a line of JSON in {path}", f"another at line {number}", "remove that line") from error
    return lines


def _to_line(values: Mapping[str, Any]) -> str:
    rounded = {n: float(f"{v:.{DIGITS}g}") if isinstance(v, float) else v for n, v in values.items()}
    return json.dumps(rounded) + "\n"


def _board(folder: Path, resumed_at: int) -> Any:
    """TensorBoard's writer (extra `train`), or None where it is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        log.info("no TensorBoard log: pip install 'alphafold-lite[train]' to have one")
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=resumed_at + 1)
