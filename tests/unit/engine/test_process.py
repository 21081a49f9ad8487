from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from infra.engine import process


def run(command: list[str], tmp_path: Path, **more: object) -> process.Outcome:
    return process.run(command, environment=os.environ, folder=tmp_path, **more)  # type: ignore[arg-type]


def test_output_and_status(tmp_path: Path) -> None:
    outcome = run(["sh", "-c", "echo out; echo err >&2; exit 3"], tmp_path)
    assert (outcome.returncode, outcome.output) == (3, "out\nerr\n")
    assert not outcome.interrupted


def test_much_output_does_not_block(tmp_path: Path) -> None:
    outcome = run(["sh", "-c", "yes | head -c 3000000"], tmp_path)
    assert len(outcome.output) == 3_000_000


def test_events_come_as_lines_and_none_is_lost(tmp_path: Path) -> None:
    seen: list[str] = []
    script = 'log=$2; { printf one; sleep 0.05; printf "\\ntwo\\n"; seq 1 20000; } >"$log"'
    outcome = run(["sh", "-c", script, "sh"], tmp_path, on_event=seen.append)
    assert outcome.returncode == 0
    assert seen[:2] == ["one", "two"]
    assert seen[-1] == "20000"


def test_a_program_that_never_opens_the_log_does_not_block(tmp_path: Path) -> None:
    assert run(["sh", "-c", "exit 4"], tmp_path, on_event=print).returncode == 4


def test_a_plugin_that_outlives_the_engine_does_not_block(tmp_path: Path) -> None:
    outcome = run(["sh", "-c", "sleep 30 & echo $!"], tmp_path)
    pid = int(outcome.output)
    os.kill(pid, signal.SIGKILL)


def test_nothing_can_be_asked_of_the_user(tmp_path: Path) -> None:
    assert run(["sh", "-c", "read -r x || exit 7"], tmp_path).returncode == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_handed_on_as_sigint(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "ready"
    script = f"trap 'exit 9' INT; touch {ready}; while :; do sleep 0.02; done"
    before = signal.getsignal(number)
    watcher = threading.Thread(target=_signal_when, args=(ready, number))
    watcher.start()
    told: list[bool] = []
    outcome = run(["bash", "-c", script], tmp_path, on_stop=lambda: told.append(True))
    watcher.join()
    assert outcome.interrupted
    assert told == [True]
    assert outcome.returncode == 9
    assert signal.getsignal(number) is before


def test_a_child_hears_interrupts_although_we_are_a_background_job(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        outcome = run(["grep", "^SigIgn", "/proc/self/status"], tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    ignored = int(outcome.output.split()[1], 16)
    assert not ignored & (1 << (signal.SIGINT - 1))


def _signal_when(ready: Path, number: signal.Signals) -> None:
    subprocess.run(["bash", "-c", f"while ! [ -e {ready} ]; do sleep 0.02; done"], check=True)
    os.kill(os.getpid(), number)


def test_a_killed_parent_takes_the_child_along(tmp_path: Path) -> None:
    code = (
        "import os, pathlib\n"
        "from infra.engine import process\n"
        "process.run(['bash', '-c', 'echo $$ > pid.new; mv pid.new pid; exec sleep 60'],"
        " environment=os.environ, folder=pathlib.Path('.'))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    wait = f"while ! [ -e {tmp_path}/pid ]; do sleep 0.02; done"
    subprocess.run(["bash", "-c", wait], check=True, timeout=20)
    child = os.pidfd_open(int((tmp_path / "pid").read_text()))
    parent.kill()
    parent.wait()
    import select

    assert select.select([child], [], [], 10)[0], "the child goes on without its parent"
    os.close(child)


def test_a_command_that_is_attended_may_tidy_up(tmp_path: Path) -> None:
    ready, tidied = tmp_path / "ready", tmp_path / "tidied"
    script = (
        f"trap 'sleep 0.6; touch {tidied}; exit 0' INT; touch {ready}; while :; do sleep 0.02; done"
    )
    watcher = threading.Thread(target=_signal_when, args=(ready, signal.SIGINT))
    watcher.start()
    with pytest.raises(KeyboardInterrupt):
        process.attend(["bash", "-c", script], environment=os.environ, folder=tmp_path)
    watcher.join()
    assert tidied.exists()


def test_a_command_that_is_attended_shows_itself(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        status = process.attend(
            ["sh", "-c", "pwd; exit 3"], environment=os.environ, folder=tmp_path, stdout=out
        )
    assert status == 3
    assert (tmp_path / "out").read_text() == f"{tmp_path}\n"
