"""The operator of sandboxes: it runs, one of two works, and it may do no more than its work.

Nothing is asked for here: a request would stay on record (tests/live/sandbox_service does that).
"""

from __future__ import annotations

import pytest

from infra import naming
from infra.operator.objects import NAMESPACE
from tests.live.support import operator, rbac
from tests.live.support.api import Api, eventually, location, say
from tests.live.support.lab import Lab, current
from tests.live.support.vault import Caller

if current().config.sandbox_service is None:
    pytest.skip("the lab's configuration has no sandbox_service", allow_module_level=True)

LOGS = f"`kubectl -n {NAMESPACE} logs deployment/{naming.OPERATOR}` says why."
#: What Kubernetes lets everybody do who is logged in.
EVERYBODY = {
    ("authentication.k8s.io", "selfsubjectreviews", "create"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create"),
}
#: Seconds in which another one takes over.
TAKEN_OVER = 60


@pytest.mark.check(id="cluster.sandbox-operator", area="cluster")
def test_two_of_it_run(api: Api) -> None:
    answer = api.get(operator.DEPLOYMENT)
    assert answer.status_code == 200, (
        f"the operator of sandboxes is gone ({say(answer)}): nothing ends by itself any more. "
        "`./lab up --refresh` makes it again."
    )
    wanted = answer.json()["spec"]["replicas"]
    assert wanted == operator.REPLICAS, (
        f"the operator of sandboxes has {wanted} replicas: with none, nothing is made and nothing "
        "ends. `./lab up --refresh` gives two."
    )
    status = operator.ready(api)
    ready = status.get("readyReplicas", 0)
    assert ready == operator.REPLICAS, f"{ready} of 2 operators are ready: {status}. {LOGS}"


@pytest.mark.check(id="cluster.sandbox-operator.lease", area="cluster")
def test_one_of_them_leads(api: Api) -> None:
    def look() -> str:
        answer = api.get(operator.LEASE)
        if answer.status_code != 200:
            return f"it has no lease ({say(answer)})"
        names = operator.names_of(operator.pods(api))
        return operator.lease_fault(answer.json(), names, operator.server_time(api))

    fault = eventually(look, until=lambda found: not found, within=TAKEN_OVER)
    assert not fault, f"no operator of sandboxes works: {fault}. {LOGS}"


@pytest.mark.check(id="cluster.sandbox-operator.rights", area="cluster")
def test_it_may_do_its_work_and_no_more(api: Api) -> None:
    """In its own name, in every namespace: the API server says what it may do."""
    for namespace in sorted(operator.names_of(api.items("/api/v1/namespaces"))):
        given = operator.given_rights(api, namespace)
        asked = operator.asked_rights(namespace)
        more = given - asked - EVERYBODY
        assert not more, (
            f"the operator of sandboxes may do more than its work in {namespace}: {sorted(more)}. "
            f"Look for the binding that names {operator.ACCOUNT}, and delete it."
        )
        assert asked <= given, (
            f"the operator of sandboxes may not do its work in {namespace}: "
            f"{sorted(asked - given)}. `./lab up --refresh` restores its role."
        )


@pytest.mark.check(id="cluster.sandbox-operator.role", area="cluster")
def test_its_role_has_no_wildcards(api: Api) -> None:
    role = api.read(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{naming.OPERATOR_ROLE}")
    found = rbac.wildcards(role["rules"])
    assert role["rules"], "the control failed: its role has no rules."
    assert not found, f"the role of the operator holds for everything of a kind: {found}."


@pytest.mark.check(id="cluster.sandbox-operator.confined", area="cluster")
@pytest.mark.parametrize("attempt", operator.ATTEMPTS)
def test_it_is_kept_out_of_what_is_not_its_own(attempt: str, api: Api) -> None:
    """Its rights alone would do: admission refuses. Tried for real, as a dry run."""
    manifest = operator.ATTEMPTS[attempt]
    itself = api.acting_as(operator.ACCOUNT, *operator.GROUPS)
    answer = itself.create(manifest, dry_run=True)
    refused = answer.status_code in (403, 422) and "ai-lab-" in answer.text
    assert refused, (
        f"the operator may make {attempt} ({say(answer)[:160]}), at {location(manifest)}: put the "
        "policy operator-stays-in-sandboxes back."
    )


@pytest.mark.check(id="cluster.sandbox-operator.told", area="cluster")
def test_it_is_told_what_the_configuration_says(api: Api, lab: Lab) -> None:
    service = lab.config.sandbox_service
    assert service is not None
    told = operator.told(api)
    assert told.longest_life == service.longest_life
    assert dict(told.approvals) == service.approvals.model_dump()
    assert {name: one.quota for name, one in told.profiles.items()} == {
        name: one.quota for name, one in service.profiles.items()
    }
    assert {name: one.pool for name, one in told.profiles.items() if one.pool} == {
        name: count for name, count in service.pool.items() if count
    }
    assert told.evidence.kind == "postgresql", (
        f"evidence of sandboxes goes into {told.evidence.kind}, not into the lab's database."
    )


@pytest.mark.check(id="cluster.sandbox-operator.tokens", area="cluster")
def test_its_tokens_end_within_the_hour(api: Api) -> None:
    found = operator.pods(api)
    assert found, f"no pod of the operator of sandboxes is there. {LOGS}"
    for pod in found:
        tokens = [
            source["serviceAccountToken"]
            for volume in pod["spec"]["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
            if "serviceAccountToken" in source
        ]
        lives = sorted(token["expirationSeconds"] for token in tokens)
        assert lives == [600, 3600], f"{pod['metadata']['name']} has tokens of {lives} s."
        assert pod["spec"]["automountServiceAccountToken"] is False


@pytest.mark.check(id="vault.evidence-key", area="vault")
def test_the_key_of_evidence_stays_in_vault_and_stays_whole(lab_caller: Caller) -> None:
    """Old signatures must be verifiable for as long as evidence is kept."""
    path = f"{naming.VAULT_TRANSIT}/keys/{naming.VAULT_EVIDENCE_KEY}"
    key = lab_caller.ask("GET", path)["data"]
    wanted = {
        "type": "ed25519",
        "derived": False,
        "exportable": False,
        "allow_plaintext_backup": False,
        "deletion_allowed": False,
        "min_decryption_version": 1,
        "min_available_version": 0,
    }
    found = {name: key.get(name) for name in wanted}
    assert found == wanted, f"{path} is {found}, not {wanted}. `./lab up --refresh` mends it."
