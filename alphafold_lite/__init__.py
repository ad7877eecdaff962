"""AlphaFold 2 in PyTorch. `fold(sequence)` and `Predictor` are looked up on first use, so that this import stays free of torch."""

from importlib import import_module, metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alphafold_lite.predict.predictor import Predictor as Predictor
    from alphafold_lite.predict.predictor import fold as fold

    __version__: str

__all__ = ["Predictor", "__version__", "fold"]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return metadata.version("alphafold-lite")
    if name in __all__:
        return getattr(import_module("alphafold_lite.predict.predictor"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
