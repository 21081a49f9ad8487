"""The Vault client over real TLS, and the program that opens Vault after a start."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.harness.vault_role import unseal
from tests.harness.vault_server import make_pki
from tests.unit.ansible.fake_vault import FakeVault


@dataclass
class Served:
    address: str
    ca: Path
    vault: FakeVault
    headers: list[dict[str, str]]
    raw: list[bytes]

    def client(self) -> unseal.Vault:
        return unseal.Vault(self.address + "/", str(self.ca))


def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            served.headers.append(dict(self.headers))
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = 200, b""
            try:
                value = served.vault.request(
                    self.command,
                    self.path.removeprefix("/v1/"),
                    json.loads(content or "null"),
                    token=self.headers.get("X-Vault-Token"),
                )
                answer = json.dumps(value).encode()
            except unseal.VaultError as error:
                status = error.status
                answer = json.dumps({"errors": [str(error)]}).encode()
            if served.raw:
                answer = served.raw.pop()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_POST = do_LIST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """The test's output is not for access logs."""

    return Handler


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    make_pki(folder)
    return folder


@pytest.fixture
def served(pki: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(unseal, "PAUSE", 0.001)
    storage = tmp_path / "storage"
    storage.mkdir()
    made = Served("", pki / "ca.crt", FakeVault(storage), [], [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "server.crt", pki / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.address = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def initialised(served: Served) -> list[str]:
    request = {"secret_shares": 3, "secret_threshold": 2}
    return list(served.client().request("PUT", "sys/init", request)["keys_base64"])


def run(served: Served, keys: Path, *more: str) -> int:
    return unseal.main(
        ["--address", served.address, "--ca-file", str(served.ca), "--keys", str(keys), *more]
    )


def test_the_program_opens_vault_once(
    served: Served, initialised: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "init.json"
    keys.write_text(json.dumps({"keys": initialised}))
    assert run(served, keys) == 0
    assert not served.vault.sealed
    assert run(served, keys) == 0
    assert capsys.readouterr().out == "unsealed\nalready open\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "holds no keys"),
        ("{}", "not a JSON object"),
        ("[", "not a JSON object"),
        ('{"keys": []}', "holds no keys"),
        ('{"keys": ["canary"]}', "invalid key"),
    ],
)
@pytest.mark.usefixtures("initialised")
def test_unusable_keys(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    reason: str,
) -> None:
    keys = tmp_path / "init.json"
    if content is not None:
        keys.write_text(content)
    assert run(served, keys) == 1
    error = capsys.readouterr().err
    assert reason in error
    assert "canary" not in error


def test_nobody_listens(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = tmp_path / "init.json"
    keys.write_text('{"keys": ["x"]}')
    served.address = "https://127.0.0.1:1"
    assert run(served, keys, "--limit", "0.05") == 1
    assert "Connection refused" in capsys.readouterr().err


def test_no_such_authority(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "init.json"
    keys.write_text('{"keys": ["x"]}')
    served.ca = tmp_path / "missing"
    assert run(served, keys) == 1
    assert "No such file" in capsys.readouterr().err


def test_token_goes_in_a_header_and_never_into_an_error(served: Served) -> None:
    served.vault.sealed = False
    with pytest.raises(unseal.VaultError, match="permission denied") as refused:
        served.client().request("PUT", "sys/audit/file", {"secret": "canary"}, token="canary-token")
    assert refused.value.status == 403
    assert "canary" not in str(refused.value)
    assert served.headers[-1]["X-Vault-Token"] == "canary-token"
    assert served.headers[-1]["X-Vault-Request"] == "true"


@pytest.mark.parametrize("content", [b"<html>", b"[]", b""])
def test_an_answer_that_is_no_object_is_an_empty_one(served: Served, content: bytes) -> None:
    served.raw.append(content)
    assert served.client().request("GET", "sys/seal-status") == {}


def test_another_authority_is_not_trusted(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pki(tmp_path)
    served.ca = tmp_path / "ca.crt"
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        served.client().request("GET", "sys/seal-status")


def test_a_proxy_of_the_environment_is_not_used(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert "sealed" in served.client().request("GET", "sys/seal-status")


def test_waiting_ends_and_says_what_for() -> None:
    with pytest.raises(unseal.SetupError, match=r"in vain until pigs fly \(it was not so\)"):
        unseal.await_condition(lambda: False, "pigs fly", limit=0.01)


class Leaderless(FakeVault):
    """Members that choose a leader while so many requests come."""

    left = 3

    def request(self, method: str, path: str, body: Any = None, *, token: Any = None) -> Any:
        self.left -= 1
        if self.left >= 0:
            told = "local node not active but active cluster node not found"
            raise unseal.VaultError(500, path, [told])
        return super().request(method, path, body, token=token)


def test_a_choice_of_leader_is_waited_out(served: Served, tmp_path: Path) -> None:
    served.vault = Leaderless(tmp_path / "other")
    assert served.client().request("GET", "sys/seal-status")["sealed"] is True
    assert served.vault.left == -1


def test_no_leader_at_all_is_an_error(served: Served, tmp_path: Path) -> None:
    served.vault = Leaderless(tmp_path / "other")
    served.vault.left = 10_000
    impatient = unseal.Vault(served.address, str(served.ca), timeout=0.5)
    with pytest.raises(unseal.VaultError, match="active cluster node not found"):
        impatient.request("GET", "sys/seal-status")
