"""The arrays and JSON of a `features` reference folder, computed by our parsers and sampling."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from alphafold_lite.common import residue_constants
from alphafold_lite.common.features import Features, SampledFeatures
from alphafold_lite.model.batch import Batch
from data_pipeline.clustering import cluster_summary, nearest_cluster_assignment
from data_pipeline.msa import Msa, letter_profile, merge, species_identifier
from data_pipeline.parsers.alignment import Alignment
from data_pipeline.parsers.hhr import parse_hhr
from data_pipeline.parsers.records import RawRecord, split_records
from data_pipeline.parsers.text import read_text
from data_pipeline.pipeline import assemble_features, read_alignment
from data_pipeline.sampling import Choices, MaskingConfig, apply_choices, replacement_probabilities

RAW_FILE, PROCESSED_FILE = "msa_features.npz", "processed_features.npz"
HITS_FILE, DESCRIPTIONS_FILE = "hits.json", "parsed_descriptions.json"
_KINDS = {"a3m": (".a3m",), "sto": (".sto", ".stockholm")}
_NUM_ROWS_SHOWN = 20  # rows of each alignment in parsed_descriptions.json
_NUM_CENTRES_SHOWN = 4  # centres in out/masked_msa_categorical_probs_22

_our_letters_to_hhblits = np.argsort(residue_constants.map_hhblits_aatype_to_our_aatype)
_letter_to_hhblits = np.zeros(256, np.int32)
for _letter, _code in residue_constants.hhblits_aa_to_id.items():
    _letter_to_hhblits[ord(_letter)] = _code


@dataclass(frozen=True)
class _Inputs:
    """What lies in the folder, parsed once."""

    folder: Path

    @cached_property
    def query(self) -> RawRecord:
        """The query as written: letters that the FASTA reader would turn into X are kept, as the reference does."""
        path = _one_of(self.folder, "query.fasta", (".fasta", ".fa"))
        return split_records(read_text(path), source=str(path))[0]

    @cached_property
    def merge_order(self) -> tuple[str, ...]:
        """File names of the alignments."""
        return tuple(json.loads((self.folder / "merge_order.json").read_text("utf-8"))["msas_in_order"])

    @cached_property
    def alignments(self) -> dict[str, Alignment]:
        """By kind, `a3m` and `sto`: those of the merge order, else any that lies there."""
        others = sorted(path.name for path in self.folder.iterdir())
        found: dict[str, Alignment] = {}
        for kind, suffixes in _KINDS.items():
            named = [name for name in (*self.merge_order, *others) if name.removesuffix(".gz").endswith(suffixes)]
            if named:
                found[kind] = read_alignment(self.folder / named[0])
        return found

    @cached_property
    def msa(self) -> Msa:
        """All alignments merged."""
        return merge([read_alignment(self.folder / name) for name in self.merge_order])

    @cached_property
    def features(self) -> Features:
        """Features of the query with the merged rows."""
        return assemble_features(self.query.sequence, self.msa, name=self.query.header)


def feature_arrays(folder: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield (file, array name, computed array) for the files that the folder holds."""
    inputs = _Inputs(folder)
    if (folder / RAW_FILE).is_file():
        for name, array in {**_parsed_arrays(inputs.alignments), **_raw_arrays(inputs)}.items():
            yield RAW_FILE, name, array
    if (folder / PROCESSED_FILE).is_file():
        with np.load(folder / PROCESSED_FILE, allow_pickle=False) as archive:
            choices = _recorded_choices({name: archive[name] for name in archive.files if name.startswith("in/")})
        for name, array in _processed_arrays(inputs.features, choices).items():
            yield PROCESSED_FILE, f"out/{name}", array


def feature_json(folder: Path) -> dict[str, Any]:
    """Computed content of the JSON files that the folder holds, by file name."""
    computed: dict[str, Any] = {}
    if (folder / HITS_FILE).is_file():
        path = _one_of(folder, "hits.hhr", (".hhr",))
        hits = parse_hhr(read_text(path), source=str(path))
        computed[HITS_FILE] = json.loads(json.dumps([asdict(hit) for hit in hits]))
    if (folder / DESCRIPTIONS_FILE).is_file():
        alignments = _Inputs(folder).alignments
        rows = {f"{kind}_sequences": list(a.sequences[:_NUM_ROWS_SHOWN]) for kind, a in alignments.items()}
        computed[DESCRIPTIONS_FILE] = {kind: list(a.descriptions) for kind, a in alignments.items()} | rows
    return computed


def _parsed_arrays(alignments: dict[str, Alignment]) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for kind, alignment in alignments.items():
        codes = np.frombuffer("".join(alignment.sequences).encode("ascii"), np.uint8)
        arrays[f"{kind}_int"] = _letter_to_hhblits[codes].reshape(len(alignment.sequences), -1)
        arrays[f"{kind}_deletion_matrix"] = alignment.deletion_matrix
    return arrays


def _raw_arrays(inputs: _Inputs) -> dict[str, np.ndarray]:
    """The merged alignment and the sequence features, in the reference's names, letters in HHblits order."""
    features, msa = inputs.features, inputs.msa
    num_rows, num_res = msa.letters.shape
    arrays = {
        "msa": _our_letters_to_hhblits[msa.letters],
        "deletion_matrix_int": msa.deletion_matrix,
        "num_alignments": np.full(num_res, num_rows),
        "msa_species_identifiers": np.array([species_identifier(d) for d in msa.descriptions]),
        "aatype": np.eye(len(residue_constants.restypes_with_x), dtype=np.int32)[features.aatype],
        "between_segment_residues": np.zeros(num_res, np.int32),
        "domain_name": np.array([features.name]),
        "residue_index": features.residue_index,
        "seq_length": np.full(num_res, num_res),
        "sequence": np.array([features.sequence]),
    }
    return {f"raw/{name}": array for name, array in arrays.items()}


def _recorded_choices(recorded: dict[str, np.ndarray]) -> Choices:
    return Choices(
        order=recorded["in/order"],
        num_clusters=int(recorded["in/n_clusters"]),
        num_extra=int(recorded["in/n_extra_kept"]),
        bert_mask=recorded["in/bert_mask"].astype(bool),
        replacement=recorded["in/replacement"],
    )


def _processed_arrays(features: Features, choices: Choices) -> dict[str, np.ndarray]:
    sampled = apply_choices(features, choices, max_templates=0)
    extra_rows = choices.order[choices.num_clusters :]
    deletions = features.deletion_matrix[choices.order]
    extra = features.msa[extra_rows]
    assignment = nearest_cluster_assignment(sampled.msa, extra)
    centre_deletions, extra_deletions = np.split(deletions, [choices.num_clusters])
    summary = cluster_summary(sampled.msa, centre_deletions, extra, extra_deletions, assignment)
    profile = letter_profile(features.msa)
    probabilities = replacement_probabilities(
        sampled.true_msa[:_NUM_CENTRES_SHOWN],
        np.broadcast_to(profile, (min(_NUM_CENTRES_SHOWN, choices.num_clusters), *profile.shape)),
        MaskingConfig(),
    )
    return {
        "extra_cluster_assignment_all": assignment,
        "cluster_profile": summary.profile,
        "cluster_deletion_mean": summary.deletion_mean,
        "masked_msa_categorical_probs_22": probabilities[..., : profile.shape[-1]],
        "deletion_matrix": centre_deletions.astype(np.float32),
        "hhblits_profile": profile,
        **_network_inputs(sampled, choices.num_extra),
        **_atom_arrays(features.aatype),
    }


def _network_inputs(sampled: SampledFeatures, num_extra: int) -> dict[str, np.ndarray]:
    """What the model reads, through the model's own door where channels are put side by side; without the row that stands for none."""
    batch = Batch.from_features(sampled)
    return {
        "aatype": sampled.aatype,
        "residue_index": sampled.residue_index,
        "msa": sampled.msa,
        "true_msa": sampled.true_msa,
        "msa_feat": batch.msa.encode().numpy(),
        "target_feat": batch.target_feat().numpy(),
        "extra_msa": sampled.extra_msa[:num_extra],
        "extra_has_deletion": sampled.extra_has_deletion[:num_extra],
        "extra_deletion_value": sampled.extra_deletion_value[:num_extra],
        "extra_msa_mask": sampled.extra_msa_mask[:num_extra],
    }


def _atom_arrays(aatype: Int[np.ndarray, "N_res"]) -> dict[str, np.ndarray]:
    return {
        "atom14_atom_exists": residue_constants.restype_atom14_mask[aatype],
        "atom37_atom_exists": residue_constants.restype_atom37_mask[aatype],
        "residx_atom14_to_atom37": residue_constants.restype_atom14_to_atom37[aatype],
        "residx_atom37_to_atom14": residue_constants.restype_atom37_to_atom14[aatype],
    }


def _one_of(folder: Path, name: str, suffixes: tuple[str, ...]) -> Path:
    """The file of this name, or else the first of this kind."""
    if (folder / name).is_file():
        return folder / name
    others = sorted(path for path in folder.iterdir() if path.name.endswith(suffixes))
    return others[0] if others else folder / name
