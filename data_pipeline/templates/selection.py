"""Candidates to used templates, with the fate of each: the prefilter of AlphaFold (`templates.py` of its data pipeline), then the structure."""

import datetime
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

import numpy as np
from jaxtyping import Int

from alphafold_lite.common.errors import InputError, TargetError
from alphafold_lite.common.features import TemplateFeatures
from data_pipeline.search.base import Query
from data_pipeline.templates.features import Placement, stack

Source = Literal["library", "hhsearch", "hmmsearch", "user"]
FORMAT = 1  # of templates.json
_ENTRY_AND_CHAIN = re.compile(r"([0-9][A-Za-z0-9]{3})_(\w+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateConfig:
    """Which hits may become templates. The bounds are AlphaFold's (supplement 1.2.3 and its data pipeline)."""

    max_templates: int = 4  # used
    max_candidates: int = 20  # of each source whose structures are looked at, once past the prefilter
    max_date: datetime.date | None = None  # structures released later are not used
    allow_undated: bool = False  # with `max_date`: use structures whose date is not known
    max_e_value: float = 1e-3  # of hits in a library; networks that are told the E-value can use weaker ones
    min_coverage: float = 0.1  # a hit must be aligned to more than this share of the query
    min_length: int = 10  # residues of the hit's aligned part
    max_subsequence_ratio: float = 0.95  # a part of the query itself, longer than this share of it, is no template

    def __post_init__(self) -> None:
        """Refuse what selects nothing.

        Raises:
            InputError: no template, or no candidate, is asked for.
        """
        if self.max_templates < 1 or self.max_candidates < 1:
            found = f"{self.max_templates} and {self.max_candidates}"
            raise InputError("at least one template and one candidate", found, "choose larger numbers, or no templates")


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateCandidate:
    """One hit: a stretch of a known chain aligned to the query."""

    source: Source
    name: str  # such as 4zey_A
    hit_sequence: str  # letters of the stretch, without gaps
    query_index: Int[np.ndarray, "N_pairs"]  # 0-based, increasing
    hit_index: Int[np.ndarray, "N_pairs"]  # into `hit_sequence`
    start: int = 0  # where the stretch should lie in the chain, 0-based
    e_value: float | None = None
    sum_probs: float = 0.0  # expected number of correctly aligned residues; 0 where the search gives none
    date: datetime.date | None = None  # of release, where known before the structure is read


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateOutcome:
    """What became of a candidate: one row of `templates.json` and of the table on the terminal."""

    name: str
    source: Source
    used: bool
    reason: str  # why it is not used; a remark, or nothing, where it is
    e_value: float | None
    identity: float  # share of equal letters among the aligned residues
    coverage: float  # aligned share of the query
    date: datetime.date | None

    def to_json_dict(self) -> dict[str, Any]:
        """The row as JSON can hold it."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return values | {"date": None if self.date is None else self.date.isoformat()}


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateSelection:
    """The templates of a query, best first, and every candidate's fate in the order of the candidates."""

    features: TemplateFeatures | None  # None: no template is used
    outcomes: tuple[TemplateOutcome, ...] = ()

    def to_json_dict(self) -> dict[str, Any]:
        """Content of `templates.json`."""
        return {"format": FORMAT, "templates": [outcome.to_json_dict() for outcome in self.outcomes]}

    def require(self, query: Query) -> None:
        """Insist on a template.

        Raises:
            TargetError: none is used.
        """
        if self.features is None:
            reasons = Counter(outcome.reason for outcome in self.outcomes).most_common(1)
            found = f"none of {len(self.outcomes)} hits ({reasons[0][0]})" if reasons else "no hit"
            action = "search another database, give a structure, or do without templates"
            raise TargetError(f"a usable template for {query.name}", found, action)


class NotUsable(Exception):  # noqa: N818 (the fate of a candidate, no error of the program)
    """Why a candidate is no template, in words for the user."""


def read_outcomes(content: Any) -> tuple[TemplateOutcome, ...]:
    """The rows of a `templates.json`.

    Raises:
        InputError: another format, or rows that are not such.
    """
    try:
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        return tuple(_read_outcome(row) for row in content["templates"])
    except (KeyError, TypeError, ValueError) as error:
        found = f"{type(error).__name__}: {error}"
        raise InputError(f"templates.json of format {FORMAT}", found, "run the search again") from error


def _read_outcome(row: Mapping[str, Any]) -> TemplateOutcome:
    if row["source"] not in get_args(Source):
        raise ValueError(f"source {row['source']!r}")
    values: dict[str, Any] = dict(row)
    if values["date"] is not None:
        values["date"] = datetime.date.fromisoformat(values["date"])
    return TemplateOutcome(**values)


def select(
    query: Query,
    candidates: Sequence[TemplateCandidate],
    place: Callable[[TemplateCandidate], Placement],
    config: TemplateConfig,
) -> TemplateSelection:
    """Go through the candidates, best first, until there are enough templates. `place` finds the atoms, or raises `NotUsable`."""
    used: list[tuple[TemplateCandidate, Placement]] = []
    outcomes: list[TemplateOutcome] = []
    examined = 0
    for candidate in candidates:
        released = candidate.date
        try:
            if len(used) == config.max_templates:
                raise NotUsable(_enough(config.max_templates))
            _prefilter(query, candidate, config)
            if examined == config.max_candidates:
                raise NotUsable(f"{examined} better hits were looked at")
            examined += 1
            placement = place(candidate)
            released = placement.date
            _check_date(released, config)
            reason, is_used = placement.remark, True
            used.append((candidate, placement))
        except NotUsable as refusal:
            reason, is_used = str(refusal), False
        outcomes.append(_outcome(query, candidate, reason, released, used=is_used))
    return TemplateSelection(features=_features(query, used), outcomes=tuple(outcomes))


def combine(selections: Sequence[TemplateSelection], *, max_templates: int) -> TemplateSelection:
    """Templates of several sources, those of the first selection first; a chain that an earlier one uses already is left out."""
    taken: set[str] = set()
    kept: list[tuple[TemplateFeatures, int]] = []
    outcomes: list[TemplateOutcome] = []
    for selection in selections:
        row = 0
        for outcome in selection.outcomes:
            if outcome.used and selection.features is not None:
                key = _key(outcome)
                if key in taken:
                    outcome = replace(outcome, used=False, reason="the same chain is used already")
                elif len(kept) == max_templates:
                    outcome = replace(outcome, used=False, reason=_enough(max_templates))
                else:
                    taken.add(key)
                    kept.append((selection.features, row))
                row += 1
            outcomes.append(outcome)
    return TemplateSelection(features=_joined(kept), outcomes=tuple(outcomes))


def identity_and_coverage(query: str, candidate: TemplateCandidate) -> tuple[float, float]:
    """Share of equal, known letters among the aligned residues, and the aligned share of the query."""
    pairs = zip(candidate.query_index, candidate.hit_index, strict=True)
    equal = sum(query[q] == candidate.hit_sequence[h] != "X" for q, h in pairs)
    return equal / max(len(candidate.query_index), 1), len(candidate.query_index) / len(query)


def _enough(count: int) -> str:
    return f"{count} better templates are used"


def _key(outcome: TemplateOutcome) -> str:
    """Names of PDB chains are equal whatever the case of the entry; those of the user's files stand for themselves."""
    found = None if outcome.source == "user" else _ENTRY_AND_CHAIN.fullmatch(outcome.name)
    return f"{outcome.source} {outcome.name}" if found is None else f"{found[1].lower()}_{found[2]}"


def _prefilter(query: Query, candidate: TemplateCandidate, config: TemplateConfig) -> None:
    """What AlphaFold asks of a hit before it looks at the structure."""
    length, hit = len(query.sequence), candidate.hit_sequence
    if candidate.source == "library":  # dates of other sources stand in the structures
        _check_date(candidate.date, config)
    if len(candidate.query_index) <= config.min_coverage * length:
        share = len(candidate.query_index) / length
        raise NotUsable(f"aligned to {share:.0%} of the query, and more than {config.min_coverage:.0%} are needed")
    if hit in query.sequence and len(hit) > config.max_subsequence_ratio * length:
        raise NotUsable("the query itself")
    if len(hit) < config.min_length:
        raise NotUsable(f"{len(hit)} residues, and at least {config.min_length} are needed")


def _check_date(released: datetime.date | None, config: TemplateConfig) -> None:
    if config.max_date is None or (released is None and config.allow_undated):
        return
    if released is None:
        raise NotUsable("its release date is not known")
    if released > config.max_date:
        raise NotUsable(f"released on {released}, after {config.max_date}")


def _outcome(
    query: Query, candidate: TemplateCandidate, reason: str, released: datetime.date | None, *, used: bool
) -> TemplateOutcome:
    identity, coverage = identity_and_coverage(query.sequence, candidate)
    return TemplateOutcome(
        name=candidate.name,
        source=candidate.source,
        used=used,
        reason=reason,
        e_value=candidate.e_value,
        identity=identity,
        coverage=coverage,
        date=released,
    )


def _features(query: Query, used: Sequence[tuple[TemplateCandidate, Placement]]) -> TemplateFeatures | None:
    if not used:
        return None
    candidates = [candidate for candidate, _ in used]
    similarity = np.array([identity_and_coverage(query.sequence, candidate) for candidate in candidates], np.float32)
    e_values = [np.nan if candidate.e_value is None else candidate.e_value for candidate in candidates]
    return replace(
        stack([placement for _, placement in used], len(query.sequence)),
        names=tuple(candidate.name for candidate in candidates),
        sum_probs=np.array([candidate.sum_probs for candidate in candidates], np.float32),
        e_value=np.array(e_values, np.float64),
        identity=similarity[:, 0],
        coverage=similarity[:, 1],
    )


def _joined(kept: Sequence[tuple[TemplateFeatures, int]]) -> TemplateFeatures | None:
    if not kept:
        return None
    values: dict[str, Any] = {}
    for name in TemplateFeatures.__dataclass_fields__:
        cells = [getattr(features, name) for features, _ in kept]
        if name == "names":
            values[name] = tuple(cast(tuple[str, ...], cell)[row] for cell, (_, row) in zip(cells, kept, strict=True))
        else:
            rows = [np.nan if cell is None else cell[row] for cell, (_, row) in zip(cells, kept, strict=True)]
            values[name] = np.stack(rows)
    return TemplateFeatures(**values)
