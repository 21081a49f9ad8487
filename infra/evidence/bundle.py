"""Makes bundles: a sandbox's whole log in one file, for somebody who has no lab.

`verification` checks them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from infra.errors import EvidenceInvalid, EvidenceKeyInvalid
from infra.evidence import archive, certificate, chain
from infra.evidence.dsse import Envelope, Signer, seal
from infra.evidence.keys import PublicKey, keyring
from infra.evidence.manifest import (
    CERTIFICATE,
    MANIFEST,
    MANIFEST_TYPE,
    README,
    RECORDS,
    File,
    KeyName,
    Manifest,
    Records,
    key_file,
)
from infra.evidence.records import Event, Record, digest
from infra.evidence.store import Store

#: For an auditor, the same in every bundle: how to verify by hand.
INSTRUCTIONS = Path(__file__).parent / "README-bundle.txt"


def export(
    store: Store,
    signer: Signer,
    uid: str,
    *,
    at: datetime,
    known_heads: Iterable[str] = (),
    further_keys: Iterable[PublicKey] = (),
) -> bytes:
    """A bundle with everything that the store has of one sandbox.

    A store that was tampered with is exported as it is: the bundle will not verify, which is what
    its reader must learn. `known_heads` are digests that were kept outside of the store (in the
    status of the sandbox, in an earlier bundle); `further_keys` verify records from before the
    signer's oldest key.

    Raises:
        EvidenceInvalid: there is no such log, or nothing of it can be read.
        EvidenceUnavailable: the store does not answer.
        VaultRefused, VaultUnreachable, VaultSealed, EvidenceKeyInvalid: it cannot be signed.
    """
    entries = store.read(uid)
    lines = [entry.envelope for entry in entries]
    found = chain.verify(lines, {})
    if found.head is None:
        raise EvidenceInvalid(
            f"there is no evidence of a sandbox with the uid {uid}.",
            next_step="name a sandbox whose log the store has.",
        )
    files = {RECORDS: b"".join(line + b"\n" for line in lines), README: INSTRUCTIONS.read_bytes()}
    kept = _kept(store, found.records)
    if kept is not None:
        files[CERTIFICATE] = kept
    versions = signer.public_keys()
    keys = keyring([*further_keys, *versions])
    newest = versions[-1].fingerprint
    used = _used(lines, kept) | {newest}
    named = [key for fingerprint, key in keys.items() if fingerprint in used]
    files |= {key_file(key.fingerprint): key.pem for key in named}
    manifest = Manifest(
        sandbox=found.records[0].subject,
        exported_at=at,
        records=Records(count=len(lines), head=found.head.digest),
        known_heads=tuple(known_heads),
        files={
            name: File(size=len(content), sha256=digest(content)) for name, content in files.items()
        },
        keys=tuple(
            KeyName(fingerprint=key.fingerprint, label=key.label or "unnamed") for key in named
        ),
    )
    sealed = seal(signer, MANIFEST_TYPE, manifest.canonical())
    if key_file(sealed.signature.keyid) not in files:
        raise EvidenceKeyInvalid(
            "the key was rotated while the bundle was made.", next_step="export it again."
        )
    files[MANIFEST] = sealed.line
    return archive.pack(files)


def _kept(store: Store, records: Sequence[Record]) -> bytes | None:
    certified = [record for record in records if record.event is Event.CERTIFIED]
    return store.kept(str(certified[-1].details.get(certificate.DETAIL))) if certified else None


def _used(lines: Sequence[bytes], kept: bytes | None) -> set[str]:
    """Fingerprints of the keys that signed something."""
    used = set()
    for line in [*lines, *([] if kept is None else [kept])]:
        try:
            used.add(Envelope.parse(line).signature.keyid)
        except ValueError:
            continue  # verifying says what is wrong with it
    return used
