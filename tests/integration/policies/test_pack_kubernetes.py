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
    # The second makes `--event-log` known to the CLI.
    variables = {"KUBECONFIG": str(api.kubeconfig), "PULUMI_DEBUG_COMMANDS": "true"}
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


PRIVILEGED = "no-privileged-containers"
POD = """
apiVersion: v1
kind: Pod
metadata:
  name: child
  namespace: sandbox-demo
spec:
  containers:
    - name: main
      image: lab.local/example:1
      securityContext:
        privileged: {privileged}
"""
#: Ways to declare objects without naming each: what the program says, and what the URN of the
#: child ends with.
GROUPS = {
    "yaml.ConfigGroup": (
        "k8s.yaml.ConfigGroup('all', yaml=[TEXT])",
        "yaml:ConfigGroup$kubernetes:core/v1:Pod::sandbox-demo/child",
    ),
    "yaml.ConfigFile": (
        "k8s.yaml.ConfigFile('all', file='pod.yaml')",
        "yaml:ConfigFile$kubernetes:core/v1:Pod::sandbox-demo/child",
    ),
    "yaml.v2.ConfigGroup": (
        "k8s.yaml.v2.ConfigGroup('all', yaml=TEXT)",
        "yaml/v2:ConfigGroup$kubernetes:core/v1:Pod::all:sandbox-demo/child",
    ),
    "yaml.v2.ConfigGroup of objects": (
        "k8s.yaml.v2.ConfigGroup('all', objs=[yaml.safe_load(TEXT)])",
        "yaml/v2:ConfigGroup$kubernetes:core/v1:Pod::all:sandbox-demo/child",
    ),
    "yaml.v2.ConfigFile": (
        "k8s.yaml.v2.ConfigFile('all', file='pod.yaml')",
        "yaml/v2:ConfigFile$kubernetes:core/v1:Pod::all:sandbox-demo/child",
    ),
    "helm.v3.Chart": (
        "from pulumi_kubernetes.helm.v3 import Chart, LocalChartOpts\n"
        "Chart('all', LocalChartOpts(path='chart', values={'privileged': PRIVILEGED}))",
        "helm.sh/v3:Chart$kubernetes:core/v1:Pod::sandbox-demo/child",
    ),
    "helm.v4.Chart": (
        "from pulumi_kubernetes.helm.v4 import Chart\n"
        "Chart('all', chart='./chart', namespace='sandbox-demo', "
        "values={'privileged': PRIVILEGED})",
        "helm.sh/v4:Chart$kubernetes:core/v1:Pod::all:sandbox-demo/child",
    ),
}


def grouped(project: Project, way: str, *, privileged: bool) -> str:
    """Writes a program that declares a pod by a group; the end of the pod's URN."""
    said, urn = GROUPS[way]
    text = POD.format(privileged=str(privileged).lower())
    (project.folder / "pod.yaml").write_text(text)
    chart = project.folder / "chart"
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: example\nversion: 1.0.0\n")
    (chart / "values.yaml").write_text("privileged: false\n")
    (chart / "templates" / "pod.yaml").write_text(POD.format(privileged="{{ .Values.privileged }}"))
    head = f"TEXT, PRIVILEGED = {text!r}, {privileged}"
    project.program(f"import yaml, pulumi_kubernetes as k8s\n{head}\n{said}\n")
    return urn


@pytest.mark.parametrize("way", GROUPS)
def test_the_children_of_a_group_are_judged_by_name(project: Project, way: str) -> None:
    urn = grouped(project, way, privileged=True)
    log = project.folder / "events.jsonl"
    denied = alone(project, PRIVILEGED, "mandatory")
    done = project.run("preview", *denied, "--event-log", str(log), ok=False, streams=True)
    assert done.status != 0
    events = [json.loads(line) for line in log.read_text().splitlines()]
    (told,) = [one["policyEvent"] for one in events if "policyEvent" in one]
    assert told["policyName"] == PRIVILEGED
    assert told["resourceUrn"].endswith(urn), told
    assert "a container is privileged." in told["message"]
    # The same group with the pod as it should be.
    grouped(project, way, privileged=False)
    assert urn in project.run("preview", *denied, "--json").text


def test_a_release_whose_children_nobody_sees_is_refused(project: Project) -> None:
    project.program("""
        import pulumi_kubernetes as k8s
        k8s.helm.v3.Release("all", chart="./chart", namespace="sandbox-demo")
    """)
    denied = alone(project, "charts-as-objects", "mandatory")
    done = project.run("preview", *denied, ok=False, streams=True)
    assert done.status != 0
    assert "there must be no Release" in done.text
    assert "helm.v4.Chart" in done.text


def test_what_a_group_declares_is_made(api: ApiServer, project: Project) -> None:
    """Namespace first, the rest in it; and all of it is gone again."""
    project.program("""
        import pulumi_kubernetes as k8s
        k8s.yaml.v2.ConfigGroup("all", objs=[
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "2026-01-01"},
             "metadata": {"name": "in-it", "namespace": "of-a-group"}},
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "of-a-group"}},
        ])
    """)
    project.up()
    answer = api.client.get("/api/v1/namespaces/of-a-group/configmaps/in-it")
    assert answer.json()["data"] == {"a": "2026-01-01"}
    project.run("preview", "--expect-no-changes")
    project.run("destroy", "--yes")
    answer = api.client.get("/api/v1/namespaces/of-a-group/configmaps/in-it")
    assert answer.status_code == 404
