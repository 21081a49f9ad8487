"""The policy auditor in the cluster: it runs, it audits, and it may do no more than look."""

from __future__ import annotations

import time

import pytest

from infra.auditor import scope
from infra.cluster.auditor_objects import NAMESPACE
from tests.live.support import auditor, expected, rbac
from tests.live.support.api import Api, eventually, say
from tests.live.support.auditor import ACCOUNT, DEPLOYMENT, Shown
from tests.live.support.lab import Lab
from tests.live.support.machines import Host

LOGS = f"`kubectl -n {NAMESPACE} logs deployment/policy-auditor` says why."
#: What Kubernetes lets everybody do who is logged in.
EVERYBODY = {
    ("authentication.k8s.io", "selfsubjectreviews", "create"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create"),
}


@pytest.fixture(scope="module")
def shown(api: Api, lab: Lab, hosts: dict[str, Host]) -> Shown:
    """What it shows; read once."""
    return auditor.scrape(api, lab, hosts)


@pytest.mark.check(id="cluster.policy-auditor", area="cluster")
def test_it_runs(api: Api) -> None:
    answer = api.get(DEPLOYMENT)
    assert answer.status_code == 200, (
        f"the policy auditor is gone ({say(answer)}): nobody audits this cluster by itself. "
        "`./lab up --refresh` makes it again."
    )
    wanted = answer.json()["spec"]["replicas"]
    assert wanted == 1, f"the policy auditor has {wanted} replicas. `./lab up --refresh` gives one."
    status = eventually(
        lambda: api.read(DEPLOYMENT)["status"],
        until=lambda found: found.get("readyReplicas") == 1,
        within=auditor.FIRST,
    )
    assert status.get("readyReplicas") == 1, f"the policy auditor is not ready: {status}. {LOGS}"


@pytest.mark.check(id="cluster.policy-auditor.fresh", area="cluster")
def test_it_audits(shown: Shown) -> None:
    stale = shown.stale(time.time())
    assert not stale, f"the policy auditor is late: {stale}. {LOGS}"
    watched = {rule.id for rule in auditor.watched()}
    assert shown.rules == watched, (
        f"it looks at other rules than there are: {sorted(shown.rules ^ watched)}. Its image is "
        "of other sources; `./lab up` brings the one of this checkout."
    )


@pytest.mark.check(id="cluster.policy-auditor.findings", area="cluster")
def test_nothing_that_it_found_is_still_broken(shown: Shown, api: Api, lab: Lab) -> None:
    """What it found and was mended since its last audit does not count."""
    now = auditor.broken(auditor.look(lab, expected.kubernetes_version(api)))
    found = auditor.unmended(shown, now)
    assert not found, f"the policy auditor found what is broken: {'; '.join(found)}."


@pytest.mark.check(id="cluster.policy-auditor.rights", area="cluster")
def test_it_may_look_and_no_more(api: Api, lab: Lab) -> None:
    """In its own name, in every namespace of the lab: the API server says what it may do."""
    itself = api.acting_as(
        ACCOUNT,
        "system:serviceaccounts",
        f"system:serviceaccounts:{NAMESPACE}",
        "system:authenticated",
    )
    asked = {
        (group, resource, verb)
        for group, resources in scope.rights(auditor.watched()).items()
        for resource in resources
        for verb in ("get", "list")
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    spaces = [one["metadata"]["name"] for one in api.items("/api/v1/namespaces")]
    for namespace in spaces:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        answer = itself.post(path, review)
        assert answer.status_code == 201, f"its rights cannot be asked for: {say(answer)}"
        given = rbac.rule_set(answer.json()["status"]["resourceRules"])
        more = given - asked - EVERYBODY
        assert not more, (
            f"the policy auditor may do more than look in {namespace}: {sorted(more)}. Look for "
            f"the binding that names {ACCOUNT}, and delete it."
        )
        assert asked <= given, (
            f"the policy auditor may not look at everything in {namespace}: "
            f"{sorted(asked - given)}. `./lab up --refresh` restores its role."
        )
    assert not [right for right in asked if right[1] in ("secrets", "configmaps")]


@pytest.mark.check(id="cluster.policy-auditor.token", area="cluster")
def test_its_token_ends_within_the_hour(api: Api) -> None:
    pod = auditor.pod(api)
    tokens = [
        source["serviceAccountToken"]
        for volume in pod["spec"]["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        if "serviceAccountToken" in source
    ]
    assert [token["expirationSeconds"] <= 3600 for token in tokens] == [True], tokens
    assert pod["spec"]["automountServiceAccountToken"] is False
