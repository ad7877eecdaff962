"""Small structure files as text: residues on a line 3.8 Å apart, joined by peptide bonds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from alphafold_lite.common.residue_constants import restype_1to3

STEP = 3.8  # Å between neighbouring CA atoms
BACKBONE = {"N": (-1.2, 0.5, 0.0), "CA": (0.0, 0.0, 0.0), "C": (1.3, 0.7, 0.0), "O": (1.4, 1.9, 0.0)}
BETA = {"CB": (0.0, -0.9, 1.2)}


@dataclass(frozen=True)
class Atom:
    name: str
    position: tuple[float, float, float]
    altloc: str = ""
    occupancy: float = 1.0


@dataclass(frozen=True)
class Residue:
    name: str
    number: int
    atoms: Sequence[Atom]
    icode: str = ""
    chain: str = "A"
    model: int = 1
    seq: int | None = None  # place in the full sequence, from 1
    hetero: bool = False
    entity: str = "1"


def atoms_at(place: float, *more: Atom, y: float = 0.0, beta: bool = True) -> tuple[Atom, ...]:
    """Backbone, CB and others of a residue `place` steps along the line."""
    names = BACKBONE | (BETA if beta else {})
    shifted = [Atom(name, (x + STEP * place, y + dy, z)) for name, (x, dy, z) in names.items()]
    return (*shifted, *more)


def peptide(letters: str, *, chain: str = "A", first: int = 1, y: float = 0.0, model: int = 1) -> list[Residue]:
    """A chain with all its residues, numbered from `first`."""
    return [
        Residue(
            restype_1to3[letter],
            first + place,
            atoms_at(place, y=y, beta=letter != "G"),
            chain=chain,
            model=model,
            seq=place + 1,
        )
        for place, letter in enumerate(letters)
    ]


@dataclass(frozen=True)
class Entity:
    """A polymer: names of the full sequence (several in one place as "MSE,MET"), and its kind."""

    names: Sequence[str]
    kind: str = "polypeptide(L)"


@dataclass(frozen=True)
class Header:
    entry: str = "1ABC"
    revisions: Sequence[str] = ("2012-05-06", "2011-02-03")
    method: str = "X-RAY DIFFRACTION"
    resolution: str = "1.90"
    entities: dict[str, Entity] = field(default_factory=dict)


def three(letters: str) -> list[str]:
    return [restype_1to3[letter] for letter in letters]


def mmcif(residues: Iterable[Residue], header: Header) -> str:
    """An mmCIF text. Without entities there is no sequence, and atoms have no place in one."""
    lines = [f"data_{header.entry}", f"_entry.id {header.entry}", f"_exptl.method '{header.method}'"]
    lines += [f"_refine.ls_d_res_high {header.resolution}", "loop_", "_pdbx_audit_revision_history.ordinal"]
    lines += ["_pdbx_audit_revision_history.revision_date"]
    lines += [f"{number} {date}" for number, date in enumerate(header.revisions, start=1)]
    if header.entities:
        lines += ["loop_", "_entity.id", "_entity.type", *(f"{name} polymer" for name in header.entities)]
        lines += ["loop_", "_entity_poly.entity_id", "_entity_poly.type"]
        lines += [f"{name} '{entity.kind}'" for name, entity in header.entities.items()]
        lines += ["loop_", "_entity_poly_seq.entity_id", "_entity_poly_seq.num", "_entity_poly_seq.mon_id"]
        for name, entity in header.entities.items():
            for place, monomers in enumerate(entity.names, start=1):
                lines += [f"{name} {place} {monomer}" for monomer in monomers.split(",")]
    columns = (
        "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id label_seq_id"
    )
    columns += " pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy auth_seq_id auth_asym_id pdbx_PDB_model_num"
    lines += ["loop_", *(f"_atom_site.{column}" for column in columns.split())]
    serial = 0
    for r in residues:
        for atom in r.atoms:
            serial += 1
            x, y, z = (f"{value:.3f}" for value in atom.position)
            place = r.seq if header.entities and r.seq else "."
            words = ["HETATM" if r.hetero else "ATOM", serial, _element(atom), atom.name, atom.altloc or ".", r.name]
            words += [r.chain, r.entity, place, r.icode or "?", x, y, z, atom.occupancy, r.number, r.chain, r.model]
            lines.append(" ".join(map(str, words)))
    return "\n".join((*lines, ""))


def pdb(
    residues: Iterable[Residue], *, seqres: dict[str, Sequence[str]] | None = None, head: Sequence[str] = ()
) -> str:
    """A PDB text; a MODEL record for each model where there are several, TER after each chain."""
    lines = list(head)
    for chain, names in (seqres or {}).items():
        for row in range(0, len(names), 13):
            piece = " ".join(names[row : row + 13])
            lines.append(f"SEQRES {row // 13 + 1:>3} {chain} {len(names):>4}  {piece}")
    rows = list(residues)
    models = sorted({r.model for r in rows})
    serial = 0
    for model in models:
        if len(models) > 1:
            lines.append(f"MODEL     {model:>4}")
        last = None
        for r in (r for r in rows if r.model == model):
            if last is not None and last != r.chain:
                lines.append("TER")
            last = r.chain
            for atom in r.atoms:
                serial += 1
                x, y, z = atom.position
                record = "HETATM" if r.hetero else "ATOM  "
                name = atom.name if len(atom.name) > 3 or len(_element(atom)) > 1 else f" {atom.name}"
                lines.append(
                    f"{record}{serial % 100000:>5} {name:<4}{atom.altloc or ' '}{r.name:>3} {r.chain}{r.number:>4}{r.icode or ' '}"
                    f"   {x:8.3f}{y:8.3f}{z:8.3f}{atom.occupancy:6.2f}{20:6.2f}          {_element(atom):>2}"
                )
        lines.append("TER")
        if len(models) > 1:
            lines.append("ENDMDL")
    return "\n".join((*lines, "END", ""))


def _element(atom: Atom) -> str:
    return "SE" if atom.name == "SE" else atom.name[0]
