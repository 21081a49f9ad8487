"""The TLS prober against servers of our own: one with a floor, and ones that lack it."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.live.support import tls


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@contextmanager
def server(
    certificate: Path,
    *,
    floor: str = "TLSv1_2",
    ciphers: str = "ECDHE+AESGCM",
    client_certificate: bool = False,
) -> Iterator[tuple[str, int]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion[floor]
    if client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_server_with_a_floor_passes(certificate: Path) -> None:
    with server(certificate) as address:
        answers = tls.survey(address)
    assert all(answers[name].startswith("refused") for name in ("TLSv1", "TLSv1_1", "weak"))
    assert answers["TLSv1_3"].startswith("accepted")
    assert tls.faults(answers) == []


def test_an_old_protocol_is_found(certificate: Path) -> None:
    with server(certificate, floor="TLSv1_1", ciphers="ALL") as address:
        faults = tls.faults(tls.survey(address))
    assert any(fault.startswith("TLSv1_1: accepted") for fault in faults)
    assert not any(fault.startswith("TLSv1: ") for fault in faults)


def test_a_weak_cipher_is_found(certificate: Path) -> None:
    with server(certificate, ciphers="ECDHE-ECDSA-AES128-SHA:ECDHE+AESGCM") as address:
        faults = tls.faults(tls.survey(address))
    assert faults == [
        "ciphers without forward secrecy or AEAD: accepted ECDHE-ECDSA-AES128-SHA",
    ]


def test_a_missing_client_certificate_does_not_hide_an_old_protocol(certificate: Path) -> None:
    with server(certificate, floor="TLSv1_1", ciphers="ALL", client_certificate=True) as address:
        answers = tls.survey(address)
    assert answers["TLSv1_1"].startswith("accepted")


def test_nothing_listening_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    faults = tls.faults(tls.survey(address))
    assert any("no modern version accepted" in fault for fault in faults)


def test_a_server_that_hangs_up_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        answer = tls.attempt(listener.getsockname(), version="TLSv1_2")
        thread.join()
    assert answer.startswith(("unclear", "unreachable"))


def test_it_runs_by_itself_on_a_machine(certificate: Path) -> None:
    script = Path(tls.__file__).read_text()
    with server(certificate) as (host, port):
        done = subprocess.run(
            [sys.executable, "-", host, str(port)],
            input=script,
            capture_output=True,
            text=True,
            check=True,
        )
    assert tls.faults(json.loads(done.stdout)) == []


def test_weak_ciphers_hold_no_modern_one() -> None:
    weak = tls.weak_ciphers()
    assert "ECDHE-ECDSA-AES128-SHA" in weak
    assert "AES128-GCM-SHA256" in weak  # AEAD, but no forward secrecy
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" not in weak
