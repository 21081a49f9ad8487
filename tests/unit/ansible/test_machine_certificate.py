"""Keys and certificates of services: when a new one is needed, and what a kill leaves."""

from __future__ import annotations

import getpass
import importlib
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ansible.module_utils
from infra.paths import REPOSITORY

_FOLDER = str(REPOSITORY / "ansible" / "roles" / "machine_certificate" / "module_utils")
if _FOLDER not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_FOLDER)

if TYPE_CHECKING:
    from ansible.roles.machine_certificate.module_utils import certificate as module
else:
    module = importlib.import_module("ansible.module_utils.certificate")

NAMES = ("DNS:vault", "IP:10.71.0.12", "DNS:localhost")


def _openssl(*arguments: str, content: str = "") -> str:
    return subprocess.run(
        ["openssl", *arguments], input=content, capture_output=True, text=True, check=True
    ).stdout


class Authority:
    """What the controller does: signs requests with extensions of its own choice."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        _openssl("req", "-x509", *curve, "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt",
                 "-subj", "/CN=test CA")  # fmt: skip
        self.pem = (folder / "ca.crt").read_text()

    def sign(self, request: str, names: tuple[str, ...] = NAMES, days: int = 365) -> str:
        extensions = self.folder / "extensions"
        extensions.write_text(f"subjectAltName={','.join(names)}\n" if names else "")
        return _openssl(
            "x509", "-req", "-in", "/dev/stdin", "-CA", f"{self.folder}/ca.crt",
            "-CAkey", f"{self.folder}/ca.key", "-days", str(days), "-extfile", str(extensions),
            content=request,
        )  # fmt: skip


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def pair(tmp_path: Path, authority: Authority) -> module.Pair:
    return module.Pair(
        directory=tmp_path / "tls",
        name="vault",
        owner=getpass.getuser(),
        common_name="vault",
        alternative_names=NAMES,
        renew_days=30,
        authority=authority.pem,
        then=("vault-reload",),
        pending=tmp_path / "pending",
    )


@pytest.fixture
def installed(pair: module.Pair, authority: Authority) -> module.Pair:
    pair.install(authority.sign(pair.request()))
    pair.settle()
    return pair


def test_from_nothing_to_a_pair_that_fits(pair: module.Pair, authority: Authority) -> None:
    assert pair.fault() == "there is none yet"
    pair.install(authority.sign(pair.request()))
    pair.settle()
    assert pair.fault() is None
    assert pair.settle() is False
    assert sorted(path.name for path in pair.directory.iterdir()) == [
        "ca.crt",
        "vault.crt",
        "vault.key",
    ]
    assert pair.key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in pair.pending.iterdir()] == ["vault-reload"]


def test_the_key_is_not_in_the_request(pair: module.Pair) -> None:
    request = pair.request()
    assert "BEGIN CERTIFICATE REQUEST" in request
    assert "PRIVATE" not in request


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"alternative_names": (*NAMES, "DNS:other")}, "the names differ"),
        ({"alternative_names": NAMES[:2]}, "the names differ"),
        ({"common_name": "other"}, "the names differ"),
        ({"renew_days": 366}, "it soon ends"),
        ({"authority": "-----BEGIN CERTIFICATE-----\n"}, "the authority is another one"),
    ],
)
def test_when_something_else_is_wanted(
    installed: module.Pair, change: dict[str, object], fault: str
) -> None:
    assert replace(installed, **change).fault() == fault  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda p: p.key.unlink(), "there is none yet"),
        (lambda p: p.certificate.unlink(), "there is none yet"),
        (lambda p: p.ca.unlink(), "the authority is another one"),
        (lambda p: p.key.write_text("rubbish"), "the key is another one"),
        (lambda p: p.certificate.write_text("rubbish"), "the authority did not sign it"),
    ],
    ids=["no key", "no certificate", "no authority", "spoilt key", "spoilt certificate"],
)
def test_when_files_are_spoilt(
    installed: module.Pair, spoil: Callable[[module.Pair], object], fault: str
) -> None:
    spoil(installed)
    assert str(installed.fault()).startswith(fault)


def test_signed_by_another_authority_under_the_same_file(
    installed: module.Pair, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    installed.certificate.write_text(other.sign(installed.request()))
    assert str(installed.fault()).startswith("the authority did not sign it")


def test_a_certificate_without_alternative_names(pair: module.Pair, authority: Authority) -> None:
    pair.install(authority.sign(pair.request(), names=()))
    assert pair.fault() == "the names differ"


def test_killed_between_key_and_certificate_is_found(
    installed: module.Pair, authority: Authority
) -> None:
    authority.sign(installed.request())
    installed.new_key.replace(installed.key)  # what install does first
    assert installed.fault() == "the key is another one"
    installed.install(authority.sign(installed.request()))
    assert installed.fault() is None


def test_a_request_leaves_what_is_in_use(installed: module.Pair) -> None:
    before = installed.key.read_bytes()
    installed.request()
    installed.request()
    assert installed.key.read_bytes() == before
    assert installed.fault() is None


def test_a_certificate_for_another_key_is_not_installed(
    installed: module.Pair, authority: Authority
) -> None:
    before = installed.certificate.read_text()
    stale = authority.sign(installed.request())
    installed.request()
    with pytest.raises(module.CertificateError, match="another key"):
        installed.install(stale)
    installed.new_key.unlink()
    with pytest.raises(module.CertificateError, match="is gone"):
        installed.install(stale)
    assert installed.certificate.read_text() == before


def test_modes_are_put_right(installed: module.Pair) -> None:
    installed.key.chmod(0o644)
    assert installed.settle() is True
    assert installed.key.stat().st_mode & 0o777 == 0o600


def test_owner_that_does_not_exist(pair: module.Pair) -> None:
    with pytest.raises(module.CertificateError, match="no user nobody-of-that-name"):
        replace(pair, owner="nobody-of-that-name").request()


def test_openssl_failure_is_said(pair: module.Pair) -> None:
    pair.request()
    pair.new_key.write_text("rubbish")
    with pytest.raises(module.CertificateError, match="openssl pkey failed"):
        pair.install("rubbish")


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("DNS:Vault", "DNS:vault"),
        (" IP Address:10.71.0.12", "IP:10.71.0.12"),
        ("IP:0:0:0:0:0:0:0:1", "IP:::1"),
    ],
)
def test_one_spelling(name: str, canonical: str) -> None:
    assert module.canonical(name) == canonical


@pytest.mark.parametrize("name", ["vault", "IP:vault", "DNS:", "DNS:a,DNS:b", "URI:x", "DNS:a\nb"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(module.CertificateError):
        module.canonical(name)
