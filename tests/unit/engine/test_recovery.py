from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.engine import recovery
from infra.engine.environment import OPERATION
from infra.errors import StateDamaged, StateLocked
from infra.paths import Home


def lock(home: Home, **content: Any) -> Path:
    folder = home.state / ".pulumi/locks/organization/ai-lab/local"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "one.json"
    file.write_text(json.dumps(content))
    file.with_name("one.json.attrs").write_text("{}")
    return file


@pytest.fixture
def dead_pid() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
        return process.pid


def test_the_lock_of_a_dead_process_goes(home: Home, dead_pid: int) -> None:
    file = lock(home, pid=dead_pid, hostname=socket.gethostname())
    assert recovery.clear_stale_locks(home, "local") == 1
    assert list(file.parent.iterdir()) == []
    assert recovery.clear_stale_locks(home, "local") == 0


def test_a_half_written_lock_goes(home: Home) -> None:
    file = lock(home)
    file.write_text('{"pid": 1')
    assert recovery.clear_stale_locks(home, "local") == 1


def test_the_lock_of_another_program_with_that_number_goes(home: Home) -> None:
    lock(home, pid=os.getpid(), hostname=socket.gethostname())
    assert recovery.clear_stale_locks(home, "local") == 1


def test_the_lock_of_a_living_pulumi_stays(home: Home, tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.write_text("#!/bin/bash\necho ready\nread -r\n")
    program.chmod(0o755)
    pipe = subprocess.PIPE
    with subprocess.Popen([program], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        file = lock(home, pid=process.pid, hostname=socket.gethostname())
        with pytest.raises(StateLocked, match=str(process.pid)):
            recovery.clear_stale_locks(home, "local")
    assert file.exists()


def test_the_lock_of_a_killed_pulumi_that_nobody_waited_for_goes(
    home: Home, tmp_path: Path
) -> None:
    program = tmp_path / "pulumi"
    program.write_text("#!/bin/bash\nkill -KILL $$\n")
    program.chmod(0o755)
    with subprocess.Popen([program]) as process:
        # Ended, as its descriptor says, but not reaped.
        descriptor = os.pidfd_open(process.pid)
        assert select.select([descriptor], [], [], 10)[0]
        os.close(descriptor)
        lock(home, pid=process.pid, hostname=socket.gethostname())
        assert recovery.clear_stale_locks(home, "local") == 1


def test_the_lock_of_another_host_stays(home: Home, dead_pid: int) -> None:
    lock(home, pid=dead_pid, hostname="elsewhere")
    with pytest.raises(StateLocked, match="elsewhere"):
        recovery.clear_stale_locks(home, "local")


def marked(home: Home, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        words, env=os.environ | {OPERATION: str(home.root)}, stdout=subprocess.PIPE
    )


def test_leftover_processes_are_found_by_their_mark_and_ended(home: Home) -> None:
    with marked(home, "sleep", "60") as mild, marked(home, "bash", "-c", STUBBORN) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()
        found = recovery.leftover_processes(home)
        assert {mild.pid, stubborn.pid} <= set(found)
        recovery.end(found, grace=0.3)
        recovery.end_leftovers(home)
        assert mild.wait() == -signal.SIGTERM
        assert stubborn.wait() == -signal.SIGKILL
    assert recovery.leftover_processes(home) == []


STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


def test_another_labs_processes_are_left_alone(home: Home) -> None:
    with marked(Home("other"), "sleep", "60") as process:
        assert recovery.leftover_processes(home) == []
        process.kill()


def test_machines_are_left_alone(home: Home, tmp_path: Path) -> None:
    for pid, cgroup in (("71", "4:memory:/lab.local-worker\n"), ("72", "4:memory:/user\n")):
        folder = tmp_path / "proc" / pid
        folder.mkdir(parents=True)
        (folder / "environ").write_bytes(b"A=1\0" + f"{OPERATION}={home.root}".encode() + b"\0")
        (folder / "cgroup").write_text(cgroup)
    (tmp_path / "proc" / "73").mkdir()  # ended while we looked
    assert recovery.leftover_processes(home, tmp_path / "proc") == [72]


def test_ending_what_has_ended(dead_pid: int) -> None:
    recovery.end([dead_pid])


def test_state_that_is_not_there(home: Home) -> None:
    assert recovery.deployment(home, "local") == {}
    assert recovery.pending_operations(home, "local") == []


def test_pending_operations(home: Home) -> None:
    file = recovery.checkpoint(home, "local")
    file.parent.mkdir(parents=True)
    latest = {"pending_operations": [{"resource": {"urn": "urn:x"}, "type": "creating"}]}
    file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": latest}}))
    assert recovery.pending_operations(home, "local") == ["urn:x"]
    exported = json.dumps({"version": 3, "deployment": {"resources": [1], **latest}})
    assert json.loads(recovery.without_pending(exported)) == {
        "version": 3,
        "deployment": {"resources": [1]},
    }


def test_a_new_stack_has_no_deployment(home: Home) -> None:
    file = recovery.checkpoint(home, "local")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": None}}))
    assert recovery.deployment(home, "local") == {}


@pytest.mark.parametrize(
    "content", ["", '{"checkpoint": {"lat', "[]", "{}", '{"checkpoint": null}']
)
def test_a_damaged_state_says_where_the_one_before_is(home: Home, content: str) -> None:
    file = recovery.checkpoint(home, "local")
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(StateDamaged, match=r"local\.json is no state") as caught:
        recovery.deployment(home, "local")
    assert "local.json.bak" in caught.value.next_step
