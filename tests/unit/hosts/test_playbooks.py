"""Real ansible-playbook runs on this host (local connection), a second or two each."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tenacity import retry, retry_if_result, stop_after_delay, wait_fixed

from infra.errors import PlaybookFailed, PlaybookInvalid
from infra.hosts import playbooks
from infra.hosts.playbooks import Host, Run, Ssh

CANARY = "canary-7f3a"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "ansible.cfg").write_text("[defaults]\ndeprecation_warnings = False\n")
    return tmp_path


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the private folders of runs are made."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def asked(root: Path, play: str, **changes: Any) -> Run:
    (root / "playbooks" / "try.yml").write_text(textwrap.dedent(play))
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    given: dict[str, Any] = {
        "playbook": "try",
        "hosts": (
            Host("one", "127.0.0.1", ("workers", "vault"), {**local, "own": 1}),
            Host("two", "127.0.0.1", ("workers",), {**local, "own": 2}),
        ),
        "variables": {"target": str(root / "target"), "secret": CANARY},
        "ssh": Ssh(Path("/key"), Path("/known_hosts")),
        "logs": root / "logs",
    }
    return Run(**{**given, **changes})


WRITES = """
    - hosts: vault
      gather_facts: false
      tasks:
        - name: Write
          ansible.builtin.copy: {content: "{{ own }}", dest: "{{ target }}", mode: "0600"}
        - name: Hush
          ansible.builtin.debug: {msg: "{{ secret }}"}
          no_log: true
        - ansible.builtin.set_stats:
            data: {facts: {key: public}, not_applied: {one/wireguard: no module}}
    - hosts: two
      gather_facts: false
      tasks:
        - ansible.builtin.set_stats: {data: {not_applied: {two/wireguard: no module}}}
"""


def test_says_what_changed_and_what_was_recorded(root: Path, temporary: Path) -> None:
    told: list[str] = []
    outcome = playbooks.run(asked(root, WRITES), root=root, progress=told.append)
    assert [str(task) for task in outcome.changed] == ["one: Write"]
    assert outcome.ok == 4
    assert outcome.facts == {"key": "public"}
    assert outcome.not_applied == {"one/wireguard": "no module", "two/wireguard": "no module"}
    assert "try: Write" in told
    assert list(temporary.iterdir()) == [], "nothing of the run is left"

    assert (root / "target").read_text() == "1"
    again = playbooks.run(asked(root, WRITES), root=root)
    assert again.changed == ()


def test_the_log_is_private_and_holds_no_censored_value(root: Path) -> None:
    log = playbooks.run(asked(root, WRITES), root=root).log
    assert log.parent == root / "logs"
    assert log.stat().st_mode & 0o777 == 0o600
    assert "TASK [Write]" in log.read_text()
    assert CANARY not in log.read_text()


def test_only_the_newest_logs_stay(root: Path) -> None:
    logs = root / "logs"
    logs.mkdir()
    for number in range(playbooks.LOGS_KEPT + 3):
        (logs / f"ansible-try-run-2000{number:02}.log").touch()
    (logs / "ansible-other-run-2000.log").touch()
    log = playbooks.run(asked(root, "- {hosts: vault, gather_facts: false}"), root=root).log
    kept = sorted(logs.glob("ansible-try-run-*"))
    assert len(kept) == playbooks.LOGS_KEPT
    assert kept[-1] == log
    assert (logs / "ansible-other-run-2000.log").exists()


def test_check_mode_says_what_would_change_and_changes_nothing(root: Path) -> None:
    outcome = playbooks.run(asked(root, WRITES, check=True), root=root)
    assert [str(task) for task in outcome.changed] == ["one: Write"]
    assert not (root / "target").exists()


def test_a_failed_task_is_named_with_its_host_and_the_modules_words(
    root: Path, temporary: Path
) -> None:
    play = """
        - hosts: workers
          gather_facts: false
          tasks:
            - name: Ignored
              ansible.builtin.fail: {msg: this is fine}
              ignore_errors: true
            - name: Break
              ansible.builtin.fail: {msg: no kernel module}
              when: own == 2
    """
    with pytest.raises(PlaybookFailed) as caught:
        playbooks.run(asked(root, play), root=root)
    assert "playbook try failed on two: task 'Break': no kernel module." in caught.value.message
    assert "fine" not in caught.value.message
    assert str(root / "logs") in caught.value.next_step
    assert list(temporary.iterdir()) == []


def test_a_censored_failure_stays_censored(root: Path) -> None:
    play = """
        - hosts: vault
          gather_facts: false
          tasks:
            - name: Hush
              ansible.builtin.command: "false {{ secret }}"
              no_log: true
    """
    with pytest.raises(PlaybookFailed, match="Hush") as caught:
        playbooks.run(asked(root, play), root=root)
    assert CANARY not in str(caught.value)
    assert CANARY not in "".join(log.read_text() for log in (root / "logs").iterdir())


def test_an_unreachable_host(root: Path) -> None:
    nobody = Host("gone", "127.0.0.1", ("vault",), {"ansible_port": 1})
    play = """
        - hosts: all
          gather_facts: false
          tasks: [{ansible.builtin.command: "true"}]
    """
    with pytest.raises(PlaybookFailed, match="failed on gone: "):
        playbooks.run(asked(root, play, hosts=(nobody,)), root=root)


def test_a_run_that_takes_too_long(root: Path, temporary: Path) -> None:
    play = """
        - hosts: vault
          gather_facts: false
          tasks:
            - name: Wait
              ansible.builtin.command: sleep 61.5
    """
    # Long enough for a busy host to come to the task.
    with pytest.raises(PlaybookFailed, match="within 8 s; it stood at task 'Wait'"):
        playbooks.run(asked(root, play, timeout=8), root=root)
    assert list(temporary.iterdir()) == []
    _until(str(temporary), there=False)
    _until("sleep\x0061.5", there=False)


def test_a_playbook_that_ansible_cannot_parse(root: Path) -> None:
    with pytest.raises(PlaybookInvalid, match="ended with 4"):
        playbooks.run(asked(root, "- {hosts: all, tasks: [{no_such_module: 1}]}"), root=root)


def test_a_playbook_that_fails_outside_of_tasks(root: Path) -> None:
    (root / "ansible.cfg").write_text("[defaults]\nforks = many\n")
    with pytest.raises(PlaybookFailed, match="ended with"):
        playbooks.run(asked(root, WRITES), root=root)


def test_no_such_playbook(root: Path) -> None:
    with pytest.raises(PlaybookInvalid, match="no playbook 'absent'"):
        playbooks.run(asked(root, WRITES, playbook="absent"), root=root)


def test_a_run_that_does_not_start_says_why(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(PlaybookFailed, match="Ansible did not start: no message"):
        playbooks.run(asked(root, WRITES), root=root)


def test_a_run_that_hangs_is_ended(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = root / "stuck"
    stuck.write_text("#!/bin/sh\nexec sleep 62.5\n")
    stuck.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(stuck))
    monkeypatch.setattr(playbooks, "MARGIN", 0)
    with pytest.raises(PlaybookFailed, match="did not start"):
        playbooks.run(asked(root, WRITES, timeout=1), root=root)


def test_the_inventory_demands_known_host_keys(root: Path) -> None:
    document = playbooks.inventory(asked(root, WRITES))
    one = document["all"]["hosts"]["one"]
    assert one["ansible_host"] == "127.0.0.1"
    assert one["ansible_user"] == "root"
    assert one["ansible_port"] == 22
    assert one["ansible_become"] is False
    assert "StrictHostKeyChecking=yes" in one["ansible_ssh_common_args"]
    assert "UserKnownHostsFile=/known_hosts" in one["ansible_ssh_common_args"]
    groups = document["all"]["children"]
    assert list(groups["workers"]["hosts"]) == ["one", "two"]
    assert list(groups["vault"]["hosts"]) == ["one"]


def test_a_user_who_is_not_root_becomes_root(root: Path) -> None:
    by_admin = replace(
        asked(root, WRITES), ssh=playbooks.Ssh(Path("/key"), Path("/hosts"), "admin")
    )
    one = playbooks.inventory(by_admin)["all"]["hosts"]["one"]
    assert (one["ansible_user"], one["ansible_become"]) == ("admin", True)


@pytest.mark.parametrize("strategy", ["mitogen_linear", "linear"])
def test_no_ssh_connection_trusts_an_unknown_host_key(
    root: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    """Judged by what ssh is really told: it takes the first value of an option."""
    told, ssh = root / "told", root / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\n(printf "%s\\t" "$@"; echo) >> {told}\nexit 255\n')
    ssh.chmod(0o700)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    environment = playbooks._environment

    def with_strategy(*arguments: Path) -> dict[str, str]:
        return environment(*arguments) | {"ANSIBLE_STRATEGY": strategy}

    monkeypatch.setattr(playbooks, "_environment", with_strategy)
    play = "- {hosts: all, gather_facts: false, tasks: [{ansible.builtin.command: 'true'}]}"
    with pytest.raises(PlaybookFailed, match="failed on away"):
        playbooks.run(asked(root, play, hosts=(Host("away", "192.0.2.1", ("x",)),)), root=root)
    calls = [line for line in told.read_text().splitlines() if "192.0.2.1" in line]
    assert calls
    for call in calls:
        options = [re.sub("[ =]", " ", word.removeprefix("-o")) for word in call.split("\t")]
        checks = [option for option in options if option.startswith("StrictHostKeyChecking ")]
        files = [option for option in options if "KnownHostsFile" in option]
        assert checks[:1] == ["StrictHostKeyChecking yes"]
        assert files[:1] == ["UserKnownHostsFile /known_hosts"]


def test_files_of_a_run_are_private(root: Path, temporary: Path) -> None:
    seen: dict[str, int] = {}

    def look(_task: str) -> None:
        (folder,) = temporary.iterdir()
        names = (".", "inventory.json", "request.json", "env", "env/extravars")
        seen.update({name: (folder / name).stat().st_mode & 0o077 for name in names})

    playbooks.run(asked(root, WRITES), root=root, progress=look)
    assert seen
    assert set(seen.values()) == {0}


@retry(
    stop=stop_after_delay(15), wait=wait_fixed(0.1), retry=retry_if_result(lambda found: not found)
)
def _until(text: str, *, there: bool) -> bool:
    """Whether a process with `text` among its arguments is (not) there."""
    lines = [
        file.read_bytes()
        for file in Path("/proc").glob("[0-9]*/cmdline")
        if file.parent.name != str(os.getpid()) and file.exists()
    ]
    return any(text.encode() in line for line in lines) is there


def test_killing_who_asked_ends_the_run_and_removes_its_files(root: Path, temporary: Path) -> None:
    play = """
        - hosts: vault
          gather_facts: false
          tasks: [{ansible.builtin.command: "sleep 63.5"}]
    """
    run = asked(root, play)
    program = textwrap.dedent(
        f"""
        import json, sys, tempfile
        from pathlib import Path
        from infra.hosts import playbooks as p
        tempfile.tempdir = {str(temporary)!r}
        hosts = tuple(p.Host(*host) for host in json.loads({json.dumps(_plain(run))!r}))
        p.run(p.Run("try", hosts, {{"secret": "x"}}, p.Ssh(Path("/k"), Path("/h")),
              Path({str(run.logs)!r})), root=Path({str(root)!r}))
        """
    )
    asker = subprocess.Popen([sys.executable, "-c", program])
    _until("sleep\x0063.5", there=True)
    asker.send_signal(signal.SIGKILL)
    asker.wait()
    _until(str(temporary), there=False)
    _until("sleep\x0063.5", there=False)
    assert list(temporary.iterdir()) == []


def _plain(run: Run) -> list[Any]:
    return [
        [host.name, host.address, list(host.groups), dict(host.variables)] for host in run.hosts
    ]
