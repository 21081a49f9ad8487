"""What the operator and the command line read of a Sandbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from infra.sandbox import definition, resource
from infra.sandbox.resource import Phase, Sandbox

REQUEST: dict[str, Any] = {
    "metadata": {"name": "bias", "uid": "0c9b", "resourceVersion": "7"},
    "spec": {
        "purpose": "Measure the bias of model 7",
        "requester": "alice",
        "ttl": "8h",
        "egress": [
            {"cidr": "192.0.2.0/24", "port": 443, "protocol": "TCP", "reason": "Data of the city"}
        ],
        "renewals": [
            {
                "name": "one",
                "extend": "1h",
                "reason": "It takes longer",
                "approvals": [{"by": "bob"}],
            }
        ],
    },
}


@pytest.mark.parametrize(
    ("text", "seconds"), [("8h", 28800), ("1h30m", 5400), ("45s", 45), ("1h1m1s", 3661), ("0h", 0)]
)
def test_durations(text: str, seconds: int) -> None:
    assert resource.duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "8", "h", "8d", "1.5h", "-1h", "1m1h", " 8h", "8h\n"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        resource.duration(text)


def test_a_new_request_is_read_with_what_it_leaves_out() -> None:
    sandbox = Sandbox.of(REQUEST)
    assert sandbox.status.phase is Phase.REQUESTED
    assert sandbox.spec.profile == "small"
    assert sandbox.spec.egress[0].port == 443
    assert sandbox.spec.renewals[0].approvals[0].by == "bob"
    assert sandbox.deleted_at is None


def test_fields_of_a_newer_server_are_ignored() -> None:
    spec = {**REQUEST["spec"], "colour": "blue"}
    assert Sandbox.of({**REQUEST, "spec": spec}).spec.requester == "alice"


def test_the_definition_knows_every_field_that_is_read() -> None:
    """A field that the API server prunes would be read as never set."""
    properties = definition.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"][
        "properties"
    ]
    for name, model in (("spec", resource.Spec), ("status", resource.Status)):
        aliases = {field.alias for field in model.model_fields.values()}
        assert aliases <= set(properties[name]["properties"]), name
    renewal = properties["spec"]["properties"]["renewals"]["items"]["properties"]
    assert {field.alias for field in resource.Renewal.model_fields.values()} == set(renewal)
