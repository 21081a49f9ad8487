"""Pulumi by hand: no change after `up`, drift is shown, and `up` takes it back."""

from __future__ import annotations

from infra.naming import sandbox_namespace
from tests.live.support import operations
from tests.live.support.api import Api, say
from tests.live.support.lab import Lab
from tests.live.support.verification import verify


def test_a_preview_after_up_shows_no_change(up: Lab) -> None:
    done = operations.pulumi(up.stack, "preview", "--expect-no-changes")
    assert done.status == 0, f"`pulumi preview` wants to change something: {done.told}"


def test_a_refresh_after_up_shows_no_drift(up: Lab) -> None:
    done = operations.pulumi(up.stack, "refresh", "--preview-only", "--expect-no-changes")
    assert done.status == 0, f"`pulumi refresh` sees drift: {done.told}"


def test_a_deleted_policy_is_seen_and_restored(up: Lab, api: Api) -> None:
    namespace = sandbox_namespace(up.config.sandboxes[0].name)
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies/default-deny"
    answer = api.delete(path)
    assert answer.is_success, say(answer)
    seen = operations.pulumi(up.stack, "refresh", "--yes", "--skip-preview")
    assert seen.status == 0, seen.told
    assert "default-deny" in seen.output, f"`pulumi refresh` does not name it: {seen.told}"
    assert "deleted" in seen.output or "1 to delete" in seen.output, seen.told
    restored = operations.lab("up", "--yes", "--stack", up.stack)
    assert restored.status == 0, restored.told
    assert api.get(path).status_code == 200, "`lab up` did not make the policy again"
    assert verify(up.stack, "sandbox", "cluster.default-deny").ok
