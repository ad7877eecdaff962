"""Whether a network was trained on the very structure that it is asked for."""

from collections.abc import Iterable
from functools import cache

from alphafold_lite.predict.collect import Collected
from alphafold_lite.predict.predictor import Predictor
from data_pipeline.library.library import Library
from data_pipeline.templates.selection import TemplateOutcome

ALIKE = 0.95  # identity and coverage from which a chain of the library counts as the query itself


def chains_learnt(predictor: Predictor) -> frozenset[str]:
    """Names of the chains of the embedded library that any of the networks was trained on, where templates come from it."""
    if predictor.search.library is not None or not any(model.source.learnt_library for model in predictor.models):
        return frozenset()
    return _embedded_chains()


@cache
def _embedded_chains() -> frozenset[str]:
    library = Library.embedded()
    return frozenset(library.chain_names) - library.validation_names


def familiar_note(collected: Collected, learnt: frozenset[str]) -> str | None:
    """A remark where the query is one of the chains learnt, by the template hits; None where it is not."""
    return familiar_hits_note(collected.outcomes, learnt)


def familiar_hits_note(outcomes: Iterable[TemplateOutcome], learnt: frozenset[str]) -> str | None:
    """The same from the fate of the hits alone."""
    near = [
        outcome
        for outcome in outcomes
        if outcome.name in learnt
        and outcome.source == "library"
        and outcome.identity >= ALIKE
        and outcome.coverage >= ALIKE
    ]
    if not near:
        return None
    first = max(near, key=lambda outcome: (outcome.identity, outcome.coverage))
    place = "was a template" if first.used else "is in the library"
    return (
        f"the network was trained on this protein ({first.name}, {100 * first.identity:.0f} % identical), and its structure {place}: "
        "how well it comes out says nothing about other proteins"
    )
