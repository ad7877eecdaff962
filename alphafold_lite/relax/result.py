"""What relaxation is told and what it tells. Å, kcal/mol; NumPy only."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from alphafold_lite.common.protein import Protein

Platform = Literal["auto", "cpu", "cuda"]

Status = Literal[
    "converged",  # minimised to the tolerance, no violating residue left
    "violations_remain",  # the last permitted round still has some
    "iteration_limit",  # no violating residue left, but max_iterations came before the tolerance
    "time_limit",  # max_seconds came first; the structure is the best until then
    "kept_unrelaxed",  # every round had more violating residues than the input
    "skipped_too_short",  # nothing to relax: no two neighbouring known residues
    "failed",  # see the message
]


@dataclass(frozen=True, kw_only=True, slots=True)
class RelaxConfig:
    """Values of AlphaFold 2 (supplement 1.8.6) and the caps of this program."""

    stiffness: float = 10.0  # of the harmonic restraints on heavy atoms, kcal/mol/Å²
    torsion_stiffness: float = 24.0  # of the periodic ones on chi1-4, kcal/mol; 0: none, as in AlphaFold (DECISIONS 37)
    tolerance: float = 2.39  # root mean square force at which a minimisation ends, kcal/mol/nm (10 kJ/mol/nm)
    max_rounds: int = 3
    max_iterations: int = 0  # of one round; 0: until the tolerance is reached
    max_seconds: float = 600.0  # all rounds and the placing of hydrogens together
    platform: Platform = "auto"  # auto: CUDA where OpenMM has it, else CPU
    # On CPU; 0: every core of this process. Only one thread gives the same bytes every time: OpenMM (8.6) sums non-bonded forces in
    # the order in which threads take their work, whatever DeterministicForces says.
    threads: int = 1

    def __post_init__(self) -> None:
        if min(self.stiffness, self.tolerance, self.max_seconds) <= 0 or self.max_rounds < 1:
            raise ValueError("stiffness, tolerance, max_seconds and max_rounds must be positive")
        if min(self.torsion_stiffness, self.max_iterations, self.threads) < 0:
            raise ValueError("torsion_stiffness, max_iterations and threads must not be negative")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hydrogens:
    """Hydrogen atoms of a relaxed structure, which `Protein` has no place for."""

    residue: Int[np.ndarray, "N_hydrogen"]  # row of the residue in the protein
    names: tuple[str, ...]  # PDB names
    positions: Float[np.ndarray, "N_hydrogen 3"]  # Å


@dataclass(frozen=True, kw_only=True, slots=True)
class Minimised:
    """Outcome of one minimisation; energies of the force field alone, kcal/mol."""

    energy_before: float
    energy_after: float
    iterations: int
    out_of_time: bool
    out_of_iterations: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RelaxMetrics:
    """Figures of one relaxation; None where it did not come so far or where an energy is infinite. Energies are Amber's without the restraints, in kcal/mol."""

    energy_before: float | None = None  # after placing the hydrogens, before the first minimisation
    energy_after: float | None = None
    rmsd: float | None = None  # Å, heavy atoms against the input, not superposed
    violating_before: int | None = None  # residues
    violating_after: int | None = None
    remaining_violations: tuple[int, ...] = ()  # 1 for each residue that violates in the result, else 0
    rounds: int = 0  # run
    kept_round: int = 0  # the one returned; 0 is the unrelaxed input
    iterations: int = 0  # of the minimiser, all rounds
    freed_residues: int = 0  # without restraints in the last round run
    heavy_atoms_added: int = 0
    hydrogens_added: int = 0
    residues_skipped: int = 0  # put back unchanged
    seconds: float = 0.0
    platform: str | None = None  # "CPU, 2 threads"


@dataclass(frozen=True, kw_only=True, slots=True)
class RelaxResult:
    """A relaxed protein, or the input again with the reason."""

    protein: Protein
    status: Status
    message: str  # one line for people
    metrics: RelaxMetrics
    hydrogens: Hydrogens | None = None  # None where the protein is the input

    @property
    def relaxed(self) -> bool:
        """Whether the protein differs from the input, so that a relaxed file is worth writing."""
        return self.metrics.kept_round > 0
