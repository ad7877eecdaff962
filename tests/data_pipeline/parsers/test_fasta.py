"""FASTA records, usable and not."""

import gzip

import pytest

from alphafold_lite.common.errors import InputError
from data_pipeline.parsers.fasta import parse_fasta, read_fasta, sequence_record

PROTEIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"


def problem(text: str, **options: bool) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_fasta(text, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_records_in_file_order():
    reading = parse_fasta(f">one first\n{PROTEIN}\n\n>two\n{PROTEIN[:5]}\n{PROTEIN[5:9]}\n")
    assert [r.sequence for r in reading.records] == [PROTEIN, PROTEIN[:9]]
    assert [(r.index, r.name, r.header) for r in reading.records] == [(0, "one", "one first"), (1, "two", "two")]
    assert not reading.problems and not reading.notices


@pytest.mark.parametrize(
    "text", [">a\nmktayiak", ">a\r\nMKTA\r\nYIAK\r\n", "\n  >a\n MKT AYI\tAK \n\n", "> a\nM\nK\nT\nA\nYIAK"]
)
def test_lower_case_white_space_and_line_ends(text):
    (record,) = parse_fasta(text.replace("\r\n", "\n")).records
    assert (record.sequence, record.header, record.notices) == ("MKTAYIAK", "a", ())


def test_file_with_mark_and_crlf(tmp_path):
    path = tmp_path / "a.fa.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf>a\r\nmkta\r\nYIAK\r\n"))
    assert read_fasta(path).records[0].sequence == "MKTAYIAK"


def test_final_star_is_dropped_with_a_notice():
    reading = parse_fasta(">a\nMKTAYIAK*\n")
    assert reading.records[0].sequence == "MKTAYIAK"
    assert len(reading.notices) == 1 and "'*'" in reading.notices[0]


@pytest.mark.parametrize(
    ("sequence", "words"),
    [
        ("MKT*AYIAK", ("'*' at position 4", "stop")),
        ("MKT-AYIAK", ("'-' at position 4", "gap")),
        ("MKT.AYIAK", ("'.' at position 4", "gap")),
        ("MK\n1AYIAK", ("'1' at position 3",)),
        ("MKT\u0410YIAK", ("U+0410", "position 4")),
        ("MKT\u200bYIAK", ("U+200B",)),
        ("", ("no sequence",)),
        ("***", ("no sequence",)),
    ],
)
def test_bad_letters_are_errors_with_position(sequence, words):
    message = str(problem(f">some name\n{sequence}\n"))
    assert all(word in message for word in (*words, "record 1", "some name"))


def test_unusual_letters_become_unknown_with_a_notice():
    (record,) = parse_fasta(">a\nMKBTAJYIOAKQRUZAXLDV").records
    assert record.sequence == "MKXTAXYIXAKQRXXAXLDV"
    assert record.replaced == ((3, "B"), (6, "J"), (9, "O"), (14, "U"), (15, "Z"), (17, "X"))
    assert len(record.notices) == 1 and "6 unknown" in record.notices[0] and "relaxation skips" in record.notices[0]


def test_mostly_unknown_needs_force():
    assert parse_fasta(">a\nMKXX").records[0].sequence == "MKXX"  # half is not over half
    assert "3 of 5" in str(problem(">a\nMKXUB"))
    reading = parse_fasta(">a\nMKXUB", force=True)
    assert reading.records[0].sequence == "MKXXX" and "by force" in reading.notices[0]


def test_nucleotides_need_force():
    assert "nucleotides" in str(problem(">a\n" + "ACGTUNACGT" * 3))
    assert parse_fasta(">a\n" + "ACGTNACGT" * 3).records  # 27 residues may be a peptide
    assert parse_fasta(">a\n" + "ACGTNACGTA" * 3 + "L").records
    assert parse_fasta(">a\n" + "acgtnacgta" * 3, force=True).notices


def test_colons_part_the_chains_of_a_complex():
    single, dimer, trimer = parse_fasta(">m\nMKT\n>d\nmk t:\nAY\nI\n>t\nAY:MKT : AY\n").records
    assert (single.chains, single.sequence) == (("MKT",), "MKT")
    assert (dimer.chains, dimer.sequence) == (("MKT", "AYI"), "MKTAYI")
    assert trimer.chains == ("AY", "MKT", "AY") and not trimer.notices


@pytest.mark.parametrize(
    ("sequence", "words"),
    [
        (":MKT", ("before the first chain",)),
        ("MKT:AYI:", ("after the last chain",)),
        ("MKT::AYI", ("'::' at position 4",)),
        ("MKT:\n:AYI", ("'::' at position 4",)),
        (":", ("no residue letter",)),
        (":::", ("no residue letter",)),
        ("MKT:*", ("chain B", "no sequence")),
        ("MKT:A1", ("chain B", "'1' at position 2")),
        ("MKT:" + "ACGTUNACGT" * 3, ("chain B", "nucleotides")),
        ("XXX:MKT", ("chain A", "3 of 3")),
        ("A:" * 62 + "A", ("at most 62 chains", "63")),
    ],
)
def test_misplaced_colons_and_bad_chains_are_one_error_each(sequence, words):
    message = str(problem(f">some name\n{sequence}\n"))
    assert all(word in message for word in (*words, "record 1", "some name"))


def test_sixty_two_chains_have_names():
    assert len(parse_fasta(">a\n" + "M:" * 61 + "M").records[0].chains) == 62


def test_what_is_replaced_is_counted_over_all_chains_and_told_by_chain():
    (record,) = parse_fasta(">a\nMKB*:AUI").records
    assert record.chains == ("MKX", "AXI") and record.replaced == ((3, "B"), (5, "U"))
    assert ["chain A" in notice for notice in record.notices] == [True, True, False]
    assert "chain B" in record.notices[2] and "U at 2" in record.notices[2]


def test_a_bad_record_leaves_the_others():
    reading = parse_fasta(f">a\n{PROTEIN}\n>b\n\n>c\nMK1\n>a\n{PROTEIN}\n")
    assert [(r.index, r.name) for r in reading.records] == [(0, "a"), (3, "a_2")]
    assert [(p.index, p.header) for p in reading.problems] == [(1, "b"), (2, "c")]
    assert "no sequence" in str(reading.problems[0].error) and "'1'" in str(reading.problems[1].error)


@pytest.mark.parametrize("text", ["", "\n \n", "MKTAYIAK", f"junk\n>a\n{PROTEIN}", ">a", ">a\n>b\n"])
def test_files_without_use_are_errors(text):
    assert problem(text).exit_code == 2


def test_headers_of_any_kind_get_distinct_safe_names():
    headers = ["x" * 5000, "x" * 5000, "../../x", "X", "\u86cb", "", "aux"]
    records = parse_fasta("".join(f">{h}\n{PROTEIN}\n" for h in headers)).records
    assert [r.header for r in records] == headers
    names = [r.name for r in records]
    assert len({n.lower() for n in names}) == len(names)
    assert all(n.isascii() and len(n) <= 64 and "/" not in n and not n.startswith(".") for n in names)


def test_a_million_residues():
    (record,) = parse_fasta(">a\n" + PROTEIN * 13_200).records
    assert len(record.sequence) > 1_000_000


def test_bare_sequence():
    record = sequence_record("mkt ayi\nak*", name="my target")
    assert (record.sequence, record.name, len(record.notices)) == ("MKTAYIAK", "my", 1)
    assert sequence_record("mkt : ayi").chains == ("MKT", "AYI")
    with pytest.raises(InputError, match="position 2"):
        sequence_record("M>KT")
