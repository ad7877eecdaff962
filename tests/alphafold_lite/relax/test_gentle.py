import numpy as np
import openmm
import pytest
from openmm import app

from alphafold_lite.relax.gentle import soften


@pytest.fixture
def glycines():
    """The topology of two bonded glycines with all hydrogens."""
    topology = app.Topology()
    chain = topology.addChain()
    for number in range(2):
        residue = topology.addResidue("GLY", chain)
        for name in ("N", "CA", "C", "O") + (("OXT",) if number else ()):
            topology.addAtom(name, app.Element.getBySymbol(name[0]), residue)
    topology.createStandardBonds()
    modeller = app.Modeller(
        topology, [openmm.Vec3(0.1 * i, 0.05 * (i % 2), 0.01 * i) for i in range(9)] * openmm.unit.nanometer
    )
    modeller.addHydrogens(platform=openmm.Platform.getPlatform("Reference"))
    return modeller.topology


@pytest.fixture
def soft(glycines):
    system = app.ForceField("amber99sb.xml").createSystem(glycines)
    before = [force.getName() for force in system.getForces()]
    soften(system, glycines)
    return system, before


def test_charges_and_lennard_jones_give_way_to_a_soft_repulsion(soft):
    system, before = soft
    after = [force.getName() for force in system.getForces()]
    assert "NonbondedForce" in before and "NonbondedForce" not in after
    assert after.count("HarmonicBondForce") == 2 and after.count("CustomNonbondedForce") == 1
    assert set(before) - set(after) == {"NonbondedForce"}


def test_springs_span_every_angle_at_its_preferred_distance(soft, glycines):
    system, _ = soft
    angles = next(force for force in system.getForces() if isinstance(force, openmm.HarmonicAngleForce))
    springs = [force for force in system.getForces() if isinstance(force, openmm.HarmonicBondForce)][1]
    assert springs.getNumBonds() == angles.getNumAngles()
    names = [atom.name for atom in glycines.atoms()]
    lengths = {}
    for number in range(springs.getNumBonds()):
        one, other, length, _ = springs.getBondParameters(number)
        lengths[frozenset((names[one], names[other]))] = length.value_in_unit(openmm.unit.angstrom)
    # ff99SB: C-OXT 1.25 Å, 126 degrees between the two oxygens of the carboxylate
    assert lengths[frozenset(("O", "OXT"))] == pytest.approx(2 * 1.25 * np.sin(np.radians(63)), abs=1e-3)


def test_forces_are_finite_for_atoms_almost_in_one_place(soft):
    system, _ = soft
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("CPU"), {"Threads": "1"}
    )
    positions = np.random.default_rng(0).normal(0, 1e-5, (system.getNumParticles(), 3))  # nm
    context.setPositions(positions)
    forces = context.getState(forces=True).getForces(asNumpy=True)._value
    assert np.isfinite(forces).all() and np.abs(forces).max() < 1e9  # Lennard-Jones would have more than 1e40
    openmm.LocalEnergyMinimizer.minimize(context, 10, 500)
    found = context.getState(positions=True).getPositions(asNumpy=True)._value
    distances = np.linalg.norm(found[:, None] - found[None], axis=-1)[np.triu_indices(len(found), 1)]
    assert distances.min() > 0.08
