from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from infra.errors import EvidenceKeyInvalid
from infra.evidence.keys import LARGEST_FILE, PublicKey, is_fingerprint, read
from tests.harness.evidence import MemorySigner, exported

SIGNER = MemorySigner()
[KEY] = SIGNER.public_keys()


def test_pem_and_base64_are_the_same_key() -> None:
    [pem] = read(KEY.pem)
    [raw] = read(base64.b64encode(KEY.raw) + b"\n")
    assert pem.raw == raw.raw == KEY.raw
    assert pem.fingerprint == hashlib.sha256(KEY.der).hexdigest()
    assert is_fingerprint(KEY.fingerprint)


def test_a_file_may_have_several() -> None:
    second = MemorySigner().public_keys()[0]
    assert [key.raw for key in read(KEY.pem + b"\n" + second.pem, label="f")] == [
        KEY.raw,
        second.raw,
    ]


def test_the_fingerprint_is_what_openssl_computes(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(KEY.pem)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", str(file), "-outform", "DER"],
        check=True,
        capture_output=True,
    ).stdout
    assert hashlib.sha256(der).hexdigest() == KEY.fingerprint


def private() -> bytes:
    return SIGNER.versions[0].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_private_key_is_refused_as_such() -> None:
    with pytest.raises(EvidenceKeyInvalid, match="private key") as caught:
        read(KEY.pem + private(), label="mine.pem")
    assert "leaked" in caught.value.next_step
    assert private().decode().splitlines()[1] not in str(caught.value)


def other_kind() -> bytes:
    return (
        x25519.X25519PrivateKey.generate()
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


def unknown_kind() -> bytes:
    """A key of an algorithm that nobody has: the last digit of its identifier is another one."""
    der = KEY.der.replace(bytes.fromhex("06032b6570"), bytes.fromhex("06032b6501"))
    text = base64.b64encode(der).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n".encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "neither"),
        (b"AAAA", "neither"),
        (b"not base64!", "neither"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key"),
        (other_kind(), "not Ed25519"),
        (unknown_kind(), "no public key"),
        (KEY.pem + b"trailing", "something else"),
        (b"A" * (LARGEST_FILE + 1), "too large"),
    ],
)
def test_no_key(content: bytes, why: str) -> None:
    with pytest.raises(EvidenceKeyInvalid, match=f"f.pem.*{why}"):
        read(content, label="f.pem")


def test_a_bundle_is_no_file_of_keys() -> None:
    """It has its own key in it: whoever names it by mistake would have it vouch for itself."""
    with pytest.raises(EvidenceKeyInvalid, match="something else"):
        read(exported(SIGNER, steps=1, dead=False))


def test_only_its_own_signatures() -> None:
    signature = SIGNER.versions[0].sign(b"x")
    assert KEY.verifies(signature, b"x")
    assert not KEY.verifies(signature, b"y")
    assert not MemorySigner().public_keys()[0].verifies(signature, b"x")


@pytest.mark.parametrize("text", ["", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n"])
def test_no_fingerprint(text: str) -> None:
    assert not is_fingerprint(text)


def test_labels_do_not_matter_for_trust() -> None:
    assert PublicKey(KEY.raw, "a").fingerprint == PublicKey(KEY.raw, "b").fingerprint
    assert isinstance(SIGNER.versions[0], ed25519.Ed25519PrivateKey)


def test_no_changed_file_makes_reading_fail_in_another_way() -> None:
    for position in range(len(KEY.pem)):
        for bit in range(8):
            content = bytearray(KEY.pem)
            content[position] ^= 1 << bit
            try:
                read(bytes(content))
            except EvidenceKeyInvalid:
                continue
