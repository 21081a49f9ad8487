"""The cluster as its baseline asks for it: nodes, closed namespaces, Pod Security."""

from __future__ import annotations

from typing import Any

import pytest

from infra.naming import LABEL_LAB, LABEL_SANDBOX
from tests.live.support import admission, drift, expected, probes, requested
from tests.live.support.api import Api, eventually, location, say
from tests.live.support.lab import Lab, current

#: Where pods may be privileged: the cluster's own machine-level pods.
PRIVILEGED = "kube-system"


@pytest.mark.check(id="cluster.nodes", area="cluster")
@pytest.mark.parametrize("machine", [machine.name for machine in current().nodes])
def test_the_node_is_ready(machine: str, api: Api, lab: Lab) -> None:
    name = lab.node_name(next(spec for spec in lab.nodes if spec.name == machine))
    conditions = {c["type"]: c for c in api.read(f"/api/v1/nodes/{name}")["status"]["conditions"]}
    ready = conditions["Ready"]
    assert ready["status"] == "True", (
        f"node {name} is not ready: {ready['message']}. `journalctl -u kubelet` on {machine}."
    )
    pressed = [kind for kind, c in conditions.items() if kind != "Ready" and c["status"] == "True"]
    assert not pressed, f"node {name} is under {', '.join(pressed)}."


@pytest.mark.check(id="cluster.pods", area="cluster")
def test_system_pods_run(api: Api) -> None:
    broken = []
    for pod in api.items(f"/api/v1/namespaces/{PRIVILEGED}/pods"):
        states = pod["status"].get("containerStatuses") or []
        if pod["status"]["phase"] != "Running" or not all(state["ready"] for state in states):
            broken.append(f"{pod['metadata']['name']} ({pod['status']['phase']})")
    assert not broken, (
        f"not running in {PRIVILEGED}: {', '.join(broken)}. "
        f"`kubectl -n {PRIVILEGED} describe pod NAME` says why."
    )


@pytest.mark.check(id="cluster.baseline", area="cluster")
@pytest.mark.parametrize("title", expected.baseline(current(), "0.0"))
def test_object(title: str, api: Api, lab: Lab) -> None:
    asked = expected.baseline(lab, expected.kubernetes_version(api))[title]
    answer = api.get(location(asked))
    assert answer.status_code == 200, (
        f"{title} of the cluster's baseline is gone ({say(answer)}). `./lab up --refresh` makes "
        "it again."
    )
    found = drift.differences(asked, answer.json())
    assert not found, f"{title} was changed: {'; '.join(found)}. `./lab up --refresh` restores it."


@pytest.mark.check(id="cluster.default-namespace", area="cluster")
def test_nothing_is_in_the_default_namespace(api: Api) -> None:
    """What runs there has none of a sandbox's walls (CIS 5.7.4)."""
    found = [
        f"{plural}/{name}"
        for plural in ("pods", "services", "persistentvolumeclaims")
        for one in api.items(f"/api/v1/namespaces/default/{plural}")
        # Kubernetes' own: the API server by its name.
        if (name := one["metadata"]["name"]) != "kubernetes"
    ]
    own = api.get("/api/v1/namespaces/default/services/kubernetes")
    assert own.status_code == 200, f"the control failed: {say(own)}"
    assert not found, f"in the namespace default: {', '.join(found)}. Move it to a sandbox."


def lab_namespaces(api: Api) -> list[str]:
    namespaces = api.items("/api/v1/namespaces")
    labels = {n["metadata"]["name"]: n["metadata"].get("labels", {}) for n in namespaces}
    return sorted(name for name, given in labels.items() if LABEL_LAB in given)


@pytest.mark.check(id="cluster.default-deny", area="cluster")
def test_every_lab_namespace_is_closed_both_ways(api: Api, lab: Lab) -> None:
    missing = []
    for namespace in lab_namespaces(api):
        policies = api.items(f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies")
        if not any(_closes(policy["spec"]) for policy in policies):
            missing.append(namespace)
    assert not missing, (
        f"no NetworkPolicy closes both directions for all pods of {', '.join(missing)}: anybody "
        "reaches its pods, and they reach anybody. `./lab up --refresh` makes it again."
    )
    closed = set(lab_namespaces(api))
    wanted = {f"sandbox-{sandbox.name}" for sandbox in lab.config.sandboxes} | {"default"}
    assert wanted <= closed, (
        f"namespaces without the label {LABEL_LAB}: {', '.join(sorted(wanted - closed))}."
    )


def _closes(spec: dict[str, Any]) -> bool:
    everything = not any((spec.get("podSelector") or {}).values())
    nothing_allowed = not spec.get("ingress") and not spec.get("egress")
    return everything and nothing_allowed and set(spec["policyTypes"]) == {"Ingress", "Egress"}


#: Kinds by which somebody could open what the lab has closed, and where they are listed.
POLICIES = {
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
    "CiliumNetworkPolicy": "/apis/cilium.io/v2/ciliumnetworkpolicies",
    "CiliumClusterwideNetworkPolicy": "/apis/cilium.io/v2/ciliumclusterwidenetworkpolicies",
}


@pytest.mark.check(id="cluster.no-wider-policy", area="cluster")
@pytest.mark.parametrize("kind", POLICIES)
def test_no_policy_that_the_lab_did_not_ask_for(kind: str, api: Api, lab: Lab) -> None:
    """Policies add up: one that allows too much undoes all others, whatever its namespace."""
    version = expected.kubernetes_version(api)
    asked = set(expected.baseline(lab, version))
    for drawing in expected.sandboxes(lab, version).values():
        asked.update(map(expected.title, drawing.objects))

    def look() -> list[str]:
        found = {expected.title({"kind": kind, **policy}) for policy in api.items(POLICIES[kind])}
        walls = (one for each in requested.drawings(api, lab, version) for one in each.walls)
        return sorted(found - asked - set(map(expected.title, walls)))

    # Sandboxes come and go while one looks.
    beside = eventually(look, until=lambda left: not left, within=requested.SETTLED)
    assert not beside, (
        f"policies that nobody asked for: {', '.join(beside)}. Look at who made them (the API "
        "audit log), then delete them."
    )


#: What each pod must be refused for.
FORBIDDEN: dict[str, dict[str, Any]] = {
    "privileged": {
        "container": {"securityContext": {"privileged": True, "allowPrivilegeEscalation": True}}
    },
    "host-network": {"pod": {"hostNetwork": True}},
    "host-pid": {"pod": {"hostPID": True}},
    "host-path": {"pod": {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]}},
    "root-user": {
        "pod": {"securityContext": {"runAsUser": 0}},
        "container": {"securityContext": {"runAsUser": 0, "runAsNonRoot": False}},
    },
    "capability": {"container": {"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}},
}


@pytest.mark.check(id="cluster.pod-security", area="cluster")
@pytest.mark.parametrize("fault", FORBIDDEN)
def test_a_pod_with_too_many_rights_is_refused(fault: str, api: Api, lab: Lab) -> None:
    """Tried for real (dry run) in every namespace of the lab but the cluster's own."""
    namespaces = [name for name in lab_namespaces(api) if name != PRIVILEGED]
    assert namespaces, "the lab has no namespace in which this could be tried."
    for namespace in namespaces:
        good = probes.server("pod-security-check", namespace)
        answer = api.create(good, dry_run=True)
        assert answer.status_code == 201, (
            f"a pod within the rules is refused in {namespace}: {say(answer)}"
        )
        answer = api.create(_with_fault(good, FORBIDDEN[fault]), dry_run=True)
        refused = answer.status_code == 403 and "PodSecurity" in answer.text
        assert refused, (
            f"{namespace} admits a pod with {fault} ({say(answer)[:160]}): Pod Security "
            "`restricted` is off there. The label pod-security.kubernetes.io/enforce of the "
            "namespace must say restricted; `./lab up --refresh` sets it."
        )


@pytest.mark.check(id="cluster.pod-security.default", area="cluster")
def test_a_new_namespace_is_restricted(api: Api, facts: Any, lab: Lab) -> None:
    """The API server's own default, for namespaces whose maker forgot the labels."""
    flags = facts[lab.control_plane.name].flags("kube-apiserver")
    file = flags.get("admission-control-config-file", "")
    assert file, "the API server has no admission configuration: Pod Security is off by default."
    text = facts[lab.control_plane.name].host.file(file).content_string
    faults = admission.faults(text, [PRIVILEGED])
    assert not faults, f"{file} does not make `restricted` the default: {'; '.join(faults)}."


def _with_fault(good: dict[str, Any], fault: dict[str, Any]) -> dict[str, Any]:
    spec = {**good["spec"], **fault.get("pod", {})}
    container = dict(spec["containers"][0])
    for key, value in fault.get("container", {}).items():
        container[key] = {**container.get(key, {}), **value}
    return {**good, "spec": {**spec, "containers": [container]}}


@pytest.mark.check(id="cluster.sandbox-labels", area="cluster")
def test_no_sandbox_that_nobody_asked_for(api: Api, lab: Lab) -> None:
    configured = {sandbox.name for sandbox in lab.config.sandboxes}

    def look() -> list[str]:
        namespaces = api.items("/api/v1/namespaces", labelSelector=LABEL_SANDBOX)
        found = {n["metadata"]["labels"][LABEL_SANDBOX] for n in namespaces}
        return sorted(found - configured - requested.identities(api, namespaces))

    unknown = eventually(look, until=lambda left: not left, within=requested.SETTLED)
    assert not unknown, f"sandboxes that neither the configuration nor a request knows: {unknown}."


@pytest.mark.check(id="cluster.requested-walls", area="cluster")
def test_requested_sandboxes_have_the_walls_that_they_were_drawn_with(api: Api, lab: Lab) -> None:
    """Those that nobody has asked for yet, too."""
    version = expected.kubernetes_version(api)

    def look() -> list[str]:
        return [
            f"{expected.title(wall)}: {fault}"
            for drawing in requested.drawings(api, lab, version, standing=True)
            for wall in drawing.walls
            for fault in requested.faults(api, wall)
        ]

    faults = eventually(look, until=lambda left: not left, within=requested.SETTLED)
    assert not faults, f"walls of sandboxes are not as drawn: {'; '.join(faults)}."
