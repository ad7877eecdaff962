"""The arrays and JSON of a `templates` reference folder, computed by our readers of structures and hits and by the model's template inputs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.features import TemplateFeatures
from alphafold_lite.geometry import atoms
from alphafold_lite.geometry.torsions import torsion_angles
from alphafold_lite.parity.produced import Context, Produced
from data_pipeline.parsers.hhr import parse_hhr
from data_pipeline.parsers.mmcif import Structure, is_structure_file, read_structure, structure_name
from data_pipeline.parsers.records import split_records
from data_pipeline.parsers.text import read_text
from data_pipeline.search.base import Query
from data_pipeline.templates.selection import TemplateConfig, TemplateSelection
from data_pipeline.templates.structure_hits import from_candidates, hit_candidates
from data_pipeline.templates.structures import StructureFolder

FEATURES_FILE, PARSED_FILE, QUERY_FILE, HITS_FILE = (
    "template_features.npz",
    "mmcif_parsed.json",
    "query.fasta",
    "hits.hhr",
)
_UNKNOWN_RESOLUTION = 0.0  # as the reference writes it
_our_letters_to_hhblits = np.argsort(rc.map_hhblits_aatype_to_our_aatype)
_LETTERS = (*rc.restypes_with_x, "-")


def template_arrays(folder: Path, context: Context) -> Iterator[Produced]:
    """Everything that such a folder may record; the caller takes what it does record."""
    structures = {
        structure_name(path): read_structure(path) for path in sorted(folder.iterdir()) if is_structure_file(path)
    }
    for entry, structure in structures.items():
        for chain in structure.chains:
            file = f"mmcif_{entry}_{chain.id}.npz"
            yield Produced(file, "all_atom_positions", chain.atom_positions)
            yield Produced(file, "all_atom_mask", chain.atom_mask)
    yield Produced(PARSED_FILE, PARSED_FILE, {entry: _parsed(structure) for entry, structure in structures.items()})
    if (folder / HITS_FILE).is_file():
        features = recorded_selection(folder).features
        if features is not None:
            for name, array in {**_raw(features), **_processed(features, context)}.items():
                yield Produced(FEATURES_FILE, name, array)


def recorded_selection(folder: Path) -> TemplateSelection:
    """The templates from the recorded hits, which the reference takes in the order of the file; hits without a structure file fall out."""
    record = split_records(read_text(folder / QUERY_FILE), source=QUERY_FILE)[0]
    query = Query(name=record.header, sequence=record.sequence)
    hits = parse_hhr(read_text(folder / HITS_FILE), source=HITS_FILE)
    candidates = hit_candidates(query, hits, "hhsearch")
    return from_candidates(query, candidates, StructureFolder.open(folder), TemplateConfig(max_templates=20))


def _parsed(structure: Structure) -> dict[str, Any]:
    released = structure.release_date
    return {
        "header": {
            "structure_method": structure.method,
            "release_date": None if released is None else released.isoformat(),
            "resolution": _UNKNOWN_RESOLUTION if structure.resolution is None else structure.resolution,
        },
        "chain_to_seqres": {chain.id: chain.sequence for chain in structure.chains},
    }


def _raw(features: TemplateFeatures) -> dict[str, np.ndarray]:
    """In the reference's names, letters in HHblits order."""
    rows = ["".join(_LETTERS[kind] for kind in row) for row in features.aatype]
    return {
        "template_all_atom_positions": features.atom_positions,
        "template_all_atom_masks": features.atom_mask,
        "template_aatype": np.eye(len(_LETTERS), dtype=np.int32)[_our_letters_to_hhblits[features.aatype]],
        "template_sum_probs": features.sum_probs[:, None],
        "template_sequence": np.array(rows),
        "template_domain_names": np.array(features.names),
    }


def _processed(features: TemplateFeatures, context: Context) -> dict[str, np.ndarray]:
    """What the network gets, by the model's own functions."""
    aatype = torch.as_tensor(features.aatype, dtype=torch.int64, device=context.device)
    atom37, mask = (
        torch.as_tensor(array).to(context.device, context.dtype)
        for array in (features.atom_positions, features.atom_mask)
    )
    found = {
        "template_aatype": aatype,
        "template_pseudo_beta": atoms.pseudo_beta(aatype, atom37),
        "template_pseudo_beta_mask": atoms.pseudo_beta_mask(aatype, mask),
    }
    for placeholder, ending in ((False, ""), (True, "_placeholder")):
        angles, alternative, angle_mask = torsion_angles(aatype, atom37, mask, placeholder=placeholder)
        found |= {
            f"torsion_angles_sin_cos{ending}": angles,
            f"alt_torsion_angles_sin_cos{ending}": alternative,
            f"torsion_angles_mask{ending}": angle_mask,
        }
    return {f"processed/{name}": value.cpu().numpy() for name, value in found.items()}
