from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.cli import main
from infra.evidence import archive, manifest
from infra.evidence.manifest import RECORDS
from tests.harness.evidence import ALICE, MALLORY, MemorySigner, exported
from tests.unit.cli.conftest import document

SIGNER = MemorySigner()
[KEY] = SIGNER.public_keys()
WHOLE = exported(SIGNER)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    file = tmp_path / "alice.evidence.tar"
    file.write_bytes(WHOLE)
    return file


@pytest.fixture
def key(tmp_path: Path) -> str:
    file = tmp_path / "evidence.pem"
    file.write_bytes(KEY.pem)
    return str(file)


def test_whole(bundle: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["evidence", "verify", str(bundle), "--key", key]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"whole: 13 records of {ALICE}")
    assert "deletion certificate of 2026-03-01" in shown
    # As OpenSSL writes a fingerprint.
    colons = ":".join(KEY.fingerprint.upper()[at : at + 2] for at in range(0, 64, 2))
    assert main.run(["evidence", "verify", str(bundle), "--fingerprint", colons]) == 0


def lines(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    files, _ = archive.unpack(WHOLE, manifest.belongs)
    changed = change(files[RECORDS].splitlines(keepends=True))
    return archive.pack(files | {RECORDS: b"".join(changed)})


def foreign() -> bytes:
    files, _ = archive.unpack(exported(SIGNER, subject=MALLORY), manifest.belongs)
    return files[RECORDS].splitlines(keepends=True)[2]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("changed", lambda log: [log[0].replace(b"eyJ", b"eyK", 1), *log[1:]]),
        ("missing", lambda log: [*log[:2], *log[3:]]),
        ("reordered", lambda log: [log[1], log[0], *log[2:]]),
        ("foreign", lambda log: [*log[:2], foreign(), *log[3:]]),
    ],
)
def test_the_four_tampered_bundles(
    kind: str,
    change: Callable[[list[bytes]], list[bytes]],
    bundle: Path,
    key: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle.write_bytes(lines(change))
    assert main.run(["evidence", "verify", str(bundle), "--key", key]) == 1
    shown = capsys.readouterr().out
    assert f"{kind}: {RECORDS}" in shown
    assert "NOT whole" in shown
    assert "\nwhole" not in shown
    assert main.run(["evidence", "verify", str(bundle), "--key", key, "--json"]) == 1
    found = document(capsys)
    assert found["ok"] is False
    assert kind in {fault["kind"] for fault in found["faults"]}


def test_as_a_document(bundle: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["evidence", "verify", str(bundle), "--key", key, "--json"]) == 0
    found = document(capsys)
    assert found["ok"] is True
    assert found["sandbox"] == ALICE.model_dump()
    assert (found["records"], found["certified"], found["keys"]) == (13, True, [KEY.fingerprint])
    assert found["faults"] == found["notes"] == []


def test_many_faults_are_counted(
    bundle: Path, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle.write_bytes(exported(MemorySigner()))
    assert main.run(["evidence", "verify", str(bundle), "--key", key]) == 1
    shown = capsys.readouterr().out
    assert "wrong-key: and" in shown
    assert len(shown.splitlines()) < 14


def test_a_head_that_is_not_in_it(
    bundle: Path, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evidence", "verify", str(bundle), "--key", key]
    assert main.run([*words, "--json"]) == 0
    assert main.run([*words, "--head", document(capsys)["head"]]) == 0
    assert main.run([*words, "--head", "0" * 64]) == 1
    assert "was seen before" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "cannot vouch for itself"),
        (["--fingerprint", "abc"], "not 64 hexadecimal digits"),
        (["--fingerprint", "\x1b[2J"], "not 64 hexadecimal digits"),
        (["--key", "/nowhere"], "does not exist"),
    ],
)
def test_what_cannot_be_asked(
    words: list[str], complaint: str, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["evidence", "verify", str(bundle), *words]) == 2
    shown = capsys.readouterr().err
    assert "LAB-103" in shown
    assert complaint in shown
    assert "\x1b" not in shown


def test_no_bundle(key: str) -> None:
    assert main.run(["evidence", "verify", "/nowhere", "--key", key]) == 2


def test_a_bundle_given_as_its_own_key(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["evidence", "verify", str(bundle), "--key", str(bundle)]) == 1
    shown = capsys.readouterr()
    assert "LAB-809" in shown.err
    assert "whole" not in shown.out


def test_show(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["evidence", "show", str(bundle)]) == 0
    shown = capsys.readouterr()
    assert "Not verified" in shown.err
    for text in (str(ALICE), KEY.fingerprint, "KeyDestroyed", "backups: "):
        assert text in shown.out
    assert main.run(["evidence", "show", str(bundle), "--json"]) == 0
    found = document(capsys)
    assert found["verified"] is False
    assert [record["sequence"] for record in found["records"]] == list(range(13))
    assert found["certificate"]["_type"] == "https://in-toto.io/Statement/v1"


def test_show_of_what_is_no_bundle(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle.write_bytes(b"\x1b[2J" * 1000)
    assert main.run(["evidence", "show", str(bundle)]) == 0
    assert capsys.readouterr().out == "no sandbox\n"
    assert main.run(["evidence", "show", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["records"] == []


def test_nothing_in_a_bundle_speaks_to_the_terminal(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from infra.evidence import bundle as bundles
    from infra.evidence.log import EvidenceLog
    from infra.evidence.records import Event
    from tests.harness.evidence import OPERATOR, START, store

    with store() as made:
        log = EvidenceLog(made, SIGNER)
        log.record(ALICE, Event.READY, OPERATOR, "x", {"a": "\x1b[2J\x9b31m\u202e[bold]"})
        bundle.write_bytes(bundles.export(made, SIGNER, ALICE.uid, at=START))
    for words in (["show", str(bundle)], ["show", str(bundle), "--json"]):
        assert main.run(["evidence", *words]) == 0
        shown = capsys.readouterr().out
        assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
        assert "[bold]" in shown


@pytest.mark.parametrize("command", ["verify", "show"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["evidence", command, "--help"]) == 0
    assert f"./lab evidence {command}" in capsys.readouterr().out
