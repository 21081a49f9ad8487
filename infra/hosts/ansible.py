"""The process in which one playbook runs: `python -m infra.hosts.ansible FOLDER`.

A process of its own, because ansible-runner forks, which a plugin full of threads must not, and
because it must end with whoever started it: its standard input is a lifeline, and when that
closes before the run is over, the run is killed and its files are removed. On its standard
output it names each task that starts.

FOLDER (mode 0700) holds `request.json` and Ansible's inventory and variables; the run adds
`result.json` and `log`. Nothing secret is ever an argument or in the log: variables travel in
files, and the output of tasks with `no_log` is censored by Ansible itself.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible_runner.interface import init_runner

#: Ends ansible-playbook at once if this process is killed itself.
_DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")

#: <linux/prctl.h>
_PR_SET_CHILD_SUBREAPER = 36

#: What Ansible says instead of a traceback that it was not asked for.
_NO_TRACEBACK = "(traceback unavailable)"

_FAILED = {"runner_on_failed": "failed", "runner_on_unreachable": "unreachable"}


@dataclass(slots=True)
class Record:
    """What is kept of a run's events; ansible-runner calls it with each."""

    changed: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    #: The last task that started, to say where a run that timed out stood.
    last_task: str = ""
    ok: int = 0
    stats: dict[str, Any] = field(default_factory=dict)

    def __call__(self, event: dict[str, Any]) -> bool:
        """Returns False: ansible-runner then keeps no file of the event."""
        kind, data = event.get("event", ""), event.get("event_data", {})
        if kind == "playbook_on_task_start":
            self.last_task = data.get("name", "")
            print(self.last_task, flush=True)
        elif kind == "playbook_on_stats":
            self.stats = data.get("artifact_data", {})
        elif kind == "runner_on_ok":
            self.ok += 1
            if data.get("res", {}).get("changed"):
                # Modules of our own say what they did, in words without secrets.
                self.changed.append({**_task(data), "did": data["res"].get("did") or []})
        elif kind in _FAILED and not data.get("ignore_errors"):
            self.failed.append({**_task(data), "message": message(data.get("res", {}))})
        return False


def _task(data: dict[str, Any]) -> dict[str, str]:
    task = data.get("task") or data.get("task_action") or "unnamed task"
    role = data.get("role")
    return {"host": data.get("host", "?"), "task": f"{role} : {task}" if role else task}


def message(result: dict[str, Any]) -> str:
    """What the module said, the failed items of a loop included."""
    parts = [str(result.get("censored") or result.get("msg") or "")]
    for stream in ("stderr", "module_stderr", "exception"):
        text = str(result.get(stream) or "").strip()
        if text and text not in parts[0] and text != _NO_TRACEBACK:
            parts.append(text.splitlines()[-1])
            break
    for item in result.get("results", []):
        if isinstance(item, dict) and (item.get("failed") or item.get("unreachable")):
            parts.append(f"{item.get('item', 'item')}: {message(item)}")
    return "; ".join(part for part in parts if part) or "no message"


def _adopt_orphans() -> None:
    """Ansible's workers leave its process group; this way they stay below this process."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _living_descendants(pid: int) -> list[int]:
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *_living_descendants(int(child))]
    except (FileNotFoundError, ProcessLookupError):
        return found  # it just ended; what it left is below this process now
    return [child for child in found if not _is_zombie(child)]


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _end_descendants() -> None:
    """Kills everything below this process, also what is forked meanwhile."""
    while living := _living_descendants(os.getpid()):
        for pid in living:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _end_with_parent(folder: Path) -> None:
    """Waits for the end of standard input, then leaves nothing behind."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    _end_descendants()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def main(folder: Path) -> None:
    request = json.loads((folder / "request.json").read_text())
    _adopt_orphans()
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    record = Record()
    make: Callable[..., Any] = init_runner
    runner = make(
        private_data_dir=str(folder),
        project_dir=request["root"],
        playbook=request["playbook"],
        inventory=str(folder / "inventory.json"),
        cmdline="--check" if request["check"] else None,
        timeout=request["timeout"],
        settings={"pexpect_timeout": 1},
        quiet=True,
        event_handler=record,
    )
    runner.config.command = [*_DIE_WITH_PARENT, *runner.config.command]
    runner.run()
    _end_descendants()
    # ansible-runner keeps the output of the run in its artifacts.
    shutil.copyfile(Path(runner.config.artifact_dir) / "stdout", folder / "log")
    result = {"status": runner.status, "rc": runner.rc, **asdict(record)}
    (folder / "result.json").write_text(json.dumps(result, default=str))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
