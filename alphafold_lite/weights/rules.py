"""Rules between the parameter names of a foreign file and ours: what a rule is, and how tables of rules are put together.

Our weights are torch's: a Linear has `weight [out, in]` and `bias [out]`, an attention keeps all heads in one axis (`h * d`). A foreign
array may be transposed and may keep heads apart; a `Transform` says which, and can be undone without loss.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

Shape = tuple[int, ...]

BLOCK = "{i}"  # number of the block, from 0
BLOCK_FROM_1 = "{i+1}"  # the same, counted from 1
REPEAT = "{_i}"  # the same as Haiku writes it for repeated modules: nothing, then _1, _2, ...


@dataclass(frozen=True, slots=True)
class Transform:
    """How the foreign array lies compared with our parameter.

    Args:
        name: for messages.
        swapped: a foreign weight is [in, out].
        split: the axis of the foreign array that is divided into (heads, width), after swapping; None where there is none.
    """

    name: str
    swapped: bool = False
    split: int | None = None

    def foreign_shape(self, ours: Shape, heads: int | None) -> Shape | None:
        """The foreign shape that belongs to our shape; None if `heads` does not divide the axis."""
        flat = ours[::-1] if self.swapped else ours
        if self.split is None:
            return flat
        if heads is None or heads < 1 or flat[self.split] % heads:
            return None
        return (*flat[: self.split], heads, flat[self.split] // heads, *flat[self.split + 1 :])

    def our_shape(self, foreign: Shape) -> Shape | None:
        """Our shape that belongs to a foreign shape; None if that has the wrong number of axes."""
        if self.rank is not None and len(foreign) != self.rank:
            return None
        flat = foreign
        if self.split is not None:
            merged = foreign[self.split] * foreign[self.split + 1]
            flat = (*foreign[: self.split], merged, *foreign[self.split + 2 :])
        return flat[::-1] if self.swapped else flat

    @property
    def rank(self) -> int | None:
        """Number of axes of the foreign array; None where any is right."""
        if self.split is None:
            return 2 if self.swapped else None
        return 3 if self.swapped else 2

    def to_ours(self, array: Tensor, ours: Shape) -> Tensor:
        """Foreign array -> our parameter of shape `ours`."""
        return array.reshape(ours[::-1]).T if self.swapped else array.reshape(ours)

    def to_foreign(self, parameter: Tensor, foreign: Shape) -> Tensor:
        """Our parameter -> foreign array of shape `foreign`."""
        return (parameter.T if self.swapped else parameter).reshape(foreign)


IDENTITY = Transform("identity")
TRANSPOSE = Transform("transpose", swapped=True)  # [in, out]
HEADS_IN = Transform("heads_in", swapped=True, split=1)  # [in, h, d]: query, key, value, gate
HEADS_OUT = Transform(
    "heads_out", swapped=True, split=0
)  # [h, d, out]: what gathers the heads; also the outer product's [c, c, out]
FLATTEN = Transform("flatten", split=0)  # [h, d]: bias of a gate


@dataclass(frozen=True, slots=True)
class Rule:
    """One foreign array and the parameter, or one per block, that it is.

    `{i}` in `ours` is the number of the block. Where `foreign` has it too (`{i}`, `{i+1}` or `{_i}`), there is one array per block; where it has
    not, one array holds all blocks along its first axis.

    Args:
        heads: what the divided axis is divided by; None if that may be anything (single modules).
    """

    foreign: str
    ours: str
    transform: Transform = IDENTITY
    heads: int | None = None

    @property
    def stacked(self) -> bool:
        """One foreign array holds all blocks."""
        return BLOCK in self.ours and not any(mark in self.foreign for mark in (BLOCK, BLOCK_FROM_1, REPEAT))


Rules = tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule with the block numbers filled in: one foreign array and the parameters it makes up."""

    foreign: str
    ours: tuple[str, ...]
    rule: Rule


def under(rules: Iterable[Rule], foreign: str, ours: str, *, separator: str = "/") -> Rules:
    """The same rules, one scope further down on both sides; `separator` stands between foreign scopes."""
    return tuple(replace(r, foreign=_join(foreign, r.foreign, separator), ours=_join(ours, r.ours, ".")) for r in rules)


def _join(scope: str, name: str, separator: str) -> str:
    if not scope:
        return name.lstrip("/")
    return scope + ("" if name.startswith("//") else separator) + name


def with_heads(rules: Iterable[Rule], heads: Mapping[str, int]) -> Rules:
    """The same rules with the number of heads of each module, by the module's name in our parameters."""

    def count(rule: Rule) -> int | None:
        return next((heads[part] for part in rule.ours.split(".") if part in heads), None)

    return tuple(replace(r, heads=count(r)) if r.transform.split is not None else r for r in rules)


def expand(rules: Iterable[Rule], names: Iterable[str]) -> Iterator[Entry]:
    """Rules -> entries for the parameters `names`; how many blocks a stack has is read from the names."""
    present = tuple(names)
    counts: dict[str, int] = {}
    for rule in rules:
        if BLOCK not in rule.ours:
            yield Entry(rule.foreign, (rule.ours,), rule)
            continue
        stack = rule.ours.partition(BLOCK)[0]
        if stack not in counts:
            counts[stack] = _count_blocks(stack, present)
        ours = tuple(rule.ours.replace(BLOCK, str(i)) for i in range(counts[stack]))
        if not rule.stacked:
            yield from (Entry(number(rule.foreign, i), (name,), rule) for i, name in enumerate(ours))
        elif ours:
            yield Entry(rule.foreign, ours, rule)


def _count_blocks(stack: str, names: Iterable[str]) -> int:
    pattern = re.compile(re.escape(stack) + r"(\d+)\.")
    found = [int(match.group(1)) for name in names if (match := pattern.match(name))]
    return max(found, default=-1) + 1


def number(foreign: str, i: int) -> str:
    """The foreign name of block `i`."""
    return foreign.replace(BLOCK, str(i)).replace(BLOCK_FROM_1, str(i + 1)).replace(REPEAT, f"_{i}" if i else "")
