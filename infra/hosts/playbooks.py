"""Runs playbooks over SSH and says what they did.

What a run needs on disk (inventory, variables) lives in a folder of mode 0700 that is removed
when the run is over, however it ends. The run's log is kept in the lab's folder for logs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra import paths
from infra.errors import PlaybookFailed, PlaybookInvalid

#: Where playbooks, roles and ansible.cfg are.
ROOT = paths.REPOSITORY / "ansible"
#: Seconds that a run may take unless told otherwise.
DEFAULT_TIMEOUT = 600
#: Seconds beyond that for starting and ending.
MARGIN = 60
#: Logs kept of each playbook.
LOGS_KEPT = 10

#: ansible-playbook's exit status for a playbook that it cannot parse.
_PARSER_ERROR = 4


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    address: str
    groups: tuple[str, ...]
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ssh:
    """How hosts are reached. Host keys are checked strictly against `known_hosts`.

    A user other than root needs sudo without a password.
    """

    key: Path
    known_hosts: Path
    user: str = "root"
    port: int = 22


@dataclass(frozen=True, slots=True)
class Run:
    playbook: str
    hosts: tuple[Host, ...]
    variables: Mapping[str, Any]
    ssh: Ssh
    #: Folder that gets the log.
    logs: Path
    #: Seconds.
    timeout: int = DEFAULT_TIMEOUT
    #: Only say what would change (Ansible's check mode).
    check: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    host: str
    task: str
    #: What it changed, where its module says so.
    did: tuple[str, ...] = ()

    def __str__(self) -> str:
        did = f" ({', '.join(self.did)})" if self.did else ""
        return f"{self.host}: {self.task}{did}"


@dataclass(frozen=True, slots=True)
class Outcome:
    ok: int
    changed: tuple[Task, ...]
    #: `set_stats` data of the play: `facts` and, as HOST/ROLE to a reason, `not_applied`.
    facts: Mapping[str, Any]
    not_applied: Mapping[str, str]
    log: Path


def playbook_file(playbook: str, *, root: Path = ROOT) -> Path:
    """Raises PlaybookInvalid if there is no such playbook."""
    file = root / "playbooks" / f"{playbook}.yml"
    if not file.is_file():
        known = sorted(path.stem for path in (root / "playbooks").glob("*.yml"))
        raise PlaybookInvalid(
            f"there is no playbook {playbook!r} in {root.name}/playbooks.",
            next_step=f"name one of: {', '.join(known) or 'none is there'}.",
        )
    return file


def run(
    asked: Run, *, root: Path = ROOT, progress: Callable[[str], None] = lambda _task: None
) -> Outcome:
    """Runs a playbook to its end; `progress` is told of each task that starts.

    Raises:
        PlaybookInvalid: there is no such playbook, or Ansible cannot parse it.
        PlaybookFailed: a task failed, a host was unreachable, or time ran out; the message
            names host, task, the module's words and the log.
    """
    file = playbook_file(asked.playbook, root=root)
    with _private_folder() as folder:
        _write(folder / "inventory.json", inventory(asked))
        (folder / "env").mkdir(mode=0o700)
        _write(folder / "env" / "extravars", dict(asked.variables))
        request = {
            "root": str(root),
            "playbook": str(file),
            "check": asked.check,
            "timeout": asked.timeout,
        }
        _write(folder / "request.json", request)
        complaint = _execute(folder, asked, root, progress)
        log = _keep_log(folder, asked)
        result = folder / "result.json"
        if not result.is_file():
            raise PlaybookFailed(
                f"playbook {asked.playbook}: Ansible did not start: {complaint}.",
                next_step=f"read {log}.",
            )
        return _outcome(json.loads(result.read_text()), asked, log)


def inventory(asked: Run) -> dict[str, Any]:
    """Ansible's inventory (its YAML form, which JSON is part of)."""
    groups: dict[str, Any] = {}
    for host in asked.hosts:
        for group in host.groups:
            groups.setdefault(group, {"hosts": {}})["hosts"][host.name] = {}
    common = ssh_variables(asked.ssh)
    hosts = {
        host.name: {"ansible_host": host.address, **common, **host.variables}
        for host in asked.hosts
    }
    return {"all": {"hosts": hosts, "children": groups}}


def ssh_variables(ssh: Ssh) -> dict[str, Any]:
    """The way to a host in Ansible's own variables; those of a host win over those of all."""
    return {
        "ansible_user": ssh.user,
        "ansible_port": ssh.port,
        "ansible_become": ssh.user != "root",
        "ansible_ssh_private_key_file": str(ssh.key),
        "ansible_host_key_checking": True,
        "ansible_ssh_common_args": " ".join(
            (
                f"-o UserKnownHostsFile={ssh.known_hosts}",
                "-o StrictHostKeyChecking=yes",
                "-o IdentitiesOnly=yes",
            )
        ),
    }


def _execute(folder: Path, asked: Run, root: Path, progress: Callable[[str], None]) -> str:
    """Starts the run's process and waits; returns what that process itself complained about."""
    complaints = folder / "complaints"
    read_end, lifeline = os.pipe()
    try:
        with complaints.open("w") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.hosts.ansible", str(folder)],
                stdin=read_end,
                stdout=subprocess.PIPE,
                stderr=sink,
                text=True,
                env=_environment(folder, root),
                cwd=paths.REPOSITORY,
                start_new_session=True,  # Ctrl-C in the terminal lets a run under way finish
            )
        os.close(read_end)
        # ansible-runner keeps the time; this is for a run that hangs in its own start or end.
        overdue = threading.Timer(asked.timeout + MARGIN, process.kill)
        overdue.start()
        with process:
            for task in process.stdout or ():
                progress(f"{asked.playbook}: {task.strip()}")
        overdue.cancel()
    finally:
        os.close(lifeline)
    return (complaints.read_text().strip().splitlines() or ["no message"])[-1]


def _environment(folder: Path, root: Path) -> dict[str, str]:
    """Nothing of the caller's Ansible settings, tokens or agents reaches a run."""
    binaries = Path(sys.executable).parent
    mitogen = Path(sysconfig.get_path("purelib")) / "ansible_mitogen"
    return {
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(Path.home()),
        "LANG": "C.UTF-8",
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "ssh"),
        # One Python per machine for the whole run instead of one per task.
        "ANSIBLE_STRATEGY_PLUGINS": str(mitogen / "plugins" / "strategy"),
        "ANSIBLE_STRATEGY": "mitogen_linear",
        # ansible-runner switches this off unless it is set, and Mitogen then trusts any host key.
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NOCOWS": "1",
    }


def _outcome(result: Mapping[str, Any], asked: Run, log: Path) -> Outcome:
    if result["status"] == "timeout":
        raise PlaybookFailed(
            f"playbook {asked.playbook} did not end within {asked.timeout} s; "
            f"it stood at task {result['last_task']!r}.",
            next_step=f"read {log}, then run the command again: roles go on where they were.",
        )
    if result["failed"]:
        failed = "; ".join(
            f"{one['host']}: task {one['task']!r}: {one['message'].rstrip('.')}"
            for one in result["failed"]
        )
        raise PlaybookFailed(
            f"playbook {asked.playbook} failed on {failed}.",
            next_step=f"read {log}; correct the cause and run the command again.",
        )
    if result["rc"] != 0:
        last = (log.read_text().strip().splitlines() or ["no output"])[-1]
        kind = PlaybookInvalid if result["rc"] == _PARSER_ERROR else PlaybookFailed
        raise kind(
            f"playbook {asked.playbook}: ansible-playbook ended with {result['rc']}: "
            f"{last.rstrip('.')}.",
            next_step=f"read {log}.",
        )
    stats = result["stats"]
    return Outcome(
        ok=result["ok"],
        changed=tuple(
            Task(one["host"], one["task"], tuple(one["did"])) for one in result["changed"]
        ),
        facts=stats.get("facts", {}),
        not_applied=stats.get("not_applied", {}),
        log=log,
    )


def _keep_log(folder: Path, asked: Run) -> Path:
    """Moves the log to where it stays, and drops the oldest ones of this playbook."""
    asked.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kind = "check" if asked.check else "run"
    log = asked.logs / f"ansible-{asked.playbook}-{kind}-{stamp}.log"
    source = folder / "log"
    if not source.is_file():
        source = folder / "complaints"
    log.touch(mode=0o600)
    shutil.copyfile(source, log)
    kept = sorted(asked.logs.glob(f"ansible-{asked.playbook}-{kind}-*.log"))
    for old in kept[:-LOGS_KEPT]:
        old.unlink(missing_ok=True)
    return log


@contextmanager
def _private_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ai-lab-"))  # mode 0700
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(file: Path, document: Any) -> None:
    file.touch(mode=0o600)
    file.write_text(json.dumps(document))
