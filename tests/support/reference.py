"""Where the golden values lie: `ALPHAFOLD_LITE_REFERENCE`, or `shared/reference` beside the repository."""

import os
from pathlib import Path

_BESIDE_REPOSITORY = Path(__file__).resolve().parents[2].parent / "shared" / "reference"

REFERENCE = Path(os.environ.get("ALPHAFOLD_LITE_REFERENCE") or _BESIDE_REPOSITORY)
