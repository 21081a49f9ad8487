"""A real Vault for tests: dev mode, in memory, TLS, one process on the loopback address."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

ROOT_TOKEN = "test-root"

#: The lab's AppRole may do everything here; what it may do in a lab is the role vault_server's.
POLICY = 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }'


@dataclass(frozen=True)
class Server:
    address: str
    ca: Path
    folder: Path

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """What somebody with the root token does behind the lab's back."""
        answer = requests.request(
            method,
            f"{self.address}/v1/{path}",
            json=body,
            headers={"X-Vault-Token": ROOT_TOKEN},
            verify=str(self.ca),
            timeout=10,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def approle(self, name: str, **parameters: Any) -> Path:
        """An AppRole's credentials file."""
        self.api("POST", f"auth/approle/role/{name}", parameters)
        role = self.api("GET", f"auth/approle/role/{name}/role-id")["data"]["role_id"]
        secret = self.api("POST", f"auth/approle/role/{name}/secret-id")["data"]["secret_id"]
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps({"role_id": role, "secret_id": secret}))
        file.chmod(0o600)
        return file


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(binary: Path, folder: Path) -> Iterator[Server]:
    """Runs Vault with files in `folder` until the end of the block."""
    port = _free_port()
    command = [
        str(binary),
        "server",
        "-dev",
        "-dev-tls",
        f"-dev-tls-cert-dir={folder}",
        f"-dev-root-token-id={ROOT_TOKEN}",
        "-dev-no-store-token",
        f"-dev-listen-address=127.0.0.1:{port}",
    ]
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    server = Server(f"https://127.0.0.1:{port}", folder / "vault-ca.pem", folder)
    try:
        _wait(server)
        server.api("POST", "sys/auth/approle", {"type": "approle"})
        server.api("PUT", "sys/policies/acl/lab", {"policy": POLICY})
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


@retry(
    retry=retry_if_exception_type((OSError, requests.RequestException)),
    stop=stop_after_delay(30),
    wait=wait_fixed(0.1),
)
def _wait(server: Server) -> None:
    server.api("GET", "sys/health")
