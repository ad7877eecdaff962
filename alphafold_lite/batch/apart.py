"""Search and fold as commands of their own, on machines of their own: what a search leaves for folding, and how folding takes it up."""

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alphafold_lite.batch.files import clear_results, shards_in, state_path
from alphafold_lite.batch.journal import Journal, Target
from alphafold_lite.batch.messages import Ready, Stage
from alphafold_lite.batch.rows import DONE, SEARCHED
from alphafold_lite.batch.schema import JOURNAL
from alphafold_lite.batch.settings import BatchSettings, Part
from alphafold_lite.common.errors import InputError
from alphafold_lite.outputs.files import RUN_FILE, SEARCH_FILE, fingerprint_in, write_atomic
from alphafold_lite.outputs.run_record import RunRecord
from alphafold_lite.predict.folder import RunIdentity, adopted_record
from data_pipeline.config import SearchConfig
from data_pipeline.templates.selection import TemplateConfig, TemplateOutcome, read_outcomes

SEARCHED_ALONE = RunIdentity(configuration={"relax": "none"}, seeds=(), parameters=(), device="none", note=None)
RESULTLESS = ("threads", "cache", "use_cache")  # search settings that change no result
_PLAIN = ("templates", "require_template", "server_url", "server_contact")


def search_alone(search: SearchConfig) -> Ready:
    """What is known where nothing is folded."""
    return Ready(identity=SEARCHED_ALONE, search=search)


def search_to_text(search: SearchConfig) -> str:
    """The settings that decide what is found, as JSON."""
    values = {name: value for name, value in asdict(search).items() if name not in RESULTLESS}
    return json.dumps(values, default=str, sort_keys=True)


def search_from_text(text: str) -> SearchConfig:
    """What `search_to_text` wrote.

    Raises:
        InputError: something else.
    """
    try:
        values: dict[str, Any] = json.loads(text)
        selection: dict[str, Any] = values["selection"]
        if selection["max_date"] is not None:
            selection["max_date"] = datetime.date.fromisoformat(selection["max_date"])
        plain = {name: values[name] for name in _PLAIN}
        return SearchConfig(
            msa_modes=None if values["msa_modes"] is None else tuple(values["msa_modes"]),
            databases=tuple(values["databases"]),
            template_files=tuple(map(Path, values["template_files"])),
            selection=TemplateConfig(**selection),
            **{name: None if values[name] is None else Path(values[name]) for name in ("data_dir", "library")},
            **plain,
        )
    except (KeyError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise InputError("settings of a search in the journal", found, "search again with this version") from error


def as_searched(settings: BatchSettings, journal: Journal) -> SearchConfig:
    """The settings of the searches that are to be folded.

    Raises:
        InputError: the journal knows of none.
    """
    text = journal.note("search")
    if text is None:
        raise _not_searched(settings)
    return search_from_text(text)


def check_searched(settings: BatchSettings) -> None:
    """Raise InputError where there is no journal of a search, before anything is made."""
    if not (state_path(settings.out_dir, settings.shard) / JOURNAL).is_file():
        raise _not_searched(settings)


def _not_searched(settings: BatchSettings) -> InputError:
    shards = ", ".join(map(str, shards_in(settings.out_dir)))
    found = f"only those of shards {shards}" if shards and settings.shard is None else "none"
    action = "give --shard, or merge them first" if shards else "run `alphafold-lite search` first"
    return InputError(f"searches in {state_path(settings.out_dir, settings.shard)}", found, action)


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """The last stage of a target in a part of the work, and its state then."""

    stage: Stage
    state: str


def ends_with(part: Part) -> Goal:
    """Where a part of the work ends."""
    return Goal(stage="features", state=SEARCHED) if part == "search" else Goal(stage="write", state=DONE)


def adopt(target: Target, settings: BatchSettings, identity: RunIdentity) -> InputError | None:
    """Write the `run.json` of a target that was searched alone and is to be folded; others have theirs.

    Returns:
        Why it cannot be folded: what the search left cannot be read, or there are results of another configuration.

    Raises:
        InputError: the folder cannot be written.
    """
    folder = settings.out_dir / target.name
    if settings.part == "search" or "fold" in target.stages or not (folder / SEARCH_FILE).is_file():
        return None
    if "features" not in target.stages:
        return None
    try:
        found = json.loads((folder / SEARCH_FILE).read_text("utf-8"))
        record = adopted_record(identity, target.record, _record(found), _outcomes(folder))
    except (OSError, KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        return InputError(f"a readable {SEARCH_FILE} in {folder}", problem, "search it again")
    if (folder / RUN_FILE).is_file() and fingerprint_in(folder / RUN_FILE) != record.fingerprint:
        if not settings.overwrite:
            action = "give --overwrite to replace them, or another --out-dir"
            return InputError(f"no results of another configuration in {folder}", f"another {RUN_FILE}", action)
        clear_results(folder)
    write_atomic(folder / RUN_FILE, record.to_json())
    return None


def is_only_searched(folder: Path) -> bool:
    """Whether there is nothing but what a search left, which folding the target anew may replace."""
    return (folder / SEARCH_FILE).is_file() and not (folder / RUN_FILE).is_file()


def _record(content: dict[str, Any]) -> RunRecord:
    return RunRecord(**{name: value for name, value in content.items() if name != "fingerprint"})


def _outcomes(folder: Path) -> tuple[TemplateOutcome, ...]:
    path = folder / "templates.json"
    if not path.is_file():
        return ()
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return tuple(outcome for chain in content.values() for outcome in read_outcomes(chain))
