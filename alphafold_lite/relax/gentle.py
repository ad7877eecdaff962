"""A potential that has no false minima and no infinities: it brings any atoms to where Amber's own can take over."""

import math
from collections.abc import Iterator

import openmm
from openmm import app, unit

_NANOMETRE = 10.0  # Å
_ANGLE_SPRING = 20000.0  # kJ/mol/nm², a tenth of a typical bond
_REPULSION = "k*step(d-r)*(d-r)^2; d=radius1+radius2"
_REPULSION_STIFFNESS = 20000.0  # kJ/mol/nm²
_RADIUS, _HYDROGEN_RADIUS = 0.14, 0.06  # nm; well inside of what Amber allows, hydrogen bonds included
_BONDS_EXCLUDED = 3  # neighbours over up to three bonds are held by bonds, angles and torsions


def soften(system: openmm.System, topology: app.Topology) -> None:
    """Take charges and Lennard-Jones terms out of a system; add springs over bond angles and a soft repulsion.

    Angles alone leave distorted groups in false minima (a carboxylate whose oxygens lie on a line), which distances do not. Charges
    draw the hydrogens of hydroxyls, which have no repulsion in ff99SB, into atoms that clash with them. And r^-12 overflows for
    atoms that lie in each other, as those of an untrained network do.
    """
    springs = _angle_springs(system)
    for number in reversed(range(system.getNumForces())):
        if isinstance(system.getForce(number), openmm.NonbondedForce):
            system.removeForce(number)
    system.addForce(springs)
    system.addForce(_soft_repulsion(topology))


def _soft_repulsion(topology: app.Topology) -> openmm.CustomNonbondedForce:
    force = openmm.CustomNonbondedForce(_REPULSION)
    force.addGlobalParameter("k", _REPULSION_STIFFNESS)
    force.addPerParticleParameter("radius")
    for atom in topology.atoms():
        force.addParticle([_HYDROGEN_RADIUS if atom.element == app.element.hydrogen else _RADIUS])
    force.createExclusionsFromBonds([(one.index, other.index) for one, other in topology.bonds()], _BONDS_EXCLUDED)
    force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffNonPeriodic)
    force.setCutoffDistance(2 * _RADIUS)
    return force


def _angle_springs(system: openmm.System) -> openmm.HarmonicBondForce:
    """Springs between the first and last atom of every bond angle, at the distance that its bonds and angle prefer."""
    lengths = {frozenset((one, other)): length for one, other, length in _bonds(system)}
    springs = openmm.HarmonicBondForce()
    for one, middle, other, angle in _angles(system):
        a, b = lengths[frozenset((one, middle))], lengths[frozenset((middle, other))]
        springs.addBond(one, other, math.sqrt(a * a + b * b - 2 * a * b * math.cos(angle)), _ANGLE_SPRING)
    return springs


def _bonds(system: openmm.System) -> Iterator[tuple[int, int, float]]:
    """Atoms and length (nm) of every bond."""
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            for number in range(force.getNumBonds()):
                one, other, length, _ = force.getBondParameters(number)
                yield one, other, length.value_in_unit(unit.angstrom) / _NANOMETRE


def _angles(system: openmm.System) -> Iterator[tuple[int, int, int, float]]:
    """Atoms and size (radians) of every bond angle."""
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicAngleForce):
            for number in range(force.getNumAngles()):
                one, middle, other, angle, _ = force.getAngleParameters(number)
                yield one, middle, other, angle.value_in_unit(unit.radian)
