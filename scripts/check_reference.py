#!/usr/bin/env python3
"""Compare alphafold_lite with a folder of golden values: `scripts/check_reference.py DIR [--json] [--only PART ...]`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package beside this script, installed or not

from alphafold_lite.parity.runner import main

if __name__ == "__main__":
    sys.exit(main())
