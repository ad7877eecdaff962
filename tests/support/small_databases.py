"""Small databases for the search programs: families made up by mutation, as FASTA, HH-suite and MMseqs2 databases."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_pipeline.search.process import Program, run_program

LETTERS = "ARNDCQEGHILKMFPSTWYV"
HHSUITE_FOLDERS = ("/usr/libexec/hhsuite",)  # where Debian keeps what it leaves off PATH
FFINDEX_BUILD = Program(name="ffindex_build", debian="hhsuite", conda="hhsuite")
FFINDEX_APPLY = Program(name="ffindex_apply", debian="hhsuite", conda="hhsuite")
HHMAKE = Program(name="hhmake", debian="hhsuite", conda="hhsuite")
# Debian's dispatcher does not find cstranslate's variants by itself; the plain one runs on every machine
CSTRANSLATE = Program(name="cstranslate-plain", debian="hhsuite", conda="hhsuite", folders=HHSUITE_FOLDERS)
CSTRANSLATE_ELSEWHERE = Program(name="cstranslate", debian="hhsuite", conda="hhsuite")
DEBIAN_DATA = Path("/usr/share/hhsuite/data")


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """Relatives as rows of one alignment; row 0 is the ancestor."""

    name: str
    rows: tuple[str, ...]  # capitals and '-'

    @property
    def ancestor(self) -> str:
        return self.rows[0]

    def fasta(self) -> str:
        return "".join(
            f">{self.name}_{number} member {number}\n{row.replace('-', '')}\n" for number, row in enumerate(self.rows)
        )

    def a3m(self) -> str:
        return "".join(f">{self.name}_{number}\n{row}\n" for number, row in enumerate(self.rows))


def make_family(name: str, *, length: int, num_rows: int, rng: np.random.Generator) -> Family:
    """An ancestor and rows that differ from it in a fifth to half of the residues; every third row lacks a stretch."""
    ancestor = rng.choice(list(LETTERS), length)
    rows = ["".join(ancestor)]
    for number in range(1, num_rows):
        row = np.where(rng.random(length) < rng.uniform(0.2, 0.5), rng.choice(list(LETTERS), length), ancestor)
        if number % 3 == 0:
            start = int(rng.integers(10, length - 20))
            row[start : start + int(rng.integers(2, 8))] = "-"
        rows.append("".join(row))
    return Family(name=name, rows=tuple(rows))


def make_families(seed: int = 0) -> tuple[Family, ...]:
    """Three unrelated families."""
    rng = np.random.default_rng(seed)
    return tuple(make_family(f"fam{n}", length=length, num_rows=24, rng=rng) for n, length in enumerate((90, 120, 70)))


def write_fasta(families: tuple[Family, ...], path: Path) -> Path:
    path.write_text("".join(family.fasta() for family in families))
    return path


def build_hhsuite(families: tuple[Family, ...], folder: Path) -> Path:
    """An HH-suite database of one alignment a family; the common beginning of its files' names."""
    rows, prefix = folder / "a3m", folder / "small"
    rows.mkdir(parents=True)
    for family in families:
        (rows / family.name).write_text(family.a3m())
    data, index = ([folder / f"small_{part}.{end}" for part in ("a3m", "hhm")] for end in ("ffdata", "ffindex"))
    run_program(FFINDEX_BUILD, ["-s", data[0], index[0], rows])
    apply = [data[0], index[0], "-d", data[1], "-i", index[1], "--", HHMAKE.find(), "-i", "stdin", "-o", "stdout"]
    run_program(FFINDEX_APPLY, [*apply, "-v", "0"])
    translate = ["-f", "-x", "0.3", "-c", "4", "-I", "a3m", "-i", f"{prefix}_a3m", "-o", f"{prefix}_cs219"]
    if DEBIAN_DATA.is_dir():
        libraries = ["-A", DEBIAN_DATA / "cs219.lib", "-D", DEBIAN_DATA / "context_data.lib"]
        run_program(CSTRANSLATE, [*libraries, *translate])
    else:
        run_program(CSTRANSLATE_ELSEWHERE, translate)
    return prefix
