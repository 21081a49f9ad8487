"""Key and certificate of a service: whether they fit, a request for new ones, putting in place.

Runs on the machine; needs Python 3.11 and the openssl program. The key is made here and stays.
"""

from __future__ import annotations

import grp
import ipaddress
import os
import pwd
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

#: Where system_config looks for actions that are still to be run.
PENDING = Path("/var/lib/ai-lab/pending")
_DAY = 86400


class CertificateError(Exception):
    """Something that a person has to look at; the message says what."""


def openssl(*arguments: str, content: str = "") -> tuple[int, str]:
    """Runs openssl and returns its exit status and output."""
    done = subprocess.run(
        ["openssl", *arguments], input=content, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr.strip()


def _must(*arguments: str, content: str = "") -> str:
    status, output = openssl(*arguments, content=content)
    if status != 0:
        raise CertificateError(f"openssl {arguments[0]} failed: {output}")
    return output


def canonical(name: str) -> str:
    """One spelling for an alternative name: `DNS:host` or `IP:address`.

    Raises:
        CertificateError: it is neither.
    """
    kind, _, value = name.strip().partition(":")
    try:
        if kind in {"IP", "IP Address"}:
            return f"IP:{ipaddress.ip_address(value)}"
    except ValueError as error:
        raise CertificateError(f"{name!r}: {error}") from error
    if kind == "DNS" and re.fullmatch(r"[A-Za-z0-9*]([A-Za-z0-9.-]*[A-Za-z0-9])?", value):
        return f"DNS:{value.lower()}"
    raise CertificateError(f"{name!r} is not an alternative name (DNS:... or IP:...)")


@dataclass(frozen=True)
class Pair:
    """The files of one service and what must stand in them."""

    directory: Path
    name: str
    owner: str
    common_name: str
    alternative_names: tuple[str, ...]
    renew_days: int
    #: PEM text of the lab's authority.
    authority: str
    then: tuple[str, ...] = ()
    pending: Path = PENDING

    @property
    def key(self) -> Path:
        return self.directory / f"{self.name}.key"

    @property
    def certificate(self) -> Path:
        return self.directory / f"{self.name}.crt"

    @property
    def new_key(self) -> Path:
        return self.directory / f".{self.name}.key.new"

    @property
    def ca(self) -> Path:
        return self.directory / "ca.crt"

    def fault(self) -> str | None:
        """Why a new certificate is needed, or None."""
        if not (self.key.is_file() and self.certificate.is_file()):
            return "there is none yet"
        checks = {
            "the authority is another one": self._authority_differs,
            "the authority did not sign it, or it has ended": self._unverified,
            "it soon ends": self._ends_soon,
            "the key is another one": self._key_differs,
            "the names differ": self._names_differ,
        }
        return next((reason for reason, holds in checks.items() if holds()), None)

    def _authority_differs(self) -> bool:
        return not self.ca.is_file() or self.ca.read_text().strip() != self.authority.strip()

    def _unverified(self) -> bool:
        return openssl("verify", "-CAfile", str(self.ca), str(self.certificate))[0] != 0

    def _ends_soon(self) -> bool:
        seconds = str(self.renew_days * _DAY)
        file = str(self.certificate)
        return openssl("x509", "-in", file, "-noout", "-checkend", seconds)[0] != 0

    def _key_differs(self) -> bool:
        status, public = openssl("pkey", "-in", str(self.key), "-pubout")
        file = str(self.certificate)
        return status != 0 or public != _must("x509", "-in", file, "-noout", "-pubkey")

    def _names_differ(self) -> bool:
        wanted = {canonical(name) for name in self.alternative_names}
        return self._names() != (self.common_name, wanted)

    def _names(self) -> tuple[str, set[str]]:
        text = _must(
            "x509", "-in", str(self.certificate), "-noout",
            "-subject", "-nameopt", "sep_multiline,utf8", "-ext", "subjectAltName",
        )  # fmt: skip
        subject = re.search(r"^\s*CN=(.*)$", text, re.MULTILINE)
        names = re.search(r"Subject Alternative Name:.*\n\s*(.*)", text)
        listed = names.group(1).split(",") if names else []
        return subject.group(1) if subject else "", {canonical(name) for name in listed}

    def request(self) -> str:
        """Makes a new key beside the old one and returns a certificate request (PEM)."""
        self._folder()
        self.new_key.unlink(missing_ok=True)
        key = _must("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        self._write(self.new_key, key, 0o600)
        return _must(
            "req", "-new", "-key", str(self.new_key), "-sha256", "-subj", f"/CN={self.common_name}"
        )

    def install(self, certificate: str) -> None:
        """Puts the new key, its certificate and the authority in place.

        A kill in between leaves a pair that `fault` finds, so the next run makes another.

        Raises:
            CertificateError: the certificate is for another key, or the key is gone.
        """
        if not self.new_key.is_file():
            raise CertificateError(f"{self.new_key} is gone; run the role again.")
        public = _must("pkey", "-in", str(self.new_key), "-pubout")
        if public != _must("x509", "-noout", "-pubkey", content=certificate):
            raise CertificateError("the signed certificate is for another key; run the role again.")
        for action in self.then:
            self.pending.mkdir(parents=True, exist_ok=True)
            (self.pending / action).touch()
        self._write(self.ca, self.authority.strip() + "\n", 0o644)
        self.new_key.replace(self.key)
        self._write(self.certificate, certificate.strip() + "\n", 0o644)

    def settle(self) -> bool:
        """Sets owner and mode of what is there; returns whether something had to change."""
        modes = {self.directory: 0o755, self.key: 0o600, self.certificate: 0o644, self.ca: 0o644}
        owner = self._owner()
        changed = False
        for path, mode in modes.items():
            found = path.stat()
            if found.st_mode & 0o7777 != mode:
                path.chmod(mode)
                changed = True
            if (found.st_uid, found.st_gid) != owner:
                os.chown(path, *owner)
                changed = True
        return changed

    def _owner(self) -> tuple[int, int]:
        try:
            user = pwd.getpwnam(self.owner)
        except KeyError as error:
            raise CertificateError(f"there is no user {self.owner}.") from error
        return user.pw_uid, grp.getgrgid(user.pw_gid).gr_gid

    def _folder(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o755)

    def _write(self, path: Path, content: str, mode: int) -> None:
        temporary = path.with_name(f"{path.name}.part")
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "w") as file:
            os.fchown(file.fileno(), *self._owner())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
