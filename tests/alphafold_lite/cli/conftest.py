import pytest

from alphafold_lite.cli.main import predict_app, run

UNTRAINED = ["--params", "random:0", "--num-recycles", "0", "--relax", "none", "--device", "cpu"]
ALONE = ["--msa-mode", "single", "--templates", "none"]


class Outcome:
    """Exit code and output of one run."""

    def __init__(self, code, captured):
        self.code, self.out, self.err = code, captured.out, captured.err

    @property
    def error(self):
        """The one line that an error must be."""
        lines = [line for line in self.err.splitlines() if line.startswith(("error:", "internal error:"))]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder without parameters."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("ALPHAFOLD_LITE_PARAMS", raising=False)
    return tmp_path / "home"


@pytest.fixture
def predict(tmp_path, home, capfd):
    """Run `predict` on FASTA text with an untrained network, without searches unless `search` is empty; results go to `tmp_path / "out"`."""

    def call(fasta, *options, base=UNTRAINED, search=ALONE):
        path = tmp_path / "seq.fa"
        path.write_bytes(fasta if isinstance(fasta, bytes) else fasta.encode())
        arguments = ["--fasta", str(path), "--out-dir", str(tmp_path / "out"), *base, *search, *map(str, options)]
        capfd.readouterr()
        return Outcome(run(arguments, "predict", predict_app), capfd.readouterr())

    return call
