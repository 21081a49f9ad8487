"""What is in a bundle, signed: the head of the log when it was exported, and every file's hash."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.evidence.records import Digest, Document, Moment, Plain, Subject

#: The payload's type in the manifest's envelope.
MANIFEST_TYPE = "application/vnd.ai-lab.evidence-manifest+json"

MANIFEST = "manifest.dsse.json"
RECORDS = "records.jsonl"
CERTIFICATE = "certificate.dsse.json"
README = "README.txt"
KEYS = "keys/"


class File(Document):
    size: Annotated[int, Field(ge=0)]
    sha256: Digest


class KeyName(Document):
    """A key that signed something here. `label` is where its other half lies, for people."""

    fingerprint: Digest
    label: Plain


class Records(Document):
    """The log's length and the digest of its last record."""

    count: Annotated[int, Field(ge=1)]
    head: Digest


class Manifest(Document):
    """Signed when a bundle is made. Without it nobody could tell that the end of a log is gone."""

    version: Literal[1] = 1
    sandbox: Subject
    exported_at: Moment
    records: Records
    #: Digests that somebody else had noted as this log's head before; they must be in it.
    known_heads: tuple[Digest, ...] = ()
    #: Every file but the manifest itself.
    files: dict[str, File]
    keys: tuple[KeyName, ...]

    @classmethod
    def parse(cls, payload: bytes) -> Manifest:
        """Reads the written form.

        Raises:
            ValueError: not a manifest of this version in its one written form.
        """
        manifest = cls.model_validate_json(payload)
        if manifest.canonical() != payload:
            raise ValueError("a manifest that is not in its canonical form")
        return manifest


def key_file(fingerprint: str) -> str:
    return f"{KEYS}{fingerprint}.pem"


def belongs(name: str) -> bool:
    """Whether a bundle may have a file of this name."""
    if name in {MANIFEST, RECORDS, CERTIFICATE, README}:
        return True
    fingerprint = name.removeprefix(KEYS).removesuffix(".pem")
    hexadecimal = len(fingerprint) == 64 and not set(fingerprint) - set("0123456789abcdef")
    return hexadecimal and name == key_file(fingerprint)
