import io
import logging

from rich.console import Console
from rich.progress import Progress, TextColumn

from alphafold_lite.cli import terminal
from alphafold_lite.cli.terminal import LiveProgress, one_line, shown


def tell(progress):
    progress.target("ubiquitin", 1, 2)
    progress.stage("predict model_1_ptm_pred_0")
    progress.recycle(2, 4)
    progress.block(12, 48)


def test_one_line():
    assert one_line("a\n b\t\x1b[31mc\x07") == "a b  [31mc "


def test_a_pipe_gets_plain_lines_without_blocks(capsys):
    with shown(quiet=False) as progress:
        tell(progress)
        logging.getLogger("alphafold_lite.anything").warning("careful\nnow")
    assert capsys.readouterr() == (
        "",
        "target 1 of 2: ubiquitin\npredict model_1_ptm_pred_0\npredict model_1_ptm_pred_0: recycle 1 of 3\nwarning: careful now\n",
    )


def test_quiet_leaves_warnings(capsys):
    with shown(quiet=True) as progress:
        tell(progress)
        logging.getLogger("alphafold_lite.anything").info("not shown")
        logging.getLogger("alphafold_lite.anything").warning("shown")
    assert capsys.readouterr().err == "warning: shown\n"


def test_handlers_are_taken_away(capsys):
    before = list(logging.getLogger("alphafold_lite").handlers)
    with shown(quiet=False):
        pass
    assert logging.getLogger("alphafold_lite").handlers == before


def test_a_terminal_shows_stage_recycle_and_block():
    text = io.StringIO()
    columns = (TextColumn("{task.description}"), TextColumn("{task.fields[detail]}"))
    with Progress(*columns, console=Console(file=text, width=120), auto_refresh=False) as bars:
        progress = LiveProgress(bars)
        tell(progress)
        (task,) = bars.tasks
        assert task.description == "ubiquitin (1/2): predict model_1_ptm_pred_0"
        assert task.fields["detail"] == "recycle 1/3 block 12/48"
        assert task.completed / task.total == (1 + 12 / 48) / 4
        progress.finish()
        assert not bars.tasks


def test_a_real_terminal_gets_the_live_line(monkeypatch):
    monkeypatch.setattr(terminal, "Console", lambda **_: Console(file=io.StringIO(), force_terminal=True))
    with shown(quiet=False) as progress:
        assert isinstance(progress, LiveProgress)
