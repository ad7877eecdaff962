"""Rounds of restrained minimisation while violations remain (AlphaFold 2 supplement 1.8.6)."""

import importlib.util
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from alphafold_lite.common.protein import Protein
from alphafold_lite.relax.pieces import describe, find_pieces
from alphafold_lite.relax.result import Hydrogens, Minimised, RelaxConfig, RelaxMetrics, RelaxResult, Status

if TYPE_CHECKING:
    from alphafold_lite.relax.amber import AmberModel

ViolationFunction = Callable[[Protein], Bool[np.ndarray, "N_res"]]

_LARGEST_COORDINATE = 1e5  # Å; beyond it single precision cannot tell bonded atoms apart
_SAME_PLACE = 0.001  # Å
_NUDGE = 0.1  # Å
_MOST_COINCIDENT = 0.5  # of all atoms; a structure with more has collapsed
_SEED = 1
_MESSAGE_LENGTH = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class _Round:
    """A minimisation and what it left."""

    outcome: Minimised
    protein: Protein
    hydrogens: Hydrogens
    violating: Bool[np.ndarray, "N_res"]
    freed: int  # residues without restraints in it


def available() -> str | None:
    """None where relaxation can run, otherwise one line that says how to make it so."""
    missing = [name for name in ("openmm", "pdbfixer") if importlib.util.find_spec(name) is None]
    if missing:
        return f"relaxation needs {' and '.join(missing)}: pip install 'alphafold-lite[relax]'"
    return None


def relax(protein: Protein, violations: ViolationFunction, config: RelaxConfig | None = None) -> RelaxResult:
    """Move a predicted structure into Amber ff99SB's nearest minimum, held to where it is by harmonic restraints.

    After a round, residues that violate lose their restraints for the rounds that follow (freed residues accumulate); each round
    restrains to where it starts. The result is the round with the fewest violating residues, the later one of equals, or the
    unrelaxed input where every round has more than that. pLDDT in `b_factors` is kept.

    Args:
        violations: says for each residue of a protein whether it violates (bonds, angles, clashes).
        config: AlphaFold's values by default.

    Returns:
        Never raises for a structure that cannot be relaxed: the status is then "failed" and the protein the input.
    """
    config = config or RelaxConfig()
    started = time.monotonic()
    try:
        result = _relax(protein, violations, config, started + config.max_seconds)
    except Exception as error:  # noqa: BLE001 - whatever OpenMM meets in bad coordinates, the run goes on
        result = _unrelaxed(protein, "failed", f"relaxation failed: {_one_line(error)}")
    return replace(result, metrics=replace(result.metrics, seconds=round(time.monotonic() - started, 3)))


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:_MESSAGE_LENGTH] if text else type(error).__name__


def _unrelaxed(protein: Protein, status: Status, message: str) -> RelaxResult:
    return RelaxResult(
        protein=protein, status=status, message=f"{message}; the unrelaxed model stays", metrics=RelaxMetrics()
    )


def _relax(protein: Protein, violations: ViolationFunction, config: RelaxConfig, deadline: float) -> RelaxResult:
    reason = available() or _unusable(protein)
    if reason is not None:
        return _unrelaxed(protein, "failed", reason)
    pieces = find_pieces(protein)
    if not pieces.rows:
        return _unrelaxed(protein, "skipped_too_short", f"nothing to relax ({describe(pieces) or 'no residues'})")
    from alphafold_lite.relax.amber import AmberModel  # here, so that this module can be imported without OpenMM

    before = np.asarray(violations(protein), bool)
    model = AmberModel(_separated(protein), pieces, config)
    rounds, trouble = _run_rounds(model, violations, config.max_rounds, deadline)
    metrics = RelaxMetrics(
        violating_before=int(before.sum()),
        violating_after=int(before.sum()),
        remaining_violations=_flags(before),
        residues_skipped=pieces.kept_aside,
        platform=model.platform,
    )
    if not rounds:
        return replace(
            _unrelaxed(protein, "time_limit" if time.monotonic() > deadline else "failed", trouble), metrics=metrics
        )
    result = _choose(protein, before, rounds, _counted(metrics, rounds))
    return replace(result, message="; ".join(part for part in (result.message, trouble, describe(pieces)) if part))


def _unusable(protein: Protein) -> str | None:
    """Why no force field can treat these coordinates; None where it can."""
    atoms = protein.atom_positions[protein.atom_mask > 0.5]
    if not np.isfinite(atoms).all():
        return "coordinates are not finite numbers"
    if not (np.abs(atoms) < _LARGEST_COORDINATE).all():
        return f"coordinates are beyond {_LARGEST_COORDINATE:g} Å"
    coincident = int(_coincident(protein).sum())
    if coincident > _MOST_COINCIDENT * len(atoms):
        return f"{coincident} of {len(atoms)} atoms lie on another one"
    return None


def _coincident(protein: Protein) -> Bool[np.ndarray, "N_res 37"]:
    """Atoms that lie where an earlier one does."""
    present = np.argwhere(protein.atom_mask > 0.5)
    places = np.round(protein.atom_positions[tuple(present.T)] / _SAME_PLACE)
    _, first = np.unique(places, axis=0, return_index=True)
    found = protein.atom_mask > 0.5
    found[tuple(present[first].T)] = False
    return found


def _separated(protein: Protein) -> Protein:
    """The same structure with coincident atoms, which have no direction to go, moved a little; always in the same way."""
    shift = np.random.default_rng(_SEED).normal(0.0, _NUDGE, protein.atom_positions.shape)
    positions = protein.atom_positions + shift * _coincident(protein)[..., None]
    return protein.with_positions(positions.astype(np.float32))


def _run_rounds(
    model: "AmberModel", violations: ViolationFunction, max_rounds: int, deadline: float
) -> tuple[Sequence[_Round], str]:
    """The rounds that came to an end, and what stopped them early, if anything did."""
    rounds: list[_Round] = []
    free: frozenset[int] = frozenset()
    while len(rounds) < max_rounds and time.monotonic() < deadline:
        try:
            outcome = model.minimise(free, deadline)
        except Exception as error:  # noqa: BLE001 - OpenMM's own; the rounds before are worth keeping
            return rounds, f"round {len(rounds) + 1} failed ({_one_line(error)})"
        placed, hydrogens = model.snapshot()
        if not np.isfinite(placed.atom_positions).all():
            return rounds, f"round {len(rounds) + 1} left no finite coordinates"
        violating = np.asarray(violations(placed), bool)
        rounds.append(
            _Round(outcome=outcome, protein=placed, hydrogens=hydrogens, violating=violating, freed=len(free))
        )
        if outcome.out_of_time or not violating.any():
            break
        free |= {int(row) for row in np.flatnonzero(violating)}
    return rounds, "" if rounds else "no time was left after placing the hydrogens"


def _counted(metrics: RelaxMetrics, rounds: Sequence[_Round]) -> RelaxMetrics:
    return replace(
        metrics,
        energy_before=_finite(rounds[0].outcome.energy_before),
        rounds=len(rounds),
        iterations=sum(entry.outcome.iterations for entry in rounds),
        freed_residues=rounds[-1].freed,
    )


def _finite(energy: float) -> float | None:
    """None where atoms lie so close that single precision has no number for it."""
    return energy if math.isfinite(energy) else None


def _choose(
    protein: Protein, before: Bool[np.ndarray, "N_res"], rounds: Sequence[_Round], metrics: RelaxMetrics
) -> RelaxResult:
    """The round with the fewest violating residues (the later of equals), or the input where that has fewer still."""
    counts = [int(entry.violating.sum()) for entry in rounds]
    best = len(rounds) - 1 - counts[::-1].index(min(counts))
    status, message = _status(rounds, counts[best])
    if counts[best] > before.sum():
        text = f"relaxation leaves more violating residues ({counts[best]}) than the input has ({int(before.sum())})"
        return replace(_unrelaxed(protein, "kept_unrelaxed", text), metrics=metrics)
    chosen = rounds[best]
    if best != len(rounds) - 1:
        message += f"; round {best + 1} of {len(rounds)} is kept, the later ones are no better"
    return RelaxResult(
        protein=chosen.protein,
        status=status,
        message=message,
        hydrogens=chosen.hydrogens,
        metrics=replace(
            metrics,
            energy_after=_finite(chosen.outcome.energy_after),
            rmsd=_rmsd(protein, chosen.protein),
            violating_after=counts[best],
            remaining_violations=_flags(chosen.violating),
            kept_round=best + 1,
            heavy_atoms_added=int(chosen.protein.atom_mask.sum() - protein.atom_mask.sum()),
            hydrogens_added=len(chosen.hydrogens.names),
        ),
    )


def _status(rounds: Sequence[_Round], violating: int) -> tuple[Status, str]:
    remaining = f"{violating} violating {'residue remains' if violating == 1 else 'residues remain'}"
    if rounds[-1].outcome.out_of_time:
        return "time_limit", f"stopped at the time limit in round {len(rounds)}, {remaining}"
    if violating:
        return "violations_remain", f"{remaining} after {len(rounds)} rounds"
    if rounds[-1].outcome.out_of_iterations:
        return "iteration_limit", f"stopped at the limit of iterations in round {len(rounds)}, no violations remain"
    return "converged", f"relaxed in {len(rounds)} {'round' if len(rounds) == 1 else 'rounds'}"


def _flags(violating: Bool[np.ndarray, "N_res"]) -> tuple[int, ...]:
    return tuple(int(flag) for flag in violating)


def _rmsd(before: Protein, after: Protein) -> float:
    """Å over the heavy atoms of the input, without superposition."""
    shift = (after.atom_positions - before.atom_positions)[before.atom_mask > 0.5].astype(np.float64)
    return float(np.sqrt((shift**2).sum(axis=-1).mean()))
