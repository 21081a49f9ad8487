"""The policy auditor's objects, as data, and as Pulumi resources."""

from __future__ import annotations

import copy
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import naming, paths, toolchain
from infra.auditor import contract, scope, told
from infra.auditor.told import Told
from infra.cluster import auditor_objects, images, kubernetes
from infra.cluster.auditor_objects import ApiServer
from infra.cluster.images import Image
from infra.kubernetes import in_cluster
from infra.marks import UNKNOWN_TEXT
from infra.toolchain import Artifact
from policies import preview
from policies.admission import Admission, Settings
from policies.registry import all_rules
from policies.rule import Level
from tests.harness.deploy import Deployment
from tests.harness.local_lab import KUBERNETES, deploy_local

TOLD = Told(KUBERNETES)
IMAGE = Image("lab.local/ai-lab:0123456789ab", "Never", "f" * 64)
Manifest = dict[str, Any]


def made(**given: Any) -> list[Manifest]:
    arguments = {"audience": naming.KUBERNETES_AUDIENCE, **given}
    lab_told = arguments.pop("told", TOLD)
    image = arguments.pop("image", IMAGE)
    return auditor_objects.objects("local", lab_told, image, **arguments)


def one(kind: str, name: str = "", **given: Any) -> Manifest:
    (found,) = [
        entry
        for entry in made(**given)
        if entry["kind"] == kind and name in ("", entry["metadata"]["name"])
    ]
    return found


def pod(**given: Any) -> Manifest:
    spec: Manifest = one("Deployment", **given)["spec"]["template"]["spec"]
    return spec


def faults(manifests: list[Manifest], *, sandboxed: bool) -> list[str]:
    """What the rules say of objects: in their own namespace, or as if it were a sandbox."""
    found = []
    for rule in all_rules().values():
        if not isinstance(rule.admission, Admission) or rule.admission.of_the_request:
            continue
        for manifest in manifests:
            namespace = preview.namespace_of(manifest)
            if sandboxed:
                namespace["metadata"]["labels"] = {naming.LABEL_SANDBOX: "auditor"}
            told_of = rule.admission.faults(manifest, namespace, Settings())
            found += [f"{rule.id}: {fault}" for fault in told_of]
    return found


@pytest.mark.parametrize("sandboxed", [False, True])
def test_the_lab_keeps_its_own_rules(sandboxed: bool) -> None:
    """Even those that are for sandboxes only."""
    assert faults(made(), sandboxed=sandboxed) == []


def _change(path: str, value: Any) -> Callable[[Manifest], None]:
    def change(deployment: Manifest) -> None:
        place: Any = deployment["spec"]["template"]["spec"]
        *way, last = path.split(".")
        for part in way:
            place = place[int(part)] if part.isdigit() else place[part]
        place[last] = value

    return change


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (_change("containers.0.resources.limits", {}), "limits-set"),
        (_change("containers.0.imagePullPolicy", "Always"), "images-by-digest"),
        (_change("containers.0.image", "docker.io/x:1"), "image-registries-allowed"),
        (_change("containers.0.securityContext", {}), "read-only-root-filesystem"),
        (_change("automountServiceAccountToken", True), "api-tokens-not-mounted"),
        (_change("volumes.1.projected.sources", [{"serviceAccountToken": {}}]), "short-lived"),
        (_change("hostNetwork", True), "no-host-access"),
    ],
)
def test_a_worse_pod_is_seen(spoil: Callable[[Manifest], None], rule: str) -> None:
    deployment = copy.deepcopy(one("Deployment"))
    spoil(deployment)
    assert any(fault.startswith(rule) for fault in faults([deployment], sandboxed=True))


def test_it_may_list_what_rules_are_about_and_nothing_with_content() -> None:
    rights = one("ClusterRole")["rules"]
    assert {tuple(rule["verbs"]) for rule in rights} == {("get", "list")}
    listed = {(group, name) for r in rights for group in r["apiGroups"] for name in r["resources"]}
    wanted = {(kind.group, kind.resource) for kind in scope.kinds(all_rules().values())}
    content = {("", "secrets"), ("", "configmaps")}
    assert content <= wanted
    assert wanted - content <= listed
    assert not listed & content
    assert not [name for _, name in listed if "*" in name or "/" in name]
    beside = {name for group, name in listed - wanted if group != scope.GROUP}
    assert beside == {"namespaces"}
    binding = one("ClusterRoleBinding")
    assert binding["roleRef"]["name"] == one("ClusterRole")["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "policy-auditor", "namespace": "lab-auditor"}
    ]


def test_its_namespace_is_closed_but_for_two_ways() -> None:
    labels = one("Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    deny = one("NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    out = one("CiliumNetworkPolicy")["spec"]
    assert out["endpointSelector"]["matchLabels"] == {"app.kubernetes.io/name": "policy-auditor"}
    assert [rule["toEntities"] for rule in out["egress"]] == [["kube-apiserver"]]
    (way_in,) = one("NetworkPolicy", "allow-scraping")["spec"]["ingress"]
    assert way_in["from"] == [
        {
            "namespaceSelector": {"matchLabels": {"ai-lab.eu/monitoring": "prometheus"}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
        }
    ]
    assert way_in["ports"] == [{"protocol": "TCP", "port": contract.PORT}]
    kinds = [entry["kind"] for entry in made()]
    assert kinds.count("NetworkPolicy") + kinds.count("CiliumNetworkPolicy") == 3


def test_a_providers_api_server_is_reached_by_its_addresses() -> None:
    there = ApiServer((IPv4Network("10.0.4.0/28"), IPv4Network("10.1.0.1/32")), 443)
    assert "CiliumNetworkPolicy" not in {entry["kind"] for entry in made(api_server=there)}
    assert one("NetworkPolicy", "allow-api-server", api_server=there)["spec"]["egress"] == [
        {
            "to": [{"ipBlock": {"cidr": cidr}} for cidr in ("10.0.4.0/28", "10.1.0.1/32")],
            "ports": [{"protocol": "TCP", "port": 443}],
        }
    ]


def test_the_pod_comes_last_and_runs_as_nobody() -> None:
    assert made()[0]["kind"] == "Namespace"
    assert made()[-1]["kind"] == "Deployment"
    assert pod()["securityContext"]["runAsUser"] == 65532
    (container,) = pod()["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["command"] == ["python3", "-m", "infra.auditor"]
    assert {"livenessProbe", "readinessProbe", "startupProbe"} <= set(container)


def test_its_token_is_for_the_api_server_and_for_an_hour() -> None:
    def sources(**given: Any) -> list[Manifest]:
        found: list[Manifest] = pod(**given)["volumes"][1]["projected"]["sources"]
        return found

    token = {"path": in_cluster.TOKEN, "expirationSeconds": 3600}
    audience = {"audience": naming.KUBERNETES_AUDIENCE}
    assert sources()[0] == {"serviceAccountToken": token | audience}
    assert sources(audience="")[0] == {"serviceAccountToken": token}
    assert sources()[1]["configMap"]["items"] == [{"key": "ca.crt", "path": in_cluster.AUTHORITY}]
    (mounted,) = [m for m in pod()["containers"][0]["volumeMounts"] if m["name"] == "credentials"]
    assert mounted["mountPath"] == str(in_cluster.FOLDER)


def test_an_api_server_of_ours_takes_its_token() -> None:
    """The audience is the issuer that the role gives the API server."""
    defaults = paths.REPOSITORY / "ansible/roles/control_plane/defaults/main.yml"
    issuer = yaml.safe_load(defaults.read_text())["control_plane_service_account_issuer"]
    assert issuer == naming.KUBERNETES_AUDIENCE


def test_it_is_told_of_its_lab_and_starts_anew_when_that_changes() -> None:
    levels = {"no-host-access": Level.ADVISORY}
    other = Told(KUBERNETES, Settings(("r.example.org",)), levels, interval_seconds=60)
    (document,) = one("ConfigMap", told=other)["data"].values()
    assert told.parse(document) == other
    (mount,) = [m for m in pod()["containers"][0]["volumeMounts"] if m["name"] == "told"]
    assert [mount["subPath"]] == list(one("ConfigMap")["data"])
    assert mount["mountPath"] == str(contract.CONFIGURATION)

    def annotations(**given: Any) -> Manifest:
        found: Manifest = one("Deployment", **given)["spec"]["template"]["metadata"]["annotations"]
        return found

    assert annotations() == annotations()
    assert annotations(told=other) != annotations()
    again = Image(IMAGE.reference, IMAGE.pull, "e" * 64)
    assert annotations(image=again) != annotations()


def test_the_image_is_on_the_nodes_or_in_the_registry() -> None:
    found = {"image-ai-lab": Artifact(Path("/a"), "a", "c" * 64)}
    named = toolchain.image_name(None, "ai-lab")
    assert images.ai_lab(found) == Image(named, "Never", "c" * 64)
    pulled = images.ai_lab(found, "r.example.org/lab")
    assert pulled.reference == f"r.example.org/lab/{named.removeprefix('lab.local/')}"
    assert pulled.pull == "IfNotPresent"
    planned = {"image-ai-lab": Artifact(Path("/a"), "a", None)}
    assert images.ai_lab(planned).archive == UNKNOWN_TEXT


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return deploy_local(monkeypatch)


def test_a_lab_on_machines_declares_it(deployment: Deployment) -> None:
    (component,) = deployment.of_type("ailab:cluster:PolicyAuditor")
    declared = {
        entry.name: {key: value for key, value in entry.inputs.items() if value is not None}
        for entry in deployment.resources
        if entry.parent == component.urn
    }
    image = Image(toolchain.image_name(None, "ai-lab"), "Never", "0" * 64)
    wanted = {kubernetes.resource_name(manifest): manifest for manifest in made(image=image)}
    assert declared == wanted


def test_the_pod_waits_for_its_walls_and_rights_and_for_every_policy(
    deployment: Deployment,
) -> None:
    pod_of = deployment.named("lab-auditor/deployment/policy-auditor")
    waits = deployment.waits_for(pod_of)
    (component,) = deployment.of_type("ailab:cluster:PolicyAuditor")
    others = {
        entry.name
        for entry in deployment.resources
        if entry.parent == component.urn and entry.urn != pod_of.urn
    }
    assert others <= waits
    (baseline,) = deployment.of_type("ailab:cluster:Baseline")
    policies = {entry.name for entry in deployment.resources if entry.parent == baseline.urn}
    assert policies <= waits
