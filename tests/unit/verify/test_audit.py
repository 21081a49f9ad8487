"""What `lab policies audit` looks at, over an API that answers what the test says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra import audit, config, toolchain, verify
from infra.engine import recovery
from infra.errors import KubernetesRefused, LabNotUp
from infra.kubernetes.client import Answer
from infra.paths import Home
from policies import cluster
from policies.admission import Settings
from policies.audit import Audited, Stand
from policies.examples import manifest
from policies.rule import Place

KUBERNETES = "1.36.3"
SANDBOX = {
    "metadata": {"name": "sandbox-example", "labels": {"ai-lab.eu/sandbox": "example"}},
}


class FakeApi:
    """Lists, in pages of one object."""

    def __init__(self, *manifests: dict[str, Any], status: int = 200) -> None:
        self._found: dict[str, list[dict[str, Any]]] = {}
        self._status = status
        for one in manifests:
            self._found.setdefault(one["kind"], []).append(one)

    def request(self, _method: str, path: str, *, params: dict[str, str]) -> Answer:
        if self._status != 200:
            return Answer(self._status, {"message": "no"})
        plural = path.rpartition("/")[2]
        kinds = [kind for kind in self._found if _plural(kind) == plural]
        if not kinds:
            return Answer(404, {})
        items = self._found[kinds[0]]
        at = int(params["continue"] or 0)
        more = str(at + 1) if at + 1 < len(items) else ""
        # Lists do not say of their items what they are.
        page = [{k: v for k, v in items[at].items() if k not in ("kind", "apiVersion")}]
        return Answer(200, {"items": page, "metadata": {"continue": more}})


def _plural(kind: str) -> str:
    lower = kind.lower()
    return f"{lower[:-1]}ies" if lower.endswith("y") else f"{lower}s"


class Quiet:
    def step(self, title: str) -> None:
        """Nobody looks."""

    def event(self, event: object) -> None:
        """Nobody looks."""


def policies() -> list[dict[str, Any]]:
    return cluster.objects(Settings(), KUBERNETES)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    """A deployed lab with nothing but a bucket, whose checks all pass."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    home = Home(config.load("local").name)
    urn = "urn:pulumi:local::ai-lab::aws:ebs/volume:Volume::disk"
    state = {"resources": [{"type": "aws:ebs/volume:Volume", "urn": urn, "inputs": {}}]}
    monkeypatch.setattr(recovery, "deployment", lambda *_: state)
    monkeypatch.setattr(toolchain, "version", lambda _: KUBERNETES)
    monkeypatch.setattr("infra.audit.kubeconfig.load", lambda _: None)
    report = verify.Report((verify.Check("hosts.firewall[ssh]", "hosts", "passed", ""),))
    monkeypatch.setattr(verify, "run", lambda *_, **__: report)
    return home


def looked(
    monkeypatch: pytest.MonkeyPatch, api: FakeApi, *, checks: bool = True
) -> dict[str, Audited]:
    monkeypatch.setattr(audit, "Api", lambda *_, **__: api)
    return {one.rule.id: one for one in audit.of_stack("local", Quiet(), checks=checks)}


@pytest.mark.usefixtures("lab")
def test_all_that_is_there_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    services = [
        manifest("Service", spec={"type": kind}, metadata={"name": kind.lower(), "namespace": box})
        for kind, box in (("ClusterIP", "sandbox-example"), ("NodePort", "sandbox-example"))
    ]
    namespace = {"apiVersion": "v1", "kind": "Namespace", **SANDBOX}
    found = looked(monkeypatch, FakeApi(namespace, *services, *policies()))
    stays = found["services-stay-inside"].places
    assert stays[Place.ADMISSION].stand is Stand.HOLDS
    assert stays[Place.LIVE].stand is Stand.BROKEN
    assert [fault.object for fault in stays[Place.LIVE].faults] == [
        "Service sandbox-example/nodeport"
    ]
    assert found["aws-volumes-encrypted"].places[Place.PREVIEW].stand is Stand.BROKEN
    assert found["host-firewall"].places[Place.LIVE].stand is Stand.HOLDS


@pytest.mark.usefixtures("lab")
def test_without_policies_every_rule_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    found = looked(monkeypatch, FakeApi(), checks=False)
    assert found["no-host-access"].places[Place.ADMISSION].stand is Stand.BROKEN
    assert found["host-firewall"].places[Place.LIVE].stand is Stand.NOTHING


@pytest.mark.usefixtures("lab")
def test_an_api_server_that_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KubernetesRefused):
        looked(monkeypatch, FakeApi(status=403))


def test_nothing_deployed_is_said(monkeypatch: pytest.MonkeyPatch, lab: Home) -> None:
    monkeypatch.setattr(recovery, "deployment", lambda *_: {})
    with pytest.raises(LabNotUp):
        audit.of_stack("local", Quiet())
    assert not lab.root.exists()
