"""Kinds of reference folders, and who computes what they record. A module is imported only when a folder asks for it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from alphafold_lite.parity.produced import Context, Produced

Producer = Callable[[Path, Context], Iterator[Produced]]

MODELS, OFFICIAL_SIZE, MODULES, CONFIDENCE = "models", "official_size", "modules", "confidence"
FEATURES, RELAX, LOSSES, TEMPLATES, UNKNOWN = "features", "relax", "losses", "templates", "unknown"

# The first of these that a folder records decides.
_KIND_OF_FILE = (
    ("losses_outputs.npz", LOSSES),
    ("confidence.npz", CONFIDENCE),
    ("msa_features.npz", FEATURES),
    ("processed_features.npz", FEATURES),
    ("template_features.npz", TEMPLATES),
    ("mmcif_parsed.json", TEMPLATES),
)


def kind_of(folder: Path, recorded_files: set[str]) -> str:
    """What a folder is, by its content and never by its name."""
    if (folder / "full_model_inputs.npz").is_file():
        return MODELS if (folder / "tiny_params.npz").is_file() else OFFICIAL_SIZE
    for file, kind in _KIND_OF_FILE:
        if file in recorded_files:
            return kind
    if any(file.endswith("_violations.npz") for file in recorded_files):
        return RELAX
    return MODULES if (folder / "config.json").is_file() else UNKNOWN


def _models(folder: Path, context: Context) -> Iterator[Produced]:
    from alphafold_lite.parity.model_cases import model_arrays

    return model_arrays(folder, context)


def _modules(folder: Path, context: Context) -> Iterator[Produced]:
    from alphafold_lite.parity.module_cases import module_arrays

    return module_arrays(folder, context)


def _confidence(folder: Path, context: Context) -> Iterator[Produced]:
    from alphafold_lite.parity.confidence_cases import confidence_arrays

    return confidence_arrays(folder, context)


def _features(folder: Path, context: Context) -> Iterator[Produced]:
    del context  # NumPy on the processor, in its own types
    from alphafold_lite.parity.feature_cases import feature_arrays, feature_json

    for file, name, value in feature_arrays(folder):
        yield Produced(file, name, value)
    for file, content in feature_json(folder).items():
        yield Produced(file, file, content)


def _relax(folder: Path, context: Context) -> Iterator[Produced]:
    from alphafold_lite.parity.relax_cases import relax_arrays

    return relax_arrays(folder, context)


def _losses(folder: Path, context: Context) -> Iterator[Produced]:
    from alphafold_lite.parity.loss_cases import loss_arrays

    return loss_arrays(folder, context)


def _templates(folder: Path, context: Context) -> Iterator[Produced]:
    from alphafold_lite.parity.template_cases import template_arrays

    return template_arrays(folder, context)


# A kind without an entry is reported as not covered.
PRODUCERS: Mapping[str, Producer] = {
    MODELS: _models,
    OFFICIAL_SIZE: _models,
    MODULES: _modules,
    CONFIDENCE: _confidence,
    FEATURES: _features,
    RELAX: _relax,
    LOSSES: _losses,
    TEMPLATES: _templates,
}
