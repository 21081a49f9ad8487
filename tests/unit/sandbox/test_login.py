"""The ways into a sandbox: files that others cannot read, and commands that leave nothing."""

from __future__ import annotations

import json
import ssl
import stat
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from infra.errors import FileInTheWay, NoPodToEnter, NotTheRequester, SandboxNotReady, SandboxOver
from infra.kubernetes.client import Api
from infra.kubernetes.connection import Connection
from infra.sandbox import login
from infra.sandbox.login import Login
from tests.unit.sandbox.answering import Server, failure, sandbox

FOUND = Login("bias", "sandbox-x-1", "2999-01-01T00:00:00Z", "https://api.test", b"PEM", "secret")
READY = {"phase": "Ready", "namespace": "sandbox-x-1"}


def connection() -> Connection:
    tls = ssl.create_default_context()
    return Connection("https://api.test", tls, None, "default", b"PEM")


def test_a_token_is_asked_for_the_person_s_account_and_for_an_hour() -> None:
    server = Server(sandbox(status=READY))
    token = {"status": {"token": "secret", "expirationTimestamp": FOUND.ends}}
    server.changes = lambda _: httpx.Response(201, json=token)
    assert login.log_in(server.client(), connection(), "bias") == FOUND
    ((_, path, body),) = server.asked
    assert path == "/api/v1/namespaces/sandbox-x-1/serviceaccounts/principal/token"
    assert body["spec"] == {"expirationSeconds": 3600}
    bob = Server(sandbox(status=READY), me="bob")
    bob.changes = lambda _: failure(403, "forbidden")
    with pytest.raises(NotTheRequester, match="that was alice, and not bob"):
        login.log_in(bob.client(), connection(), "bias")


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (sandbox(), "waits for approval"),
        (sandbox(status={"phase": "Provisioning"}), "is being made"),
        (
            sandbox(
                status={"phase": "Suspended"}, suspension={"by": "olga", "reason": "It misbehaves"}
            ),
            "suspended by olga: It misbehaves",
        ),
    ],
    ids=["requested", "provisioning", "suspended"],
)
def test_nobody_gets_a_token_for_what_is_not_ready(there: Any, words: str) -> None:
    server = Server(there)
    with pytest.raises(SandboxNotReady, match=words):
        login.log_in(server.client(), connection(), "bias")
    assert server.asked == []


def test_nobody_gets_a_token_for_what_has_ended() -> None:
    server = Server(sandbox(status={"phase": "Expiring"}))
    with pytest.raises(SandboxOver):
        login.log_in(server.client(), connection(), "bias")


def test_a_kubeconfig_is_its_owner_s_alone(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    login.write(FOUND, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    document = yaml.safe_load(file.read_text())
    assert document["current-context"] == "sandbox-bias"
    assert document["contexts"][0]["context"]["namespace"] == "sandbox-x-1"
    assert document["users"][0]["user"] == {"token": "secret"}
    login.write(FOUND, file)
    assert [one.name for one in tmp_path.iterdir()] == ["kubeconfig"]


@pytest.mark.parametrize("content", [b"mine", b"current-context: sandbox-other", b"\xff", b"{"])
def test_no_other_file_is_lost(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "kubeconfig"
    file.write_bytes(content)
    with pytest.raises(FileInTheWay):
        login.write(FOUND, file)
    assert file.read_bytes() == content


def pods(*names: str) -> Api:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["fieldSelector"] == "status.phase=Running"
        items = [{"metadata": {"name": name}} for name in names]
        return httpx.Response(200, json={"items": items})

    return Api(connection(), transport=httpx.MockTransport(answer))


def test_the_pod_to_enter() -> None:
    assert login.pod_to_enter(pods("only"), FOUND, None) == "only"
    assert login.pod_to_enter(pods("one", "two"), FOUND, "two") == "two"
    for running, pod, words in (
        ((), None, "0 pods run"),
        (("one", "two"), None, "2 pods run"),
        (("one",), "two", "pod two does not run"),
    ):
        with pytest.raises(NoPodToEnter, match=words):
            login.pod_to_enter(pods(*running), FOUND, pod)


def test_a_command_runs_with_the_token_in_a_file_that_goes_with_it(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    kubectl = tmp_path / "kubernetes"
    kubectl.write_text(
        f"#!{sys.executable}\n"
        "import json, os, pathlib, sys\n"
        "config = pathlib.Path(sys.argv[2])\n"
        "mode = oct(config.stat().st_mode & 0o777), oct(config.parent.stat().st_mode & 0o777)\n"
        f"pathlib.Path({str(seen)!r}).write_text(json.dumps(\n"
        "    [sys.argv, mode, config.read_text(), sorted(os.environ)]))\n"
        "sys.exit(7)\n"
    )
    kubectl.chmod(0o755)
    assert login.run(kubectl, FOUND, "model", ["sh", "-c", "id"], container="main") == 7
    words, modes, text, environment = json.loads(seen.read_text())
    assert Path(words[0]).name == "kubectl"
    assert words[3:] == ["exec", "-i", "model", "-c", "main", "--", "sh", "-c", "id"]
    assert modes == ["0o600", "0o700"]
    assert "secret" in text
    assert "secret" not in " ".join(words)
    assert set(environment) - {"LC_CTYPE"} <= {"HOME", "PATH", "TERM"}
    assert not Path(words[2]).exists()
