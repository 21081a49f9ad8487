"""Kinds that an API server of a test is taught."""

from __future__ import annotations

from typing import Any

from tests.live.support.api import Api, eventually, location, say

#: Seconds until a kind is served, on a machine that does much else.
_PATIENCE = 120


def wait_until_judged(api: Api, manifest: dict[str, Any]) -> None:
    """Until what judges requests knows the kind, too: before, it is a 503."""
    answer = eventually(
        lambda: api.create(manifest, dry_run=True),
        until=lambda got: got.status_code not in (404, 503),
        within=_PATIENCE,
    )
    assert answer.status_code not in (404, 503), say(answer)


_ADMISSION = "admissionregistration.k8s.io/v1"
_SENTINEL = "sentinel"


def wait_until_enforced(api: Api) -> None:
    """Until every admission policy that was made is in force.

    An API server takes them into use by and by, but always all that it has seen: the one that was
    made last is in force after all others.
    """
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    policy = {
        "apiVersion": _ADMISSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": _SENTINEL},
        "spec": {
            "matchConstraints": {"resourceRules": [{**rule, "operations": ["CREATE"]}]},
            "validations": [{"expression": f"object.metadata.name != '{_SENTINEL}'"}],
        },
    }
    binding = {
        "apiVersion": _ADMISSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": _SENTINEL},
        "spec": {"policyName": _SENTINEL, "validationActions": ["Deny"]},
    }
    refused = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _SENTINEL, "namespace": "default"},
    }
    for made in (policy, binding):
        answer = api.create(made)
        assert answer.status_code == 201, say(answer)
    answer = eventually(
        lambda: api.create(refused, dry_run=True),
        until=lambda got: f"'{_SENTINEL}'" in got.text and got.status_code in (403, 422),
        within=_PATIENCE,
    )
    assert answer.status_code in (403, 422), say(answer)
    for made in (binding, policy):
        assert api.delete(location(made)).is_success


def install(api: Api, manifest: dict[str, Any]) -> None:
    """Adds a kind, and waits until it is served."""
    answer = api.create(manifest)
    assert answer.status_code == 201, say(answer)
    path = location(manifest)

    def established() -> bool:
        conditions = api.read(path).get("status", {}).get("conditions") or []
        return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

    assert eventually(established, until=bool, within=_PATIENCE)
    spec = manifest["spec"]
    collection = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    answer = eventually(
        lambda: api.get(collection), until=lambda got: got.status_code == 200, within=_PATIENCE
    )
    assert answer.status_code == 200, say(answer)
