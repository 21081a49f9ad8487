from __future__ import annotations

import errno
import signal
from pathlib import Path

import pytest
import typer

from infra import lifecycle
from infra.cli import main, reference
from infra.cli.exit_codes import ExitCode, exit_code
from infra.errors import LabError, NotRoot, OperationStopped, tree
from infra.paths import REPOSITORY
from tests.unit.cli.conftest import document

pytestmark = pytest.mark.usefixtures("world")


@pytest.mark.parametrize("words", [["nosuch"], ["up", "--nosuch"], ["machines", "nosuch"]])
def test_a_wrong_command_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(words) == 2
    assert "LAB-103" in capsys.readouterr().err


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(lifecycle, "up", fail)


def test_an_error_is_one_line_and_a_next_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, OperationStopped("it [stopped].", next_step="again."))
    assert main.run(["up"]) == ExitCode.PARTLY_DONE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "LAB-707 it [stopped].\n  Next: again.\n"
    assert main.run(["up", "--json"]) == ExitCode.PARTLY_DONE
    assert document(capsys)["error"]["code"] == "LAB-707"


def test_the_traceback_is_for_those_who_ask(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, NotRoot("no.", next_step="sudo"))
    monkeypatch.setenv("LAB_DEBUG", "1")
    assert main.run(["up"]) == ExitCode.HOST_UNFIT
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device."),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "Permission denied (/x)."),
        (TimeoutError("timed out"), "timed out."),
    ],
)
def test_what_the_host_refuses_is_no_traceback(
    error: OSError, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, error)
    assert main.run(["up", "--json"]) == ExitCode.PARTLY_DONE
    shown = capsys.readouterr()
    assert f"LAB-211 {said}" in shown.err
    assert '"LAB-211"' in shown.out
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_interruption(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, error)
    assert main.run(["up"]) == ExitCode.INTERRUPTED


def test_main_exits_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(signal, "signal", lambda number, _: taken.append(number))
    with pytest.raises(SystemExit) as caught:
        main.main(["nosuch"])
    assert caught.value.code == 2
    assert taken == [signal.SIGTERM]


def test_codes_are_unique_and_grouped() -> None:
    codes = [error.code for error in tree()]
    assert len(codes) == len(set(codes))
    assert all(code[:4] == "LAB-" and code[4:].isdigit() for code in codes)


@pytest.mark.parametrize("error", tree())
def test_every_error_has_an_exit_status(error: type[LabError]) -> None:
    assert exit_code(error("x", next_step="y")) in set(ExitCode) - {ExitCode.OK}


def test_the_reference_pages_are_current(tmp_path: Path) -> None:
    reference.write(tmp_path)
    for page in tmp_path.iterdir():
        current = REPOSITORY / "docs" / "reference" / page.name
        assert current.read_text() == page.read_text(), "run: python -m infra.cli.reference"
