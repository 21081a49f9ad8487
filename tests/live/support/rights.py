"""Rights for users of the checks, for as long as these run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from tests.live.support.api import Api, eventually, location, say

_RBAC = "rbac.authorization.k8s.io"
#: Seconds until a right that was just given is known.
_KNOWN = 30


def right(group: str, resources: Sequence[str], verbs: Sequence[str]) -> dict[str, Any]:
    """One rule of a role."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def given(
    api: Api, users: Sequence[str], rules: Sequence[dict[str, Any]], stack: ExitStack
) -> None:
    """Gives users these rights in the whole cluster, until the stack ends."""
    name = users[0]
    role = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"generateName": f"{name}-"},
        "rules": list(rules),
    }
    made = api.create(role)
    assert made.status_code == 201, f"a right for the checks is refused: {say(made)}"
    binding = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": made.json()["metadata"]["name"]},
        "roleRef": {
            "apiGroup": _RBAC,
            "kind": "ClusterRole",
            "name": made.json()["metadata"]["name"],
        },
        "subjects": [{"apiGroup": _RBAC, "kind": "User", "name": user} for user in users],
    }
    stack.callback(api.delete, location({**role, "metadata": binding["metadata"]}))
    bound = api.create(binding)
    assert bound.status_code == 201, f"a right for the checks is refused: {say(bound)}"
    stack.callback(api.delete, location(binding))


def wait_until_allowed(user: Api, **attributes: str) -> None:
    """Until the API server knows that a user may do something, by the attributes of a
    SelfSubjectAccessReview.
    """
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = eventually(
        lambda: user.post(path, review).json(),
        until=lambda got: got.get("status", {}).get("allowed"),
        within=_KNOWN,
    )
    assert answer["status"]["allowed"], "the users of these checks did not get their rights."
