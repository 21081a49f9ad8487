"""The policy pack under the real engine, over objects of a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import naming, paths, toolchain
from infra.cluster import manifests
from tests.harness.api_server import ApiServer, running
from tests.harness.pulumi_project import Project, Result

PACK = ("--policy-pack", str(paths.REPOSITORY / "policies"))
SANDBOX = "sandbox-demo"
#: A Deployment that would run nothing, with one protection that nobody has set.
DEPLOYMENT = """
import pulumi_kubernetes as k8s
k8s.apps.v1.Deployment(
    "quiet",
    metadata={{"name": "quiet", "namespace": "sandbox-demo"}},
    spec={{
        "replicas": 0,
        "selector": {{"matchLabels": {{"app": "quiet"}}}},
        "template": {{
            "metadata": {{"labels": {{"app": "quiet"}}}},
            "spec": {{
                "automountServiceAccountToken": {mounts},
                "containers": [{{"name": "main", "image": "lab.local/example:1"}}],
            }},
        }},
    }},
)
"""
RULE = "api-tokens-not-mounted"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    kubernetes, etcd = toolchain.binary("kubernetes"), toolchain.binary("etcd")
    with running(tmp_path_factory.mktemp("api"), kubernetes=kubernetes, etcd=etcd) as server:
        labels = {naming.LABEL_SANDBOX: "demo"}
        answer = server.client.post(
            "/api/v1/namespaces", json=manifests.namespace(SANDBOX, labels=labels)
        )
        assert answer.status_code == 201, answer.text
        yield server


@pytest.fixture
def project(api: ApiServer, tmp_path: Path) -> Project:
    folder = tmp_path / "objects"
    folder.mkdir()
    variables = {"KUBECONFIG": str(api.kubeconfig)}
    return Project(folder, pulumi=toolchain.binary("pulumi"), variables=variables)


def alone(project: Project, rule: str, level: str) -> tuple[str, ...]:
    """The pack with one rule at a level, and no other in force."""
    config = project.folder / "policies.json"
    config.write_text(json.dumps({"all": "disabled", rule: {"enforcementLevel": level}}))
    return *PACK, "--policy-pack-config", str(config)


def deployed(api: ApiServer) -> dict[str, Any] | None:
    answer = api.client.get(f"/apis/apps/v1/namespaces/{SANDBOX}/deployments/quiet")
    if answer.status_code == 404:
        return None
    found: dict[str, Any] = answer.json()["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("mounts", ["True", "None"])
def test_what_is_deployed_is_corrected(api: ApiServer, project: Project, mounts: str) -> None:
    project.program(DEPLOYMENT.format(mounts=mounts))
    corrected = alone(project, RULE, "remediate")
    done = project.up(*corrected)
    assert f"[remediate]  {RULE}" in done.text
    there = deployed(api)
    assert there is not None
    assert there["automountServiceAccountToken"] is False
    project.run("preview", "--expect-no-changes", *corrected)
    project.run("destroy", "--yes")


def test_what_is_there_already_is_changed_in_place(api: ApiServer, project: Project) -> None:
    """Neither replaced nor deleted when the level is turned on."""
    project.program(DEPLOYMENT.format(mounts="True"))
    project.up(*alone(project, RULE, "disabled"))
    before = _uid(api)
    there = deployed(api)
    assert there is not None
    assert there["automountServiceAccountToken"] is True
    project.up(*alone(project, RULE, "remediate"))
    there = deployed(api)
    assert there is not None
    assert there["automountServiceAccountToken"] is False
    assert _uid(api) == before
    project.run("destroy", "--yes")


def _uid(api: ApiServer) -> str:
    found = api.client.get(f"/apis/apps/v1/namespaces/{SANDBOX}/deployments/quiet").json()
    return str(found["metadata"]["uid"])


def test_it_is_refused_where_the_rule_is_mandatory(api: ApiServer, project: Project) -> None:
    project.program(DEPLOYMENT.format(mounts="True"))
    done: Result = project.run(
        "up", "--yes", *alone(project, RULE, "mandatory"), ok=False, streams=True
    )
    assert done.status != 0
    assert "automountServiceAccountToken must be false." in done.text
    assert deployed(api) is None
