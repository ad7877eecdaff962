"""Where the golden values lie: `ALPHAFOLD_LITE_REFERENCE`, or `shared/reference` beside the repository."""

import os
from pathlib import Path

import pytest

_BESIDE_REPOSITORY = Path(__file__).resolve().parents[2].parent / "shared" / "reference"

REFERENCE = Path(os.environ.get("ALPHAFOLD_LITE_REFERENCE") or _BESIDE_REPOSITORY)


def reference_path(*parts: str) -> Path:
    """A place in the set; where there is no set, the test that asks for it is skipped and says so."""
    if not REFERENCE.is_dir():
        pytest.skip(f"no shared reference set at {REFERENCE}", allow_module_level=True)
    return REFERENCE.joinpath(*parts)
