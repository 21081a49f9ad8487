from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.offline.kubernetes import drift
from infra.plugins import UNKNOWN, Change
from infra.plugins.diffing import Path, changed_paths

documents = st.recursive(
    st.one_of(st.booleans(), st.integers(-3, 3), st.text(max_size=2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
maps = st.dictionaries(st.text("ab", max_size=2), documents, max_size=3)


@pytest.mark.parametrize(
    "message",
    [
        'Invalid value: {"matchLabels":{}}: field is immutable',
        'Invalid value: "10.0.0.1": may not change once set',
        "cannot change roleRef",
        "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
        "Forbidden: field is immutable when `immutable` is set",
        "Forbidden: updates to parameters are forbidden.",
        "Forbidden: pod updates may not change fields other than `spec.containers[*].image`",
    ],
)
def test_the_apis_ways_to_say_immutable(message: str) -> None:
    assert drift.is_immutable(message)


def test_other_refusals_are_no_reason_to_replace() -> None:
    assert not drift.is_immutable('Unsupported value: "Inwards": supported values: "Ingress"')
    assert not drift.is_immutable("Required value")


def identity(new: dict[str, Any], *, id_: tuple[str | None, str] = ("demo", "web")) -> Any:
    old = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    return drift.identity_changes(old, {**old, **new}, old_id=id_, default_namespace="demo")


def test_what_makes_another_object() -> None:
    assert identity({}) == frozenset()
    assert identity({"apiVersion": "apps/v1beta1"}) == frozenset()
    assert identity({"apiVersion": "batch/v1"}) == {("apiVersion",)}
    assert identity({"kind": "Job"}) == {("kind",)}
    assert identity({"metadata": {"name": "x"}}) == {("metadata", "name")}
    moved = {"metadata": {"name": "web", "namespace": "other"}}
    assert identity(moved) == {("metadata", "namespace")}
    assert identity(moved, id_=(None, "web")) == frozenset()
    unknown = {"metadata": {"name": "web", "namespace": UNKNOWN}}
    assert identity(unknown) == {("metadata", "namespace")}


def test_a_change_that_the_api_does_not_see_is_none() -> None:
    changes: dict[Path, Change] = {("spec", "cpu"): "update", ("spec", "replicas"): "update"}
    new = {"spec": {"cpu": "1000m", "replicas": 2}}
    then = {"spec": {"cpu": "1", "replicas": 1}}
    now = {"spec": {"cpu": "1", "replicas": 2}}
    assert drift.effective(changes, new, then, now) == {("spec", "replicas"): "update"}


def test_lists_that_others_have_changed_are_not_compared() -> None:
    changes: dict[Path, Change] = {("items", 0): "update"}
    then = {"items": ["sidecar", "a"]}
    assert drift.effective(changes, {"items": ["b"]}, then, then) == changes
    same = {"items": ["a"]}
    assert drift.effective(changes, {"items": ["b"]}, same, same) == {}


@given(maps, maps)
@example({"hostNetwork": False}, {"hostNetwork": 0})
def test_a_real_change_is_never_dropped(old: dict[str, Any], new: dict[str, Any]) -> None:
    changes = changed_paths(old, new)
    assert drift.effective(changes, new, old, new) == changes


def test_drift_from_false_to_zero_shows() -> None:
    said = {"spec": {"enabled": False, "replicas": 1}}
    live = {"spec": {"enabled": 0, "replicas": 1.0}}
    merged = drift.merge_live(said, said, live)["spec"]
    assert [type(merged[key]) for key in ("enabled", "replicas")] == [int, int]


def test_replacing_paths() -> None:
    changes = [("spec", "selector", "app"), ("spec", "replicas")]
    assert drift.replacing(changes, ["spec.selector"]) == {"spec.selector.app"}
    assert drift.replacing(changes, ["spec"]) == {"spec.selector.app", "spec.replicas"}
    assert drift.replacing([("data",)], ["data.key"]) == {"data"}
    assert drift.replacing(changes, ["elsewhere"]) == {"spec.selector.app", "spec.replicas"}


@given(maps, maps)
def test_without_drift_the_inputs_stay(desired: dict[str, Any], live: dict[str, Any]) -> None:
    assert drift.merge_live(desired, live, live) == desired


@given(maps, maps)
def test_whatever_drifts_is_shown_where_the_program_looks(
    desired: dict[str, Any], live: dict[str, Any]
) -> None:
    merged = drift.merge_live(desired, desired, live)
    for key, value in desired.items():
        if key not in live:
            assert key not in merged
        elif live[key] != value and not isinstance(live[key], dict | list):
            assert merged[key] == live[key]


def test_drift_case_by_case() -> None:
    desired = {"cpu": "1000m", "ingress": [], "gone": 1, "labels": {"a": "1"}, "list": [{"x": 1}]}
    known = {"cpu": "1", "gone": 1, "labels": {"a": "1"}, "list": [{"x": 1, "d": 0}], "status": 1}
    live = {
        "cpu": "1",
        "ingress": [{}],
        "labels": {"a": "2", "b": "theirs"},
        "list": [{"x": 2, "d": 0}],
        "status": 2,
    }
    assert drift.merge_live(desired, known, live) == {
        "cpu": "1000m",
        "ingress": [{}],
        "labels": {"a": "2"},
        "list": [{"x": 2}],
    }
    longer = {**known, "list": [{"x": 1}, {"x": 2}]}
    assert drift.merge_live(desired, known, longer)["list"] == [{"x": 1}, {"x": 2}]
    assert drift.merge_live({"a": {"b": 1}}, {"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}


def test_previews_do_not_promise_what_a_dry_run_makes_up() -> None:
    shown = {
        "kind": "Service",
        "metadata": {"name": "s", "uid": "u", "resourceVersion": "1", "managedFields": []},
        "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": []},
    }
    new = drift.preview_outputs(shown, new=True, given={"spec": {"clusterIPs": ["10.0.0.1"]}})
    assert new["metadata"] == {"name": "s", "uid": UNKNOWN, "creationTimestamp": UNKNOWN}
    assert new["spec"] == {"clusterIP": UNKNOWN, "clusterIPs": ["10.0.0.1"], "ports": []}
    assert new["status"] is UNKNOWN
    old = drift.preview_outputs(shown, new=False, given={})
    assert old["metadata"] == {"name": "s", "uid": "u"}
    assert old["spec"]["clusterIP"] == "10.0.0.1"
    assert drift.preview_outputs({"kind": "X"}, new=True, given={})["status"] is UNKNOWN
