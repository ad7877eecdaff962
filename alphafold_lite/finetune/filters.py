"""Which chains are fit to learn from; every other is named with its reason."""

from collections import Counter
from collections.abc import Iterable

from alphafold_lite.finetune.settings import FilterSettings
from alphafold_lite.finetune.structures import Candidate, Rejection

BACKBONE = 3  # N, CA, C: the first columns of atom14
NO_RESOLUTION = float("inf")


def problem(chain: Candidate, settings: FilterSettings) -> tuple[str, str] | None:
    """Why a chain is not used, in a word and in full; None where it is."""
    length = len(chain.sequence)
    if length < settings.min_length:
        return "length", f"{length} residues, fewer than {settings.min_length}"
    if chain.resolution is not None and chain.resolution > settings.max_resolution:
        return "resolution", f"a resolution of {chain.resolution:g} Å, above {settings.max_resolution:g}"
    unknown = chain.sequence.count("X") / length
    if unknown > settings.max_unknown:
        return "composition", f"{unknown:.0%} unknown residues, more than {settings.max_unknown:.0%}"
    letter, count = Counter(chain.sequence).most_common(1)[0]
    if count / length > settings.max_one_letter:
        found = f"{count / length:.0%} of the residues are {letter}"
        return "composition", f"{found}, more than {settings.max_one_letter:.0%}"
    missing = 1 - float(chain.mask[:, :BACKBONE].all(-1).mean())
    if missing > settings.max_missing:
        found = f"{missing:.0%} of the residues without N, CA or C"
        return "missing atoms", f"{found}, more than {settings.max_missing:.0%}"
    return None


def choose(
    found: Iterable[Candidate | Rejection], settings: FilterSettings
) -> tuple[tuple[Candidate, ...], tuple[Rejection, ...]]:
    """The chains that are used, by name, and everything else. Of equal sequences the one of the best resolution is used."""
    rejected: list[Rejection] = []
    best: dict[str, Candidate] = {}
    for item in found:
        if isinstance(item, Rejection):
            rejected.append(item)
        elif (found_wrong := problem(item, settings)) is not None:
            rejected.append(rejection(item, *found_wrong))
        else:
            other = best.get(item.sequence)
            kept = item if other is None or _rank(item) < _rank(other) else other
            if other is not None:
                lost = other if kept is item else item
                rejected.append(rejection(lost, "same sequence", f"the same sequence as {kept.id}"))
            best[item.sequence] = kept
    return tuple(sorted(best.values(), key=lambda chain: chain.id)), tuple(rejected)


def _rank(chain: Candidate) -> tuple[float, float, str]:
    """Resolution, then completeness, then name."""
    resolution = NO_RESOLUTION if chain.resolution is None else chain.resolution
    return resolution, -float(chain.mask.sum()), chain.id


def rejection(chain: Candidate, kind: str, reason: str) -> Rejection:
    """A chain that was read and is not used."""
    return Rejection(file=chain.file, chain=chain.id.removeprefix(f"{chain.entry}_"), kind=kind, reason=reason)
