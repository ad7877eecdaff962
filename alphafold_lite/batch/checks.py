"""Structures that no one should be given: numbers that are not finite, and chains that fell into one point."""

import numpy as np

from alphafold_lite.common import residue_constants as rc
from alphafold_lite.common.errors import TargetError
from alphafold_lite.predict.result import FoldResult

MIN_NEIGHBOUR_DISTANCE = 2.0  # Å, median of CA to the next CA; 2.9 (cis) to 3.8 (trans) in proteins
GLOBULE_RADIUS, GLOBULE_EXPONENT = (
    2.2,
    0.38,
)  # radius of gyration of compact proteins: 2.2 N^0.38 Å (Skolnick et al. 1997)
MIN_COMPACTNESS = 0.5  # of that radius


def check_structure(result: FoldResult) -> None:
    """Refuse what is no structure; untrained networks are judged for finite numbers alone.

    Raises:
        TargetError: coordinates or scores that are not finite, or a chain collapsed into a point.
    """
    protein = result.unrelaxed
    if not (np.isfinite(protein.atom_positions).all() and np.isfinite(result.plddt).all()):
        action = "try --precision fp32, another seed or another model"
        raise TargetError("finite coordinates and scores", "numbers that are not finite", action)
    if result.untrained:
        return
    for span in result.chains:
        positions = protein.atom_positions[span.start : span.stop, rc.atom_order["CA"]]
        if (reason := _collapse(positions)) is not None:
            raise TargetError("an extended or folded chain", reason, "try another seed, model, or a deeper alignment")


def _collapse(ca: np.ndarray) -> str | None:
    """Why the CA atoms of a chain cannot be those of a protein; None where they can."""
    if len(ca) < 2:
        return None
    step = float(np.median(np.linalg.norm(np.diff(ca, axis=0), axis=-1)))
    if step < MIN_NEIGHBOUR_DISTANCE:
        return f"a collapsed one (median distance of neighbouring CA atoms {step:.2f} Å)"
    radius = float(np.sqrt(np.square(ca - ca.mean(axis=0)).sum(axis=-1).mean()))
    least = MIN_COMPACTNESS * GLOBULE_RADIUS * len(ca) ** GLOBULE_EXPONENT
    return f"a collapsed one (radius of gyration {radius:.1f} Å)" if radius < least else None
