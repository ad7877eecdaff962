"""Which target has room where, and which lengths are to be taken next."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from alphafold_lite.batch.journal import ANY_LENGTH
from alphafold_lite.batch.placement import Place
from alphafold_lite.model.config import ModelConfig
from alphafold_lite.predict.device import peak_bytes
from alphafold_lite.predict.folder import RunIdentity

LONGEST = 100_000  # residues; no device has memory for a pair representation of this size


def needed_bytes(identity: RunIdentity) -> Callable[[int], float]:
    """What folding needs at most by number of residues: the largest network, with as many MSA rows as it reads."""
    networks: dict[str, Any] = identity.configuration["networks"]  # type: ignore[assignment]
    sampling: dict[str, Any] = identity.configuration["sampling"]  # type: ignore[assignment]
    known = [(ModelConfig.from_json_dict(networks[name]), sampling[name]) for name in networks]

    def needed(num_res: int) -> float:
        return max(
            peak_bytes(config, num_res=num_res, num_clusters=rows["max_clusters"], num_extra=rows["max_extra"])
            for config, rows in known
        )

    return needed


class Room:
    """Books of the memory of all places. One that nothing is known of has room for everything.

    Args:
        needed: bytes by number of residues.
    """

    def __init__(self, needed: Callable[[int], float] = float) -> None:
        self.needed = needed
        self._free: dict[str, float] = {}

    def open(self, place: Place) -> None:
        """Note a place; of several accounts of the same one the lowest counts."""
        free = math.inf if place.free is None else place.free
        self._free[place.name] = min(free, self._free.get(place.name, math.inf))

    def keep(self, names: Iterable[str]) -> None:
        """Forget the places that no worker is at any more."""
        self._free = {name: free for name in names if (free := self._free.get(name)) is not None}

    def fits(self, num_res: int, place: str, in_hand: Mapping[str, float], *, all_known: bool) -> bool:
        """Whether a target may be folded at a place now.

        One that is too large for every place goes to the largest once nothing else is in hand there: memory may be saved on the way.

        Args:
            in_hand: bytes that are in use for what is being folded, by place.
            all_known: there may be no larger place than those noted.
        """
        free, used = self._free.get(place, math.inf), in_hand.get(place, 0.0)
        if self.needed(num_res) + used <= free:
            return True
        return all_known and not used and free >= max(self._free.values())

    @property
    def common_length(self) -> int | None:
        """The most residues that every place has room for; None where all places are alike."""
        least, most = min(self._free.values(), default=math.inf), max(self._free.values(), default=math.inf)
        return None if least == most else bisect_right(range(1, LONGEST), least, key=self.needed)

    def is_common(self, num_res: int) -> bool:
        """Whether every place has room for a target."""
        common = self.common_length
        return common is None or num_res <= common

    def wanted(self, lengths: Sequence[int], *, limit: int, limit_longer: int) -> tuple[int, ...]:
        """What may be taken next: targets of the first of these lengths at most, or, if there are none, of the next.

        Where places differ, targets that not all of them have room for are taken in small numbers, so that the others have work.

        Args:
            lengths: of all targets that are on their way, in residues.
            limit: to their number.
            limit_longer: to the number of those that not all places have room for, while there are shorter ones.
        """
        common = self.common_length
        any_length = (ANY_LENGTH,) if len(lengths) < limit else ()
        if common is None:
            return any_length
        longer = sum(length > common for length in lengths)
        if longer < limit_longer:
            return any_length
        return (common, *any_length) if len(lengths) - longer < limit else ()
