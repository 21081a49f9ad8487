from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.evidence.dsse import Envelope, Signature, Trust, encode, seal
from infra.evidence.keys import keyring
from tests.harness.evidence import MemorySigner

SIGNER = MemorySigner()
KEYS = keyring(SIGNER.public_keys())
SEALED = seal(SIGNER, "application/x-test", b'{"a":1}')

#: Order of the group of Ed25519 (RFC 8032, 5.1).
L = 2**252 + 27742317777372353535851937790883648493


def test_the_encoding_is_that_of_the_specification() -> None:
    # protocol.md of secure-systems-lab/dsse, "Test Vectors".
    signed = encode("http://example.com/HelloWorld", b"hello world")
    assert signed == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert encode("", b"") == b"DSSEv1 0  0 "
    assert encode("ü", b"") == b"DSSEv1 2 \xc3\xbc 0 "


def test_it_reads_what_it_writes() -> None:
    assert Envelope.parse(SEALED.line) == SEALED
    assert SEALED.trust(KEYS) is Trust.GOOD
    read = json.loads(SEALED.line)
    assert sorted(read) == ["payload", "payloadType", "signatures"]
    assert base64.b64decode(read["payload"]) == b'{"a":1}'


@settings(deadline=None)
@given(st.binary(max_size=200), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_payload(payload: bytes, kind: str) -> None:
    sealed = seal(SIGNER, kind, payload)
    assert Envelope.parse(sealed.line) == sealed
    assert sealed.trust(KEYS) is Trust.GOOD


def test_a_signature_is_for_its_type_and_payload() -> None:
    assert replace(SEALED, payload=b'{"a":2}').trust(KEYS) is Trust.WRONG
    assert replace(SEALED, payload_type="application/x-other").trust(KEYS) is Trust.WRONG


def test_the_key_must_be_the_named_one() -> None:
    both = MemorySigner()
    both.rotate()
    first, second = both.public_keys()
    sealed = seal(both, "t", b"")
    assert sealed.signature.keyid == second.fingerprint
    assert sealed.trust(keyring([first])) is Trust.UNKNOWN_KEY
    renamed = replace(sealed, signature=replace(sealed.signature, keyid=first.fingerprint))
    assert renamed.trust(keyring([first, second])) is Trust.WRONG
    assert sealed.trust({}) is Trust.UNKNOWN_KEY


def test_a_signature_has_one_form() -> None:
    """S + L would be a second signature of the same payload; RFC 8032 refuses it."""
    value = SEALED.signature.value
    scalar = int.from_bytes(value[32:], "little") + L
    twin = value[:32] + scalar.to_bytes(32, "little")
    assert replace(SEALED, signature=Signature(SEALED.signature.keyid, twin)).trust(KEYS) is (
        Trust.WRONG
    )
    for length in (0, 63, 65):
        odd = Signature(SEALED.signature.keyid, (value + b"\0")[:length])
        assert replace(SEALED, signature=odd).trust(KEYS) is Trust.WRONG


def line(**changes: object) -> bytes:
    document = json.loads(SEALED.line) | changes
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


ONE = json.loads(SEALED.line)["signatures"][0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"not json",
        b'{"payload":' * 50_000,
        SEALED.line + b" ",
        b" " + SEALED.line,
        json.dumps(json.loads(SEALED.line)).encode(),
        line(extra=1),
        line(payload=1),
        line(payload="!!!!"),
        # The same bytes, with bits set that base64 ignores.
        line(payload="eyJhIjoxfR=="),
        line(payload="eyJhIjoxfQ"),
        line(signatures=[]),
        line(signatures=[ONE, ONE]),
        line(signatures=[ONE | {"cert": "x"}]),
        SEALED.line.replace(b'{"payload"', b'{"payload":"","payload"', 1),
        SEALED.line.replace(b"application/x-test", b"application\\/x-test"),
        b"\xff" + SEALED.line,
    ],
)
def test_another_way_of_writing_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Envelope.parse(content)


@settings(deadline=None)
@given(st.integers(0, len(SEALED.line) - 1), st.integers(1, 255))
def test_any_byte_counts(position: int, change: int) -> None:
    changed = bytearray(SEALED.line)
    changed[position] ^= change
    try:
        envelope = Envelope.parse(bytes(changed))
    except ValueError:
        return
    assert envelope.trust(KEYS) is not Trust.GOOD
