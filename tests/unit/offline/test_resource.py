from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from infra.errors import KubernetesNotReady, KubernetesRefused, KubernetesUnreachable
from infra.offline.kubernetes import resource, writing
from infra.offline.kubernetes.cluster import Cluster
from infra.offline.kubernetes.objects import AUTONAMED, Token
from infra.offline.kubernetes.resource import KubernetesObject
from infra.offline.kubernetes.settings import Settings
from infra.plugins import UNKNOWN, Diff, Incomplete, Secret
from tests.unit.offline.fake_api import FakeApi, status

MAPS = "/api/v1/namespaces/demo/configmaps"


def config_map(name: str | None = "m", **data: Any) -> dict[str, Any]:
    metadata = {"namespace": "demo", **({"name": name} if name else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "SETTLING", 0.0)


@pytest.fixture
def maps(fake: FakeApi) -> KubernetesObject:
    return KubernetesObject(fake.cluster(), Token("v1", "ConfigMap", False))


class TestCheck:
    def test_fills_in_what_the_type_says_and_a_name(self, maps: KubernetesObject) -> None:
        checked = maps.check({}, {"metadata": {"namespace": "demo"}})
        assert checked.failures == []
        assert checked.inputs["apiVersion"] == "v1"
        assert checked.inputs["kind"] == "ConfigMap"
        assert checked.inputs["metadata"]["name"].startswith("thing-")

    def test_hides_a_secrets_data(self, fake: FakeApi) -> None:
        secrets = KubernetesObject(fake.cluster(), Token("v1", "Secret", False))
        checked = secrets.check({}, {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
        assert checked.inputs["stringData"] == Secret({"a": "b"})

    def test_refuses_what_it_cannot_do(self, fake: FakeApi, maps: KubernetesObject) -> None:
        annotated = {"metadata": {"annotations": {"pulumi.com/waitFor": "jsonpath=x"}}}
        (failure,) = maps.check({}, annotated).failures
        assert failure.property == 'metadata.annotations["pulumi.com/waitFor"]'
        (failure,) = maps.check({}, {"metadata": "text"}).failures
        assert failure.reason == "must be a map."
        lists = KubernetesObject(fake.cluster(), Token("v1", "PodList", False))
        assert [f.property for f in lists.check({}, {"items": []}).failures] == ["items"]
        patch = KubernetesObject(fake.cluster(), Token("v1", "ConfigMap", True))
        assert [f.property for f in patch.check({}, {}).failures] == ["metadata.name"]

    def test_leaves_unknown_metadata_alone(self, maps: KubernetesObject) -> None:
        assert maps.check({}, {"metadata": UNKNOWN}).inputs["metadata"] is UNKNOWN


class TestDiff:
    def test_no_change_asks_nobody(self, fake: FakeApi, maps: KubernetesObject) -> None:
        same = config_map(a="1")
        assert maps.diff("demo/m", same, same, same) == Diff()
        assert fake.requests == []

    def test_a_change_costs_one_request(self, fake: FakeApi, maps: KubernetesObject) -> None:
        old, new = config_map(a="1", b="1"), config_map(a="2", c="1")
        made = maps.create(old, timeout=1)
        fake.requests.clear()
        diff = maps.diff("demo/m", old, made.outputs, new)
        assert diff.changes == {"data.a": "update", "data.c": "add"}
        assert not diff.replaces
        assert fake.count("PATCH") == 1
        assert len(fake.requests) == 1
        assert fake.requests[0][2]["dryRun"] == "All"

    def test_a_missing_object_is_to_be_made(self, maps: KubernetesObject) -> None:
        old, new = config_map(a="1"), config_map(a="2")
        assert maps.diff("demo/m", old, old, new).changes == {"data.a": "update"}

    def test_another_name_is_another_object(self, maps: KubernetesObject) -> None:
        diff = maps.diff("demo/m", config_map(), config_map(), config_map("n"))
        assert diff.replaces == {"metadata.name"}
        assert diff.delete_before_replace
        auto = config_map("n")
        auto["metadata"]["annotations"] = {AUTONAMED: "true"}
        assert not maps.diff("demo/m", config_map(), config_map(), auto).delete_before_replace

    def test_unknown_values_are_changes(self, fake: FakeApi, maps: KubernetesObject) -> None:
        diff = maps.diff("demo/m", config_map(a="1"), config_map(a="1"), config_map(a=UNKNOWN))
        assert diff.changes == {"data.a": "update"}
        assert fake.requests == []

    def test_an_unknown_kind_keeps_the_changes(self, fake: FakeApi) -> None:
        things = KubernetesObject(fake.cluster(), Token("lab.test/v1", "Thing", False))
        old = {"apiVersion": "lab.test/v1", "kind": "Thing", "metadata": {"name": "t"}, "a": 1}
        assert things.diff("t", old, old, {**old, "a": 2}).changes == {"a": "update"}

    def test_immutable_fields_replace(self, fake: FakeApi, maps: KubernetesObject) -> None:
        refusal = status(422, "invalid", ("data", "field is immutable when `immutable` is set"))
        fake.answers = lambda request: refusal if request.method == "PATCH" else None
        old, new = config_map(a="1"), config_map(a="2")
        diff = maps.diff("demo/m", old, old, new)
        assert diff.replaces == {"data.a"}
        assert diff.delete_before_replace

    def test_an_invalid_change_is_refused_in_the_apis_words(
        self, fake: FakeApi, maps: KubernetesObject
    ) -> None:
        refusal = status(422, "ConfigMap is invalid", ("data.x", "Required value"))
        fake.answers = lambda request: refusal if request.method == "PATCH" else None
        old = config_map(a="1")
        with pytest.raises(KubernetesRefused, match=r"data\.x: Required value"):
            maps.diff("demo/m", old, old, config_map(a="2"))

    def test_a_refusal_that_may_pass_is_a_warning(
        self, fake: FakeApi, maps: KubernetesObject, caplog: pytest.LogCaptureFixture
    ) -> None:
        refusal = status(403, "exceeded quota")
        fake.answers = lambda request: refusal if request.method == "PATCH" else None
        old = config_map(a="1")
        with caplog.at_level(logging.WARNING):
            assert maps.diff("demo/m", old, old, config_map(a="2")).changes
        assert "the API would refuse this now" in caplog.text
        assert "exceeded quota" in caplog.text


class TestPreview:
    def test_knows_what_a_dry_run_knows(self, fake: FakeApi, maps: KubernetesObject) -> None:
        fake.defaults = {"immutable": False}
        outputs = maps.preview(config_map(a="1"))
        assert outputs["immutable"] is False
        assert outputs["metadata"]["uid"] is UNKNOWN
        assert fake.objects == {}
        updated = maps.preview_update("demo/m", {}, {}, config_map(a="1"))
        assert updated["metadata"]["uid"] != UNKNOWN

    def test_unknown_inputs_stay_unknown(self, fake: FakeApi, maps: KubernetesObject) -> None:
        outputs = maps.preview(config_map(a=UNKNOWN))
        assert outputs["data"] == {"a": UNKNOWN}
        assert outputs["status"] is UNKNOWN
        assert fake.requests == []

    def test_without_a_cluster_it_knows_less(self) -> None:
        class Absent(Cluster):
            def session(self) -> Any:
                raise KubernetesUnreachable("nothing there.", next_step="wait.")

        maps = KubernetesObject(Absent(), Token("v1", "ConfigMap", False))
        assert maps.preview(config_map(a="1"))["data"] == {"a": "1"}

    def test_without_the_kind_or_namespace_it_knows_less(
        self, fake: FakeApi, maps: KubernetesObject
    ) -> None:
        fake.answers = lambda request: (
            status(404, "namespace not found") if request.method == "PATCH" else None
        )
        assert maps.preview(config_map(a="1"))["status"] is UNKNOWN
        thing = {"apiVersion": "lab.test/v1", "kind": "Thing", "metadata": {"name": "t"}}
        assert maps.preview(thing)["status"] is UNKNOWN

    def test_what_a_replacement_deletes_is_not_in_its_way(
        self, fake: FakeApi, maps: KubernetesObject
    ) -> None:
        refusal = status(422, "invalid", ("data", "field is immutable"))
        fake.answers = lambda request: refusal if request.method == "PATCH" else None
        assert maps.preview(config_map(a="1"))["status"] is UNKNOWN

    def test_an_invalid_object_is_refused(self, fake: FakeApi, maps: KubernetesObject) -> None:
        refusal = status(422, "invalid", ("data", "Required value"))
        fake.answers = lambda request: refusal if request.method == "PATCH" else None
        with pytest.raises(KubernetesRefused):
            maps.preview(config_map(a="1"))

    def test_a_custom_resource_may_still_become_valid(
        self, fake: FakeApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        group = "/apis/lab.test/v1"
        fake.resources[group] = [{"name": "things", "kind": "Thing", "namespaced": True}]
        things = KubernetesObject(fake.cluster(), Token("lab.test/v1", "Thing", False))
        refusal = status(422, "invalid", ("spec.new", "unknown field"))
        fake.answers = lambda request: refusal if request.method == "PATCH" else None
        thing = {"apiVersion": "lab.test/v1", "kind": "Thing", "metadata": {"name": "t"}}
        assert things.preview(thing)["status"] is UNKNOWN
        assert "the API would refuse this now" in caplog.text


class TestCreate:
    def test_applies_as_the_stack(self, fake: FakeApi, maps: KubernetesObject) -> None:
        made = maps.create(config_map(a="1"), timeout=5)
        assert made.id == "demo/m"
        assert made.outputs["data"] == {"a": "1"}
        assert "managedFields" not in made.outputs["metadata"]
        ((_, path, params),) = [entry for entry in fake.requests if entry[0] == "PATCH"]
        assert path == f"{MAPS}/m"
        assert params == {
            "fieldManager": "pulumi-lab-dev",
            "force": "true",
            "fieldValidation": "Strict",
        }

    def test_uses_the_default_namespace(self, maps: KubernetesObject) -> None:
        bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}}
        assert maps.create(bare, timeout=5).id == "default/m"

    def test_does_not_take_what_is_not_ours(self, fake: FakeApi, maps: KubernetesObject) -> None:
        theirs = config_map(a="theirs")
        theirs["metadata"]["managedFields"] = [{"manager": "kubectl", "operation": "Update"}]
        fake.objects[f"{MAPS}/m"] = theirs
        with pytest.raises(KubernetesRefused, match="exists already"):
            maps.create(config_map(a="1"), timeout=5)
        assert fake.count("PATCH") == 0

    def test_takes_what_is_not_ours_only_if_told_to(self, fake: FakeApi) -> None:
        fake.objects[f"{MAPS}/m"] = config_map(a="theirs")
        cluster = fake.cluster(Settings(adopt=True))
        maps = KubernetesObject(cluster, Token("v1", "ConfigMap", False))
        assert maps.create(config_map(a="1"), timeout=5).outputs["data"] == {"a": "1"}

    def test_takes_up_what_it_had_made_before(
        self, maps: KubernetesObject, caplog: pytest.LogCaptureFixture
    ) -> None:
        maps.create(config_map(a="1"), timeout=5)
        with caplog.at_level(logging.INFO):
            maps.create(config_map(a="1"), timeout=5)
        assert "taken up again" in caplog.text

    def test_waits_for_a_namespace_that_comes_beside_it(
        self, fake: FakeApi, maps: KubernetesObject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writing, "SETTLING", 5.0)
        missing = [
            status(404, 'namespaces "demo" not found'),
            status(403, "error looking up service account demo/default: not found"),
        ]
        fake.answers = lambda request: (
            missing.pop() if request.method == "PATCH" and missing else None
        )
        assert maps.create(config_map(a="1"), timeout=5).id == "demo/m"

    def test_an_unknown_kind_is_refused(self, fake: FakeApi) -> None:
        things = KubernetesObject(fake.cluster(), Token("lab.test/v1", "Thing", False))
        thing = {"apiVersion": "lab.test/v1", "kind": "Thing", "metadata": {"name": "t"}}
        with pytest.raises(KubernetesRefused, match=r"no kind Thing in lab\.test/v1"):
            things.create(thing, timeout=5)

    def test_a_refusal_is_told(self, fake: FakeApi, maps: KubernetesObject) -> None:
        fake.answers = lambda request: status(403, "no") if request.method == "PATCH" else None
        with pytest.raises(KubernetesRefused, match="v1 ConfigMap demo/m: no"):
            maps.create(config_map(a="1"), timeout=5)

    def test_what_does_not_get_ready_is_kept(self, fake: FakeApi) -> None:
        pods = KubernetesObject(fake.cluster(), Token("v1", "Pod", False))
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "demo"}}
        with pytest.raises(Incomplete) as caught:
            pods.create(pod, timeout=0.1)
        assert isinstance(caught.value.cause, KubernetesNotReady)
        assert caught.value.id == "demo/p"
        assert caught.value.outputs["kind"] == "Pod"

    def test_the_wait_may_be_skipped(self, fake: FakeApi) -> None:
        pods = KubernetesObject(fake.cluster(), Token("v1", "Pod", False))
        metadata = {"name": "p", "annotations": {"pulumi.com/skipAwait": "true"}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        assert pods.create(pod, timeout=0.1).id == "default/p"


class TestUpdateReadDelete:
    def test_update_applies_again(self, fake: FakeApi, maps: KubernetesObject) -> None:
        maps.create(config_map(a="1"), timeout=5)
        outputs = maps.update("demo/m", {}, {}, config_map(a="2"), timeout=5)
        assert outputs["data"] == {"a": "2"}
        assert fake.objects[f"{MAPS}/m"]["data"] == {"a": "2"}

    def test_read_costs_one_request(self, fake: FakeApi, maps: KubernetesObject) -> None:
        made = maps.create(config_map(a="1"), timeout=5)
        fake.requests.clear()
        read = maps.read("demo/m", config_map(a="1"), made.outputs)
        assert read is not None
        assert read.inputs == config_map(a="1")
        assert read.outputs == made.outputs
        assert len(fake.requests) == 1

    def test_read_shows_drift_in_the_inputs(self, fake: FakeApi, maps: KubernetesObject) -> None:
        made = maps.create(config_map(a="1"), timeout=5)
        fake.objects[f"{MAPS}/m"]["data"] = {"a": "changed", "other": "theirs"}
        read = maps.read("demo/m", config_map(a="1"), made.outputs)
        assert read is not None
        assert read.inputs["data"] == {"a": "changed"}

    def test_what_is_gone_reads_as_none(self, fake: FakeApi, maps: KubernetesObject) -> None:
        assert maps.read("demo/m", config_map(), {}) is None
        things = KubernetesObject(fake.cluster(), Token("lab.test/v1", "Thing", False))
        assert things.read("demo/t", {}, {}) is None
        things.delete("demo/t", {}, {}, timeout=1)

    def test_import_needs_only_the_id(self, fake: FakeApi, maps: KubernetesObject) -> None:
        live = config_map(a="1")
        live["metadata"]["uid"] = "u"
        fake.objects["/api/v1/namespaces/default/configmaps/m"] = live
        read = maps.read("m", {}, {})
        assert read is not None
        assert read.id == "default/m"
        assert read.inputs == config_map(a="1")

    def test_read_that_is_refused(self, fake: FakeApi, maps: KubernetesObject) -> None:
        fake.answers = lambda request: status(403, "no") if "/m" in request.url.path else None
        with pytest.raises(KubernetesRefused):
            maps.read("demo/m", config_map(), {})
        with pytest.raises(KubernetesRefused):
            maps.delete("demo/m", config_map(), {}, timeout=1)

    def test_delete_and_delete_again(self, fake: FakeApi, maps: KubernetesObject) -> None:
        maps.create(config_map(a="1"), timeout=5)
        maps.delete("demo/m", config_map(), {}, timeout=5)
        maps.delete("demo/m", config_map(), {}, timeout=5)
        assert fake.objects == {}

    def test_delete_waits_until_it_is_gone(self, fake: FakeApi, maps: KubernetesObject) -> None:
        maps.create(config_map(a="1"), timeout=5)
        fake.held.add(f"{MAPS}/m")
        gone = {"type": "DELETED", "object": fake.objects[f"{MAPS}/m"]}
        fake.watches = [[gone]]
        maps.delete("demo/m", config_map(), {}, timeout=5)

    def test_workloads_go_after_their_pods(self, fake: FakeApi) -> None:
        import json

        bodies: list[dict[str, Any]] = []

        def answers(request: httpx.Request) -> httpx.Response | None:
            if request.method == "DELETE":
                bodies.append(json.loads(request.content))
            return None

        fake.answers = answers
        for token in (Token("apps/v1", "Deployment", False), Token("v1", "ConfigMap", False)):
            KubernetesObject(fake.cluster(), token).delete("demo/x", {}, {}, timeout=1)
        assert [body["propagationPolicy"] for body in bodies] == ["Foreground", "Background"]


class TestPatch:
    @pytest.fixture
    def patch(self, fake: FakeApi) -> KubernetesObject:
        return KubernetesObject(fake.cluster(), Token("v1", "ConfigMap", True))

    def test_wants_an_object_that_is_there(self, patch: KubernetesObject) -> None:
        with pytest.raises(KubernetesRefused, match="not found"):
            patch.create(config_map(a="1"), timeout=5)

    def test_owns_its_fields_as_itself_without_force(
        self, fake: FakeApi, patch: KubernetesObject
    ) -> None:
        fake.objects[f"{MAPS}/m"] = config_map(theirs="1")
        patch.create(config_map(a="1"), timeout=5)
        params = fake.requests[-1][2]
        assert params["force"] == "false"
        assert params["fieldManager"].startswith("pulumi-lab-dev-")

    def test_force_must_be_asked_for(self, fake: FakeApi) -> None:
        fake.objects[f"{MAPS}/m"] = config_map(theirs="1")
        forced = config_map(a="1")
        forced["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
        patch = KubernetesObject(fake.cluster(), Token("v1", "ConfigMap", True))
        patch.create(forced, timeout=5)
        assert fake.requests[-1][2]["force"] == "true"
        cluster = fake.cluster(Settings(patch_force=True))
        KubernetesObject(cluster, Token("v1", "ConfigMap", True)).create(
            config_map(a="1"), timeout=5
        )
        assert fake.requests[-1][2]["force"] == "true"

    def test_deleting_it_only_gives_the_fields_back(
        self, fake: FakeApi, patch: KubernetesObject
    ) -> None:
        fake.objects[f"{MAPS}/m"] = config_map(theirs="1")
        patch.create(config_map(a="1"), timeout=5)
        patch.delete("demo/m", config_map(a="1"), {}, timeout=5)
        assert f"{MAPS}/m" in fake.objects
        assert fake.count("DELETE") == 0


def test_default_timeout_is_that_of_the_official_provider() -> None:
    assert resource.KubernetesObject.default_timeout == 600
