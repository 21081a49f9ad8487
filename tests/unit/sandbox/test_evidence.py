"""Which log is meant, what is written where, and what is said if nobody hands anything out."""

from __future__ import annotations

import base64
import json
import stat
import sys
from pathlib import Path

import httpx
import pytest

from infra.errors import (
    EvidenceForbidden,
    EvidenceInvalid,
    EvidenceNotFound,
    EvidenceNotHandedOut,
    EvidenceUnavailable,
    FileInTheWay,
)
from infra.evidence.keys import PublicKey
from infra.sandbox import evidence
from infra.sandbox.evidence import Desk, Log, chosen, heads
from infra.sandbox.resource import Sandbox
from tests.unit.sandbox.answering import Server, sandbox

#: What the stand-in for an API server calls the sandbox `bias`.
THERE = "u1"
OLD = Log("bias", "00000000-0000-0000-0000-000000000001", 3, "a" * 64)
OLDER = Log("bias", "00000000-0000-0000-0000-000000000002", 3, "b" * 64)
NOW = Log("bias", THERE, 3, "c" * 64)
KEY = PublicKey(bytes(range(32)), "transit/evidence:1")


def alive(**status: str) -> list[Sandbox]:
    return [Sandbox.of(sandbox(status=dict(status)))]


def test_the_one_that_is_there_is_meant() -> None:
    assert chosen("bias", alive(), [OLD, NOW, OLDER]) == NOW
    assert chosen("bias", [], [OLD]) == OLD
    assert chosen(OLD.uid, alive(), [OLD, NOW]) == OLD


def test_what_is_not_clear_is_asked_back() -> None:
    with pytest.raises(EvidenceNotFound, match="2 sandboxes") as found:
        chosen("bias", [], [OLD, OLDER])
    assert OLD.uid in found.value.next_step
    with pytest.raises(EvidenceNotFound, match="no evidence"):
        chosen("other", alive(), [OLD])
    # It was asked for a moment ago; what an earlier one of its name did is not its evidence.
    with pytest.raises(EvidenceNotFound, match="there now"):
        chosen("bias", alive(), [OLD])


def test_what_the_cluster_knows() -> None:
    assert heads(NOW, alive(evidenceHead="d" * 64)) == ["d" * 64]
    assert heads(NOW, alive()) == []
    assert heads(OLD, alive(evidenceHead="d" * 64)) == []


@pytest.mark.parametrize("name", ["../bias", "/etc/passwd", "", "-o", "Bias", "a" * 100])
def test_a_store_does_not_choose_the_file(name: str) -> None:
    assert evidence.default_file(NOW) == Path("bias.evidence.tar")
    with pytest.raises(EvidenceInvalid):
        evidence.default_file(Log(name, "u", 1, ""))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "bundle.tar"
    evidence.write(b"first", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileInTheWay):
        evidence.write(b"second", file)
    assert file.read_bytes() == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["bundle.tar"]


def desk(tmp_path: Path, program: str, *, may: bool = True) -> Desk:
    """A desk whose kubectl is this program (Python)."""
    kubectl = tmp_path / "kubernetes"
    kubectl.write_text(f"#!{sys.executable}\nimport json, os, sys\n{program}\n")
    kubectl.chmod(0o700)
    server = Server()
    server.changes = lambda _: httpx.Response(201, json={"status": {"allowed": may}})
    return Desk(server.client().api, kubectl, ("--kubeconfig", "admin.conf", "--as", "root"))


def test_what_is_run_and_what_comes_back(tmp_path: Path) -> None:
    keys = [{"pem": KEY.pem.decode(), "label": KEY.label}]
    answer = {"bundle": base64.b64encode(b"whole").decode(), "keys": keys}
    program = (
        f"open({str(tmp_path / 'words')!r}, 'w').write(json.dumps([sys.argv, dict(os.environ)]))\n"
        f"print({json.dumps(answer)!r})"
    )
    found = desk(tmp_path, program).export("-u", ["h" * 64])
    assert (found.content, found.keys) == (b"whole", (KEY,))
    (called, *words), environment = json.loads((tmp_path / "words").read_text())
    # One binary is all of Kubernetes.
    assert Path(called).name == "kubectl"
    assert words[:4] == ["--kubeconfig", "admin.conf", "--as", "root"]
    # Whatever a uid looks like, it is no option.
    assert words[words.index("--") + 1 :] == [
        "python3", "-m", "infra.operator.exporting", "export", "--head", "h" * 64, "--", "-u",
    ]  # fmt: skip
    assert not {"KUBECONFIG", "VAULT_TOKEN", "LAB_HOME"} & set(environment)


def test_the_operators_errors_are_the_labs(tmp_path: Path) -> None:
    said = EvidenceUnavailable("it sleeps.", next_step="wake it.").as_dict()
    with pytest.raises(EvidenceUnavailable, match="it sleeps"):
        desk(tmp_path, f"print({json.dumps({'error': said})!r})").logs()


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("sys.exit('error: deployments not found')", "deployments not found"),
        ("print('Defaulted container')", "ended with 0"),
        ("print('[]')", "not a document"),
        ("sys.exit(7)", "ended with 7"),
        ("""print('{"error": {"code": "LAB-999", "message": "of tomorrow"}}')""", "of tomorrow"),
        ("""print('{"bundle": "!", "keys": []}')""", "not a bundle"),
    ],
)
def test_whoever_hands_out_nothing_is_looked_for(program: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(EvidenceNotHandedOut, match=says):
        desk(tmp_path, program).export("u")


def test_who_may_not_is_told_before_anything_runs(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    with pytest.raises(EvidenceForbidden):
        desk(tmp_path, f"open({str(ran)!r}, 'w')", may=False).keys()
    assert not ran.exists()
