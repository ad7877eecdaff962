"""Hits of HHsearch and hmmsearch on chains of the PDB, found again in their structures."""

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.hhr import TemplateHit
from data_pipeline.parsers.mmcif import Structure, StructureChain
from data_pipeline.search.base import Query
from data_pipeline.templates.alignment import align_records, find, find_with_unknowns
from data_pipeline.templates.features import Placement
from data_pipeline.templates.selection import (
    NotUsable,
    TemplateCandidate,
    TemplateConfig,
    TemplateSelection,
    select,
)
from data_pipeline.templates.structures import StructureSource

MIN_SAME = 0.9  # share of equal residues between a hit and the sequence of its structure (AlphaFold)
MIN_ATOMS = 5  # of a template; the smallest residue with a side chain has five (AlphaFold)
MAX_NEIGHBOUR_CA = 150.0  # Å; neighbours further apart come from a damaged file (AlphaFold)
_CHAIN = re.compile(r"([A-Za-z0-9]{4})_([A-Za-z0-9.]+)(?:/([0-9]+)-([0-9]+))?(?![A-Za-z0-9_/])")
_N, _CA, _C = (rc.atom_order[name] for name in ("N", "CA", "C"))


def from_hhr(
    query: Query,
    hits: Sequence[TemplateHit],
    structures: StructureSource,
    config: TemplateConfig,
    *,
    e_values: Sequence[float] = (),
) -> TemplateSelection:
    """Templates from HHsearch's hits, those with most residues expected to be right first, as AlphaFold ranks them.

    `e_values` belong to the hits one by one, or are left out.

    Raises:
        InputError: the hits are those of another query, or there is another number of E-values.
    """
    candidates = hit_candidates(query, hits, "hhsearch", e_values)
    ranked = sorted(candidates, key=lambda candidate: -candidate.sum_probs)
    return from_candidates(query, ranked, structures, config)


def from_hmmsearch(
    query: Query,
    hits: Alignment | Sequence[TemplateHit],
    structures: StructureSource,
    config: TemplateConfig,
    *,
    e_values: Sequence[float] = (),
) -> TemplateSelection:
    """Templates from hmmsearch's hits in their own order: rows of an alignment below the query, named such as `4zey_A/12-80`, or hits.

    Raises:
        InputError: the hits are those of another query, or there is another number of E-values.
    """
    if isinstance(hits, Alignment):
        candidates = _row_candidates(query, hits, e_values)
    else:
        candidates = hit_candidates(query, hits, "hmmsearch", e_values)
    return from_candidates(query, candidates, structures, config)


def from_candidates(
    query: Query, candidates: Sequence[TemplateCandidate], structures: StructureSource, config: TemplateConfig
) -> TemplateSelection:
    """Templates from candidates named by entry and chain, best first."""
    return select(query, candidates, lambda candidate: _place(candidate, structures), config)


def hit_candidates(
    query: Query,
    hits: Sequence[TemplateHit],
    source: Literal["hhsearch", "hmmsearch"],
    e_values: Sequence[float] = (),
) -> list[TemplateCandidate]:
    """The hits as candidates, in their order.

    Raises:
        InputError: the hits are those of another query, or there is another number of E-values.
    """
    candidates: list[TemplateCandidate] = []
    for hit, e_value in zip(hits, _one_each(e_values, len(hits)), strict=True):
        columns = [
            (letter, q, h)
            for letter, q, h in zip(hit.query, hit.indices_query, hit.indices_hit, strict=True)
            if q >= 0 and h >= 0
        ]
        _check_query(query, [(letter, q) for letter, q, _ in columns], f"hit {hit.index}")
        start = min((h for h in hit.indices_hit if h >= 0), default=0)
        candidates.append(
            TemplateCandidate(
                source=source,
                name=_candidate_name(hit.name),
                hit_sequence=hit.hit_sequence.replace("-", ""),
                query_index=np.array([q for _, q, _ in columns], np.int64),
                hit_index=np.array([h - start for _, _, h in columns], np.int64),
                start=start,
                e_value=e_value,
                sum_probs=hit.sum_probs,
            )
        )
    return candidates


def _row_candidates(query: Query, alignment: Alignment, e_values: Sequence[float]) -> list[TemplateCandidate]:
    rows = list(zip(alignment.sequences, alignment.deletion_matrix, alignment.descriptions, strict=True))
    _check_query(query, [(letter, place) for place, letter in enumerate(rows[0][0])], "the first row")
    candidates: list[TemplateCandidate] = []
    for (row, deletions, name), e_value in zip(rows[1:], _one_each(e_values, len(rows) - 1), strict=True):
        stretch, query_index, hit_index = _unfold(row, deletions)
        found = _CHAIN.match(name)
        candidates.append(
            TemplateCandidate(
                source="hmmsearch",
                name=_candidate_name(name),
                hit_sequence=stretch,
                query_index=query_index,
                hit_index=hit_index,
                start=int(found[3]) - 1 if found and found[3] else 0,
                e_value=e_value,
            )
        )
    return candidates


def _unfold(
    row: str, deletions: Int[np.ndarray, "N_res"]
) -> tuple[str, Int[np.ndarray, "N_pairs"], Int[np.ndarray, "N_pairs"]]:
    """A row's residues with X for those that the alignment left out, and the pairs; those left out at the ends count as none."""
    parts: list[str] = []
    query_index: list[int] = []
    hit_index: list[int] = []
    length = pending = 0
    for place, (letter, deleted) in enumerate(zip(row, deletions.tolist(), strict=True)):
        pending += deleted
        if letter == "-":
            continue
        if parts:
            parts.append("X" * pending)
            length += pending
        pending = 0
        query_index.append(place)
        hit_index.append(length)
        parts.append(letter)
        length += 1
    return "".join(parts), np.array(query_index, np.int64), np.array(hit_index, np.int64)


def _one_each(e_values: Sequence[float], count: int) -> Sequence[float | None]:
    if len(e_values) not in (0, count):
        raise InputError(f"{count} E-values, one a hit, or none", str(len(e_values)), "give those of these hits")
    return e_values or [None] * count


def _check_query(query: Query, letters: Sequence[tuple[str, int]], what: str) -> None:
    """Letters and their places must be those of the query; letters that the query has as X may stand there as they were."""
    for letter, place in letters:
        ours = query.sequence[place] if place < len(query.sequence) else "no residue"
        if letter not in (ours, "X") and ours != "X":
            found = f"{letter} instead of {ours} at position {place + 1} in {what}"
            raise InputError(f"hits of {query.name}", found, "give the hits of this query")


def _candidate_name(text: str) -> str:
    found = _CHAIN.match(text)
    return f"{found[1].lower()}_{found[2]}" if found else text.split(maxsplit=1)[0] if text.strip() else "unnamed"


def _place(candidate: TemplateCandidate, structures: StructureSource) -> Placement:
    found = _CHAIN.fullmatch(candidate.name)
    if found is None:
        raise NotUsable("its name gives no PDB entry and chain")
    try:
        structure = structures.read(found[1])
    except InputError as error:
        raise NotUsable(str(error)) from error
    if structure is None:
        raise NotUsable("no structure file")
    chain, kept, chain_index, letters = _locate(candidate, structure, found[2])
    return place_on_chain(chain, candidate.query_index[kept], chain_index, letters, structure)


def place_on_chain(
    chain: StructureChain,
    query_index: Int[np.ndarray, "N_pairs"],
    chain_index: Int[np.ndarray, "N_pairs"],
    letters: str,
    structure: Structure,
) -> Placement:
    """The atoms of a chain at the aligned residues.

    Raises:
        NotUsable: there are hardly any, or the chain is torn apart.
    """
    positions, mask = chain.atom_positions[chain_index], chain.atom_mask[chain_index]
    if _longest_step(chain.atom_positions, chain.atom_mask) > MAX_NEIGHBOUR_CA:
        raise NotUsable(f"neighbouring residues more than {MAX_NEIGHBOUR_CA:.0f} Å apart: a damaged structure")
    if mask.sum() < MIN_ATOMS:
        raise NotUsable("no atoms at the aligned residues")
    return Placement(
        query_index=query_index, letters=letters, positions=positions, mask=mask, date=structure.release_date
    )


def _longest_step(positions: Float[np.ndarray, "N 37 3"], mask: Float[np.ndarray, "N 37"]) -> float:
    has_backbone = np.asarray(mask[:, [_N, _CA, _C]].all(axis=1))
    steps = np.linalg.norm(np.diff(positions[:, _CA], axis=0), axis=-1)
    return float(steps[has_backbone[1:] & has_backbone[:-1]].max(initial=0.0))


_Located = tuple[StructureChain, Int[np.ndarray, "N_kept"], Int[np.ndarray, "N_kept"], str]


def _locate(candidate: TemplateCandidate, structure: Structure, chain_name: str) -> _Located:
    """The chain, which pairs are kept, their places in the chain and the template's letters.

    AlphaFold's order: letter for letter in the named chain, then in any other; with unknown letters in the named chain; at last by aligning
    the two sequences, which must then be nearly the same.
    """
    if not structure.chains:
        raise NotUsable("no protein chain in the structure")
    named = [chain for chain in structure.chains if chain.id == chain_name]
    stretch, pairs = candidate.hit_sequence, candidate.hit_index
    everything, letters = np.arange(len(pairs)), "".join(stretch[place] for place in pairs)
    for search, chains in ((find, (*named, *structure.chains)), (find_with_unknowns, named)):
        for chain in chains:
            offset = search(stretch, chain.sequence, candidate.start)
            if offset is not None:
                return chain, everything, pairs + offset, letters
    chains = named or structure.chains[: len(structure.chains) == 1]
    if not chains:
        raise NotUsable(f"no chain {chain_name} in the structure")
    return _realign(candidate, chains[0])


def _realign(candidate: TemplateCandidate, chain: StructureChain) -> _Located:
    stretch = candidate.hit_sequence
    aligned = align_records(stretch, chain.sequence)
    if aligned is None:
        raise NotUsable("too long to be aligned to the sequence of its structure")
    same = sum(stretch[a] == chain.sequence[b] for a, b in zip(*aligned, strict=True))
    share = same / min(len(stretch), len(chain.sequence))
    if share < MIN_SAME:
        raise NotUsable(f"only {share:.0%} of the hit's residues are those of the structure")
    place_of = np.full(len(stretch), -1)
    place_of[aligned[0]] = aligned[1]
    places = place_of[candidate.hit_index]
    kept = np.flatnonzero(places >= 0)
    return chain, kept, places[kept], "".join(chain.sequence[place] for place in places[kept])
