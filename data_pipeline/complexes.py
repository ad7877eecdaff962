"""Several chains as one target of a monomer network: their alignments and templates side by side, a jump in the residue numbers between them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int

from alphafold_lite.common.chains import CHAIN_IDS
from alphafold_lite.common.errors import InputError
from alphafold_lite.common.features import Features, TemplateFeatures
from data_pipeline.msa import GAP, Msa, merge
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.pipeline import assemble_features, build_features, merge_or_alone, query_alone, with_query
from data_pipeline.species import NO_ROW, pair_by_species

CHAIN_GAP = 200  # residue numbers left out between chains; the network tells apart distances up to 32 (Alg. 4)
_BY_RESIDUE = ("aatype", "atom_positions", "atom_mask")  # template arrays with a residue axis
_Given = TypeVar("_Given")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entity:
    """A distinct chain: its alignment and the columns of each of its copies."""

    msa: Msa
    copies: tuple[slice, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows:
    """Rows of a complex: for some columns, which rows of which alignment stand there (`NO_ROW`: gaps); all other columns are gaps."""

    descriptions: tuple[str, ...]
    parts: tuple[tuple[slice, Msa, Int[np.ndarray, "_"]], ...]


def build_complex_features(
    chains: Sequence[str],
    *,
    name: str,
    msas: Sequence[Sequence[Alignment]] = (),
    templates: Sequence[TemplateFeatures | None] = (),
    joined: Sequence[Alignment] = (),
) -> Features:
    """Features of chains that are predicted together; for one chain those of `build_features`.

    Rows of the MSA, in this order: the query; the rows of `joined`; rows of different chains paired by species; each row of a chain that is
    there several times, repeated over its copies; each row of a chain alone, once a copy. What a row does not cover is gaps.

    Args:
        chains: sequences of the 20 letters and X; equal ones are copies of each other.
        msas: alignments of the chains, a list for each chain or for each distinct one in order of appearance; no list or an empty one:
            single-sequence mode. The lists of copies are merged.
        templates: structures for the chains, counted as `msas`; each stays on its own chain. The best ones of all chains come first.
        joined: alignments over the chains one after another.

    Raises:
        InputError: no or an empty chain, lists in another number, or an alignment or template that does not belong to its chain.
    """
    if not chains or not all(chains):
        raise InputError(f"residues in every chain of {name}", f"{list(map(len, chains))}", "give at least one a chain")
    own = _for_each_chain(msas, chains, "lists of alignments")
    sequence = "".join(chains)
    if len(chains) == 1:
        features = build_features(sequence, name=name, msa=[*joined, *(own[0] or ())])
    else:
        whole = merge_or_alone(joined, sequence, name)
        msa = _fill(_complex_rows(whole, _entities(chains, name, own)), len(sequence))
        features = assemble_features(
            sequence, msa, name=name, residue_index=_residue_index(chains), chain_index=_chain_index(chains)
        )
    return replace(features, templates=join_templates(chains, templates))


def sort_alignments(
    chains: Sequence[str], alignments: Sequence[Alignment]
) -> tuple[list[Alignment], list[list[Alignment]]]:
    """Alignments over all the chains, and for each distinct chain its own, told apart by their first row.

    Raises:
        InputError: the first row of an alignment of a complex is neither the complex nor one of its chains.
    """
    if len(chains) == 1:
        return list(alignments), []
    joined: list[Alignment] = []
    own: dict[str, list[Alignment]] = {chain: [] for chain in chains}
    targets = [("".join(chains), joined), *own.items()]
    for alignment in alignments:
        row = alignment.sequences[0]
        fitting = [found for sequence, found in targets if len(sequence) == len(row) and _is_query(alignment, sequence)]
        if not fitting:
            lengths = ", ".join(f"{letter}: {len(chain)}" for letter, chain in zip(CHAIN_IDS, chains, strict=False))
            expected = f"the {len(targets[0][0])} residues of all chains, or one chain ({lengths}), as the first row"
            action = "give an alignment of the complex or of one of its chains"
            raise InputError(f"{expected} of {alignment.source}", f"another row of {len(row)} residues", action)
        fitting[0].append(alignment)
    return joined, list(own.values())


def join_templates(chains: Sequence[str], templates: Sequence[TemplateFeatures | None]) -> TemplateFeatures | None:
    """Templates of single chains over all the residues: gaps and absent atoms on the other chains. First the best of every chain, then the second.

    Raises:
        InputError: another number of templates than of chains or distinct chains, or one of another length than its chain.
    """
    given = _for_each_chain(templates, chains, "sets of templates")
    order: list[tuple[int, int]] = []  # rank, chain
    for chain, found in enumerate(given):
        if found is not None:
            if found.aatype.shape[1] != len(chains[chain]):
                what = f"templates over {len(chains[chain])} residues for chain {CHAIN_IDS[chain]}"
                raise InputError(what, str(found.aatype.shape[1]), "give the templates of this chain")
            order += [(rank, chain) for rank in range(len(found.names))]
    sources = [(source, rank, chain) for rank, chain in sorted(order) if (source := given[chain]) is not None]
    if not sources:
        return None
    values: dict[str, Any] = {}
    for field in fields(TemplateFeatures):
        cells = [(getattr(source, field.name), rank, chain) for source, rank, chain in sources]
        if field.name == "names":
            values["names"] = tuple(names[rank] for names, rank, _ in cells)
        elif field.name in _BY_RESIDUE:
            values[field.name] = _spread(cells, chains, GAP if field.name == "aatype" else 0)
        elif any(scores is not None for scores, _, _ in cells):
            found = [np.nan if scores is None else scores[rank] for scores, rank, _ in cells]
            kinds = [scores.dtype for scores, _, _ in cells if scores is not None]
            values[field.name] = np.array(found, np.result_type(*kinds))
    return TemplateFeatures(**values)


def complex_note(chains: Sequence[str]) -> str | None:
    """What the user should know about a complex (AlphaFold 2 paper, main text); nothing for one chain."""
    if len(chains) == 1:
        return None
    distinct = len(set(chains))
    if distinct == 1:
        return (
            f"homo-oligomer of {len(chains)} chains with monomer parameters: the AlphaFold paper reports that they often"
            " predict homo-oligomers well, though they were trained on single chains"
        )
    return (
        f"hetero-complex of {len(chains)} chains ({distinct} distinct) with monomer parameters: the AlphaFold paper"
        " leaves hetero-complexes to a future system; judge the interface by ipTM and PAE"
    )


def _spread(cells: Sequence[tuple[np.ndarray, int, int]], chains: Sequence[str], fill: int) -> np.ndarray:
    """One template a row, each over the columns of its chain, `fill` elsewhere."""
    first, _, _ = cells[0]
    spread = np.full((len(cells), sum(map(len, chains)), *first.shape[2:]), fill, first.dtype)
    columns = _columns(chains)
    for row, (array, rank, chain) in enumerate(cells):
        spread[row, columns[chain]] = array[rank]
    return spread


def _for_each_chain(given: Sequence[_Given], chains: Sequence[str], what: str) -> list[_Given | None]:
    """What was given for each chain or each distinct chain, for each chain; None where nothing was given."""
    distinct = list(dict.fromkeys(chains))
    if not given:
        return [None] * len(chains)
    if len(given) == len(chains):
        return list(given)
    if len(given) == len(distinct):
        return [given[distinct.index(chain)] for chain in chains]
    expected = f"{len(chains)} {what}, one a chain, or {len(distinct)}, one a distinct chain"
    raise InputError(expected, str(len(given)), "give one for each, empty where there is none")


def _columns(chains: Sequence[str]) -> list[slice]:
    stops = np.cumsum([len(chain) for chain in chains]).tolist()
    return [slice(stop - len(chain), stop) for chain, stop in zip(chains, stops, strict=True)]


def _chain_index(chains: Sequence[str]) -> Int[np.ndarray, "N_res"]:
    return np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])


def _residue_index(chains: Sequence[str]) -> Int[np.ndarray, "N_res"]:
    """Numbers from 0, with `CHAIN_GAP` left out between two chains."""
    index = _chain_index(chains)
    return np.arange(len(index)) + CHAIN_GAP * index


def _is_query(alignment: Alignment, sequence: str) -> bool:
    try:
        with_query(alignment, sequence, "")
    except InputError:
        return False
    return True


def _entities(chains: Sequence[str], name: str, own: Sequence[Sequence[Alignment] | None]) -> list[_Entity]:
    columns = _columns(chains)
    entities: list[_Entity] = []
    for sequence in dict.fromkeys(chains):
        copies = [number for number, chain in enumerate(chains) if chain == sequence]
        label = f"chain {CHAIN_IDS[copies[0]]} of {name}"
        found = [with_query(one, sequence, label) for number in copies for one in own[number] or ()]
        msa = merge(found) if found else query_alone(sequence, name)
        entities.append(_Entity(msa=msa, copies=tuple(columns[number] for number in copies)))
    return entities


def _complex_rows(whole: Msa, entities: Sequence[_Entity]) -> list[_Rows]:
    """All rows in the order that `build_complex_features` states."""
    num_columns = whole.letters.shape[1]
    everything = np.arange(len(whole.letters))
    rows = [_Rows(descriptions=whole.descriptions, parts=((slice(0, num_columns), whole, everything),))]
    if len(entities) > 1:
        rows.append(_paired(entities))
    own = [(entity, np.arange(1, len(entity.msa.letters))) for entity in entities]  # without the query
    for entity, numbers in own:
        if len(entity.copies) > 1:
            parts = tuple((copy, entity.msa, numbers) for copy in entity.copies)
            rows.append(_Rows(descriptions=entity.msa.descriptions[1:], parts=parts))
    for entity, numbers in own:
        for copy in entity.copies:
            rows.append(_Rows(descriptions=entity.msa.descriptions[1:], parts=((copy, entity.msa, numbers),)))
    return rows


def _paired(entities: Sequence[_Entity]) -> _Rows:
    """Rows of one species side by side, on every copy of their chains."""
    pairs = pair_by_species([entity.msa for entity in entities])
    descriptions = [
        " + ".join(e.msa.descriptions[row] for e, row in zip(entities, pair, strict=True) if row != NO_ROW)
        for pair in pairs.tolist()
    ]
    parts = [(copy, entity.msa, pairs[:, number]) for number, entity in enumerate(entities) for copy in entity.copies]
    return _Rows(descriptions=tuple(descriptions), parts=tuple(parts))


def _fill(blocks: Sequence[_Rows], num_columns: int) -> Msa:
    descriptions = tuple(description for block in blocks for description in block.descriptions)
    letters = np.full((len(descriptions), num_columns), GAP, np.int32)
    deletions = np.zeros_like(letters)
    start = 0
    for block in blocks:
        for columns, msa, rows in block.parts:
            there = np.flatnonzero(rows != NO_ROW)
            letters[start + there, columns] = msa.letters[rows[there]]
            deletions[start + there, columns] = msa.deletion_matrix[rows[there]]
        start += len(block.descriptions)
    return Msa(letters=letters, deletion_matrix=deletions, descriptions=descriptions)
