"""A bundle that somebody has tampered with does not verify; an untouched one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.evidence import archive, bundle, manifest, verification
from infra.evidence.dsse import Envelope, seal
from infra.evidence.faults import Kind
from infra.evidence.keys import PublicKey
from infra.evidence.log import EvidenceLog
from infra.evidence.manifest import (
    CERTIFICATE,
    MANIFEST,
    MANIFEST_TYPE,
    README,
    RECORDS,
    Manifest,
    key_file,
)
from infra.evidence.records import Event, digest
from infra.evidence.verification import Trusted, Verdict, verify_content
from infra.paths import REPOSITORY
from tests.harness.evidence import (
    ALICE,
    MALLORY,
    OPERATOR,
    START,
    Clock,
    MemorySigner,
    die,
    exported,
    live,
    store,
)

SIGNER = MemorySigner()
[KEY] = SIGNER.public_keys()
TRUSTED = Trusted(keys=(KEY,))
WHOLE = exported(SIGNER)
FILES = archive.unpack(WHOLE, manifest.belongs)[0]
LINES = FILES[RECORDS].splitlines(keepends=True)
OTHERS = archive.unpack(exported(SIGNER, subject=MALLORY), manifest.belongs)[0]
KEY_FILE = key_file(KEY.fingerprint)


def verdict(files: dict[str, bytes], trusted: Trusted = TRUSTED) -> Verdict:
    return verify_content(archive.pack(files), trusted)


def kinds(files: dict[str, bytes], trusted: Trusted = TRUSTED) -> set[Kind]:
    return {fault.kind for fault in verdict(files, trusted).faults}


def with_records(*lines: bytes) -> dict[str, bytes]:
    return FILES | {RECORDS: b"".join(lines)}


def with_manifest(signer: MemorySigner = SIGNER, **changes: object) -> dict[str, bytes]:
    """With another manifest, signed as the old one was."""
    document = json.loads(Envelope.parse(FILES[MANIFEST]).payload) | changes
    made = Manifest.model_validate_json(json.dumps(document))
    return FILES | {MANIFEST: seal(signer, MANIFEST_TYPE, made.canonical()).line}


def test_an_untouched_bundle() -> None:
    found = verify_content(WHOLE, TRUSTED)
    assert found.faults == []
    assert found.notes == []
    assert found.subject == ALICE
    assert [record.event for record in found.records][-2:] == [Event.CERTIFIED, Event.DESTROYED]
    assert found.certificate is not None
    assert found.certificate.predicate.sandbox == ALICE


# The four of the issue, in a bundle whose tamperer even wrote the container anew.


def test_a_changed_record() -> None:
    changed = LINES[1].replace(b"eyJ", b"eyK", 1)
    assert kinds(with_records(LINES[0], changed, *LINES[2:])) == {Kind.CHANGED}


def test_a_missing_record() -> None:
    assert Kind.MISSING in kinds(with_records(*LINES[:2], *LINES[3:]))


def test_a_missing_end() -> None:
    assert Kind.TRUNCATED in kinds(with_records(*LINES[:-2]))


def test_a_reordered_record() -> None:
    assert Kind.REORDERED in kinds(with_records(LINES[0], LINES[2], LINES[1], *LINES[3:]))


def test_a_foreign_record() -> None:
    foreign = OTHERS[RECORDS].splitlines(keepends=True)[1]
    assert Kind.FOREIGN in kinds(with_records(LINES[0], foreign, *LINES[2:]))


def test_another_sandboxes_log_under_this_manifest() -> None:
    found = kinds(FILES | {RECORDS: OTHERS[RECORDS]})
    assert {Kind.FOREIGN, Kind.TRUNCATED} <= found
    assert kinds(OTHERS) == set()
    certificate = FILES | {CERTIFICATE: OTHERS[CERTIFICATE]}
    assert kinds(certificate) == {Kind.CHANGED}


def test_a_bundle_by_somebody_else() -> None:
    forger = MemorySigner()
    forged = exported(forger)
    found = {fault.kind for fault in verify_content(forged, TRUSTED).faults}
    assert found == {Kind.WRONG_KEY}
    # His key under our fingerprint's name, or both in the bundle, change nothing.
    files = archive.unpack(forged, manifest.belongs)[0]
    by_fingerprint = Trusted(fingerprints=frozenset({KEY.fingerprint}))
    assert Kind.CHANGED in kinds(files | {KEY_FILE: forger.public_keys()[0].pem}, by_fingerprint)
    assert Kind.WRONG_KEY in kinds(files | {KEY_FILE: KEY.pem}, by_fingerprint)


def _same_in_every_run(name: str) -> str:
    """pytest-xdist's workers must find the same tests, and each makes a key of its own."""
    return "key" if name == KEY_FILE else name


@pytest.mark.parametrize("name", sorted(FILES), ids=_same_in_every_run)
def test_a_missing_file(name: str) -> None:
    assert Kind.MISSING in kinds({other: FILES[other] for other in FILES if other != name})


@pytest.mark.parametrize("name", sorted(FILES), ids=_same_in_every_run)
def test_a_changed_file(name: str) -> None:
    assert Kind.CHANGED in kinds(FILES | {name: FILES[name] + b"\n"})
    assert kinds(FILES | {name: b""})


def test_a_file_too_many() -> None:
    other = MemorySigner().public_keys()[0]
    assert kinds(FILES | {key_file(other.fingerprint): other.pem}) == {Kind.FOREIGN}
    dead = {name: FILES[name] for name in FILES if name != CERTIFICATE}
    assert kinds(dead) == {Kind.MISSING}


def test_keys_in_the_bundle_are_trusted_only_if_their_fingerprint_was_given() -> None:
    assert kinds(FILES, Trusted(fingerprints=frozenset({KEY.fingerprint}))) == set()
    assert kinds(FILES, Trusted(fingerprints=frozenset({"0" * 64}))) == {Kind.WRONG_KEY}
    assert kinds(FILES, Trusted()) == {Kind.WRONG_KEY}
    assert kinds(FILES, Trusted(keys=MemorySigner().public_keys())) == {Kind.WRONG_KEY}


@pytest.mark.parametrize(
    "content",
    [b"", KEY.pem * 2, KEY.pem.replace(b"PUBLIC", b"PRIVATE"), b"\xff"],
    ids=["empty", "two", "private", "no-text"],
)
def test_a_key_that_is_none(content: bytes) -> None:
    assert Kind.CHANGED in kinds(FILES | {KEY_FILE: content})


def test_a_manifest_by_somebody_else() -> None:
    assert kinds(with_manifest(MemorySigner())) == {Kind.WRONG_KEY}
    forger = MemorySigner()
    forger.versions, forger.broken = SIGNER.versions, True
    assert kinds(with_manifest(forger)) == {Kind.CHANGED}


def test_a_manifest_of_another_kind() -> None:
    payload = Envelope.parse(FILES[MANIFEST]).payload
    line = seal(SIGNER, "application/vnd.in-toto+json", payload).line
    assert kinds(FILES | {MANIFEST: line}) == {Kind.CHANGED}
    for odd in (b"", b"{}", payload.replace(b'"version":1', b'"version":2')):
        line = seal(SIGNER, MANIFEST_TYPE, odd).line
        assert kinds(FILES | {MANIFEST: line}) == {Kind.CHANGED}


def test_a_manifest_that_says_something_else() -> None:
    assert kinds(with_manifest()) == set()
    head = digest(Envelope.parse(LINES[-1].strip()).payload)
    count = len(LINES)
    assert kinds(with_manifest(records={"count": count + 1, "head": head})) == {Kind.TRUNCATED}
    assert kinds(with_manifest(records={"count": count - 1, "head": head})) == {Kind.CHANGED}
    assert kinds(with_manifest(records={"count": count, "head": "0" * 64})) == {Kind.CHANGED}
    other = {"lab": "local", "sandbox": "mallory", "uid": MALLORY.uid}
    assert Kind.FOREIGN in kinds(with_manifest(sandbox=other))


def test_heads_that_others_know() -> None:
    seen = digest(Envelope.parse(LINES[4].strip()).payload)
    assert kinds(FILES, Trusted(keys=(KEY,), heads=(seen,))) == set()
    assert kinds(FILES, Trusted(keys=(KEY,), heads=(seen, "1" * 64))) == {Kind.MISSING}
    assert kinds(with_manifest(known_heads=[seen])) == set()
    assert kinds(with_manifest(known_heads=["1" * 64])) == {Kind.MISSING}


def test_a_store_that_lost_its_end_is_found_by_a_head_that_was_kept_elsewhere() -> None:
    with store() as made:
        live(made, SIGNER)
        seen = made.read(ALICE.uid)[-1].digest
    with store() as made:  # the same life, its end taken away by whoever owns the store
        live(made, SIGNER, steps=8)
        unsuspecting = bundle.export(made, SIGNER, ALICE.uid, at=START)
        told = bundle.export(made, SIGNER, ALICE.uid, at=START, known_heads=[seen])
    assert verify_content(unsuspecting, TRUSTED).ok
    assert [fault.kind for fault in verify_content(told, TRUSTED).faults] == [Kind.MISSING]


def test_a_sandbox_that_lives() -> None:
    found = verify_content(exported(SIGNER, steps=5, dead=False), TRUSTED)
    assert found.ok
    assert len(found.notes) == 2
    assert "not closed" in found.notes[0]


def test_a_clock_that_was_set_back_is_said() -> None:
    clock = Clock()
    with store() as made:
        log = EvidenceLog(made, SIGNER, clock=clock)
        log.record(ALICE, Event.REQUESTED, OPERATOR, "1")
        clock.now = START - timedelta(days=1)
        log.record(ALICE, Event.READY, OPERATOR, "2")
        found = verify_content(bundle.export(made, SIGNER, ALICE.uid, at=START), TRUSTED)
    assert found.ok
    assert any("set back before record 1" in note for note in found.notes)


def test_keys_that_were_rotated() -> None:
    signer = MemorySigner()
    with store() as made:
        log = live(made, signer, steps=5)
        signer.rotate()
        log.record(ALICE, Event.EXPIRING, OPERATOR, "x")
        signer.rotate()
        content = bundle.export(made, signer, ALICE.uid, at=START)
        older = signer.public_keys()[:1]
        signer.versions = signer.versions[2:]
        lost = bundle.export(made, signer, ALICE.uid, at=START)
        given = bundle.export(made, signer, ALICE.uid, at=START, further_keys=older)
    first, *later = [*older, *signer.public_keys()]
    assert {fault.kind for fault in verify_content(content, Trusted(keys=(first,))).faults} == {
        Kind.WRONG_KEY
    }
    fingerprints = frozenset(verify_content(content, Trusted()).keys)
    assert len(fingerprints) == 3
    assert verify_content(content, Trusted(fingerprints=fingerprints)).ok
    assert later
    assert len(verify_content(lost, Trusted()).keys) == 1
    assert len(verify_content(given, Trusted()).keys) == 2


def test_the_same_content_is_the_same_file() -> None:
    with store() as made:
        die(live(made, SIGNER))
        first, second = (bundle.export(made, SIGNER, ALICE.uid, at=START) for _ in range(2))
    assert first == second


def test_the_instructions_are_in_it() -> None:
    assert FILES[README] == bundle.INSTRUCTIONS.read_bytes()


@settings(max_examples=250, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_no_byte_of_a_bundle_can_be_changed(position: int, change: int) -> None:
    data = bytearray(WHOLE)
    data[position] ^= change
    assert not verify_content(bytes(data), TRUSTED).ok


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_no_byte_of_a_file_can_be_changed(name: str, data: st.DataObject) -> None:
    content = bytearray(FILES[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    assert kinds(FILES | {name: bytes(content)})


def test_no_byte_of_the_manifest_can_be_changed() -> None:
    """All of them: it is what everything else hangs on."""
    for position in range(len(FILES[MANIFEST])):
        content = bytearray(FILES[MANIFEST])
        content[position] ^= 0x01
        found = Verdict()
        verification._manifest({MANIFEST: bytes(content)}, {KEY.fingerprint: KEY}, found)
        assert found.faults, position


@settings(deadline=None)
@given(st.integers(0, len(WHOLE)))
def test_a_bundle_that_was_cut_off(length: int) -> None:
    assert verify_content(WHOLE[:length], TRUSTED).ok is (length == len(WHOLE))


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(FILES)), st.binary(max_size=300)))
def test_it_never_fails_itself(files: dict[str, bytes]) -> None:
    verdict(files)
    verdict(FILES | files)


BOMBS: dict[str, Callable[[], dict[str, bytes]]] = {
    "one endless line": lambda: FILES | {RECORDS: b"x" * 40_000_000},
    "millions of lines": lambda: FILES | {RECORDS: b"\n" * 40_000_000},
    "deep nesting": lambda: FILES | {RECORDS: b'{"payload":' * 3_000_000 + b"\n"},
    "a huge manifest": lambda: FILES | {MANIFEST: b"[" * 40_000_000},
    "a huge certificate": lambda: FILES | {CERTIFICATE: b'"' + b"a" * 40_000_000 + b'"'},
    "a huge number": lambda: FILES | {RECORDS: b'{"payload":' + b"9" * 40_000 + b"}\n"},
    "a huge key": lambda: FILES | {KEY_FILE: b"-----BEGIN PUBLIC KEY-----" * 1_500_000},
}

_BOUNDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
from pathlib import Path
from infra.evidence.keys import read
from infra.evidence.verification import Trusted, verify
found = verify(Path(sys.argv[1]), Trusted(keys=read(Path(sys.argv[2]).read_bytes())))
print(len(found.faults))
"""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bundle_that_is_made_to_exhaust_its_reader(name: str, tmp_path: Path) -> None:
    """With a gigabyte of memory and a minute of a processor, all of it is looked at and refused."""
    file, key = tmp_path / "bundle.tar", tmp_path / "key.pem"
    file.write_bytes(archive.pack(BOMBS[name]()))
    key.write_bytes(PublicKey(KEY.raw).pem)
    done = subprocess.run(
        [sys.executable, "-c", _BOUNDED, str(file), str(key)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 0


def test_a_file_that_is_far_too_large(tmp_path: Path) -> None:
    file = tmp_path / "bundle.tar"
    with file.open("wb") as stream:
        stream.truncate(archive.LARGEST * 100)  # takes no room on the disk
    found = verification.verify(file, TRUSTED)
    assert [fault.kind for fault in found.faults] == [Kind.TOO_LARGE]
