"""What README.txt tells an auditor to do with openssl and sha256sum, done."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.evidence import bundle
from infra.evidence.archive import pack
from infra.evidence.dsse import Envelope
from infra.evidence.manifest import CERTIFICATE, MANIFEST, RECORDS, key_file
from tests.harness.evidence import ALICE, START, MemorySigner, exported, live, store
from tests.unit.evidence.test_bundle import FILES, KEY, LINES, OTHERS, SIGNER
from tests.unit.evidence.test_chain import resigned

[SCRIPT] = re.findall(
    r"^---- begin verify\.sh ----\n(.*)^---- end verify\.sh ----$",
    bundle.INSTRUCTIONS.read_text(),
    re.DOTALL | re.MULTILINE,
)


def by_hand(content: bytes, folder: Path, *fingerprints: str) -> subprocess.CompletedProcess[str]:
    (folder / "bundle.tar").write_bytes(content)
    with tarfile.open(folder / "bundle.tar") as archive:
        archive.extractall(folder, filter="data")
    (folder / "verify.sh").write_text(SCRIPT)
    return subprocess.run(
        ["sh", "verify.sh", *fingerprints], cwd=folder, capture_output=True, text=True, check=False
    )


def test_an_untouched_bundle(tmp_path: Path) -> None:
    done = by_hand(pack(FILES), tmp_path, "0" * 64, KEY.fingerprint)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"whole: {len(LINES)} records")
    certificate = (tmp_path / "certificate.json").read_bytes()
    assert certificate == Envelope.parse(FILES[CERTIFICATE]).payload


def test_a_sandbox_that_lives_and_keys_that_were_rotated(tmp_path: Path) -> None:
    signer = MemorySigner()
    with store() as made:
        live(made, signer, steps=2)
        signer.rotate()
        content = bundle.export(made, signer, ALICE.uid, at=START)
    first, second = (key.fingerprint for key in signer.public_keys())
    done = by_hand(content, tmp_path, first, second)
    assert (done.returncode, done.stderr) == (0, "")
    only = by_hand(content, tmp_path, second)
    assert only.returncode == 1
    assert "not a key that you trust" in only.stderr


def records(*lines: bytes) -> dict[str, bytes]:
    """Another log, with a manifest that was forged to have its hash."""
    return FILES | {RECORDS: b"".join(lines)}


TAMPERED: dict[str, Callable[[], dict[str, bytes]]] = {
    "a changed record": lambda: records(LINES[0], LINES[1].replace(b"eyJ", b"eyK", 1), *LINES[2:]),
    "a missing record": lambda: records(*LINES[:2], *LINES[3:]),
    "a missing end": lambda: records(*LINES[:-1]),
    "a reordered record": lambda: records(LINES[0], LINES[2], LINES[1], *LINES[3:]),
    "a foreign record": lambda: records(
        LINES[0], OTHERS[RECORDS].splitlines(keepends=True)[1], *LINES[2:]
    ),
    # By somebody who may sign: only the manifest's head is in the way.
    "another end": lambda: records(
        *LINES[:-1], resigned(LINES[-1].strip(), SIGNER, idempotency_key="other") + b"\n"
    ),
    "a changed manifest": lambda: FILES | {MANIFEST: FILES[MANIFEST].replace(b"eyJ", b"eyK", 1)},
    "another certificate": lambda: FILES | {CERTIFICATE: OTHERS[CERTIFICATE]},
    "no certificate": lambda: {name: FILES[name] for name in FILES if name != CERTIFICATE},
    "another key": lambda: FILES | {key_file(KEY.fingerprint): MemorySigner().public_keys()[0].pem},
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_bundle_that_was_tampered_with(how: str, tmp_path: Path) -> None:
    done = by_hand(pack(TAMPERED[how]()), tmp_path, KEY.fingerprint)
    assert done.returncode == 1, done.stdout
    assert "FAULT: " in done.stderr
    assert "whole" not in done.stdout


@pytest.mark.parametrize(
    "how", ["a changed record", "a missing record", "a missing end", "another end"]
)
def test_the_log_is_checked_by_itself_too(how: str, tmp_path: Path) -> None:
    """Not only its hash in the manifest: here that loop is left out."""
    files = re.sub(r"while IFS='\"'.*?done <\"\$work/files\"\n", "", SCRIPT, flags=re.DOTALL)
    assert len(files) < len(SCRIPT)
    by_hand(pack(TAMPERED[how]()), tmp_path, KEY.fingerprint)
    (tmp_path / "verify.sh").write_text(files)
    done = subprocess.run(
        ["sh", "verify.sh", KEY.fingerprint],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "FAULT: " in done.stderr


def test_a_bundle_by_somebody_else(tmp_path: Path) -> None:
    done = by_hand(exported(MemorySigner()), tmp_path, KEY.fingerprint)
    assert done.returncode == 1
    assert "not a key that you trust" in done.stderr
    assert SIGNER.public_keys() == (KEY,)
