"""Running programs: what comes back, what is cleaned up, what the errors say."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alphafold_lite.common.errors import MissingResourceError, TargetError
from data_pipeline.search import process
from data_pipeline.search.process import Program, cpu_count, private_folder, run_program


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Makes a program of a shell script, found on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    (tmp_path / "bin").mkdir()

    def make(body, name="tool"):
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return Program(name=name, debian="tool-deb", conda="tool-conda")

    return make


def is_running(pid):
    """Whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return (
            not state.parent.parent.joinpath("self").exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_for(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_arguments_arrive_as_they_are(script):
    finished = run_program(script('printf "%s\\n" "$@"'), ["a b", "$HOME", "*", "; echo x", "--"])
    assert finished.stdout.splitlines() == ["a b", "$HOME", "*", "; echo x", "--"]
    assert finished.argv[1:] == ("a b", "$HOME", "*", "; echo x", "--") and finished.seconds > 0


def test_nothing_waits_for_a_key(script):
    assert run_program(script("cat; echo end"), [], time_limit=5.0).stdout == "end\n"


def test_the_error_has_the_tail_of_standard_error(script):
    body = (
        'i=0; while [ $i -lt 500 ]; do echo "line $i" >&2; i=$((i+1)); done; printf "bad \\033[1m end\\n" >&2; exit 7'
    )
    with pytest.raises(TargetError) as caught:
        run_program(script(body), [])
    text = str(caught.value)
    assert "tool" in text and "exit status 7" in text and "line 499 | bad [1m end" in text
    assert "\n" not in text and "\x1b" not in text and "line 400" not in text


@pytest.mark.parametrize("body", ["kill -SEGV $$", "sh -c 'kill -SEGV $$'; exit $?"])
def test_a_signal_is_named_also_behind_a_shell(script, body):
    with pytest.raises(TargetError, match="SIGSEGV"):
        run_program(script(body), [])


def test_a_time_out_ends_the_whole_group(script, tmp_path):
    pids = tmp_path / "pids"
    body = f"sh -c 'trap \"\" TERM; echo $$ >> {pids}; while :; do sleep 0.05; done' &\necho $$ >> {pids}; wait"
    with pytest.raises(TargetError, match=r"still running after 1 s"):
        run_program(script(body), [], time_limit=1.0)
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 2 and wait_for(lambda: not any(map(is_running, started)))


def test_an_error_ends_what_it_left_running(script, tmp_path):
    with pytest.raises(TargetError, match="exit status 3"):
        run_program(script(f"sleep 60 & echo $! > {tmp_path}/pid; exit 3"), [])
    left = int((tmp_path / "pid").read_text())
    assert wait_for(lambda: not is_running(left))


def test_an_interrupt_ends_the_group_and_leaves_no_folder(script, tmp_path):
    script(f"echo $$ > {tmp_path}/pid.tmp; mv {tmp_path}/pid.tmp {tmp_path}/pid; exec sleep 60")
    (tmp_path / "tmp").mkdir()
    code = (
        "from data_pipeline.search.process import Program, run_program\n"
        "run_program(Program(name='tool', debian='d', conda='c'), [])"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    child = subprocess.Popen(
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{code}"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert wait_for((tmp_path / "pid").is_file, 20)
    child.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in child.communicate(timeout=20)[1]
    assert not is_running(int((tmp_path / "pid").read_text())) and not list((tmp_path / "tmp").iterdir())


def test_an_absent_program_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingResourceError) as caught:
        run_program(Program(name="jackhmmer", debian="hmmer", conda="hmmer-conda"), [])
    assert all(word in str(caught.value) for word in ("jackhmmer", "apt install hmmer", "bioconda hmmer-conda"))


def test_a_program_that_cannot_start_is_missing(script, tmp_path):
    program = script("")
    (tmp_path / "bin" / "tool").write_bytes(b"\x7fELF nothing")
    with pytest.raises(MissingResourceError, match="working tool"):
        run_program(program, [])
    with pytest.raises(MissingResourceError, match="working tool"):
        program.version()


def test_versions_are_read_once_for_each_file(script, tmp_path):
    program = script(f'echo x >> {tmp_path}/asked; echo "Tool 3.4.1 (Nov)" >&2; exit 1')
    assert (program.version(), program.version()) == ("3.4.1", "3.4.1")
    assert (tmp_path / "asked").read_text() == "x\n"
    os.utime(tmp_path / "bin" / "tool", ns=(1, 1))
    assert program.version() == "3.4.1" and (tmp_path / "asked").read_text() == "x\nx\n"


def test_another_program_of_that_name_is_no_help(script):
    with pytest.raises(MissingResourceError, match="without a version"):
        script("echo usage: none").version()


def test_the_folder_is_private_and_goes(monkeypatch, tmp_path):
    with private_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").write_text("x")
    assert not folder.exists()
    monkeypatch.setattr(process.tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(MissingResourceError, match="TMPDIR"), private_folder():
        raise AssertionError("no folder can be there")


def test_cpus_follow_the_affinity_mask(monkeypatch):
    monkeypatch.setattr(process.os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert cpu_count() == 3
