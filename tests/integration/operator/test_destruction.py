"""What is in a sandbox at its end, and what is left of it where nobody should have anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra import naming
from infra.sandbox.resource import Phase
from tests.harness.definitions import install
from tests.harness.sandbox_lab import PATIENCE, Operator, SandboxLab
from tests.integration.operator.test_life import ready, uid_of
from tests.live.support.api import eventually, say

IMAGE = f"registry.k8s.io/pause@sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def operator(lab: SandboxLab) -> Iterator[Operator]:
    with lab.operator() as found:
        yield found


@pytest.fixture(autouse=True)
def _running(operator: Operator) -> None:
    """Every test here has one."""


def make(lab: SandboxLab, path: str, manifest: dict[str, Any]) -> None:
    answer = lab.api.post(path, manifest)
    assert answer.status_code == 201, say(answer)


def _pod(name: str, **metadata: Any) -> dict[str, Any]:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {
            "serviceAccountName": naming.SANDBOX_SERVICE_ACCOUNT,
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "main",
                    "image": IMAGE,
                    "securityContext": {**security, "readOnlyRootFilesystem": True},
                    "resources": {"limits": {"cpu": "10m", "memory": "16Mi"}},
                }
            ],
        },
    }


def _volume(name: str, namespace: str) -> dict[str, Any]:
    """One that its storage keeps when it is let go."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Mi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "none",
            "nfs": {"server": "192.0.2.1", "path": "/example"},
            "claimRef": {"namespace": namespace, "name": "data"},
        },
    }


def _claim(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "none",
            "volumeName": name,
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }


def test_pods_and_volumes_are_gone_before_it_is(lab: SandboxLab) -> None:
    namespace = ready(lab, "full")["namespace"]
    inside = f"/api/v1/namespaces/{namespace}"
    uid = uid_of(lab, "full")
    make(lab, "/api/v1/persistentvolumes", _volume("full-data", namespace))
    make(lab, f"{inside}/persistentvolumeclaims", _claim("full-data"))
    # As storage does that is slow to let go.
    make(lab, f"{inside}/pods", _pod("slow", finalizers=["kubernetes.io/slow"]))
    eventually(
        lambda: lab.api.read("/api/v1/persistentvolumes/full-data")["status"].get("phase"),
        until=lambda got: got == "Bound",
        within=PATIENCE,
    )
    lab.delete("full")
    eventually(
        lambda: lab.api.get(f"{inside}/pods/slow").json()["metadata"].get("deletionTimestamp"),
        until=bool,
        within=PATIENCE,
    )
    done = {one["type"] for one in lab.status("full")["conditions"] if one["status"] == "True"}
    assert {"AccessRevoked", "KeyDestroyed"} <= done
    assert "VolumesWiped" not in done
    answer = lab.api.patch(f"{inside}/pods/slow", {"metadata": {"finalizers": None}})
    assert answer.status_code == 200, say(answer)
    lab.until_gone("full")
    assert lab.api.get("/api/v1/persistentvolumes/full-data").status_code == 404
    [emptied] = [one for one in lab.records(uid) if one.event == "VolumesWiped"]
    assert emptied.details == {"pods": 1, "claims": 1, "volumes": 1, "retained": ["full-data"]}


def test_a_leftover_keeps_the_certificate_back(lab: SandboxLab) -> None:
    namespace = ready(lab, "left")["namespace"]
    uid = uid_of(lab, "left")
    group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "left-behind"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "sandbox", "namespace": namespace}],
    }
    path = f"/apis/{group}/v1/clusterrolebindings"
    make(lab, path, binding)
    lab.delete("left")
    found = eventually(
        lambda: [one for one in lab.records(uid) if one.event == "Swept"],
        until=bool,
        within=PATIENCE,
    )
    assert "clusterrolebindings.rbac.authorization.k8s.io left-behind" in str(found[0].details)
    assert lab.status("left")["phase"] == Phase.EXPIRING
    assert lab.api.delete(f"{path}/left-behind").is_success
    lab.until_gone("left")
    events = [str(one.event) for one in lab.records(uid)]
    assert events[-3:] == ["Swept", "Certified", "Destroyed"]
    assert events.count("Certified") == 1


_IDENTITIES = "/apis/cilium.io/v2/ciliumidentities"
_OF = "io.kubernetes.pod.namespace"


def _identities() -> dict[str, Any]:
    """The kind as Cilium has it, as far as it matters here."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "ciliumidentities.cilium.io"},
        "spec": {
            "group": "cilium.io",
            "scope": "Cluster",
            "names": {"kind": "CiliumIdentity", "plural": "ciliumidentities"},
            "versions": [
                {
                    "name": "v2",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def _identity(name: str, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumIdentity",
        "metadata": {"name": name, "labels": {_OF: namespace}},
        "security-labels": {f"k8s:{_OF}": namespace},
    }


def test_what_the_network_remembers_is_gone_before_the_certificate(lab: SandboxLab) -> None:
    """Cilium itself would forget it half an hour later, and no certificate would be given."""
    install(lab.api, _identities())
    namespace = ready(lab, "networked")["namespace"]
    uid = uid_of(lab, "networked")
    make(lab, _IDENTITIES, _identity("10001", namespace))
    make(lab, _IDENTITIES, _identity("10002", "kube-system"))
    lab.delete("networked")
    lab.until_gone("networked")
    left = [one["metadata"]["name"] for one in lab.api.items(_IDENTITIES)]
    assert left == ["10002"]
    assert str(lab.records(uid)[-1].event) == "Destroyed"


# The last one: it ends the operator of all others.
def test_what_belongs_to_nobody_is_destroyed(lab: SandboxLab, operator: Operator) -> None:
    """Somebody has taken a Sandbox's finalizer away by force."""
    namespace = ready(lab, "orphaned")["namespace"]
    # Not even an administrator may do it while the policy holds.
    bound = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    [rule] = [
        one
        for one in lab.api.items(bound)
        if "sandbox-status-by-the-operator" in one["metadata"]["name"]
    ]
    path = "/apis/ai-lab.eu/v1alpha1/sandboxes/orphaned"
    name = rule["metadata"]["name"]
    rule = lab.api.read(f"{bound}/{name}")
    assert lab.api.delete(f"{bound}/{name}").is_success
    try:
        answer = eventually(
            lambda: lab.api.patch(path, {"metadata": {"finalizers": None}}),
            until=lambda got: got.is_success,
            within=PATIENCE,
        )
        assert answer.is_success, say(answer)
        lab.delete("orphaned")
        lab.until_gone("orphaned")
    finally:
        kept = {key: rule["metadata"][key] for key in ("name", "labels") if key in rule["metadata"]}
        assert lab.api.create({**rule, "metadata": kept}).is_success
    assert namespace in lab.namespaces()
    assert namespace in lab.in_vault()
    operator.kill()
    # Looked for whenever an operator begins to lead, and every ten minutes.
    with lab.operator() as next_one:
        next_one.until_logged("orphan")
        left = eventually(
            lambda: lab.namespaces() | lab.in_vault(),
            until=lambda got: namespace not in got,
            within=PATIENCE,
        )
        assert namespace not in left
        assert "ai_lab_sandbox_orphans_total 1.0" in next_one.metrics()
