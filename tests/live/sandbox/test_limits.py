"""Quota, limits and tokens of a sandbox, enforced by the API server for real."""

from __future__ import annotations

from typing import Any

import pytest

from infra.naming import SANDBOX_SERVICE_ACCOUNT, sandbox_namespace
from tests.live.support import probes
from tests.live.support.api import Api, say
from tests.live.support.lab import current

_SANDBOXES = [sandbox.name for sandbox in current().config.sandboxes]
RESTORE = "`./lab up --refresh` restores it."


def _pod(namespace: str, **resources: dict[str, str]) -> dict[str, Any]:
    pod = probes.server("limits-check", namespace)
    pod["spec"]["containers"][0]["resources"] = resources
    return pod


@pytest.mark.check(id="sandbox.quota.enforced", area="sandbox")
@pytest.mark.parametrize("sandbox", _SANDBOXES)
def test_nothing_beyond_the_quota(sandbox: str, api: Api) -> None:
    namespace = sandbox_namespace(sandbox)
    answer = api.create(_pod(namespace), dry_run=True)
    assert answer.status_code == 201, f"a small pod is refused in {sandbox}: {say(answer)}"
    quantities = {"cpu": "2000", "memory": "4Ti"}
    answer = api.create(_pod(namespace, requests=quantities, limits=quantities), dry_run=True)
    assert answer.status_code == 403, (
        f"a pod with 2000 cores is admitted to sandbox {sandbox}: neither quota nor limits hold. "
        f"{RESTORE}"
    )
    # The limit range alone would refuse that pod, so the quota is tried by itself: two containers,
    # each within the limits, together beyond the quota.
    spec = next(entry for entry in current().config.sandboxes if entry.name == sandbox)
    whole = {"cpu": spec.quota.cpu, "memory": "16Mi"}
    pod = _pod(namespace, requests=whole, limits=whole)
    pod["spec"]["containers"].append({**pod["spec"]["containers"][0], "name": "second"})
    answer = api.create(pod, dry_run=True)
    refused = answer.status_code == 403 and "exceeded quota" in answer.text
    assert refused, (
        f"twice the CPU of its quota is admitted to sandbox {sandbox} ({say(answer)[:120]}): the "
        f"quota is gone or raised. {RESTORE}"
    )


@pytest.mark.check(id="sandbox.limits.defaults", area="sandbox")
@pytest.mark.parametrize("sandbox", _SANDBOXES)
def test_a_pod_that_says_nothing_is_bounded(sandbox: str, api: Api) -> None:
    answer = api.create(_pod(sandbox_namespace(sandbox)), dry_run=True)
    assert answer.status_code == 201, f"a pod without limits is refused: {say(answer)}"
    resources = answer.json()["spec"]["containers"][0]["resources"]
    missing = {"cpu", "memory", "ephemeral-storage"} - set(resources.get("limits", {}))
    assert not missing, f"a pod of {sandbox} may use {', '.join(missing)} without end. {RESTORE}"


@pytest.mark.check(id="sandbox.token-not-mounted", area="sandbox")
@pytest.mark.parametrize("account", ["default", SANDBOX_SERVICE_ACCOUNT])
@pytest.mark.parametrize("sandbox", _SANDBOXES)
def test_no_pod_gets_a_token_unasked(sandbox: str, account: str, api: Api) -> None:
    """A pod that does not say anything about tokens, as the API server would store it."""
    pod = _pod(sandbox_namespace(sandbox))
    del pod["spec"]["automountServiceAccountToken"]
    pod["spec"]["serviceAccountName"] = account
    answer = api.create(pod, dry_run=True)
    assert answer.status_code == 201, f"a pod of {account} is refused: {say(answer)}"
    volumes = [volume["name"] for volume in answer.json()["spec"].get("volumes", [])]
    assert not volumes, (
        f"pods of sandbox {sandbox} get the token of service account {account} mounted "
        f"({', '.join(volumes)}): automountServiceAccountToken must be false. {RESTORE}"
    )


@pytest.mark.check(id="sandbox.account-rights", area="sandbox")
@pytest.mark.parametrize("account", ["default", SANDBOX_SERVICE_ACCOUNT])
@pytest.mark.parametrize("sandbox", _SANDBOXES)
def test_its_service_accounts_have_no_rights(sandbox: str, account: str, api: Api) -> None:
    namespace = sandbox_namespace(sandbox)
    user = api.acting_as(
        f"system:serviceaccount:{namespace}:{account}",
        "system:serviceaccounts",
        f"system:serviceaccounts:{namespace}",
        "system:authenticated",
    )
    paths = ("pods", "secrets", "configmaps", "services")
    answers = {path: user.get(f"/api/v1/namespaces/{namespace}/{path}") for path in paths}
    allowed = [path for path, answer in answers.items() if answer.status_code != 403]
    assert not allowed, f"service account {account} of {sandbox} may list {', '.join(allowed)}."
