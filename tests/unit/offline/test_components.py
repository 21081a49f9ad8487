"""Config groups and charts as the objects that they declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.errors import PluginFailed
from infra.offline.kubernetes import components, manifests
from infra.offline.kubernetes.objects import SKIP_AWAIT
from infra.plugins import UNKNOWN

GROUP = "kubernetes:yaml/v2:ConfigGroup"


def config_map(name: str, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "demo"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **more}


def test_a_text_is_its_documents_and_a_list_its_items() -> None:
    text = """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {when: 2026-01-01}
---
# nothing
---
apiVersion: v1
kind: ConfigMapList
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: two}}
"""
    found = manifests.decode(text)
    assert [one["metadata"]["name"] for one in found] == ["one", "two"]
    # As Kubernetes reads it: a date is a text.
    assert found[0]["data"] == {"when": "2026-01-01"}


@pytest.mark.parametrize("text", ["a: [", "kind: ConfigMap", "- a", "apiVersion: v1\nkind: ''"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(PluginFailed):
        manifests.decode(text)


def test_files_by_patterns_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    found = manifests.read([str(tmp_path / "*.yaml")])
    assert [one["metadata"]["name"] for one in found] == ["a", "b"]
    with pytest.raises(PluginFailed, match="fetches nothing"):
        manifests.read(["https://example.org/all.yaml"])


def test_members_have_names_of_their_own_and_namespaces_come_first() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    role["metadata"] = {"name": "reader"}  # type: ignore[assignment]
    first, rest = components.members(GROUP, "all", {"objs": [config_map("one"), namespace, role]})
    assert [(one.type, one.name) for one in first] == [("kubernetes:core/v1:Namespace", "all:demo")]
    assert [(one.type, one.name) for one in rest] == [
        ("kubernetes:core/v1:ConfigMap", "all:demo/one"),
        ("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "all:reader"),
    ]


def test_the_prefix_and_the_patience_are_the_programs() -> None:
    inputs = {"objs": [config_map("one")], "resourcePrefix": "x", "skipAwait": True}
    ((member,),) = components.members(GROUP, "all", inputs)
    assert member.name == "x:demo/one"
    assert member.inputs["metadata"]["annotations"] == {SKIP_AWAIT: "true"}


def test_what_is_not_known_yet_has_no_members_yet() -> None:
    """They are judged when they are: the engine asks the policies again before it makes them."""
    assert components.members(GROUP, "all", {"yaml": UNKNOWN}) == []
    assert components.members(GROUP, "all", {"objs": [config_map("a", data=UNKNOWN)]}) == []
    assert components.invoke("kubernetes:yaml:decode", {"text": UNKNOWN}) == {}


def test_what_the_provider_does_not_do_is_refused() -> None:
    with pytest.raises(PluginFailed, match="kustomize"):
        components.members("kubernetes:kustomize/v2:Directory", "all", {"directory": "."})
    chart = {"chart": "x", "repositoryOpts": {"repo": "https://example.org"}}
    with pytest.raises(PluginFailed, match="repositoryOpts"):
        components.members("kubernetes:helm.sh/v4:Chart", "all", chart)
    with pytest.raises(PluginFailed, match="no chart"):
        components.members("kubernetes:helm.sh/v4:Chart", "all", {"chart": "oci://example.org/x"})
    with pytest.raises(PluginFailed, match="no function"):
        components.invoke("kubernetes:kustomize:directory", {"directory": "."})
    with pytest.raises(PluginFailed, match="no name"):
        components.members(GROUP, "all", {"objs": [{"apiVersion": "v1", "kind": "ConfigMap"}]})
