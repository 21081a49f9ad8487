"""The Sandbox resource in a real API server: what one object can say about itself."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra import toolchain
from infra.sandbox.definition import Limits, definition
from infra.sandbox.resource import API_VERSION, FINALIZER, PATH, Sandbox
from tests.harness.api_server import ApiServer
from tests.harness.definitions import install
from tests.integration.sandbox.conftest import Manifest, request
from tests.live.support import drift
from tests.live.support.api import Api, eventually, location, say

#: What people may add later; everything else is asked for once.
LATER = {"approvals", "rejection", "renewals", "suspension"}
EGRESS = {"cidr": "192.0.2.0/24", "port": 443, "protocol": "TCP", "reason": "Data of the city"}
RENEWAL = {"name": "first", "extend": "1h", "reason": "It takes longer"}
FULL = request(
    classification="confidential",
    profile="large",
    ttl="720h",
    egress=[EGRESS],
    images=["lab.local/tool:1"],
    evidence={"retentionDays": 730},
    budget="5",
)
#: Another value for everything that is asked for.
CHANGED: dict[str, Any] = {
    "purpose": "Measure something else",
    "requester": "mallory",
    "classification": "public",
    "profile": "small",
    "ttl": "24h",
    "egress": [{**EGRESS, "cidr": "0.0.0.0/0"}],
    "images": [],
    "evidence": {"retentionDays": 1},
    "budget": "6",
}
SEEDED = "seeded.example.org"

#: Requests that are refused, and the field that is named.
REFUSED: dict[str, tuple[Manifest, str]] = {
    "no-purpose": (request(purpose=None), "spec.purpose"),
    "a-word-for-a-purpose": (request(purpose="test"), "spec.purpose"),
    "a-novel-for-a-purpose": (request(purpose="x" * 201), "spec.purpose"),
    "a-purpose-that-speaks-to-terminals": (
        request(purpose="Measure \x1b[2J the bias"),
        "spec.purpose",
    ),
    "an-approver-that-speaks-to-terminals": (
        request(approvals=[{"by": "bob\x1b]0;"}]),
        "spec.approvals[0].by",
    ),
    "two-images-as-one": (request(images=["lab.local/a:1,lab.local/b:1"]), "spec.images[0]"),
    "no-requester": (request(requester=None), "spec.requester"),
    "requester-that-no-sandbox-can-be-for": (request(requester="Jane Doe"), "spec.requester"),
    "requester-that-is-a-program": (
        request(requester="system:serviceaccount:sandbox-x:principal"),
        "spec.requester",
    ),
    "no-ttl": (request(ttl=None), "spec.ttl"),
    "a-life-without-a-unit": (request(ttl="80"), "spec.ttl"),
    "a-life-in-days": (request(ttl="8d"), "spec.ttl"),
    "half-an-hour-more": (request(ttl="1.5h"), "spec.ttl"),
    "a-life-backwards": (request(ttl="-8h"), "spec.ttl"),
    "no-life-at-all": (request(ttl="0h"), "spec.ttl"),
    "a-second-too-long": (request(ttl="720h1s"), "spec.ttl"),
    "longer-than-durations-are": (request(ttl="999999999999999h"), "spec.ttl"),
    "unknown-classification": (request(classification="secret"), "spec.classification"),
    "profile-with-capitals": (request(profile="Large"), "spec.profile"),
    "egress-to-a-name": (request(egress=[{**EGRESS, "cidr": "example.org"}]), "cidr"),
    "egress-to-ipv6": (request(egress=[{**EGRESS, "cidr": "2001:db8::/32"}]), "cidr"),
    "egress-with-host-bits": (request(egress=[{**EGRESS, "cidr": "192.0.2.1/24"}]), "cidr"),
    "egress-to-an-address": (request(egress=[{**EGRESS, "cidr": "192.0.2.1"}]), "cidr"),
    "egress-to-port-0": (request(egress=[{**EGRESS, "port": 0}]), "port"),
    "egress-to-port-65536": (request(egress=[{**EGRESS, "port": 65536}]), "port"),
    "egress-by-icmp": (request(egress=[{**EGRESS, "protocol": "ICMP"}]), "protocol"),
    "egress-without-a-reason": (request(egress=[{**EGRESS, "reason": "data"}]), "reason"),
    "too-many-images": (request(images=[f"lab.local/{n}:1" for n in range(17)]), "spec.images"),
    "evidence-for-no-day": (request(evidence={"retentionDays": 0}), "retentionDays"),
    "evidence-for-ever": (request(evidence={"retentionDays": 4000}), "retentionDays"),
    "two-approvals-by-one": (
        request(approvals=[{"by": "bob"}, {"by": "bob"}]),
        "spec.approvals[1]",
    ),
    "two-renewals-of-one-name": (request(renewals=[RENEWAL, RENEWAL]), "spec.renewals[1]"),
    "renewal-for-no-time": (request(renewals=[{**RENEWAL, "extend": "0s"}]), "extend"),
    "renewal-for-too-long": (request(renewals=[{**RENEWAL, "extend": "721h"}]), "extend"),
    "renewal-without-a-reason": (request(renewals=[{**RENEWAL, "reason": "more"}]), "reason"),
    "rejection-without-a-reason": (request(rejection={"by": "bob"}), "reason"),
    "suspension-by-nobody": (request(suspension={"reason": "It misbehaves"}), "by"),
    "name-with-a-digit-first": (request("1st"), "metadata.name"),
    "name-with-a-dot": (request("a.b"), "metadata.name"),
    "name-that-ends-in-a-dash": (request("a-"), "metadata.name"),
    "name-too-long": (request("a" * 41), "metadata.name"),
}
APPROVED = {"approvals": [{"by": "bob"}]}
RENEWED = {"renewals": [RENEWAL]}
RENEWAL_APPROVED = {"renewals": [{**RENEWAL, "approvals": [{"by": "bob"}]}]}
REJECTED = {"rejection": {"by": "bob", "reason": "Not for this"}}
SUSPENDED = {"suspension": {"by": "olga", "reason": "It misbehaves"}}

#: What others have said (set first), and a change of it that is refused.
TAKEN_BACK: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an-approval-removed": (APPROVED, {"approvals": []}),
    "all-approvals-left-out": (APPROVED, {"approvals": None}),
    "an-approval-by-another": (APPROVED, {"approvals": [{"by": "carol"}]}),
    "a-renewal-removed": (RENEWED, {"renewals": []}),
    "a-renewal-for-longer": (RENEWED, {"renewals": [{**RENEWAL, "extend": "2h"}]}),
    "a-renewal-for-another-reason": (
        RENEWED,
        {"renewals": [{**RENEWAL, "reason": "Something else"}]},
    ),
    "a-renewals-approval-removed": (RENEWAL_APPROVED, {"renewals": [RENEWAL]}),
    "a-renewals-approval-by-another": (
        RENEWAL_APPROVED,
        {"renewals": [{**RENEWAL, "approvals": [{"by": "carol"}]}]},
    ),
    "a-rejection-removed": (REJECTED, {"rejection": None}),
    "a-rejection-changed": (REJECTED, {"rejection": {"by": "bob", "reason": "Another reason"}}),
}
#: What others may say, one after the other, on top of what was said before.
SAID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an-approval": ({}, APPROVED),
    "another-approval": (APPROVED, {"approvals": [{"by": "bob"}, {"by": "carol"}]}),
    "a-renewal": (APPROVED, RENEWED),
    "another-renewal": (RENEWED, {"renewals": [RENEWAL, {**RENEWAL, "name": "second"}]}),
    "a-renewals-approval": (RENEWED, RENEWAL_APPROVED),
    "a-rejection": ({}, REJECTED),
    "a-suspension": (APPROVED, SUSPENDED),
    "a-suspension-lifted": (SUSPENDED, {"suspension": None}),
}


def fields() -> set[str]:
    """Everything that a spec may have."""
    version = definition()["spec"]["versions"][0]
    return set(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])


@pytest.fixture(params=["real", "seeded"])
def path(request: pytest.FixtureRequest, api: Api, lenient: str) -> str:
    """Where Sandboxes are: with their definition, and with one that has no rules."""
    return PATH if request.param == "real" else lenient


@pytest.fixture(scope="module")
def lenient(api: Api) -> str:
    """The same kind of another group, without any rule: what is refused here is the shape."""
    seeded = without_rules(definition())
    seeded["metadata"]["name"] = f"sandboxes.{SEEDED}"
    seeded["spec"]["group"] = SEEDED
    del seeded["spec"]["names"]["shortNames"]
    install(api, seeded)
    return PATH.replace(API_VERSION.partition("/")[0], SEEDED)


def without_rules(schema: Any) -> Any:
    """A schema without CEL."""
    if isinstance(schema, dict):
        kept = {k: v for k, v in schema.items() if k != "x-kubernetes-validations"}
        return {key: without_rules(value) for key, value in kept.items()}
    return [without_rules(one) for one in schema] if isinstance(schema, list) else schema


def at(path: str, manifest: Manifest) -> Manifest:
    """The manifest for the API at a path."""
    return {**manifest, "apiVersion": "/".join(path.split("/")[2:4])}


@pytest.fixture
def there(api: Api, path: str) -> Iterator[str]:
    """Path of a sandbox that asks for everything."""
    answer = api.post(path, at(path, FULL))
    assert answer.status_code == 201, say(answer)
    here = f"{path}/{FULL['metadata']['name']}"
    yield here
    assert api.delete(here).is_success


def expected(answer: httpx.Response, path: str, *, named: str = "") -> None:
    """Refused by the real definition, for this field; taken by the one without rules."""
    if path.startswith(f"/apis/{SEEDED}/"):
        assert answer.is_success, f"not the rule refuses it: {say(answer)}"
        return
    assert answer.status_code == 422, say(answer)
    causes = [cause["field"] for cause in answer.json()["details"]["causes"]]
    assert any(named in field for field in causes), causes


def test_a_request_may_leave_out_what_has_a_default(api: Api) -> None:
    answer = api.post(PATH, request(), dryRun="All")
    assert answer.status_code == 201, say(answer)
    found = Sandbox.of(answer.json())
    assert (found.spec.classification, found.spec.profile) == ("internal", "small")
    assert found.spec.evidence.retention_days == 365
    assert answer.json()["spec"]["approvals"] == []


@pytest.mark.parametrize(
    "manifest", [FULL, request("a" * 40), request(ttl="1s"), request(ttl="1h1m1s")], ids=str
)
def test_requests_at_the_edge_of_what_is_refused(manifest: Manifest, api: Api) -> None:
    answer = api.post(PATH, manifest, dryRun="All")
    assert answer.status_code == 201, say(answer)
    assert Sandbox.of(answer.json()).spec.purpose == manifest["spec"]["purpose"]


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_is_refused_for_the_field_that_is_wrong(case: str, api: Api) -> None:
    manifest, named = REFUSED[case]
    expected(api.post(PATH, manifest, dryRun="All"), PATH, named=named)


def test_everything_that_is_asked_for_has_a_case_here() -> None:
    assert set(CHANGED) == fields() - LATER


@pytest.mark.parametrize("field", CHANGED)
def test_what_was_asked_for_never_changes(field: str, there: str, path: str, api: Api) -> None:
    answer = api.patch(there, {"spec": {field: CHANGED[field]}})
    expected(answer, path, named=f"spec.{field}")


@pytest.mark.parametrize("field", sorted(set(CHANGED) - {"purpose", "requester", "ttl"}))
def test_what_was_asked_for_is_not_left_out_later(
    field: str, there: str, path: str, api: Api
) -> None:
    """The default comes in its place, which is a change; of a budget, which has none, the whole
    that misses it is named.
    """
    answer = api.patch(there, {"spec": {field: None}})
    expected(answer, path, named="spec" if field == "budget" else f"spec.{field}")


@pytest.mark.parametrize("case", TAKEN_BACK)
def test_what_was_said_is_not_taken_back(case: str, there: str, path: str, api: Api) -> None:
    before, after = TAKEN_BACK[case]
    answer = api.patch(there, {"spec": before})
    assert answer.is_success, say(answer)
    expected(api.patch(there, {"spec": after}), path, named="spec")


@pytest.mark.parametrize("path", ["real"], indirect=True)
@pytest.mark.parametrize("case", SAID)
def test_what_may_be_said(case: str, there: str, api: Api) -> None:
    for said in SAID[case]:
        answer = api.patch(there, {"spec": said})
        assert answer.is_success, say(answer)


@pytest.mark.parametrize("path", ["real"], indirect=True)
def test_status_and_the_rest_are_written_apart(there: str, api: Api) -> None:
    both = {
        "metadata": {"finalizers": [FINALIZER]},
        "spec": APPROVED,
        "status": {"phase": "Ready", "identity": "x-1", "unheard": "of"},
    }
    answer = api.patch(there, both)
    assert answer.is_success, say(answer)
    found = api.read(there)
    assert "status" not in found
    assert found["spec"]["approvals"] == APPROVED["approvals"]
    assert api.patch(there, {"metadata": {"finalizers": None}}).is_success
    answer = api.patch(f"{there}/status", {**both, "spec": {"approvals": [{"by": "carol"}]}})
    assert answer.is_success, say(answer)
    found = api.read(there)
    assert found["status"] == {"phase": "Ready", "identity": "x-1"}
    assert found["spec"]["approvals"] == APPROVED["approvals"]
    assert "finalizers" not in found["metadata"]
    answer = api.patch(f"{there}/status", {"status": {"phase": "Fine"}})
    expected(answer, PATH, named="status.phase")


@pytest.mark.parametrize("path", ["real"], indirect=True)
def test_people_see_what_became_of_it(
    there: str, server: ApiServer, api: Api, tmp_path: Path
) -> None:
    """Printer columns and the short name, by kubectl."""
    status = {
        "phase": "Ready",
        "namespace": "sandbox-x-1",
        "expiresAt": "2999-01-01T00:00:00Z",
    }
    assert api.patch(f"{there}/status", {"status": status}).is_success
    kubectl = tmp_path / "kubectl"
    kubectl.symlink_to(toolchain.binary("kubernetes"))
    shown = subprocess.run(
        [kubectl, "--kubeconfig", server.kubeconfig, "get", "sbx"],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path)},
    ).stdout
    head, line = (re.split(r"\s{2,}", row.strip()) for row in shown.splitlines())
    assert head == [
        "NAME", "PHASE", "REQUESTER", "CLASSIFICATION", "PROFILE", "NAMESPACE", "EXPIRES", "AGE",
    ]  # fmt: skip
    assert line[:6] == ["example", "Ready", "alice", "confidential", "large", "sandbox-x-1"]


def test_a_lab_says_what_can_be_asked_for_and_keeps_what_was(api: Api) -> None:
    """What is there already can go on when the configuration gets stricter."""
    group = "limited.example.org"

    def limited(limits: Limits) -> Manifest:
        found = definition(limits)
        found["metadata"]["name"] = f"sandboxes.{group}"
        found["spec"]["group"] = group
        del found["spec"]["names"]["shortNames"]
        return found

    install(api, limited(Limits(("public", "restricted"), ("small", "large"), "24h")))
    here = PATH.replace(API_VERSION.partition("/")[0], group)

    def answer(**spec: Any) -> httpx.Response:
        return api.post(here, at(here, request(**spec)), dryRun="All")

    assert answer().json()["spec"]["classification"] == "public"
    assert answer(profile="large", ttl="24h", classification="restricted").is_success
    expected(answer(ttl="25h"), PATH, named="spec.ttl")
    expected(answer(classification="internal"), PATH, named="spec.classification")
    refused = answer(profile="huge")
    expected(refused, PATH, named="spec.profile")
    assert '"large", "small"' in refused.json()["message"]

    made = api.post(here, at(here, request(profile="large", ttl="24h")))
    assert made.status_code == 201, say(made)
    stricter = limited(Limits(("restricted",), ("small",), "1h"))
    path = location(stricter)
    assert api.patch(path, {"spec": stricter["spec"]}).is_success
    late = eventually(
        lambda: answer(profile="large", ttl="1h"),
        until=lambda got: got.status_code == 422,
        within=60,
    )
    expected(late, PATH, named="spec.profile")
    one = f"{here}/{made.json()['metadata']['name']}"
    assert api.patch(f"{one}/status", {"status": {"phase": "Ready"}}).is_success
    assert api.patch(one, {"spec": APPROVED}).is_success


def test_the_server_bounds_the_cost_of_rules(api: Api) -> None:
    """Seeded: a list without a bound costs more than the API server allows, so ours are bounded."""
    seeded = json.loads(json.dumps(definition()))
    seeded["metadata"]["name"] = "sandboxes.costly.example.org"
    seeded["spec"]["group"] = "costly.example.org"
    answer = api.create(copy.deepcopy(seeded), dry_run=True)
    assert answer.status_code == 201, say(answer)
    schema = seeded["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    del schema["properties"]["spec"]["properties"]["renewals"]["maxItems"]
    answer = api.create(seeded, dry_run=True)
    assert answer.status_code == 422, say(answer)
    assert "budget" in answer.text


def test_the_server_adds_nothing_to_the_definition(api: Api) -> None:
    """Else `lab verify` would take it for drift."""
    assert drift.differences(definition(), api.read(location(definition()))) == []
