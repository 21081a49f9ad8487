"""helm_release and cluster_ready: Helm only when needed; waiting that says for what."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.ansible_library import cluster_ready, helm_release, system
from tests.unit.ansible.conftest import Programs


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    real = Path
    monkeypatch.setattr(
        helm_release, "Path", lambda path: tmp_path if path == "/run/ai-lab" else real(path)
    )
    (tmp_path / "chart.tgz").write_bytes(b"chart")
    return helm_release.Release(
        {
            "name": "cilium",
            "namespace": "kube-system",
            "chart": str(tmp_path / "chart.tgz"),
            "values": {"a": 1},
            "kubeconfig": "/k",
        }
    )


def history(status: str, description: str) -> str:
    text = json.dumps([{"status": status, "description": description}])
    return f"[ $1 = history ] && echo '{text}'; true"


def verbs(programs: Programs) -> list[str]:
    return [call.split()[1] for call in programs.calls]


def test_a_release_that_fits_is_left_alone(release: Any, programs: Programs) -> None:
    programs.add("helm", history("deployed", release.digest))
    assert not release.ensure(check=False)
    assert verbs(programs) == ["history"]


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ("deployed", ["upgrade"]),
        ("failed", ["upgrade"]),
        ("pending-install", ["uninstall", "upgrade"]),
        ("pending-upgrade", ["rollback", "upgrade"]),
    ],
)
def test_everything_else_is_brought_there(
    release: Any, programs: Programs, tmp_path: Path, status: str, done: list[str]
) -> None:
    programs.add("helm", history(status, "another digest"))
    assert release.ensure(check=False)
    assert verbs(programs) == ["history", *done]
    assert f"--description={release.digest}" in programs.calls[-1]
    assert not (tmp_path / "cilium-values.json").exists()


def test_no_release_yet(release: Any, programs: Programs) -> None:
    programs.add("helm", '[ $1 = history ] && echo "Error: release: not found" >&2 && exit 1; true')
    assert release.ensure(check=False)
    assert verbs(programs) == ["history", "upgrade"]


def test_check_mode_only_looks(release: Any, programs: Programs) -> None:
    programs.add("helm", history("deployed", "another digest"))
    assert release.ensure(check=True)
    assert verbs(programs) == ["history"]


def test_a_cluster_that_is_away_is_an_error(release: Any, programs: Programs) -> None:
    programs.add("helm", "echo connection refused >&2; exit 1")
    with pytest.raises(system.CommandError, match="connection refused"):
        release.ensure(check=False)


def wait(**params: Any) -> list[dict[str, str]]:
    everything = {"nodes": [], "workloads": [], "pods": "", "dns": "", "name": "a.b"}
    found: list[dict[str, str]] = cluster_ready.wait(
        everything | {"timeout": 2, "kubeconfig": "/k"} | params
    )
    return found


def test_waits_in_order_and_tells_about_pods(programs: Programs) -> None:
    programs.add("kubectl", "case \"$*\" in *selector*) printf 'w 10.0.0.1\\nc 10.0.0.2\\n';; esac")
    found = wait(nodes=["c", "w"], workloads=["daemonset/cilium"], pods="k8s-app=kube-dns")
    assert found == [
        {"node": "w", "address": "10.0.0.1"},
        {"node": "c", "address": "10.0.0.2"},
    ]
    calls = [call for call in programs.calls if call.startswith("kubectl")]
    assert [call.split()[2] for call in calls] == ["wait", "rollout", "wait", "get"]


def test_what_is_not_ready_is_named(programs: Programs) -> None:
    programs.add(
        "kubectl",
        'case "$*" in *get*) echo "cilium-x Pending no-such-image false"; exit 0;; esac\n'
        "echo timed out waiting >&2; exit 1",
    )
    with pytest.raises(system.CommandError, match="Not ready: cilium-x Pending no-such-image"):
        wait(nodes=["c"])


def test_an_api_server_that_was_away_is_asked_again(programs: Programs, tmp_path: Path) -> None:
    programs.add("kubectl", f"[ -e {tmp_path}/up ] || {{ touch {tmp_path}/up; exit 1; }}")
    wait(workloads=["deployment/coredns"])
    assert len(programs.calls) == 2


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """A name server on a port of its own; `replies` says what it answers, in turn."""
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("127.0.0.1", 0))
    port = link.getsockname()[1]
    replies: list[bytes] = []
    real = socket.socket.sendto

    def serve() -> None:
        while True:
            _, client = link.recvfrom(512)
            if not replies:
                return
            real(link, replies.pop(0), client)

    monkeypatch.setattr(
        socket.socket,
        "sendto",
        lambda self, data, target: real(self, data, (target[0], port)),
    )
    thread = threading.Thread(target=serve)
    thread.start()
    yield replies
    replies.clear()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        real(last, b"stop", ("127.0.0.1", port))
    thread.join()
    link.close()


def answer(flags: int, count: int) -> bytes:
    return struct.pack(">HHHHHH", 0x1AB0, flags, 1, count, 0, 0)


def test_dns_answers(server: list[bytes]) -> None:
    server += [answer(0x8403, 0), answer(0x8400, 0), answer(0x8400, 1)]
    wait(dns="127.0.0.1")
    assert server == []


def test_dns_that_stays_silent_is_an_error(programs: Programs, server: list[bytes]) -> None:
    programs.add("kubectl")
    with pytest.raises(system.CommandError, match=r"does not answer\. Not ready: nothing"):
        wait(dns="127.0.0.1", timeout=0)
