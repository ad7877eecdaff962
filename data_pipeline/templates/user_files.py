"""Structures that the user gives, whatever their names: the best chain of each file, aligned to the query."""

import itertools
from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.mmcif import Structure, StructureChain, is_structure_file, read_structure, structure_name
from data_pipeline.search.base import Query
from data_pipeline.templates.alignment import Pairs, align_homologues
from data_pipeline.templates.features import Placement
from data_pipeline.templates.selection import (
    TemplateCandidate,
    TemplateConfig,
    TemplateOutcome,
    TemplateSelection,
    identity_and_coverage,
    select,
)
from data_pipeline.templates.structure_hits import place_on_chain

DOUBTFUL_IDENTITY = 0.2  # below, an alignment of two sequences alone is often wrong
_REMARK = "the sequences are hardly alike, so the alignment may be wrong"
_EVERY = float("inf")

_Found = tuple[TemplateCandidate, Structure, StructureChain]


def from_files(query: Query, paths: Sequence[Path], config: TemplateConfig) -> TemplateSelection:
    """Templates from structure files and folders of such, in the order given and by name within a folder.

    Each file gives the chain that aligns best (global alignment with free ends, BLOSUM62). The bounds of the prefilter hold, but the query's
    own structure is welcome here.

    Raises:
        InputError: a path that is not there, a folder without structure files, or a file named by the user that cannot be read or has no
            protein chain.
    """
    found: dict[str, _Found] = {}
    refused: list[TemplateOutcome] = []
    for path, is_named in _files(paths):
        try:
            candidate, structure, chain = _best_chain(query, path)
        except InputError as error:
            if is_named:
                raise
            refused.append(_unread(path, str(error)))
            continue
        name = _distinct(candidate.name, found)
        found[name] = (replace(candidate, name=name), structure, chain)
    settings = replace(config, max_subsequence_ratio=_EVERY, max_candidates=max(len(found), 1))
    candidates = [candidate for candidate, *_ in found.values()]
    selection = select(query, candidates, lambda candidate: _place(query, *found[candidate.name]), settings)
    return replace(selection, outcomes=(*selection.outcomes, *refused))


def _distinct(name: str, taken: Container[str]) -> str:
    """The name, or with a number where an earlier file has it."""
    names = itertools.chain((name,), (f"{name} ({number})" for number in itertools.count(2)))
    return next(candidate for candidate in names if candidate not in taken)


def _files(paths: Sequence[Path]) -> list[tuple[Path, bool]]:
    """Files, each with whether the user named it."""
    files: dict[Path, bool] = {}
    for path in paths:
        if not path.is_dir():
            files[path] = True
            continue
        inside = sorted(file for file in path.iterdir() if is_structure_file(file) and file.is_file())
        if not inside:
            kinds = "*.cif, *.mmcif, *.pdb, *.ent, each also with .gz"
            raise InputError(f"structure files ({kinds}) in {path}", "none", "give another folder or a file")
        for file in inside:
            files.setdefault(file, False)
    return list(files.items())


def _best_chain(query: Query, path: Path) -> _Found:
    structure = read_structure(path)
    if not structure.chains:
        raise InputError(f"a protein chain in {path}", "none", "give another file")
    aligned: dict[str, tuple[float, Pairs] | None] = {}
    for chain in structure.chains:
        if chain.sequence not in aligned:
            aligned[chain.sequence] = align_homologues(query.sequence, chain.sequence)
    scored = [(found, chain) for chain in structure.chains if (found := aligned[chain.sequence]) is not None]
    if not scored:
        raise InputError(f"a chain in {path} that can be aligned", "longer ones only", "cut the chain to one domain")
    (_, (query_index, chain_index)), chain = max(scored, key=lambda entry: entry[0][0])
    has_atoms = chain.atom_mask[chain_index].any(axis=1)
    query_index, chain_index = query_index[has_atoms], chain_index[has_atoms]
    first = int(chain_index[0]) if chain_index.size else 0
    last = int(chain_index[-1]) + 1 if chain_index.size else 0
    candidate = TemplateCandidate(
        source="user",
        name=f"{structure_name(path)}_{chain.id}",
        hit_sequence=chain.sequence[first:last],
        query_index=query_index,
        hit_index=chain_index - first,
        start=first,
        date=structure.release_date,
    )
    return candidate, structure, chain


def _place(query: Query, candidate: TemplateCandidate, structure: Structure, chain: StructureChain) -> Placement:
    places = candidate.hit_index + candidate.start
    letters = "".join(chain.sequence[place] for place in places)
    placement = place_on_chain(chain, candidate.query_index, places, letters, structure)
    identity, _ = identity_and_coverage(query.sequence, candidate)
    return replace(placement, remark=_REMARK if identity < DOUBTFUL_IDENTITY else "")


def _unread(path: Path, reason: str) -> TemplateOutcome:
    return TemplateOutcome(
        name=structure_name(path),
        source="user",
        used=False,
        reason=reason,
        e_value=None,
        identity=0.0,
        coverage=0.0,
        date=None,
    )
