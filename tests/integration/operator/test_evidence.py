"""From what the operator recorded to a bundle that verifies where there is no lab, by commands.

Only the way into the operator's pod is none: no pod ever runs here, so a program in kubectl's place
runs what it is told to run there, as the operator, beside it.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from infra import naming, toolchain
from infra.cli import main
from infra.cli.exit_codes import ExitCode
from infra.evidence import archive, manifest
from infra.evidence.manifest import RECORDS
from infra.paths import REPOSITORY
from infra.sandbox.resource import Phase
from tests.harness.sandbox_lab import APPROVERS, Operator, SandboxLab
from tests.integration.operator.test_life import ready, uid_of

_KUBECTL = """#!{python}
import os, sys
words = sys.argv[1:]
there = words.index("--")
assert words[there - 4] == "deployment/{operator}", words
program, *rest = words[there + 1:]
assert (program, rest[:2]) == ("python3", ["-m", "infra.operator.exporting"]), words
os.chdir({repository!r})
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
more = ["--configuration", {configuration!r}]
os.execv({python!r}, [{python!r}, *rest[:2], *more, *rest[2:]])
"""


@pytest.fixture(scope="module")
def operator(lab: SandboxLab) -> Iterator[Operator]:
    with lab.operator() as found:
        yield found


@pytest.fixture(scope="module")
def gone(lab: SandboxLab, operator: Operator) -> str:
    """The uid of a sandbox that lived and died, and whose object is gone."""
    del operator
    ready(lab, "evident")
    uid = uid_of(lab, "evident")
    lab.delete("evident")
    lab.until_gone("evident")
    return uid


@pytest.fixture(autouse=True)
def _kubectl(
    lab: SandboxLab, operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del operator
    program = tmp_path / "in-place-of-kubectl"
    program.write_text(
        _KUBECTL.format(
            python=sys.executable,
            operator=naming.OPERATOR,
            repository=str(REPOSITORY),
            configuration=str(lab.configuration()),
        )
    )
    program.chmod(0o700)
    monkeypatch.setattr(toolchain, "binary", lambda _: program)
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "labs"))
    monkeypatch.chdir(tmp_path)


Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def run(lab: SandboxLab, capfd: pytest.CaptureFixture[str]) -> Run:
    """A command of the administrator's; its status, its document and what it says."""

    def command(*words: str, login: Path | None = None) -> tuple[int, Any, str]:
        file = str(login or lab.server.kubeconfig)
        status = main.run([*words, "--kubeconfig", file, "--json"])
        found = capfd.readouterr()
        return status, json.loads(found.out) if found.out else None, found.err

    return command


def verify(*words: str) -> subprocess.CompletedProcess[str]:
    """`lab evidence verify` in a process that knows of no lab: no environment, no other folder."""
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", "evidence", "verify", *words, "--json"],
        env={"PYTHONPATH": str(REPOSITORY), "HOME": "/nonexistent"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_of_a_sandbox_that_is_gone(gone: str, run: Run, tmp_path: Path) -> None:
    status, listed, said = run("sandbox", "evidence", "--list")
    assert status == 0, said
    assert ("evident", gone) in [(one["sandbox"], one["uid"]) for one in listed]
    status, found, said = run("sandbox", "evidence", "evident")
    assert status == 0, said
    file = tmp_path / "evident.evidence.tar"
    assert (found["ok"], found["certified"], found["notes"]) == (True, True, [])
    assert found["bundle"] == file.name
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # The auditor has the file, and got the fingerprint from what the lab has published.
    status, published, said = run("evidence", "key")
    assert status == 0, said
    [key] = published["keys"]
    assert found["fingerprints"] == [key["fingerprint"]]
    done = verify(str(file), "--fingerprint", key["fingerprint"])
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["sandbox"]["uid"] == gone
    pem = tmp_path / "evidence.pem"
    pem.write_text(key["pem"])
    assert verify(str(file), "--key", str(pem)).returncode == 0
    # Nothing is overwritten, not even an older bundle.
    before = file.read_bytes()
    status, refused, _ = run("sandbox", "evidence", gone)
    assert (status, refused["error"]["code"]) == (ExitCode.BAD_INPUT, "LAB-105")
    assert file.read_bytes() == before
    other = tmp_path / "again.tar"
    assert run("sandbox", "evidence", gone, "-o", str(other), "--head", found["head"])[0] == 0


def lines(file: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """The bundle with its log changed, as well as somebody can who has no key."""
    files, _ = archive.unpack(file.read_bytes(), manifest.belongs)
    log = change(files[RECORDS].splitlines(keepends=True))
    file.write_bytes(archive.pack(files | {RECORDS: b"".join(log)}))


def test_the_four_tampered_bundles(lab: SandboxLab, gone: str, run: Run, tmp_path: Path) -> None:
    ready(lab, "foreigner")
    other = tmp_path / "other.tar"
    assert run("sandbox", "evidence", "foreigner", "-o", str(other))[0] == 0
    files, _ = archive.unpack(other.read_bytes(), manifest.belongs)
    foreign = files[RECORDS].splitlines(keepends=True)[2]
    tampers: dict[str, Callable[[list[bytes]], list[bytes]]] = {
        "changed": lambda log: [*log[:1], _other_payload(log[1]), *log[2:]],
        "missing": lambda log: [*log[:2], *log[3:]],
        "reordered": lambda log: [log[1], log[0], *log[2:]],
        "foreign": lambda log: [*log[:2], foreign, *log[3:]],
    }
    for kind, change in tampers.items():
        file = tmp_path / f"{kind}.tar"
        status, found, said = run("sandbox", "evidence", gone, "-o", str(file))
        assert status == 0, said
        [fingerprint] = found["fingerprints"]
        assert verify(str(file), "--fingerprint", fingerprint).returncode == 0
        lines(file, change)
        done = verify(str(file), "--fingerprint", fingerprint)
        assert done.returncode == ExitCode.FAILED, kind
        assert kind in {fault["kind"] for fault in json.loads(done.stdout)["faults"]}
    lab.delete("foreigner")
    lab.until_gone("foreigner")


def _other_payload(line: bytes) -> bytes:
    """A record that says something else, well-formed and with the signature that it had."""
    envelope = json.loads(line)
    payload = base64.b64decode(envelope["payload"])
    assert b"Approved" in payload
    changed = payload.replace(APPROVERS[0].encode(), APPROVERS[1].encode())
    assert changed != payload
    return line.replace(envelope["payload"].encode(), base64.b64encode(changed))


def test_a_store_that_lost_its_end_is_found_by_what_the_cluster_knows(
    lab: SandboxLab, run: Run, tmp_path: Path
) -> None:
    """Nothing in the log shows it; the head in the sandbox's status does."""
    status = ready(lab, "cut")
    uid = uid_of(lab, "cut")
    with closing(sqlite3.connect(lab.evidence)) as store:
        # Whoever opens the store next makes them again.
        triggers = store.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            store.execute(f'DROP TRIGGER "{name}"')
        where = "uid = ? AND sequence = (SELECT max(sequence) FROM records WHERE uid = ?)"
        columns = store.execute(f"SELECT * FROM records WHERE {where}", (uid, uid))  # noqa: S608
        last = columns.fetchone()
        assert status["evidenceHead"] in last
        store.execute(f"DELETE FROM records WHERE {where}", (uid, uid))  # noqa: S608
        store.commit()
        refused = run("sandbox", "evidence", "cut")
        marks = ", ".join("?" * len(last))
        store.execute(f"INSERT INTO records VALUES ({marks})", last)  # noqa: S608
        store.commit()
    assert (refused[0], refused[1]["error"]["code"]) == (ExitCode.FAILED, "LAB-805")
    assert status["evidenceHead"] in refused[1]["error"]["message"]
    # What was found is kept, and does not verify elsewhere either: the manifest names the head.
    _, published, _ = run("evidence", "key")
    name = published["keys"][0]["fingerprint"]
    done = verify(str(tmp_path / "cut.evidence.tar"), "--fingerprint", name)
    assert done.returncode == ExitCode.FAILED
    assert "was seen before" in done.stdout
    whole = run("sandbox", "evidence", "cut", "-o", str(tmp_path / "whole.tar"))
    assert whole[0] == 0, whole[2]
    assert whole[1]["notes"][0].startswith("The log is not closed")
    lab.delete("cut")
    lab.until_gone("cut")


def test_a_name_that_two_sandboxes_had(
    lab: SandboxLab, run: Run, gone: str, tmp_path: Path
) -> None:
    lab.request("evident")
    lab.until("evident", Phase.REQUESTED)
    uid = uid_of(lab, "evident")
    _, found, _ = run("sandbox", "evidence", "evident", "-o", str(tmp_path / "present.tar"))
    assert found["sandbox"]["uid"] == uid != gone
    lab.delete("evident")
    lab.until_gone("evident")
    status, refused, said = run("sandbox", "evidence", "evident")
    assert (status, refused["error"]["code"]) == (ExitCode.FAILED, "LAB-814")
    assert uid in said
    assert gone in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["sandbox", "evidence", "nobodys"], "LAB-814"),
        (["sandbox", "evidence"], "LAB-103"),
        (["sandbox", "evidence", "evident", "--head", "abc"], "LAB-103"),
    ],
)
def test_what_cannot_be_exported(words: list[str], code: str, gone: str, run: Run) -> None:
    words = [gone if word == "evident" else word for word in words]
    status, refused, _ = run(*words)
    assert status != 0
    assert refused["error"]["code"] == code


@pytest.mark.parametrize("words", [["sandbox", "evidence", "--list"], ["evidence", "key"]])
def test_people_of_sandboxes_may_not(words: list[str], lab: SandboxLab, run: Run) -> None:
    """Not even who approves: the evidence is that of all sandboxes."""
    login = lab.server.kubeconfig_of(APPROVERS[0])
    status, refused, said = run(*words, login=login)
    assert (status, refused["error"]["code"]) == (ExitCode.FAILED, "LAB-812")
    assert "administrator" in said


def test_the_operators_own_words_come_through(lab: SandboxLab, run: Run) -> None:
    lab.configuration(evidence={"kind": "sqlite", "file": "/nonexistent/evidence.sqlite"})
    try:
        status, refused, _ = run("sandbox", "evidence", "--list")
    finally:
        lab.configuration()
    assert (status, refused["error"]["code"]) == (ExitCode.FAILED, "LAB-808")
