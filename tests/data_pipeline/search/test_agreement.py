"""pyhmmer's jackhmmer and the binary give the same alignment of a query on the same real sequences."""

import gzip
from importlib import metadata

import pytest

from data_pipeline.databases import open_database
from data_pipeline.search.base import Query
from data_pipeline.search.embedded import Jackhmmer
from data_pipeline.search.jackhmmer import JackhmmerProgram, JackhmmerSettings
from tests.support.reference import REFERENCE

SEQUENCES = REFERENCE.parent / "data" / "sequences" / "search_db.fasta.gz"
FAMILIES = ("PF00013", "PF00018", "PF00486")
PER_FAMILY = 120
MIN_EQUAL = 0.99


@pytest.fixture(scope="module")
def records():
    """Every tenth member of three families, until there are 120 of each; family to (name, sequence)."""
    members = {family: [] for family in FAMILIES}
    with gzip.open(SEQUENCES, "rt") as stream:
        for record in stream.read().split("\n>"):
            header, _, sequence = record.partition("\n")
            family = header.rpartition(" ")[2]
            if family in members:
                members[family].append((header.lstrip(">").split()[0], sequence.replace("\n", "")))
    return {family: found[::10][:PER_FAMILY] for family, found in members.items()}


@pytest.fixture(scope="module")
def fasta(records, tmp_path_factory):
    path = tmp_path_factory.mktemp("agreement") / "families.fasta"
    path.write_text("".join(f">{name}\n{sequence}\n" for found in records.values() for name, sequence in found))
    return path


def rows_by_name(result):
    alignment = result.alignment
    rows = zip(alignment.sequences[1:], alignment.deletion_matrix[1:].tolist(), strict=True)
    return dict(zip(alignment.descriptions[1:], rows, strict=True))


@pytest.mark.parametrize(("iterations", "e_value"), [(1, 1e-4), (3, 1e-4), (3, 1e-3)])
@pytest.mark.parametrize("family", FAMILIES)
def test_same_hits_and_rows(records, fasta, family, iterations, e_value):
    query = Query(name="q", sequence=records[family][0][1].replace("B", "X"))
    settings = JackhmmerSettings(
        iterations=iterations, e_value=e_value, domain_e_value=e_value, filters=None, max_rows=None
    )
    program = JackhmmerProgram(target=open_database(fasta), settings=settings, threads=1).run(query)
    embedded = Jackhmmer(fasta, iterations=iterations, inclusion_e_value=e_value).run(query)
    ours, theirs = rows_by_name(embedded), rows_by_name(program)
    versions = f"pyhmmer {metadata.version('pyhmmer')} and jackhmmer {program.record.version}"
    assert len(theirs) >= 20
    assert ours.keys() == theirs.keys(), f"{versions}: only in one of them: {sorted(ours.keys() ^ theirs.keys())}"
    different = sorted(name for name, row in theirs.items() if ours[name] != row)
    assert len(different) <= (1 - MIN_EQUAL) * len(theirs), f"{versions}: rows that differ: {different}"
    assert embedded.record.version == metadata.version("pyhmmer") and program.record.version[0] == "3"
