import os
import signal
import subprocess
import sys

import pytest

from alphafold_lite.cli import main
from alphafold_lite.cli.main import app, predict_app, run


@pytest.mark.parametrize(("arguments", "advice"), [
    (["--num-recycle", "2"], "did you mean --num-recycles?"),
    (["--num_seed", "2"], "did you mean --num-seeds?"),
    (["--xyzzy"], "predict --help lists them"),
])  # fmt: skip
def test_a_near_miss_gets_a_suggestion(arguments, advice, capsys):
    assert run(["--fasta", "x.fa", *arguments], "predict", predict_app) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: expected an option of predict, found --") and advice in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [
    [], ["--fasta"], ["--fasta", "x.fa", "stray"], ["--fasta", "x.fa", "--device", "tpu"], ["--fasta", "x.fa", "--relax", "some"],
    ["--fasta", "x.fa", "--num-recycles", "many"], ["--fasta", "x.fa", "--num-recycles", "-1"],
    ["--fasta", "x.fa", "--max-msa", "12"], ["--fasta", "x.fa", "--models", ""], ["--fasta", "x.fa", "--msa-mode", "search"],
    ["--fasta", "x.fa", "--recycle-tolerance", "nan"], ["--fasta", "no-such-file.fa"],
])  # fmt: skip
def test_usage_errors_are_one_line_and_2(arguments, capsys):
    assert run(arguments, "predict", predict_app) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def test_version_and_help(capsys):
    from alphafold_lite import __version__

    for program, command in (("predict", predict_app), ("alphafold-lite", app)):
        assert run(["--version"], program, command) == 0
        assert capsys.readouterr().out == f"alphafold-lite {__version__}\n"
        assert run(["-h"], program, command) == 0
        assert f"Usage: {program}" in capsys.readouterr().out


def test_dashes_and_underscores_are_equal(capsys):
    arguments = ["--fasta", "no-such-file.fa", "--out_dir", "x", "--num_recycles", "2", "--recycle_tolerance", "0.5"]
    assert run(["predict", *arguments]) == 2
    assert "no-such-file.fa" in capsys.readouterr().err


def test_unknown_commands_are_usage_errors(capsys):
    assert run(["predikt"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(("raised", "code", "text"), [
    (KeyboardInterrupt(), 130, "interrupted\n"),
    (MemoryError(), 1, "error: expected enough memory"),
    (RuntimeError("broken\nin two"), 1, "internal error: RuntimeError: broken in two"),
])  # fmt: skip
def test_exit_codes_of_what_is_raised(raised, code, text, monkeypatch, capsys):
    def fail(*_, **__):
        raise raised

    monkeypatch.setattr("alphafold_lite.cli.predict.read_fasta", fail)
    assert run(["--fasta", "x.fa"], "predict", predict_app) == code
    error = capsys.readouterr().err
    assert error.startswith(text) and error.count("\n") == 1
    if code == 1:
        assert run(["--fasta", "x.fa", "--debug"], "predict", predict_app) == code
        assert "Traceback" in capsys.readouterr().err


def test_an_interrupted_run_is_130(tmp_path):
    fasta = tmp_path / "seq.fa"
    fasta.write_text(f">long\n{'MQIFVKTLTG' * 5}\n")
    options = ["--params", "random:0", "--num-recycles", "100", "--device", "cpu", "--out-dir", str(tmp_path / "out")]
    code = "from alphafold_lite.cli.main import predict_entry; predict_entry()"
    run = subprocess.Popen(
        [sys.executable, "-c", code, "--fasta", str(fasta), *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = iter(run.stderr.readline, "")
    assert any("recycle 1 of 100" in line for line in lines)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (130, "")
    assert err.endswith("interrupted\n") and "Traceback" not in err


def test_entries_exit_with_the_code(monkeypatch, capsys):
    for entry in (main.entry, main.predict_entry):
        monkeypatch.setattr(sys, "argv", ["program", "--no-such-option"])
        with pytest.raises(SystemExit) as stopped:
            entry()
        assert stopped.value.code == 2
    assert capsys.readouterr().err.count("error: ") == 2


def test_a_reader_that_goes_away_is_no_traceback():
    code = "from alphafold_lite.cli.main import run; import sys; sys.exit(run(['predict', '--help']))"
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=reader.stdin, stderr=subprocess.PIPE, text=True, check=False
    )
    reader.communicate()
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


@pytest.mark.parametrize(
    ("given", "found"),
    [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"), ({"GOMP_SPINCOUNT": "1000"}, None)],
)
def test_threads_that_wait_sleep_unless_the_user_says_otherwise(monkeypatch, given, found):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")  # so that it is put back, whatever becomes of it
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    main.wait_asleep()
    assert os.environ.get("OMP_WAIT_POLICY") == found


@pytest.mark.parametrize("program", ["entry", "predict_entry"])
def test_programs_say_so_before_torch_is_there(program):
    code = (
        "import atexit, os, sys; from alphafold_lite.cli import main; assert 'torch' not in sys.modules; sys.argv = ['x', '--help']; "
        f"atexit.register(lambda: print(os.environ['OMP_WAIT_POLICY'])); main.{program}()"
    )
    environment = {
        name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    }
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "PASSIVE", done.stderr
