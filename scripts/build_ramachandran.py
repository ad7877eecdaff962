"""Make alphafold_lite/metrics/ramachandran.csv from the density of (phi, psi) in a packed backbone set:

python scripts/build_ramachandran.py backbone_train.npz
"""

import sys
from pathlib import Path

import numpy as np

from alphafold_lite.metrics.backbone import CLASSES, RAMACHANDRAN_FILE, dihedral, linked, phi_psi, ramachandran_class
from alphafold_lite.training.chains import Chain, ChainSet

FINE, CELLS = 144, 72  # cells a turn of the density (2.5 degrees) and of the table (5 degrees)
KERNEL = 10.0  # degrees, radius of the cosine kernel
FAVOURED_SHARE = 0.98
ALLOWED_SHARES = {"general": 0.9995, "glycine": 0.998, "proline": 0.998, "preproline": 0.998}
# Residues of well-determined parts only: no resolution is stored, so geometry stands in for it.
PEPTIDE_BOND, BOND_TOLERANCE = 1.33, 0.03  # Å
OMEGA_TOLERANCE, TAU, TAU_TOLERANCE = 15.0, 111.0, 6.0  # degrees


def trusted(chain: Chain) -> np.ndarray:
    """Residues whose peptide bonds are planar and of ideal length, and whose angle at CA is near ideal."""
    n, ca, c = (chain.atom37_positions[:, atom].astype(np.float64) for atom in (0, 1, 2))
    omega = np.degrees(dihedral(np.stack((ca[:-1], c[:-1], n[1:], ca[1:]), axis=1)))
    flat = np.minimum(np.abs(omega), 180 - np.abs(omega)) < OMEGA_TOLERANCE
    near = np.abs(np.linalg.norm(n[1:] - c[:-1], axis=-1) - PEPTIDE_BOND) < BOND_TOLERANCE
    link = flat & near & linked(chain.protein)
    left, right = n - ca, c - ca
    cosine = (left * right).sum(-1) / np.linalg.norm(left, axis=-1) / np.linalg.norm(right, axis=-1)
    good = np.abs(np.degrees(np.arccos(cosine)) - TAU) < TAU_TOLERANCE
    good[1:] &= link
    good[:-1] &= link
    return good


def collect(chains: ChainSet) -> dict[str, np.ndarray]:
    """(phi, psi) in degrees by class, one chain (the longest) a cluster."""
    order = np.lexsort((chains.lengths, chains.clusters))
    longest = order[np.append(np.diff(chains.clusters[order]) != 0, True)]
    found: dict[str, list[np.ndarray]] = {name: [] for name in CLASSES}
    for index in longest:
        chain = chains[int(index)]
        angles, known = phi_psi(chain.protein)
        known &= trusted(chain)
        kind = ramachandran_class(chain.aatype)
        for number, name in enumerate(CLASSES):
            found[name].append(np.degrees(angles[known & (kind == number)]))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def cells_of(angles: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    cell = np.floor((angles + 180) * cells / 360).astype(int) % cells
    return cell[:, 0], cell[:, 1]


def levels(angles: np.ndarray, allowed_share: float) -> np.ndarray:
    """2 inside the contour of the favoured share, 1 inside that of the allowed share; density at the middle of each cell."""
    counts = np.zeros((FINE, FINE))
    np.add.at(counts, cells_of(angles, FINE), 1)
    offset = np.fft.fftfreq(FINE, 1 / 360)
    distance = np.hypot(offset[:, None], offset)
    kernel = np.where(distance < KERNEL, np.cos(distance / KERNEL * np.pi) + 1, 0)
    density = np.fft.irfft2(np.fft.rfft2(counts) * np.fft.rfft2(kernel), s=counts.shape)
    at_points = np.sort(density[cells_of(angles, FINE)])
    coarse = density.reshape(CELLS, FINE // CELLS, CELLS, FINE // CELLS).mean((1, 3))
    thresholds = [at_points[int(len(at_points) * (1 - share))] for share in (allowed_share, FAVOURED_SHARE)]
    return np.sum([coarse >= threshold for threshold in thresholds], axis=0)


def main() -> None:
    """Write the table into the package."""
    chains = ChainSet.open(Path(sys.argv[1]))
    lines = [
        "# Ramachandran regions: 2 favoured, 1 allowed, 0 outlier; a row for each 5 degrees of phi from -180, a digit for each of psi.",
        f"# Made by scripts/build_ramachandran.py from {Path(sys.argv[1]).name} (wwPDB coordinates, CC0; StructureDB of ProMod3).",
        "class,phi,levels",
    ]
    for name, angles in collect(chains).items():
        angles = np.concatenate((angles, -angles)) if name == "glycine" else angles  # symmetric, as Lovell et al. do
        table = levels(angles, ALLOWED_SHARES[name])
        print(
            f"{name}: {len(angles)} residues, favoured {np.mean(table == 2):.3f}, allowed {np.mean(table == 1):.3f} of the plane"
        )
        lines += [f"{name},{-180 + 5 * row},{''.join(map(str, digits))}" for row, digits in enumerate(table)]
    target = Path(__file__).parents[1] / "alphafold_lite" / "metrics" / RAMACHANDRAN_FILE
    target.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
