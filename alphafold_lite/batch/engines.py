"""The engine that is asked for."""

from collections.abc import Generator
from contextlib import contextmanager

from alphafold_lite.batch.engine import Engine
from alphafold_lite.batch.local import LocalEngine
from alphafold_lite.batch.ray_engine import RayEngine
from alphafold_lite.batch.settings import BatchSettings


@contextmanager
def opened_engine(settings: BatchSettings) -> Generator[Engine]:
    """The engine, until the context ends.

    Raises:
        MissingResourceError: Ray is asked for and not there, or its cluster has not the room.
    """
    engine: Engine = RayEngine(settings) if settings.engine == "ray" else LocalEngine(settings)
    try:
        yield engine
    finally:
        engine.close()
