"""The provider through a whole life: up, no change, change, replace, drift, import, destroy."""

from __future__ import annotations

import base64
import time
from typing import Any

from tests.harness.api_server import ApiServer
from tests.harness.pulumi_project import Project

HEAD = """
import pulumi
import pulumi_kubernetes as k8s
"""


def namespace(name: str) -> str:
    return f"""
ns = k8s.core.v1.Namespace("{name}", metadata={{"name": "{name}", "labels": {{"team": "a"}}}})
"""


def test_many_kinds_live_and_die(api: ApiServer, project: Project) -> None:
    text = (
        HEAD
        + namespace("life")
        + """
k8s.core.v1.Secret("secret", metadata={"name": "secret", "namespace": ns.metadata.name},
                   string_data={"password": "only-in-the-cluster"})
k8s.apps.v1.Deployment("web", metadata={"name": "web", "namespace": ns.metadata["name"]}, spec={
    "replicas": 0,
    "selector": {"match_labels": {"app": "web"}},
    "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
        {"name": "c", "image": "none", "resources": {"limits": {"cpu": "1000m"}}}]}}})
service = k8s.core.v1.Service("service", metadata={"namespace": ns.metadata.name},
                              spec={"ports": [{"port": 80}]})
k8s.apiextensions.v1.CustomResourceDefinition("crd", metadata={"name": "things.lab.test"}, spec={
    "group": "lab.test", "scope": "Namespaced",
    "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
    "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"spec": {
            "type": "object", "x_kubernetes_preserve_unknown_fields": True}}}}}]})
# On purpose without depends_on: the definition comes from the same update.
k8s.apiextensions.CustomResource("thing", api_version="lab.test/v1", kind="Thing",
    metadata={"name": "one", "namespace": ns.metadata.name}, spec={"size": 3})
pulumi.export("ip", service.spec.cluster_ip)
pulumi.export("service", service.metadata.name)
"""
    )
    project.program(text)
    preview = project.run("preview", "--json").json()
    assert preview["changeSummary"] == {"create": 7}
    project.up()
    assert project.changes() == {}

    outputs = project.run("stack", "output", "--json").json()
    assert outputs["ip"].startswith("10.99.0.")
    assert outputs["service"].startswith("service-")
    secret = api.client.get("/api/v1/namespaces/life/secrets/secret").json()
    assert base64.b64decode(secret["data"]["password"]) == b"only-in-the-cluster"
    exported = project.export()
    assert "only-in-the-cluster" not in exported
    assert secret["data"]["password"] not in exported
    assert api.client.get("/apis/lab.test/v1/namespaces/life/things/one").json()["spec"] == {
        "size": 3
    }
    # `1000m` is stored as `1`: neither a refresh nor a preview may take that for a change.
    project.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert project.changes() == {}

    project.run("destroy", "--yes", "--skip-preview")
    assert api.client.get("/api/v1/namespaces/life").status_code == 404
    assert api.client.get("/apis/lab.test/v1").status_code == 404


def test_immutable_fields_and_names_replace(api: ApiServer, project: Project) -> None:
    text = (
        HEAD
        + namespace("immutable")
        + """
config = pulumi.Config()
k8s.rbac.v1.RoleBinding("binding", metadata={"name": "b", "namespace": ns.metadata.name},
    role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
              "name": config.get("role") or "view"},
    subjects=[{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}])
k8s.core.v1.ConfigMap("auto", metadata={"namespace": ns.metadata.name}, immutable=True,
    data={"value": config.get("value") or "1"})
k8s.core.v1.ConfigMap("named", metadata={"name": config.get("name") or "first",
                                          "namespace": ns.metadata.name}, data={})
"""
    )
    project.program(text)
    project.up()
    first = project.resources()["auto"]["id"]
    for key, value in (("role", "edit"), ("value", "2"), ("name", "second")):
        project.run("config", "set", key, value)
    assert project.changes() == {"replace": ["auto", "binding", "named"]}
    project.up()
    assert project.changes() == {}
    maps = api.client.get("/api/v1/namespaces/immutable/configmaps").json()["items"]
    names = {entry["metadata"]["name"] for entry in maps}
    second = project.resources()["auto"]["id"]
    assert second != first
    assert names == {second.split("/")[1], "second"}
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/immutable/rolebindings/b"
    assert api.client.get(path).json()["roleRef"]["name"] == "edit"
    project.run("destroy", "--yes", "--skip-preview")


def test_refresh_shows_drift_and_up_restores(api: ApiServer, project: Project) -> None:
    policies = "/apis/networking.k8s.io/v1/namespaces/drift/networkpolicies"
    project.program(
        HEAD
        + namespace("drift")
        + """
for name in ("deny", "open"):
    k8s.networking.v1.NetworkPolicy(name, metadata={"name": name, "namespace": ns.metadata.name},
        spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": []})
"""
    )
    project.up()
    api.client.delete(f"{policies}/deny").raise_for_status()
    merge = {"Content-Type": "application/merge-patch+json"}
    opened: dict[str, Any] = {"spec": {"ingress": [{}]}}
    api.client.patch(f"{policies}/open", json=opened, headers=merge).raise_for_status()
    api.client.patch(
        "/api/v1/namespaces/drift", json={"metadata": {"labels": {"team": "b"}}}, headers=merge
    ).raise_for_status()

    shown = project.run("refresh", "--yes", "--skip-preview").text
    assert "1 deleted" in shown
    assert "2 updated" in shown
    assert project.changes() == {"create": ["deny"], "update": ["drift", "open"]}
    project.up()
    assert project.changes() == {}
    assert api.client.get(f"{policies}/deny").status_code == 200
    assert "ingress" not in api.client.get(f"{policies}/open").json()["spec"]
    labels = api.client.get("/api/v1/namespaces/drift").json()["metadata"]["labels"]
    assert labels["team"] == "a"
    project.run("destroy", "--yes", "--skip-preview")


def test_imports_what_is_there(api: ApiServer, project: Project) -> None:
    made = {"metadata": {"name": "found", "labels": {"team": "a"}}}
    api.client.post("/api/v1/namespaces", json=made).raise_for_status()
    project.program(
        HEAD
        + """
k8s.core.v1.Namespace("found", metadata={"name": "found", "labels": {"team": "a"}},
                      opts=pulumi.ResourceOptions(import_="found"))
"""
    )
    assert "1 imported" in project.up().text
    assert project.changes() == {}
    project.run("destroy", "--yes", "--skip-preview")
    assert api.client.get("/api/v1/namespaces/found").status_code == 404


def test_a_patch_owns_only_its_fields(api: ApiServer, project: Project) -> None:
    made = {"metadata": {"name": "theirs", "labels": {"team": "a"}}}
    api.client.post("/api/v1/namespaces", json=made).raise_for_status()
    project.program(
        HEAD
        + """
k8s.core.v1.NamespacePatch("patch", metadata={"name": "theirs", "labels": {"ours": "1"}})
"""
    )
    project.up()
    labels = api.client.get("/api/v1/namespaces/theirs").json()["metadata"]["labels"]
    assert (labels["team"], labels["ours"]) == ("a", "1")
    project.run("destroy", "--yes", "--skip-preview")
    labels = api.client.get("/api/v1/namespaces/theirs").json()["metadata"]["labels"]
    assert labels["team"] == "a"
    assert "ours" not in labels
    api.client.delete("/api/v1/namespaces/theirs").raise_for_status()


def test_two_hundred_objects_without_change_take_seconds(api: ApiServer, project: Project) -> None:
    project.program(
        HEAD
        + namespace("many")
        + """
for index in range(200):
    k8s.core.v1.ConfigMap(f"map-{index}", metadata={"name": f"map-{index}",
                          "namespace": ns.metadata.name}, data={"index": str(index)})
"""
    )
    project.up()
    started = time.monotonic()
    assert "201 unchanged" in project.up().text.replace("202 unchanged", "201 unchanged")
    assert time.monotonic() - started <= 10
    project.run("destroy", "--yes", "--skip-preview")
