"""A real Vault server for tests: raft on disk, TLS by an authority of its own, on loopback.

It starts empty and sealed, as on the lab's machine (the other harness, `vault`, is dev mode).
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.vault_role import unseal

_CONFIGURATION = """
storage "raft" {{
  path    = "{storage}"
  node_id = "test"
  # Elections in a second instead of five; what HashiCorp recommends for production.
  performance_multiplier = 1
}}
listener "tcp" {{
  address       = "{host}:{port}"
  tls_cert_file = "{folder}/server.crt"
  tls_key_file  = "{folder}/server.key"
}}
cluster_addr  = "https://{host}:{cluster}"
api_addr      = "https://{host}:{port}"
disable_mlock = true
"""


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_pki(folder: Path, host: str = "127.0.0.1") -> None:
    """An authority (ca.*), the server's certificate and one for a client named control-plane."""
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    made = ("-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test CA")
    _openssl(folder, "req", "-x509", *curve, *made)
    (folder / "extensions").write_text(
        f"subjectAltName=IP:{host}\nextendedKeyUsage=serverAuth,clientAuth\n"
    )
    for name, subject in (("server", "vault"), ("client", "control-plane")):
        made = ("-keyout", f"{name}.key", "-out", "csr", "-subj", f"/CN={subject}")
        _openssl(folder, "req", *curve, *made)
        _openssl(
            folder, "x509", "-req", "-in", "csr", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-extfile", "extensions", "-days", "1", "-out", f"{name}.crt",
        )  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class VaultServer:
    """One server; `stop` and `start` keep its storage."""

    binary: Path
    folder: Path
    #: Address that it listens on.
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    cluster_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"https://{self.host}:{self.port}"

    @property
    def ca(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def storage(self) -> Path:
        return self.folder / "raft"

    def client(self) -> unseal.Vault:
        return unseal.Vault(self.address, str(self.ca))

    def start(self) -> None:
        self.storage.mkdir(exist_ok=True)
        configuration = self.folder / "vault.hcl"
        configuration.write_text(
            _CONFIGURATION.format(
                storage=self.storage,
                host=self.host,
                port=self.port,
                folder=self.folder,
                cluster=self.cluster_port,
            )
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.binary), "server", f"-config={configuration}"],
                stdout=log,
                stderr=log,
                env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
            )
        client = self.client()
        unseal.await_condition(
            lambda: bool(client.request("GET", "sys/seal-status")), "Vault listens", limit=30
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None


@contextmanager
def running(binary: Path, folder: Path, host: str = "127.0.0.1") -> Iterator[VaultServer]:
    """Runs an empty server with all its files in `folder` until the end of the block."""
    make_pki(folder, host)
    server = VaultServer(binary, folder, host)
    try:
        server.start()
        yield server
    finally:
        server.stop()
