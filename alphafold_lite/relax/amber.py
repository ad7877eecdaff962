"""Amber ff99SB in OpenMM. Only here and in `gentle` is openmm imported and are lengths in nanometres."""

import io
import math
import os
import random
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import openmm
from jaxtyping import Float, Int
from openmm import app, unit
from pdbfixer import PDBFixer

from alphafold_lite.common import residue_constants
from alphafold_lite.common.protein import Protein
from alphafold_lite.metrics.backbone import dihedral
from alphafold_lite.relax.gentle import soften
from alphafold_lite.relax.pieces import Pieces, heavy_atoms
from alphafold_lite.relax.result import Hydrogens, Minimised, RelaxConfig

_ANGSTROM = 0.1  # nm
_KCAL = 4.184  # kJ
_FORCE_FIELD = "amber99sb.xml"
_AMBER_GROUP, _RESTRAINT_GROUP = 0, 1
_RESTRAINT = "0.5*k*((x-x0)^2+(y-y0)^2+(z-z0)^2)"
_TORSION_RESTRAINT = "h*(1-cos(theta-theta0))"
_RING_LIMIT = math.radians(45)  # chi of proline beyond it would hold its ring open
_SEED = 1  # any constant but 0, which OpenMM takes for "choose one"
# PDBFixer can only be made from a file; its topology and positions are then set from outside.
_PLACEHOLDER = "ATOM      1  CA  GLY A   1       0.000   0.000   0.000  1.00  0.00           C\nEND\n"
_END_HYDROGENS = {"H2", "H3"}  # only on a chain's first residue


class _Watch(openmm.MinimizationReporter):
    """Stops the minimiser at a number of iterations or at a time (time.monotonic seconds)."""

    def __init__(self, max_iterations: int, deadline: float) -> None:
        super().__init__()
        self.max_iterations, self.deadline = max_iterations, deadline
        self.iterations = 0
        self.out_of_time = self.out_of_iterations = False
        self.interruption: KeyboardInterrupt | None = None

    def report(self, iteration: int, x: object, grad: object, *args: object) -> bool:
        """Called by OpenMM after every iteration; an exception must not travel through its C++ frames."""
        try:
            self.iterations += 1
            self.out_of_time = time.monotonic() > self.deadline
            self.out_of_iterations = 0 < self.max_iterations <= self.iterations
        except KeyboardInterrupt as error:  # minimise() raises it again
            self.interruption = error
        return self.stopped or self.interruption is not None

    @property
    def stopped(self) -> bool:
        """Whether a limit came before the tolerance."""
        return self.out_of_time or self.out_of_iterations


class _Stage:
    """One way of minimising the same atoms: an OpenMM context with the force field and the restraints. Positions in nm."""

    def __init__(
        self, topology: app.Topology, config: RelaxConfig, *, constraints: object = None, gentle: bool = False
    ) -> None:
        system = app.ForceField(_FORCE_FIELD).createSystem(
            topology, nonbondedMethod=app.NoCutoff, constraints=constraints, removeCMMotion=False
        )
        if gentle:  # on one core: OpenMM sums the forces of the soft repulsion in no fixed order on several
            soften(system, topology)
            config = replace(config, platform="cpu", threads=1)
        self._restraint = _restraint_force(topology)
        self._torsion_atoms, self._torsion_limits = _side_chain_torsions(topology)
        self._torsions = _torsion_force(self._torsion_atoms, config.torsion_stiffness * _KCAL)
        system.addForce(self._restraint)
        system.addForce(self._torsions)
        self._context, self.platform = _context(system, config)
        self._tolerance = config.tolerance * _KCAL  # kJ/mol/nm

    def restrain(self, positions: Float[np.ndarray, "N_atom 3"], stiffness: Float[np.ndarray, "N_atom"]) -> None:
        """Hold every heavy atom to where it is in `positions`, each with its own stiffness (kJ/mol/nm²), and all side chains to their torsions there."""
        for number in range(self._restraint.getNumParticles()):
            atom, _ = self._restraint.getParticleParameters(number)
            self._restraint.setParticleParameters(number, atom, [float(stiffness[atom]), *positions[atom].tolist()])
        self._restraint.updateParametersInContext(self._context)
        angles = dihedral(positions[self._torsion_atoms]).clip(-self._torsion_limits, self._torsion_limits)
        for number, (atoms, angle) in enumerate(zip(self._torsion_atoms.tolist(), angles.tolist(), strict=True)):
            self._torsions.setTorsionParameters(number, *atoms, [angle])
        self._torsions.updateParametersInContext(self._context)

    def minimise(self, positions: Float[np.ndarray, "N_atom 3"], watch: _Watch) -> Float[np.ndarray, "N_atom 3"]:
        """The positions at which the minimiser, or the watch, came to an end."""
        self._context.setPositions(positions)
        # pyright takes the tolerance for an integer because OpenMM's default is 10
        openmm.LocalEnergyMinimizer.minimize(self._context, self._tolerance, 0, watch)  # pyright: ignore[reportArgumentType]
        if watch.interruption is not None:
            raise watch.interruption
        return _nanometres(self._context.getState(positions=True).getPositions(asNumpy=True))

    def energy(self, positions: Float[np.ndarray, "N_atom 3"]) -> float:
        """Energy of the force field without the restraints, kcal/mol."""
        self._context.setPositions(positions)
        state = self._context.getState(energy=True, groups=1 << _AMBER_GROUP)
        return float(state.getPotentialEnergy().value_in_unit(unit.kilocalories_per_mole))


class AmberModel:
    """The pieces of a protein with all their atoms; each minimisation starts where the one before ended.

    Vacuum, no cut-off, bonds to hydrogen constrained. Hydrogens are placed for pH 7, missing heavy atoms by PDBFixer, disulfide
    bonds where two SG lie within 3 Å.

    A round minimises three times, always held to the same positions: in a gentle potential (see `soften`); in Amber's; with the
    constraints. Only the last decides where the atoms end, the others make sure that it gets there. Constraints are ever stiffer
    springs to OpenMM's minimiser, which starts over as it stiffens them: from the input, that took two thirds of the iterations.

    Raises:
        Exception: what OpenMM or PDBFixer raise for atoms that they cannot make sense of.
    """

    def __init__(self, protein: Protein, pieces: Pieces, config: RelaxConfig) -> None:
        self._protein, self._pieces, self._config = protein, pieces, config
        self._topology, self._positions = _complete(*_topology(protein, pieces))
        residues = [atom.residue.index for atom in self._topology.atoms()]
        self._rows = pieces.simulated[residues]  # row of the protein for each atom
        self._constrained = _Stage(self._topology, config, constraints=app.HBonds)
        self._preparation = _Stage(self._topology, config, gentle=True), _Stage(self._topology, config)
        self.platform = self._constrained.platform

    def minimise(self, free_rows: frozenset[int], deadline: float) -> Minimised:
        """Minimise from the present positions, which heavy atoms are held to except in the residues `free_rows`, side-chain torsions in all.

        Args:
            deadline: in seconds of time.monotonic(). When it or the limit of iterations comes during the constrained part, the
                start of that part counts: the minimiser's own state may be one that it would have discarded.
        """
        stiffness = np.full(len(self._rows), self._config.stiffness * _KCAL / _ANGSTROM**2)
        stiffness[np.isin(self._rows, list(free_rows))] = 0.0
        start, before = self._positions, self._constrained.energy(self._positions)
        watch = _Watch(self._config.max_iterations, deadline)
        for stage in (*self._preparation, self._constrained):
            stage.restrain(start, stiffness)
            reached = stage.minimise(self._positions, watch)
            if not (watch.stopped and stage is self._constrained):
                self._positions = reached
            if watch.stopped:
                break
        return Minimised(
            energy_before=before,
            energy_after=self._constrained.energy(self._positions),
            iterations=watch.iterations,
            out_of_time=watch.out_of_time,
            out_of_iterations=watch.out_of_iterations,
        )

    def snapshot(self) -> tuple[Protein, Hydrogens]:
        """The input with its simulated residues at their present positions, and their hydrogens.

        Added heavy atoms get the B-factor of their residue's CA. What belongs only to an artificial end of a piece is left out:
        OXT (unless the input has it) and the two extra hydrogens of N.
        """
        found = (self._positions / _ANGSTROM).astype(np.float32)
        protein = self._protein
        positions, mask, b_factors = protein.atom_positions.copy(), protein.atom_mask.copy(), protein.b_factors.copy()
        hydrogens: list[app.topology.Atom] = []
        for atom in self._topology.atoms():
            row = int(self._rows[atom.index])
            if atom.element == app.element.hydrogen:
                if atom.name not in _END_HYDROGENS or row in self._pieces.chain_starts:
                    hydrogens.append(atom)
                continue
            column = residue_constants.atom_order[atom.name]
            if mask[row, column] < 0.5:
                if atom.name == "OXT" and row not in self._pieces.chain_ends:
                    continue
                mask[row, column], b_factors[row, column] = 1.0, b_factors[row, residue_constants.atom_order["CA"]]
            positions[row, column] = found[atom.index]
        numbers = [atom.index for atom in hydrogens]
        return replace(protein, atom_positions=positions, atom_mask=mask, b_factors=b_factors), Hydrogens(
            residue=self._rows[numbers], names=tuple(atom.name for atom in hydrogens), positions=found[numbers]
        )


def _nanometres(positions: unit.Quantity) -> Float[np.ndarray, "N_atom 3"]:
    return np.asarray(positions.value_in_unit(unit.angstrom), np.float64) * _ANGSTROM


def _topology(protein: Protein, pieces: Pieces) -> tuple[app.Topology, unit.Quantity]:
    """The heavy atoms that are there, one OpenMM chain for each piece, with peptide and disulfide bonds."""
    topology, positions = app.Topology(), []
    for rows in pieces.rows:
        chain = topology.addChain()
        for row in rows:
            letter = residue_constants.restypes[int(protein.aatype[row])]
            residue = topology.addResidue(residue_constants.restype_1to3[letter], chain)
            for name in heavy_atoms(protein, int(row), end_of_piece=bool(row == rows[-1])):
                topology.addAtom(name, app.Element.getBySymbol(name[0]), residue)
                position = protein.atom_positions[row, residue_constants.atom_order[name]].astype(np.float64)
                positions.append(openmm.Vec3(*position.tolist()))
    placed = unit.Quantity(positions, unit.angstrom)
    topology.createStandardBonds()
    topology.createDisulfideBonds(placed)
    return topology, placed


def _complete(topology: app.Topology, positions: unit.Quantity) -> tuple[app.Topology, Float[np.ndarray, "N_atom 3"]]:
    """Add missing heavy atoms and all hydrogens, on the Reference platform: one thread, double precision, no chance. In nm."""
    fixer = PDBFixer(pdbfile=io.StringIO(_PLACEHOLDER), platform=openmm.Platform.getPlatform("Reference"))
    fixer.topology, fixer.positions = topology, positions
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    fixer.addMissingAtoms(seed=_SEED)
    with _fixed_random():
        fixer.addMissingHydrogens(pH=7.0)
    return fixer.topology, _nanometres(fixer.positions)


@contextmanager
def _fixed_random() -> Generator[None]:
    """OpenMM draws the first positions of hydrogens from Python's global generator; its state is put back afterwards."""
    state = random.getstate()
    random.seed(_SEED)
    try:
        yield
    finally:
        random.setstate(state)


def _restraint_force(topology: app.Topology) -> openmm.CustomExternalForce:
    """A harmonic restraint for every heavy atom, switched off until `_Stage.restrain`."""
    force = openmm.CustomExternalForce(_RESTRAINT)
    for name in ("k", "x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    for atom in topology.atoms():
        if atom.element != app.element.hydrogen:
            force.addParticle(atom.index, [0.0, 0.0, 0.0, 0.0])
    force.setForceGroup(_RESTRAINT_GROUP)
    return force


def _side_chain_torsions(
    topology: app.Topology,
) -> tuple[Int[np.ndarray, "N_torsion 4"], Float[np.ndarray, "N_torsion"]]:
    """Atoms of every chi1-4, and the angle beyond which it is not held (radians)."""
    atoms, limits = [], []
    for residue in topology.residues():
        numbers = {atom.name: atom.index for atom in residue.atoms()}
        torsions = residue_constants.chi_angles_atoms[residue.name]
        atoms += [[numbers[name] for name in names] for names in torsions]
        limits += [_RING_LIMIT if residue.name == "PRO" else math.pi] * len(torsions)
    return np.array(atoms, np.int64).reshape(-1, 4), np.array(limits, np.float64)


def _torsion_force(atoms: Int[np.ndarray, "N_torsion 4"], stiffness: float) -> openmm.CustomTorsionForce:
    """A periodic restraint (kJ/mol) for every torsion; `_Stage.restrain` says to which angles."""
    force = openmm.CustomTorsionForce(_TORSION_RESTRAINT)
    force.addGlobalParameter("h", stiffness)
    force.addPerTorsionParameter("theta0")
    for numbers in atoms.tolist():
        force.addTorsion(*numbers, [0.0])
    force.setForceGroup(_RESTRAINT_GROUP)
    return force


def _context(system: openmm.System, config: RelaxConfig) -> tuple[openmm.Context, str]:
    """A context on the wished platform and a description of it; "auto" falls back to CPU where CUDA does not start."""
    if config.platform != "cpu":
        try:
            return _start(system, "CUDA", {"Precision": "mixed", "DeterministicForces": "true"}), "CUDA"
        except openmm.OpenMMException as error:
            if config.platform == "cuda":
                advice = "pip install 'alphafold-lite[relax-cuda]' or relax on the CPU"
                raise RuntimeError(f"OpenMM cannot use CUDA here ({error}); {advice}") from error
    threads = config.threads or _usable_cores()
    context = _start(system, "CPU", {"Threads": str(threads), "DeterministicForces": "true"})
    return context, f"CPU, {threads} {'thread' if threads == 1 else 'threads'}"


def _start(system: openmm.System, platform: str, properties: Mapping[str, str]) -> openmm.Context:
    integrator = openmm.VerletIntegrator(0.001)  # never stepped
    return openmm.Context(system, integrator, openmm.Platform.getPlatform(platform), dict(properties))


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
