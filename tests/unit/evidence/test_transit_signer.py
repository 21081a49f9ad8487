"""What a Vault could answer that a real one does not; tests/integration/evidence has a real one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, cast

import pytest

from infra.errors import EvidenceKeyInvalid
from infra.secrets.client import Vault
from infra.secrets.signing import TransitSigner
from tests.harness.evidence import MemorySigner


class Answers:
    """A Vault that answers what it is told to."""

    def __init__(self) -> None:
        self.memory = MemorySigner()
        self.reads = 0
        self.signature: Callable[[bytes], str] = self._signature
        self.key: dict[str, Any] = {"type": "ed25519"}

    def find(self, _: object) -> dict[str, Any]:
        self.reads += 1
        keys = {
            str(version): {"public_key": base64.b64encode(key.raw).decode()}
            for version, key in enumerate(self.memory.public_keys(), 1)
        }
        return {"data": {"keys": keys} | self.key}

    def call(self, _: object) -> dict[str, Any]:
        return {"data": {"signature": self.signature(b"message")}}

    def _signature(self, message: bytes) -> str:
        value = base64.b64encode(self.memory.sign(message).value).decode()
        return f"vault:v{len(self.memory.versions)}:{value}"


def signer_of(answers: Answers) -> TransitSigner:
    return TransitSigner(cast("Vault", answers))


def test_the_key_is_read_once_and_again_after_a_rotation() -> None:
    answers = Answers()
    signer = signer_of(answers)
    assert signer.sign(b"message").keyid == answers.memory.public_keys()[0].fingerprint
    signer.sign(b"message")
    assert answers.reads == 1
    answers.memory.rotate()
    assert signer.sign(b"message").keyid == answers.memory.public_keys()[1].fingerprint
    assert answers.reads == 2
    assert len(signer.public_keys()) == 2


def test_versions_are_ordered_as_numbers() -> None:
    answers = Answers()
    for _ in range(11):
        answers.memory.rotate()
    labels = [key.label for key in signer_of(answers).public_keys()]
    assert labels == [f"transit/evidence:{version}" for version in range(1, 13)]


def test_a_signature_of_something_else_is_not_given_out() -> None:
    answers = Answers()
    answers.memory.broken = True
    with pytest.raises(EvidenceKeyInvalid, match="does not verify what it signed"):
        signer_of(answers).sign(b"message")


def test_a_version_that_is_not_shown() -> None:
    answers = Answers()
    answers.signature = lambda message: answers._signature(message).replace("v1:", "v7:")
    with pytest.raises(EvidenceKeyInvalid, match="does not show version 7"):
        signer_of(answers).sign(b"message")


@pytest.mark.parametrize("text", ["", "vault:v0:AAAA", "vault:v1:!", "vault:v1:A", "v1:AAAA"])
def test_a_signature_of_another_form(text: str) -> None:
    answers = Answers()
    answers.signature = lambda _: text
    with pytest.raises(EvidenceKeyInvalid, match="form that is not known"):
        signer_of(answers).sign(b"message")


@pytest.mark.parametrize("keys", [{"1": 1772000000}, {"1": {}}, {"1": {"public_key": "AAAA"}}])
def test_versions_of_another_form(keys: dict[str, Any]) -> None:
    """Of symmetric keys, for example, Vault shows the time only."""
    answers = Answers()
    answers.key = {"type": "ed25519", "keys": keys}
    with pytest.raises(EvidenceKeyInvalid, match="form that is not known"):
        signer_of(answers).public_keys()
