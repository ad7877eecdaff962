"""The fine-tuned network as one file of the own format: `predict --params OUT` takes the folder."""

from dataclasses import replace
from pathlib import Path

from alphafold_lite.kernels.reference import reference
from alphafold_lite.presets import rows_of
from alphafold_lite.training.parameters import AVERAGE
from alphafold_lite.weights.checkpoint import load_checkpoint, read_header, save_checkpoint
from alphafold_lite.weights.registry import ParameterSource


def model_path(out: Path, source: ParameterSource) -> Path:
    """Where the network goes."""
    return out / f"{source.name}_finetuned.safetensors"


def export(out: Path, run: Path, source: ParameterSource, *, note: str) -> Path:
    """The run's last average under what the start says of itself: licence, caution, rows of the MSA.

    Not the average that validated best: the validation chains would have chosen it, and could not judge it any more.
    """
    path, average = model_path(out, source), run / AVERAGE
    clusters, extra = rows_of(source)
    about = replace(
        read_header(average),
        name=path.stem,
        license=source.license,
        untrained=source.untrained,
        caution=source.caution,
        learnt_library=source.learnt_library,
        carried_profile=source.carried_profile,
        max_clusters=clusters,
        max_extra=extra,
        note=note,
    )
    save_checkpoint(path, load_checkpoint(average, reference()), about)
    return path
