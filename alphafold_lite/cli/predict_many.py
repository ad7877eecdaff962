"""`predict` with several records: a batch that tells of its targets as `predict` does."""

import json
import logging
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress

from alphafold_lite.batch.processes import warm_up
from alphafold_lite.batch.progress import TargetEnd
from alphafold_lite.batch.settings import BatchSettings
from alphafold_lite.cli.batch_progress import BatchLines, bars_shown
from alphafold_lite.common.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from alphafold_lite.batch.reports import Reports, TargetSummary

log = logging.getLogger("alphafold_lite")


class PredictLines(BatchLines):
    """A line or an object on stdout for each target as soon as it ends; the reason of a failure goes to stderr.

    Args:
        out_dir: of the batch, whose journal has what is printed.
    """

    def __init__(self, bars: Progress | None, out_dir: Path, *, as_json: bool) -> None:
        super().__init__(bars, as_json=as_json)
        self._prints_json, self._out_dir, self._told = as_json, out_dir, set[str]()
        self._reports: Reports | None = None

    def ended(self, end: TargetEnd) -> None:
        """Print what became of a target."""
        self._told.add(end.name)
        if end.error is not None:
            log.error("%s: %s", end.name, end.error)
        self._print(self.reports.target(end.name))

    def tell_others(self) -> None:
        """Print what was done or failed before this run."""
        for name in self.reports.ended():
            if name not in self._told:
                self._print(self.reports.target(name))

    @property
    def reports(self) -> "Reports":
        """The journal, opened when it is there."""
        if self._reports is None:
            from alphafold_lite.batch.reports import Reports

            self._reports = Reports(self._out_dir)
        return self._reports

    def close(self) -> None:
        """Close the journal."""
        if self._reports is not None:
            self._reports.close()

    def _print(self, summary: "TargetSummary") -> None:
        print(json.dumps(summary.content) if self._prints_json else _line(summary), flush=True)


def predict_many(settings: BatchSettings, *, quiet: bool, as_json: bool) -> int:
    """Run the batch; the exit code as `predict` has it: that of the failure where all failed alike, else 3."""
    warm_up()
    from alphafold_lite.batch.run import run_batch  # here, so that --help and bad input do not wait for torch
    from alphafold_lite.predict.targets import exit_code

    with bars_shown(quiet=quiet) as bars:
        lines = PredictLines(bars, settings.out_dir, as_json=as_json)
        try:
            code = run_batch(settings, lines)
            if code == EXIT_INTERRUPTED:
                return code
            lines.tell_others()
            return exit_code(lines.reports.exit_codes())
        finally:
            lines.close()


@contextmanager
def on_disk(text: str) -> Generator[str]:
    """A file with what came from standard input, which a batch reads once more."""
    with tempfile.TemporaryDirectory(prefix="alphafold-lite-") as folder:
        path = Path(folder) / "standard-input.fa"
        path.write_text(text, "utf-8")
        yield str(path)


def _line(summary: "TargetSummary") -> str:
    target = summary.content
    if target["error"] is not None or not target["models"]:
        return f"{target['name']}: {'failed' if target['error'] is not None else 'done'}"
    best = target["models"][0]
    caution = f"{summary.caution_of}: " if summary.caution_of is not None else ""
    caution = "UNTRAINED network, not a prediction: " if target["untrained"] else caution
    ptm = "" if best["ptm"] is None else f", pTM {best['ptm']:.2f}"
    iptm = "" if best.get("iptm") is None else f", ipTM {best['iptm']:.2f}"
    return f"{target['name']}: {caution}mean pLDDT {best['mean_plddt']:.1f}{ptm}{iptm}, {best['pdb']}"
