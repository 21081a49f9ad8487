"""A real Kubernetes API on loopback: etcd, kube-apiserver and the controllers; no nodes.

One binary holds all of Kubernetes; the program is chosen by the name that it is started under.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import tenacity
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LOOPBACK = "127.0.0.1"
#: Seconds for one answer: the machine may be busy with other tests.
_PATIENCE = 60
_CONTROLLERS = (
    "namespace-controller",
    "deployment-controller",
    "replicaset-controller",
    "job-controller",
    "serviceaccount-controller",
    "garbage-collector-controller",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


class Authority:
    """A certificate authority that lives for one test run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-ca")])
        self.certificate = folder / "ca.crt"
        signed = self._sign(self._name, self._key.public_key(), authority=True)
        self.certificate.write_bytes(signed)

    def issue(self, name: str, *, group: str | None = None) -> tuple[Path, Path]:
        """Certificate and key of a user, or of a server on loopback."""
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if group:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        certificate, key_file = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        certificate.write_bytes(self._sign(x509.Name(attributes), key.public_key()))
        _write_key(key_file, key)
        return certificate, key_file

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool = False
    ) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            address = ipaddress.ip_address(_LOOPBACK)
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(address), x509.DNSName("localhost")]),
                critical=False,
            ).add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@dataclass
class ApiServer:
    """A running control plane without nodes."""

    folder: Path
    port: int
    kubeconfig: Path
    client: httpx.Client
    authority: Authority
    start_api: Callable[[], subprocess.Popen[bytes]]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def stop_api(self) -> None:
        self.processes["kube-apiserver"].kill()
        self.processes["kube-apiserver"].wait()

    def restart_api(self) -> None:
        self.processes["kube-apiserver"] = self.start_api()

    @property
    def url(self) -> str:
        return f"https://{_LOOPBACK}:{self.port}"

    @contextmanager
    def user(self, name: str, *, group: str | None = None) -> Iterator[httpx.Client]:
        """Somebody with a client certificate of his own."""
        pair = self.authority.issue(name, group=group)
        with _client(self.url, self.authority.certificate, pair) as client:
            yield client

    @contextmanager
    def bearer(self, token: str) -> Iterator[httpx.Client]:
        """Somebody who shows a token."""
        tls = ssl.create_default_context(cafile=str(self.authority.certificate))
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(
            base_url=self.url, verify=tls, headers=headers, timeout=_PATIENCE, trust_env=False
        ) as client:
            yield client

    def kubeconfig_of(self, name: str) -> Path:
        """A kubeconfig of somebody with a client certificate of his own."""
        path = self.folder / f"{name}.kubeconfig"
        _kubeconfig(path, self.url, self.authority, self.authority.issue(name))
        return path

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type((httpx.TransportError, AssertionError)),
        stop=tenacity.stop_after_delay(180),
        wait=tenacity.wait_fixed(0.2),
        reraise=True,
    )
    def wait(self) -> None:
        """Until the API is ready; at once if its process has ended."""
        ended = self.processes["kube-apiserver"].poll()
        if ended is not None:
            raise RuntimeError((self.folder / "kube-apiserver.log").read_text()[-2000:])
        answer = self.client.get("/readyz")
        assert answer.status_code == 200, answer.text


def _kubeconfig(path: Path, server: str, authority: Authority, user: tuple[Path, Path]) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "test",
                "cluster": {"server": server, "certificate-authority": "ca.crt"},
            }
        ],
        "users": [
            {
                "name": "test",
                "user": {"client-certificate": user[0].name, "client-key": user[1].name},
            }
        ],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(document))


@contextmanager
def running(
    folder: Path, *, kubernetes: Path, etcd: Path, controllers: Sequence[str] = ()
) -> Iterator[ApiServer]:
    """Starts everything below `folder`; ends every process of it.

    `controllers` run besides those that every test has.
    """
    authority = Authority(folder)
    admin = authority.issue("admin", group="system:masters")
    server_pair = authority.issue("server")
    accounts = folder / "accounts.key"
    _write_key(accounts, ec.generate_private_key(ec.SECP256R1()))
    port, etcd_port, peer_port = free_port(), free_port(), free_port()
    url = f"https://{_LOOPBACK}:{port}"
    etcd_url = f"http://{_LOOPBACK}:{etcd_port}"
    kubeconfig = folder / "kubeconfig"
    _kubeconfig(kubeconfig, url, authority, admin)
    for name in ("kube-apiserver", "kube-controller-manager"):
        (folder / name).symlink_to(kubernetes)

    def start(name: str, program: Path, *arguments: str) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [program, *arguments], cwd=folder, stdout=log, stderr=log, env=dict(os.environ)
            )

    def start_api() -> subprocess.Popen[bytes]:
        return start(
            "kube-apiserver",
            folder / "kube-apiserver",
            f"--etcd-servers={etcd_url}",
            f"--secure-port={port}",
            f"--bind-address={_LOOPBACK}",
            f"--advertise-address={_LOOPBACK}",
            f"--tls-cert-file={server_pair[0]}",
            f"--tls-private-key-file={server_pair[1]}",
            f"--client-ca-file={authority.certificate}",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}",
            f"--service-account-issuer={url}",
            "--service-cluster-ip-range=10.99.0.0/24",
            "--authorization-mode=RBAC",
            # As kubeadm has it: who may have such pods is for others to say.
            "--allow-privileged=true",
            "--endpoint-reconciler-type=none",
        )

    client = _client(url, authority.certificate, admin)
    server = ApiServer(folder, port, kubeconfig, client, authority, start_api)
    try:
        server.processes["etcd"] = start(
            "etcd",
            etcd,
            "--data-dir=etcd",
            f"--listen-client-urls={etcd_url}",
            f"--advertise-client-urls={etcd_url}",
            f"--listen-peer-urls=http://{_LOOPBACK}:{peer_port}",
            "--unsafe-no-fsync",
        )
        server.restart_api()
        server.wait()
        server.processes["kube-controller-manager"] = start(
            "kube-controller-manager",
            folder / "kube-controller-manager",
            f"--kubeconfig={kubeconfig}",
            f"--controllers={','.join((*_CONTROLLERS, *controllers))}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--service-account-private-key-file={accounts}",
        )
        yield server
    finally:
        client.close()
        for process in reversed(server.processes.values()):
            process.kill()
            process.wait()


def _client(url: str, authority: Path, user: tuple[Path, Path]) -> httpx.Client:
    tls = ssl.create_default_context(cafile=str(authority))
    tls.load_cert_chain(str(user[0]), str(user[1]))
    return httpx.Client(base_url=url, verify=tls, timeout=_PATIENCE, trust_env=False)
