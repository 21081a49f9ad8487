"""A service account's way into the lab's database: a certificate from Vault, for a key made here.

libpq reads key and certificate from a file, so they lie in one, in memory (a pod's `emptyDir` of
the medium Memory), mode 0600, and are gone when the block ends. A new pair takes the place of the
old one in one step before that ends; connections that are open stay open.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from infra import naming
from infra.errors import HostUnfit, LabError, VaultRefused
from infra.secrets.client import Connection, Vault

#: Part of its life after which a certificate is renewed.
RENEWED_AFTER = 2 / 3
#: Seconds until a renewal that failed is tried again; a third of a day is left for that.
PAUSE = 60.0
_MOUNTS = Path("/proc/self/mountinfo")
_MEMORY = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where the database is, and as whom to log in; nothing here is secret."""

    host: str
    port: int
    database: str
    #: Role in PostgreSQL, and role of Vault's PKI engine.
    user: str
    #: Certificate (PEM file) of the authority that signed the server's own.
    ca_certificate: Path
    pki_mount: str = naming.VAULT_DATABASE_PKI


class DatabaseCertificate:
    """Key and certificate of one user, kept in `folder`, which must lie in memory."""

    def __init__(self, connection: Connection, address: DatabaseAddress, folder: Path) -> None:
        """`connection` is that of the service account (`ServiceAccount`) of this user.

        Raises:
            HostUnfit: the folder is not there, or lies on a disk.
        """
        _require_memory(folder)
        self._connection = connection
        self._address = address
        self._folder = folder / f"database-{address.user}"
        self._renew_at = datetime.now(UTC)

    @property
    def file(self) -> Path:
        """Key and certificate (PEM)."""
        return self._folder / "client.pem"

    @property
    def conninfo(self) -> str:
        """What libpq and psycopg connect with. It stays the same when the certificate does not."""
        address = self._address
        parameters = {
            "host": address.host,
            "port": str(address.port),
            "dbname": address.database,
            "user": address.user,
            "sslmode": "verify-full",
            "sslrootcert": str(address.ca_certificate),
            "sslcert": str(self.file),
            "sslkey": str(self.file),
            # A server that asks for no certificate, or for a password, is not the lab's.
            "sslcertmode": "require",
            "require_auth": "none",
            "gssencmode": "disable",
        }
        return " ".join(f"{name}={_quoted(value)}" for name, value in parameters.items())

    @contextmanager
    def kept(self, report: Callable[[Exception], None]) -> Iterator[str]:
        """A certificate that is renewed until the end of the block; yields `conninfo`.

        `report` is told, in a thread of its own, of each renewal that failed; it is tried again.

        Raises:
            VaultRefused, VaultUnreachable, VaultSealed, VaultCredentialsMissing: there is no
                first certificate.
        """
        if self._folder.exists():  # of a process that was killed
            shutil.rmtree(self._folder)
        self._folder.mkdir(mode=0o700)
        over = threading.Event()
        keeper = threading.Thread(
            target=self._keep, args=(over, report), name="database-certificate", daemon=True
        )
        try:
            self.renew()
            keeper.start()
            yield self.conninfo
        finally:
            over.set()
            if keeper.ident is not None:
                keeper.join()
            shutil.rmtree(self._folder)

    def renew(self) -> None:
        """Makes a new key and has it signed. Raises as `Vault.call` does, and OSError."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(key)
        now, end = datetime.now(UTC), certificate.not_valid_after_utc
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._write(pem + certificate.public_bytes(Encoding.PEM))
        self._renew_at = now + (end - now) * RENEWED_AFTER

    def _signed(self, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._address.user)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
        asked = request.public_bytes(Encoding.PEM).decode()
        # Each time a login of its own: its token lives for minutes and is given back.
        with closing(Vault(self._connection)) as vault:
            answer = vault.call(
                lambda client: client.secrets.pki.sign_certificate(
                    self._address.user,
                    asked,
                    self._address.user,
                    mount_point=self._address.pki_mount,
                )
            )
        certificate = x509.load_pem_x509_certificate(answer["data"]["certificate"].encode())
        if _public(certificate.public_key()) != _public(key.public_key()):
            raise VaultRefused(
                f"Vault signed another key than that of {self._address.user}.",
                next_step="see whether something stands between this program and Vault.",
            )
        return certificate

    def _write(self, pem: bytes) -> None:
        new = self.file.with_suffix(".new")
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        # One file and one step: whoever connects meanwhile finds a pair that belongs together.
        new.replace(self.file)

    def _keep(self, over: threading.Event, report: Callable[[Exception], None]) -> None:
        failed = False
        while True:
            left = (self._renew_at - datetime.now(UTC)).total_seconds()
            if over.wait(PAUSE if failed else max(left, 0.0)):
                return
            try:
                self.renew()
                failed = False
            except (LabError, OSError) as error:
                report(error)
                failed = True


def _public(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _quoted(value: str) -> str:
    """A value in a connection string (PostgreSQL's manual, 34.1.1.1)."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _require_memory(folder: Path) -> None:
    if not folder.is_dir():
        raise _unfit(folder, "is not there")
    kind = _file_system(folder.resolve(), _MOUNTS.read_text())
    if kind not in _MEMORY:
        raise _unfit(folder, f"lies on {kind}")


def _unfit(folder: Path, why: str) -> HostUnfit:
    return HostUnfit(
        f"a key cannot be kept in {folder}: it {why}.",
        next_step="mount an emptyDir of the medium Memory there.",
    )


def _file_system(folder: Path, mounts: str) -> str:
    """Type of the file system that holds a folder; `mounts` is proc_pid_mountinfo(5)."""
    found = ("", Path())
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= len(found[1].parts):
            found = (after.split()[0], point)
    return found[0]
