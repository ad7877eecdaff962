"""The folder of a run: `config.json` says what is trained on what; a folder is never reused by another configuration."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import write_atomic
from alphafold_lite.outputs.run_record import package_versions
from alphafold_lite.outputs.scores import to_json
from alphafold_lite.training import checkpoint, settings
from alphafold_lite.training.chains import ChainSet
from alphafold_lite.training.config import TrainingConfig
from alphafold_lite.training.homologues import Homologues
from alphafold_lite.training.records import METRICS
from alphafold_lite.training.sampler import leave_out

CONFIG = "config.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Files that a run reads.

    Attributes:
        data: packed sets of chains, or folders of structures.
        validation: likewise; empty: no validation.
        leave_out: a text file with the names of chains that must not be trained on.
        start: parameters to start from (a name, a file, a folder of a run); None: random ones.
        homologues: hits of the chains on each other (`scripts/search_training_set.py`); None: no relatives are offered.
        relatives: sets of chains that the hits are on, in the place of the training chains; empty: the training chains.
    """

    data: tuple[str, ...]
    validation: tuple[str, ...] = ()
    leave_out: str | None = None
    start: str | None = None
    homologues: str | None = None
    relatives: tuple[str, ...] = ()

    def training_sets(self) -> tuple[ChainSet, ...]:
        """The chains to learn from.

        Raises:
            InputError: no data, or names to leave out that are in no set.
        """
        if not self.data:
            raise InputError("chains to train on (--data FILE.npz|DIR)", "none", "name a packed set or a folder")
        sets = tuple(ChainSet.open(Path(path)) for path in self.data)
        if self.leave_out is None:
            return sets
        names = read_names(Path(self.leave_out))
        if not names & {name for chains in sets for name in chains.ids}:
            raise InputError(
                "names of chains of the data", f"none of {len(names)} in {self.leave_out}", "check the file"
            )
        return tuple(leave_out(chains, names) for chains in sets)

    def open_homologues(self, config: TrainingConfig, sets: Sequence[ChainSet]) -> Homologues | None:
        """Hits on these sets, or on the relatives where there are any.

        Raises:
            InputError: the configuration offers homologues and there is no file of them.
        """
        if self.homologues is not None:
            others = tuple(ChainSet.open(Path(path)) for path in self.relatives)
            return Homologues.open(Path(self.homologues), others or sets)
        if config.data.templates.homologues or config.data.inputs.carried:
            raise InputError(
                f"hits between the chains (--homologues FILE.npz), which {config.name} trains with",
                "none",
                "make the file with scripts/search_training_set.py, or set the shares to 0",
            )
        return None

    def validation_sets(self) -> tuple[ChainSet, ...]:
        """The chains to be judged by."""
        return tuple(ChainSet.open(Path(path)) for path in self.validation)


def read_names(path: Path) -> frozenset[str]:
    """Names of chains, the first word of each line; lines beginning with # are comments."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("a text file with names of chains", f"{path}: {error}", "check the path") from error
    return frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))


def check_new(run: Path) -> None:
    """Refuse a folder that holds a run.

    Raises:
        InputError: one is there.
    """
    if (run / CONFIG).exists() or (run / METRICS).exists() or checkpoint.latest(run) is not None:
        raise InputError(
            f"a new folder for the run, or --resume, for {run}",
            "a run that is there",
            "give --resume or another --out-dir",
        )


def record(run: Path, config: TrainingConfig, sources: Sources) -> None:
    """Write `config.json`."""
    content = {
        "format": FORMAT,
        "config": settings.to_plain(config),
        "sources": settings.to_plain(sources),
        "versions": package_versions(),
    }
    write_atomic(run / CONFIG, to_json(content))


def reopen(run: Path) -> tuple[TrainingConfig, Sources]:
    """What a run was started with.

    Raises:
        InputError: no run there, or a record that this version cannot read.
    """
    path = run / CONFIG
    if not path.is_file():
        raise InputError(f"a run to resume in {run}", f"no {CONFIG}", "leave --resume out, or correct --out-dir")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError("another format")
        config, sources = content["config"], content["sources"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"a record of a run at {path}", f"{type(error).__name__} {error}", "restore the file"
        ) from error
    return settings.from_plain(TrainingConfig, config), settings.from_plain(Sources, sources)


def check_resumable(old: TrainingConfig, new: TrainingConfig) -> None:
    """A run goes on with its network and seed; other settings may change from here on.

    Raises:
        InputError: another network or seed.
    """
    same = ("network", old.model, new.model), ("seed", old.run.seed, new.run.seed)
    for name, ours, theirs in (*same, ("adaptation", old.adaptation, new.adaptation)):
        if ours != theirs:
            raise InputError(f"the {name} of the run", "another one", "start a new run, with --init-from if you like")


def with_overrides(sources: Sources, *, data: Sequence[str], validation: Sequence[str]) -> Sources:
    """The same sources at other places, where given."""
    return replace(
        sources,
        data=tuple(data) or sources.data,
        validation=tuple(validation) or sources.validation,
    )
