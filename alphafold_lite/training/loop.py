"""A training run: steps, checkpoints, validation, records. Everything random is a function of seed and step, so that a run can be resumed."""

import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import torch

from alphafold_lite.common.errors import AlphaFoldLiteError
from alphafold_lite.model.alphafold import AlphaFold
from alphafold_lite.training import checkpoint, lora, parameters
from alphafold_lite.training.checkpoint import Progress, State
from alphafold_lite.training.config import TrainingConfig, at_step, samples_before
from alphafold_lite.training.dataset import MicroBatch
from alphafold_lite.training.distributed import World, check_shares
from alphafold_lite.training.ema import Ema
from alphafold_lite.training.flat import FlatParameters
from alphafold_lite.training.loader import MicroBatches, Place, load, places_of_step
from alphafold_lite.training.muon import Muon
from alphafold_lite.training.optimizer import Adam
from alphafold_lite.training.randomness import seed_torch
from alphafold_lite.training.records import VALIDATION, Averages, Display, Recorder, Silent, read_metrics
from alphafold_lite.training.report import write_plot
from alphafold_lite.training.run_folder import Sources
from alphafold_lite.training.schedule import ema_weight, learning_rate
from alphafold_lite.training.step import GradientSum, Outcome
from alphafold_lite.training.validation import Validation, best_of
from alphafold_lite.training.wrapping import build_for_training

RATE = "learning_rate"


class RunInterruptedError(Exception):
    """The run was asked to stop; its state after `step` steps is saved."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(f"stopped after step {step}")


class Run:
    """One run in one process of its world; `train` does the rest of its steps."""

    def __init__(
        self,
        config: TrainingConfig,
        sources: Sources,
        folder: Path,
        world: World,
        *,
        display: Display,
        workers: int = 0,
    ) -> None:
        set_up_arithmetic(config)
        for stage in (0, *(s.first_step for s in config.stages)):
            step = at_step(config, stage).step
            check_shares(step.batch_size, step.micro_batch, world.size)
        self.config, self.folder, self.world, self.workers = config, folder, world, workers
        self.display = display if world.is_first else Silent()
        sets = sources.training_sets()
        homologues = sources.open_homologues(config, sets)
        self.dataset = MicroBatches(config, sets, homologues)
        self.model, self.state = build_state(config, sources.start, world.device)
        self.progress = self._start()
        self.gradients = GradientSum(self.model, self.state.flat, world)
        self.validation = None
        if world.is_first and config.run.validate_every and sources.validation:
            self.validation = Validation(config, sources.validation_sets(), homologues)
        earlier = [line for line in read_metrics(folder) if line["kind"] == VALIDATION]
        self.best = max((best_of(line) for line in earlier if line["step"] <= self.progress.step), default=-1.0)

    def _start(self) -> Progress:
        """From the newest checkpoint, or from the first step."""
        folder = checkpoint.latest(self.folder)
        self.world.wait()
        if folder is not None:
            return checkpoint.load_state(folder, self.state)
        first = self.config.run.first_step
        samples = samples_before(self.config, first)
        return Progress(step=first, samples=samples, skipped=0, updates=0, seed=self.config.run.seed)

    def train(self) -> Progress:
        """Do the steps that are left.

        Raises:
            AlphaFoldLiteError: too many steps met numbers that are not finite.
            RunInterruptedError: SIGINT or SIGTERM came; the step in hand was finished and saved.
        """
        run, start = self.config.run, self.progress.step
        recorder = Recorder(self.folder, self.display, resumed_at=start) if self.world.is_first else None
        averages = Averages()
        batches = load(self.dataset, self._places(start), workers=self.workers, device=self.world.device)
        with stop_signals(enabled=self.world.size == 1) as stopped:
            for step in range(start, run.steps):
                began = time.perf_counter()
                outcome = self._one_step(step, batches, recorder)
                samples = at_step(self.config, step).step.batch_size
                if not outcome.problems:
                    means = {**outcome.means, RATE: learning_rate(self.config, step)}
                    averages.add(means, samples=samples, seconds=time.perf_counter() - began)
                done = step + 1
                stopping = bool(stopped)  # once a step: what is not saved must not stop the run
                self._after(done, averages, recorder, stopping=stopping)
                if stopping:
                    raise RunInterruptedError(done)
        if recorder is not None:
            recorder.close()
        return self.progress

    def _places(self, start: int) -> Iterator[Place]:
        for step in range(start, self.config.run.steps):
            yield from places_of_step(self.config, step, rank=self.world.rank, world=self.world.size)

    def _one_step(self, step: int, batches: Iterator[MicroBatch], recorder: Recorder | None) -> Outcome:
        config, device = at_step(self.config, step), self.world.device
        places = places_of_step(config, step, rank=self.world.rank, world=self.world.size)
        numbered = ((place.number, next(batches).map(lambda t: t.to(device, non_blocking=True))) for place in places)
        outcome = self.gradients.compute(config, step, numbered)
        state, skipped = self.state, self.progress.skipped + bool(outcome.problems)
        if not outcome.problems:
            state.optimizer.update(state.flat.gradient, learning_rate(self.config, step))
            state.ema.update(state.flat.values, ema_weight(config.optimizer, state.optimizer.steps))
        self.progress = replace(
            self.progress,
            step=step + 1,
            samples=samples_before(self.config, step + 1),
            skipped=skipped,
            updates=state.optimizer.steps,
        )
        if outcome.problems:
            self._report_skipped(outcome, recorder)
        return outcome

    def _report_skipped(self, outcome: Outcome, recorder: Recorder | None) -> None:
        progress, most = self.progress, self.config.run.max_skipped
        if recorder is not None:
            recorder.skipped(progress.step, progress.samples, outcome.problems, progress.skipped)
        if progress.skipped > most:
            raise AlphaFoldLiteError(
                f"at most {most} steps with numbers that are not finite (run.max_skipped)",
                f"{progress.skipped} by step {progress.step}, the last with {'; '.join(outcome.problems)}",
                "lower the learning rate, or look at those samples",
            )

    def _after(self, done: int, averages: Averages, recorder: Recorder | None, *, stopping: bool) -> None:
        """Records, validation and checkpoint, when they are due."""
        run, last = self.config.run, stopping or done == self.config.run.steps
        if recorder is not None:
            self.display.advance(done)
            if (done % run.log_every == 0 or last) and averages.sums:
                recorder.step(done, self.progress.samples, averages.take())
        if run.validate_every and (done % run.validate_every == 0 or done == run.steps):
            if recorder is not None and self.validation is not None:
                self._validate(done, recorder)
            self.world.wait()
        if done % run.checkpoint_every == 0 or last:
            self._save()

    def _validate(self, done: int, recorder: Recorder) -> None:
        assert self.validation is not None
        with self.state.ema.applied_to(self.state.flat.values):
            scores = self.validation.run(self.model, self.world.device)
        recorder.validation(done, self.progress.samples, scores)
        if best_of(scores) > self.best:
            self.best = best_of(scores)
            self._export(parameters.BEST)

    def _save(self) -> None:
        if self.world.is_first:
            checkpoint.save_state(self.folder, self.state, self.progress, keep=self.config.run.keep_checkpoints)
            self._export(parameters.AVERAGE)
            write_plot(self.folder)
        self.world.wait()

    def _export(self, name: str) -> None:
        step = self.progress.step
        parameters.export_average(self.folder / name, self.model, self.state, self.config, step=step)


def build_state(config: TrainingConfig, start: str | None, device: torch.device) -> tuple[AlphaFold, State]:
    """The network with random or given parameters, equal in every process, and what the optimizer keeps."""
    seed_torch(config.run.seed)
    model = build_for_training(config.model, config.step, device)
    if start is not None:
        parameters.load_start(model, start, config.name)
    lora.adapt(model, config.adaptation, seed=config.run.seed)
    flat = FlatParameters(model)
    optimizer = (
        Muon(flat, config.optimizer) if config.optimizer.method == "muon" else Adam(flat.values, config.optimizer)
    )
    return model, State(flat=flat, optimizer=optimizer, ema=Ema(flat.values))


def set_up_arithmetic(config: TrainingConfig) -> None:
    """Threads, and numbers near zero that would slow a CPU down."""
    if config.step.threads:
        torch.set_num_threads(config.step.threads)
    torch.set_flush_denormal(True)


@contextmanager
def stop_signals(*, enabled: bool) -> Generator[list[int], None, None]:
    """A list that is no longer empty once SIGINT or SIGTERM came; a second one acts at once."""
    received: list[int] = []
    if not enabled:
        yield received
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
