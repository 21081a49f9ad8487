"""Checks bundles, offline: with nothing but the file and what the lab has made public.

Nothing in a bundle is trusted that the verifier was not told to trust; keys in it are used only if
their fingerprint was given. Everything that is wrong is listed, not only what is found first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from infra.errors import EvidenceKeyInvalid
from infra.evidence import archive, certificate, chain
from infra.evidence.certificate import Statement
from infra.evidence.chain import Head, Link
from infra.evidence.dsse import Envelope, Trust
from infra.evidence.faults import Fault, Kind, reason
from infra.evidence.keys import Keyring, PublicKey, keyring
from infra.evidence.keys import read as read_keys
from infra.evidence.manifest import (
    CERTIFICATE,
    KEYS,
    MANIFEST,
    MANIFEST_TYPE,
    RECORDS,
    File,
    Manifest,
    belongs,
    key_file,
)
from infra.evidence.records import Event, Record, Subject, digest

#: Lines of records.jsonl that are looked at.
MOST_RECORDS = 100_000


@dataclass(frozen=True, slots=True)
class Trusted:
    """What a verifier got from the lab by another way than the bundle."""

    keys: tuple[PublicKey, ...] = ()
    #: Of keys that may be taken from the bundle.
    fingerprints: frozenset[str] = frozenset()
    #: Digests of records that the verifier has seen before; the log must have them.
    heads: tuple[str, ...] = ()


@dataclass(slots=True)
class Verdict:
    """What a bundle says, and everything that is wrong with it. Believe it only if it is `ok`."""

    faults: list[Fault] = field(default_factory=list)
    manifest: Manifest | None = None
    links: list[Link] = field(default_factory=list)
    certificate: Statement | None = None
    #: Fingerprints of the keys in the bundle, trusted or not.
    keys: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.faults

    @property
    def subject(self) -> Subject | None:
        if self.manifest is not None:
            return self.manifest.sandbox
        return self.links[0].record.subject if self.links else None

    @property
    def records(self) -> list[Record]:
        """In the order of their numbers."""
        return [link.record for link in _sorted(self.links)]

    @property
    def notes(self) -> list[str]:
        """What is no fault and should be known."""
        return list(_notes(self))


def verify(file: Path, trusted: Trusted) -> Verdict:
    """Checks a bundle. Reads no other file, asks nobody, and writes nothing.

    Raises:
        OSError: the file cannot be read.
    """
    with file.open("rb") as stream:
        data = stream.read(archive.LARGEST + 1)
    if len(data) > archive.LARGEST:
        return Verdict([Fault(Kind.TOO_LARGE, archive.WHERE, "is larger than any bundle of ours")])
    return verify_content(data, trusted)


def verify_content(data: bytes, trusted: Trusted) -> Verdict:
    """As `verify`, of a bundle's content."""
    files, faults = archive.unpack(data, belongs)
    verdict = Verdict(faults)
    keys = _keys(files, trusted, verdict)
    _manifest(files, keys, verdict)
    _files(files, verdict)
    _records(files, keys, verdict)
    _heads(trusted, verdict)
    verdict.certificate, found = certificate.check(
        files.get(CERTIFICATE), verdict.records, keys, CERTIFICATE
    )
    verdict.faults += found
    return verdict


def _keys(files: dict[str, bytes], trusted: Trusted, verdict: Verdict) -> Keyring:
    """Keys that were given, and those of the bundle whose fingerprint was."""
    keys = list(trusted.keys)
    names = []
    for name, content in files.items():
        if not name.startswith(KEYS):
            continue
        try:
            [key] = read_keys(content, label=name)
        except (EvidenceKeyInvalid, ValueError):
            verdict.faults.append(Fault(Kind.CHANGED, name, "is not one public key"))
            continue
        if name != key_file(key.fingerprint):
            verdict.faults.append(Fault(Kind.CHANGED, name, "has another key than its name says"))
            continue
        names.append(key.fingerprint)
        if key.fingerprint in trusted.fingerprints:
            keys.append(key)
    verdict.keys = tuple(sorted(names))
    if not keys:
        message = "no key in it has a fingerprint that was given"
        verdict.faults.append(Fault(Kind.WRONG_KEY, archive.WHERE, message))
    return keyring(keys)


def _manifest(files: dict[str, bytes], keys: Keyring, verdict: Verdict) -> None:
    content = files.get(MANIFEST)
    if content is None:
        verdict.faults.append(Fault(Kind.MISSING, MANIFEST, "is not there"))
        return
    try:
        envelope = Envelope.parse(content)
        verdict.manifest = Manifest.parse(envelope.payload)
    except ValueError as error:
        message = f"is no manifest of ours ({reason(error)})"
        verdict.faults.append(Fault(Kind.CHANGED, MANIFEST, message))
        return
    if envelope.payload_type != MANIFEST_TYPE:
        message = "was signed as something else than a manifest"
        verdict.faults.append(Fault(Kind.CHANGED, MANIFEST, message))
    match envelope.trust(keys):
        case Trust.UNKNOWN_KEY:
            message = "is signed by a key that is not trusted"
            verdict.faults.append(Fault(Kind.WRONG_KEY, MANIFEST, message))
        case Trust.WRONG:
            verdict.faults.append(Fault(Kind.CHANGED, MANIFEST, "is not what was signed"))
        case Trust.GOOD:
            pass


def _files(files: dict[str, bytes], verdict: Verdict) -> None:
    """Every file is the one of the manifest, and no other is there."""
    if verdict.manifest is None:
        return
    listed = verdict.manifest.files
    for name in sorted(listed.keys() | files.keys() - {MANIFEST}):
        if name not in files:
            # The name may come from a manifest that nobody signed.
            message = f"{name!a} of the manifest is not there"
            verdict.faults.append(Fault(Kind.MISSING, archive.WHERE, message))
        elif name not in listed:
            verdict.faults.append(Fault(Kind.FOREIGN, name, "is not in the manifest"))
        elif listed[name] != File(size=len(files[name]), sha256=digest(files[name])):
            verdict.faults.append(Fault(Kind.CHANGED, name, "is not the file of the manifest"))


def _records(files: dict[str, bytes], keys: Keyring, verdict: Verdict) -> None:
    content = files.get(RECORDS)
    if content is None:
        verdict.faults.append(Fault(Kind.MISSING, RECORDS, "is not there"))
        return
    lines = content.split(b"\n", MOST_RECORDS)
    rest = lines.pop()
    if rest:
        kind = Kind.TOO_LARGE if len(lines) == MOST_RECORDS else Kind.TRUNCATED
        verdict.faults.append(Fault(kind, RECORDS, "does not end with a whole line"))
    manifest = verdict.manifest
    found = chain.verify(
        lines,
        keys,
        subject=None if manifest is None else manifest.sandbox,
        head=None if manifest is None else Head(manifest.records.count - 1, manifest.records.head),
        where=RECORDS,
    )
    verdict.links = found.links
    verdict.faults += found.faults


def _heads(trusted: Trusted, verdict: Verdict) -> None:
    """What others have seen of this log before must still be in it."""
    there = {link.digest for link in verdict.links if link.sound}
    known = () if verdict.manifest is None else verdict.manifest.known_heads
    for head in dict.fromkeys((*known, *trusted.heads)):
        if head not in there:
            message = f"a record that was seen before is not in it: {head}"
            verdict.faults.append(Fault(Kind.MISSING, RECORDS, message))


def _sorted(links: Sequence[Link]) -> list[Link]:
    return sorted(links, key=lambda link: link.record.sequence)


def _notes(verdict: Verdict) -> Iterator[str]:
    records = verdict.records
    if records and records[-1].event is not Event.DESTROYED:
        yield f"The log is not closed: its last record is {records[-1].event}."
    if records and verdict.certificate is None:
        yield "There is no deletion certificate."
    for before, after in pairwise(records):
        if after.time < before.time:
            yield f"A clock was set back before record {after.sequence}; the order is the chain's."
