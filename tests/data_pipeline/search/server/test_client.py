"""The client against a real server on 127.0.0.1: the protocol, patience, kept tickets."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest

from alphafold_lite.common.errors import InputError, TargetError
from data_pipeline.search.base import Query
from data_pipeline.search.server import errors
from data_pipeline.search.server.client import MsaServer
from data_pipeline.search.server.settings import ServerSettings
from tests.support.msa_server import FakeClock, blocks, running_server, whole_result

A, B = "MKTAYIAKQRQISFVK", "GSHMLEDPXW"
QUERIES = (Query(name="first", sequence=A), Query(name="second", sequence=B), Query(name="again", sequence=A))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    with running_server() as state:
        yield state


@pytest.fixture
def clock():
    return FakeClock()


def client(server, clock, folder: Path | None = None, **settings):
    chosen = ServerSettings(url=server.url, contact="me@example.org", ticket_folder=folder, **settings)
    return MsaServer(chosen, rng=np.random.default_rng(0), clock=clock)


def test_one_ticket_for_many_sequences(server, clock):
    answer = client(server, clock).search(QUERIES)
    submit = server.seen[0]
    assert server.paths() == [
        "POST /ticket/msa",
        f"GET /ticket/{server.ticket}",
        f"GET /ticket/{server.ticket}",
        f"GET /result/download/{server.ticket}",
    ]
    assert submit.fields == {"q": f">101\n{A}\n>102\n{B}\n", "mode": "env"}
    assert all("me@example.org" in request.agent and "alphafold-lite" in request.agent for request in server.seen)
    first, second, again = (result.alignment for result in answer.results)
    assert first.sequences == (A, "-" + A[1:], "-" + A[1:]) and second.sequences[0] == B
    assert first.descriptions[0] == "first" and again.descriptions[0] == "again"
    assert first.descriptions[1].startswith("UniRef_101") and first.descriptions[2].startswith("Env_101")
    assert first.deletion_matrix[1].tolist() == [0, 0, 1] + [0] * (len(A) - 3)
    hit = answer.template_hits[1][0]
    assert (hit.target, hit.identity, hit.e_value, hit.target_range) == ("1abc_A", 0.41, 1e-20, (3, 61))
    record = answer.results[0].record
    assert (record.engine, record.database, record.num_hits, record.options) == (
        "server",
        server.url,
        2,
        {"mode": "env"},
    )
    assert record.seconds == pytest.approx(sum(clock.slept))


@pytest.mark.parametrize("mode", ["all", "nofilter"])
def test_modes_without_environmental_sequences(server, clock, mode):
    server.members = {"uniref.a3m": blocks({101: A}, "UniRef")}
    result = client(server, clock, mode=mode).run(QUERIES[0])
    assert result.record.num_hits == 1 and server.seen[0].fields["mode"] == mode


def test_it_says_that_sequences_leave_before_they_do(server, clock, caplog):
    server.fail("submit", "MAINTENANCE")
    with caplog.at_level(logging.WARNING), pytest.raises(errors.MaintenanceError):
        client(server, clock).search(QUERIES)
    assert f"sending 2 sequence(s), 26 residues, to {server.url}: they leave this machine" in caplog.text


@pytest.mark.parametrize(
    ("kind", "fault", "at_least"),
    [
        ("submit", "RATELIMIT", 5),
        ("submit", "UNKNOWN", 5),
        ("submit", "429 120", 120),
        ("poll", "429 77", 77),
        ("submit", "429", 5),
        ("submit", "429 nonsense", 5),
        ("submit", "429 Tue, 14 Nov 2023 22:35:00 GMT", 100),  # the clock stands at 22:30:00
        ("submit", "status 500", 5),
        ("poll", "status 503", 5),
        ("poll", "body ", 5),
        ("download", "status 502", 5),
        ("download", "short", 5),
        ("download", "body broken", 5),
        ("poll", "RATELIMIT", 5),
        ("poll", "RUNNING", 5),
    ],
)
def test_what_passes_is_tried_again(server, clock, kind, fault, at_least):
    server.pending = 0
    server.fail(kind, "RUNNING") if kind == "poll" else None
    if kind == "poll":
        server.pending = 1
    server.fail(kind, fault)
    assert client(server, clock).run(QUERIES[0]).record.num_hits == 2
    assert max(clock.slept) >= at_least


@pytest.mark.parametrize(
    ("kind", "faults", "error", "words"),
    [
        ("submit", ["ERROR"], errors.JobFailedError, "ERROR"),
        ("poll", ["ERROR"], errors.JobFailedError, "ERROR"),
        ("poll", ["MAINTENANCE"], errors.MaintenanceError, "MAINTENANCE"),
        ("poll", ["NONSENSE"], errors.BadAnswerError, "NONSENSE"),
        ("submit", ["status 500"] * 4, errors.BrokenServerError, "status 500"),
        ("submit", ["body "] * 4, errors.BadAnswerError, "JSON"),
        ("submit", ["body <html>hello</html>"] * 4, errors.BadAnswerError, "hello"),
        ("submit", ["body []"], errors.BadAnswerError, "list"),
        ("submit", ['body {"id": "x"}'], errors.BadAnswerError, "a state"),
        ("submit", ['body {"status": "PENDING"}'], errors.BadAnswerError, "a ticket"),
        ("submit", ['body {"status": "PENDING", "id": "../../x"}'], errors.BadAnswerError, "a ticket"),
        ("submit", ["status 403"], errors.BadAnswerError, "status 403"),
        ("submit", ["status 404"], errors.NotFoundError, "status 404"),
        ("submit", ["large 2000000"], errors.BadAnswerError, "at most 1048576"),
        ("submit", ["short"] * 4, errors.UnreachableError, "IncompleteRead"),
        ("download", ["body broken"] * 4, errors.DamagedArchiveError, "damage"),
        ("submit", ["429 999999"], errors.RateLimitError, "429"),
    ],
)
def test_what_does_not_pass_is_an_error_of_its_kind(server, clock, kind, faults, error, words):
    server.fail(kind, *faults)
    with pytest.raises(error) as caught:
        client(server, clock).search(QUERIES)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert isinstance(caught.value, TargetError)


@pytest.mark.parametrize("kind", ["submit", "poll", "download"])
def test_redirects_are_not_followed(server, clock, kind):
    with running_server() as other:
        server.fail(kind, f"redirect {other.url}/ticket/msa")
        with pytest.raises(errors.BadAnswerError, match=f"redirect to .{re.escape(other.url)}"):
            client(server, clock).run(QUERIES[0])
        assert not other.seen


def test_endless_pending_meets_the_deadline(server, clock):
    server.pending = 10**9
    with pytest.raises(errors.DeadlineError, match="within 600 s"):
        client(server, clock, deadline=600.0).run(QUERIES[0])
    assert sum(clock.slept) <= 600


@pytest.mark.parametrize("part", ["header", "body"])
@pytest.mark.parametrize("kind", ["submit", "download"])
def test_a_slow_drip_meets_the_deadline(server, part, kind):
    server.pending = 0
    server.fail(kind, f"drip {part}")
    with pytest.raises(errors.DeadlineError):
        client(server, None, deadline=0.4).run(QUERIES[0])  # by the machine's own clock


def test_nobody_there(clock):
    with running_server() as server:
        pass
    with pytest.raises(errors.UnreachableError, match="127"):
        client(server, clock).run(QUERIES[0])
    assert len(clock.slept) == 3


def test_certificates_are_checked(server, clock):
    """A server without TLS is none for https; sequences do not go out in the clear."""
    server.url = server.url.replace("http:", "https:")
    with pytest.raises(errors.UnreachableError, match="SSL"):
        client(server, clock).run(QUERIES[0])
    assert not server.seen


def test_a_later_run_goes_on_with_the_ticket(server, clock, tmp_path, caplog):
    server.pending = 10**9
    with pytest.raises(errors.DeadlineError):
        client(server, clock, tmp_path, deadline=60.0).search(QUERIES)
    server.seen.clear()
    server.pending = 0
    caplog.clear()
    assert client(server, clock, tmp_path).search(QUERIES).results[0].record.num_hits == 2
    assert not any(path.startswith("POST") for path in server.paths()) and "leave this machine" not in caplog.text
    assert not list(tmp_path.iterdir())  # done: forgotten
    client(server, clock, tmp_path).search(QUERIES)
    assert any(path.startswith("POST") for path in server.paths())


@pytest.mark.parametrize("loss", ["forgotten", "ERROR", "UNKNOWN", "damaged"])
def test_a_ticket_that_is_lost_is_asked_for_again(server, clock, tmp_path, loss):
    server.pending = 10**9
    with pytest.raises(errors.DeadlineError):
        client(server, clock, tmp_path, deadline=60.0).search(QUERIES)
    server.seen.clear()
    server.pending = 0
    if loss == "forgotten":
        server.fail("poll", "status 404")
    elif loss == "damaged":
        next(tmp_path.iterdir()).write_text("{")
    else:
        server.fail("poll", loss)
    assert client(server, clock, tmp_path).search(QUERIES).results[0].record.num_hits == 2
    assert sum(path.startswith("POST") for path in server.paths()) == 1


def test_other_sequences_have_another_ticket(server, clock, tmp_path):
    server.pending = 10**9
    with pytest.raises(errors.DeadlineError):
        client(server, clock, tmp_path, deadline=60.0).search(QUERIES)
    server.pending = 0
    client(server, clock, tmp_path).search(QUERIES[:1])
    client(server, clock, tmp_path, mode="env-nofilter").search(QUERIES)
    assert len([path for path in server.paths() if path.startswith("POST")]) == 3


def test_a_ticket_is_kept_through_trouble_but_not_through_a_bad_result(server, clock, tmp_path):
    server.fail("download", *["status 500"] * 4)
    with pytest.raises(errors.BrokenServerError):
        client(server, clock, tmp_path).search(QUERIES)
    assert len(list(tmp_path.iterdir())) == 1
    server.members = {"uniref.a3m": b">101\nWRONG\n\0"}
    with pytest.raises(errors.BadAnswerError):
        client(server, clock, tmp_path).search(QUERIES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("uniref.a3m", None, "uniref.a3m in the server's result"),
        ("uniref.a3m", b"", "none for 101, 102"),
        ("uniref.a3m", blocks({101: A}, "r"), "none for 102"),
        ("uniref.a3m", blocks({101: B, 102: A}, "r"), "another sequence"),
        ("uniref.a3m", blocks({101: A, 102: B}, "r") + blocks({101: A}, "r"), "a second block"),
        ("uniref.a3m", blocks({101: A, 102: B, 103: A}, "r"), "a block named"),
        ("uniref.a3m", b">name\nMKT\n\0", "a block named"),
        ("uniref.a3m", blocks({101: A, 102: B}, "r")[:-4], "columns in every row"),
        ("uniref.a3m", b"\x01\x02\0", "binary data"),
        ("bfd.mgnify30.metaeuk30.smag30.a3m", b">101\nMK1\n\0", "residue letters"),
        ("pdb70.m8", b"101\t1abc_A\n", "template hits"),
        ("pdb70.m8", b"103\t1abc_A\t0.4\t1\t1\t1\t1\t1\t1\t1\t1\t1\n", "template hits"),
    ],
)
def test_results_are_checked_against_the_question(server, clock, name, data, words):
    members = whole_result({101: A, 102: B})
    server.members = {**members, name: data} if data is not None else {k: v for k, v in members.items() if k != name}
    with pytest.raises(errors.BadAnswerError) as caught:
        client(server, clock).search(QUERIES)
    assert words in str(caught.value)


def test_queries_without_environmental_rows_are_fine(server, clock):
    members = whole_result({101: A, 102: B})
    server.members = {**members, "bfd.mgnify30.metaeuk30.smag30.a3m": blocks({102: B}, "Env")}
    assert [result.record.num_hits for result in client(server, clock).search(QUERIES).results] == [1, 2, 1]


def test_paired_rows(server, clock):
    results = client(server, clock).search_paired(QUERIES[:2], "paircomplete-env")
    assert server.seen[0].path == "/ticket/pair" and server.seen[0].fields["mode"] == "paircomplete-env"
    assert [result.alignment.descriptions[1].split("\t")[0] for result in results] == ["Pair_101", "Pair_102"]
    server.members = {"pair.a3m": blocks({101: A}, "r") + f">102\n{B}\n\0".encode()}
    with pytest.raises(errors.BadAnswerError, match="as many paired rows"):
        client(server, clock).search_paired(QUERIES[:2])
    with pytest.raises(InputError, match="distinct"):
        client(server, clock).search_paired((QUERIES[0], QUERIES[2]))


def test_structures(server, clock):
    found = client(server, clock).fetch_structures(["1abc_A", "1abc_B", "2xyz_C"])
    assert server.seen[0].path == "/template/1abc_A,1abc_B,2xyz_C"
    assert set(found) == {"1abc", "2xyz"} and found["2xyz"].startswith(b"data_2xyz")
    with pytest.raises(InputError, match="1abc_A"):
        client(server, clock).fetch_structures(["../x"])


def test_no_query(server, clock):
    with pytest.raises(InputError, match="a query"):
        client(server, clock).search(())
