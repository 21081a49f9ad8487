from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.offline.kubernetes import objects
from infra.offline.kubernetes.objects import Token
from infra.plugins import UNKNOWN, Secret


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("kubernetes:core/v1:Namespace", Token("v1", "Namespace", False)),
        ("kubernetes:apps/v1:DeploymentPatch", Token("apps/v1", "Deployment", True)),
        ("kubernetes:lab.eu/v1:Sandbox", Token("lab.eu/v1", "Sandbox", False)),
        ("kubernetes:helm.sh/v3:Release", None),
        ("kubernetes:yaml/v2:ConfigFile", None),
        ("kubernetes:kustomize:Directory", None),
        ("other:core/v1:Namespace", None),
    ],
)
def test_tokens(token: str, expected: Token | None) -> None:
    assert objects.parse_token(token) == expected


def test_ids() -> None:
    assert objects.split_id("demo/web") == ("demo", "web")
    assert objects.split_id("demo") == (None, "demo")
    assert objects.join_id("demo", "web") == "demo/web"
    assert objects.join_id(None, "demo") == "demo"


def secret(**parts: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", **parts}


@given(st.dictionaries(st.text("abc", min_size=1), st.text(max_size=9), max_size=3))
def test_texts_of_a_secret_become_data(texts: dict[str, str]) -> None:
    data = objects.to_manifest(secret(stringData=texts, data={"kept": "eA=="}))["data"]
    assert {key: base64.b64decode(value).decode() for key, value in data.items()} == {
        "kept": "x",
        **texts,
    }


def test_an_unknown_secret_stays_unknown() -> None:
    assert objects.to_manifest(secret(stringData={"a": UNKNOWN})) == secret(data={"a": UNKNOWN})
    assert objects.to_manifest(secret(stringData=UNKNOWN)) == secret(stringData=UNKNOWN)


def test_a_secrets_data_is_secret_in_state() -> None:
    live = secret(data={"a": "eA=="}, metadata={"name": "s", "managedFields": [{}]})
    assert objects.to_outputs(live) == secret(data=Secret({"a": "eA=="}), metadata={"name": "s"})
    other = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}
    assert objects.conceal(other) == other


def test_nulls_are_not_applied() -> None:
    assert objects.to_manifest({"a": None, "b": [{"c": None, "d": 1}]}) == {"b": [{"d": 1}]}


def test_schemas_are_spelt_as_the_api_spells_them() -> None:
    inputs = {
        "kind": "CustomResourceDefinition",
        "spec": [{"x_kubernetes_preserve_unknown_fields": True, "_ref": "r", "_schema": "s"}],
    }
    assert objects.to_manifest(inputs)["spec"] == [
        {"x-kubernetes-preserve-unknown-fields": True, "$ref": "r", "$schema": "s"}
    ]
    assert objects.to_manifest({"kind": "Other", "_ref": 1}) == {"kind": "Other", "_ref": 1}


def test_an_import_leaves_out_what_the_server_sets() -> None:
    live = {"kind": "X", "metadata": {"name": "n", "uid": "u", "labels": {}}, "status": {}}
    assert objects.importable(live) == {"kind": "X", "metadata": {"name": "n", "labels": {}}}


def named(news: dict[str, Any], olds: dict[str, Any] | None = None, seed: bytes = b"s") -> Any:
    return objects.with_name(news, olds or {}, name="web", seed=seed)["metadata"]


def test_a_given_name_is_kept() -> None:
    assert named({"metadata": {"name": "mine"}}) == {"name": "mine"}
    assert named({"metadata": {"name": UNKNOWN}}) == {"name": UNKNOWN}


def test_a_missing_name_is_made_once_per_seed() -> None:
    first = named({})
    assert first["name"].startswith("web-")
    assert first["annotations"] == {objects.AUTONAMED: "true"}
    assert named({})["name"] == first["name"]
    assert named({}, seed=b"other")["name"] != first["name"]
    assert named({}, seed=b"")["name"] != named({}, seed=b"")["name"]


def test_a_made_name_is_kept_over_updates() -> None:
    old = {"metadata": {"name": "web-1", "annotations": {objects.AUTONAMED: "true"}}}
    assert named({}, old)["name"] == "web-1"
    own = {"metadata": {"name": "web-1"}}
    assert named({}, own)["name"] != "web-1"


def test_generate_name_is_a_prefix() -> None:
    assert named({"metadata": {"generateName": "job."}})["name"].startswith("job.")
    assert "name" not in named({"metadata": {"generateName": UNKNOWN}})
    unknown = named({"metadata": {"annotations": UNKNOWN}})
    assert unknown["annotations"] is UNKNOWN


def test_names_stay_labels() -> None:
    made = objects.with_name({}, {}, name="x" * 90, seed=b"s")["metadata"]["name"]
    assert len(made) == 63


def test_descriptions() -> None:
    item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    assert objects.describe(item) == "apps/v1 Deployment web"
    assert objects.describe(item, "demo") == "apps/v1 Deployment demo/web"
    assert objects.metadata({"metadata": UNKNOWN}) == {}
    assert objects.annotation({}, "a") is None
