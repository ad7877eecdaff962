"""From a record and its alignments to features: searches, templates, depth; what is written of them and told to the user."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alphafold_lite.common.chains import CHAIN_IDS
from alphafold_lite.common.features import CarriedProfile, Features
from alphafold_lite.outputs.scores import to_json
from data_pipeline.complexes import build_complex_features, sort_alignments
from data_pipeline.depth import Depth, msa_depth
from data_pipeline.parsers.a3m import a3m_text
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.fasta import FastaRecord
from data_pipeline.search.base import Query
from data_pipeline.searcher import ANY_IDENTITY, Found, Searcher
from data_pipeline.templates.selection import TemplateOutcome

log = logging.getLogger(__name__)
SINGLE, USER = "single", "user"  # names of alignments that no search made
SHOWN_OUTCOMES = 8  # rows of the table on the terminal


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """Features, and how they came about."""

    features: Features
    msas: dict[str, str]  # A3M text by name
    found: dict[str, Found]  # by chain letter; distinct chains only
    depth: Depth

    @property
    def outcomes(self) -> tuple[TemplateOutcome, ...]:
        """The fate of every template hit, of all chains."""
        return tuple(outcome for found in self.found.values() for outcome in found.templates.outcomes)

    @property
    def searches(self) -> list[dict[str, object]]:
        """Every search made, for `run.json`."""
        return [
            {"chain": chain, **record.to_json_dict()} for chain, found in self.found.items() for record in found.records
        ]

    def templates_json(self) -> str | None:
        """Content of `templates.json`; None where no template was looked for."""
        if not self.found:
            return None
        return to_json({chain: found.templates.to_json_dict() for chain, found in self.found.items()})

    @property
    def texts(self) -> dict[str, str]:
        """Raw output of template searches by file name."""
        many = len(self.found) > 1
        return {
            f"{chain}_{name}" if many else name: text
            for chain, found in self.found.items()
            for name, text in found.texts.items()
        }


def collect(
    record: FastaRecord,
    alignments: Sequence[Alignment],
    searcher: Searcher | None,
    *,
    exclude: Collection[str] = (),
    max_identity: float = ANY_IDENTITY,
) -> Collected:
    """Features of one record. Alignments that the user gives stand in the place of the MSA search; templates are searched all the same.

    Args:
        searcher: None searches nothing.
        exclude, max_identity: library chains that may not be used; see `Searcher.gather`.

    Raises:
        InputError, TargetError, MissingResourceError: as `Searcher.gather` and `build_complex_features`.
    """
    chains = list(dict.fromkeys(record.chains))
    joined, own = sort_alignments(record.chains, alignments)
    own = own or [[] for _ in chains]
    letters = [CHAIN_IDS[record.chains.index(chain)] for chain in chains]
    found: dict[str, Found] = {}
    if searcher is not None:
        for letter, chain, theirs in zip(letters, chains, _given(record.chains, joined, own), strict=True):
            query = Query(name=record.name if len(record.chains) == 1 else f"{record.name}_{letter}", sequence=chain)
            found[letter] = searcher.gather(query, given=theirs, exclude=exclude, max_identity=max_identity)
    msas = _given_msas(record, alignments)
    for (letter, one), theirs in zip(found.items(), own, strict=False):
        theirs += one.alignments
        msas |= _named(one, letter if len(chains) > 1 else "")
    features = build_complex_features(
        record.chains,
        name=record.name,
        msas=own,
        joined=joined,
        templates=[found[letter].templates.features for letter in letters] if found else (),
    )
    carried = {chain: found[letter].carried for letter, chain in zip(letters, chains, strict=True)} if found else {}
    features = replace(features, carried=_join_carried(record.chains, carried))
    query_alone = {SINGLE: f">{record.name}\n{record.sequence}\n"}
    return Collected(features=features, msas=msas or query_alone, found=found, depth=msa_depth(features.msa))


def tell(name: str, collected: Collected) -> None:
    """Depth of the MSA, and what became of the template hits, as lines of the log."""
    if collected.found:
        log.info("%s: %s", name, collected.depth.message)
    for outcome in collected.outcomes[:SHOWN_OUTCOMES]:
        e_value = "" if outcome.e_value is None else f", E {outcome.e_value:.1e}"
        fate = "used" if outcome.used else "not used"
        reason = f": {outcome.reason}" if outcome.reason else ""
        log.info(
            "%s: template %s (%s%s, identity %.0f%%, coverage %.0f%%) %s%s",
            name, outcome.name, outcome.source, e_value, 100 * outcome.identity, 100 * outcome.coverage, fate, reason,
        )  # fmt: skip
    left = len(collected.outcomes) - SHOWN_OUTCOMES
    if left > 0:
        log.info("%s: %d more template hits in templates.json", name, left)


def _given(
    chains: Sequence[str], joined: Sequence[Alignment], own: Sequence[Sequence[Alignment]]
) -> list[list[Alignment] | None]:
    """For each distinct chain what the user's alignments say of it, those of the whole complex cut to it; None everywhere where there are none."""
    if not joined and not any(own):
        return [None] * len(own)
    given: list[list[Alignment] | None] = []
    for chain, theirs in zip(dict.fromkeys(chains), own, strict=True):
        start = sum(map(len, chains[: chains.index(chain)]))
        given.append([*theirs, *(alignment.columns(start, start + len(chain)) for alignment in joined)])
    return given


def _given_msas(record: FastaRecord, alignments: Sequence[Alignment]) -> dict[str, str]:
    names = [USER, *(f"{USER}_{number}" for number in range(2, len(alignments) + 1))]
    return {name: a3m_text(alignment) for name, alignment in zip(names, alignments, strict=False)}


def _named(found: Found, letter: str) -> dict[str, str]:
    """A3M text by engine, with a number where one engine searched several databases."""
    named: dict[str, str] = {}
    for result in found.results:
        stem = f"{result.record.engine}{'_' if letter else ''}{letter}"
        name, number = stem, 2
        while name in named:
            name, number = f"{stem}_{number}", number + 1
        named[name] = a3m_text(result.alignment)
    return named


def _join_carried(chains: Sequence[str], carried: dict[str, CarriedProfile | None]) -> CarriedProfile | None:
    """Profiles of single chains one after another; nothing is trusted where a chain has none."""
    if not any(profile is not None for profile in carried.values()):
        return None
    parts: list[CarriedProfile] = []
    for chain in chains:
        nothing = CarriedProfile(
            frequencies=np.zeros((len(chain), 20), np.float32), trust=np.zeros(len(chain), np.float32)
        )
        parts.append(carried[chain] or nothing)
    return CarriedProfile(
        frequencies=np.concatenate([part.frequencies for part in parts]),
        trust=np.concatenate([part.trust for part in parts]),
    )
