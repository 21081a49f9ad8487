#!/usr/bin/python3
"""Takes an encrypted copy: `take-copy etcd|vault|database SETTINGS.json`.

Of etcd and Vault one of several machines does the work: the leader, whose data is the newest; the
others end without doing anything. The plain copy exists in memory alone (the unit's folder below
/run, which is never on a disk); what is stored is CMS (RFC 5652) for the certificate of a recipient
whose private key is on none of the machines. A copy takes its name only when it is whole.

Only the standard library, and the programs etcdctl, openssl, pg_dump, psql and tar.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

#: Seconds for one question to Vault or etcd.
ANSWER = 30
#: Seconds for a whole copy.
COPY = 900


class CopyError(Exception):
    """A copy cannot be taken; the message says why."""


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """Runs a program and returns its output.

    Raises:
        CopyError: it failed.
    """
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=COPY,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    if done.returncode != 0:
        raise CopyError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def copy_etcd(settings: Mapping[str, Any], folder: Path) -> bool:
    """A snapshot and the cluster's keys, without which it is of no use. False on a follower."""
    environment = {
        "ETCDCTL_ENDPOINTS": "https://127.0.0.1:2379",
        "ETCDCTL_CACERT": "/etc/kubernetes/pki/etcd/ca.crt",
        "ETCDCTL_CERT": "/etc/kubernetes/pki/etcd/healthcheck-client.crt",
        "ETCDCTL_KEY": "/etc/kubernetes/pki/etcd/healthcheck-client.key",
    }
    told = run("etcdctl", "endpoint", "status", "--write-out=json", environment=environment)
    status = json.loads(told)[0]["Status"]
    if status["leader"] != status["header"]["member_id"]:
        return False
    run("etcdctl", "snapshot", "save", str(folder / "etcd.db"), environment=environment)
    run("cp", "--recursive", "/etc/kubernetes/pki", str(folder / "pki"))
    return True


class Vault:
    """One machine's Vault, with the certificate of that machine."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        context = ssl.create_default_context(cafile=settings["ca"])
        context.load_cert_chain(settings["certificate"], settings["key"])
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        self._address = settings["address"]
        self._token: str | None = None

    def open(self, method: str, path: str, body: object = None) -> Any:
        """The answer, to be read and closed.

        Raises:
            urllib.error.HTTPError: Vault refused.
        """
        request = urllib.request.Request(  # noqa: S310 the address is the machine's own
            f"{self._address}/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Vault-Request": "true"}
            | ({"X-Vault-Token": self._token} if self._token else {}),
        )
        return self._opener.open(request, timeout=ANSWER)

    def is_active(self) -> bool:
        try:
            with self.open("GET", "sys/health"):
                return True
        except urllib.error.HTTPError as error:
            if error.code == 429:  # one that waits
                return False
            raise

    def login(self, mount: str, role: str) -> None:
        with self.open("POST", f"auth/{mount}/login", {"name": role}) as answer:
            self._token = json.loads(answer.read())["auth"]["client_token"]

    def logout(self) -> None:
        self.open("POST", "auth/token/revoke-self", {}).close()


def copy_vault(settings: Mapping[str, Any], folder: Path) -> bool:
    """A snapshot of Vault's storage, encrypted by Vault's own barrier. False on a standby."""
    vault = Vault(settings)
    if not vault.is_active():
        return False
    vault.login(settings["mount"], settings["role"])
    try:
        with (
            vault.open("GET", "sys/storage/raft/snapshot") as answer,
            (folder / "vault.snap").open("wb") as file,
        ):
            while chunk := answer.read(1 << 20):
                file.write(chunk)
    finally:
        vault.logout()
    return True


#: Where Debian puts the programs of each major version of PostgreSQL.
POSTGRESQL = Path("/usr/lib/postgresql")


def copy_database(settings: Mapping[str, Any], folder: Path) -> bool:
    """Every database of the server in a file of its own (pg_dump's format `custom`)."""
    version = (Path(settings["data"]) / "PG_VERSION").read_text().strip()
    programs = POSTGRESQL / version / "bin"
    way_in = (
        f"--host={settings['socket']}", f"--port={settings['port']}", "--username=postgres",
        "--no-password",
    )  # fmt: skip
    told = run(
        str(programs / "psql"), "--no-psqlrc", "--tuples-only", "--no-align", *way_in,
        "--dbname=postgres",
        "--command=SELECT datname FROM pg_database WHERE datallowconn "
        "AND datname NOT IN ('postgres', 'template1')",
    )  # fmt: skip
    for name in told.split():
        run(
            str(programs / "pg_dump"), *way_in, "--format=custom", f"--dbname={name}",
            f"--file={folder / f'{name}.dump'}",
        )  # fmt: skip
    return True


def store(settings: Mapping[str, Any], kind: str, plain: Path) -> Path:
    """Encrypts everything in `plain` into one file of the store.

    Raises:
        CopyError: it cannot be encrypted or written.
    """
    target = Path(settings["folder"])
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    file = target / f"{settings['lab']}-{kind}-{stamp}.tar.cms"
    new = file.with_name(f".{file.name}.new")
    tar = subprocess.Popen(["tar", "--create", f"--directory={plain}", "."], stdout=subprocess.PIPE)
    try:
        sealed = subprocess.run(
            ["openssl", "cms", "-encrypt", "-binary", "-stream", "-aes-256-gcm",
             "-outform", "DER", "-out", str(new), settings["recipient"]],
            stdin=tar.stdout, capture_output=True, text=True, check=False, timeout=COPY,
        )  # fmt: skip
        if tar.wait(timeout=ANSWER) != 0 or sealed.returncode != 0:
            raise CopyError(f"the copy cannot be encrypted: {sealed.stderr.strip()[-400:]}")
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(file)
    finally:
        tar.kill()
        tar.wait()
        new.unlink(missing_ok=True)
    return file


def forget(settings: Mapping[str, Any], kind: str) -> None:
    """Removes the oldest copies of this kind beyond the number that is kept."""
    copies = sorted(Path(settings["folder"]).glob(f"{settings['lab']}-{kind}-*.tar.cms"))
    for old in copies[: -settings["keep"]]:
        old.unlink()


COPIES = {"etcd": copy_etcd, "vault": copy_vault, "database": copy_database}


def main(kind: str, settings_file: str) -> int:
    settings = json.loads(Path(settings_file).read_text())
    plain = Path(os.environ["RUNTIME_DIRECTORY"])
    try:
        if not COPIES[kind](settings, plain):
            print("another machine leads; it takes the copy")
            return 0
        print(f"stored {store(settings, kind, plain)}")
        forget(settings, kind)
    except (CopyError, OSError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(*sys.argv[1:]))
