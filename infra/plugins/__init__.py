"""A small typed base for Pulumi resource providers, straight on the gRPC servicer of the SDK.

Writers of a provider subclass `ResourceType` once per resource type and call `serve`.
"""

from infra.plugins.call import Call, current
from infra.plugins.resource import (
    Change,
    Checked,
    Created,
    Diff,
    Failure,
    Incomplete,
    Read,
    ResourceType,
)
from infra.plugins.server import serve
from infra.plugins.values import UNKNOWN, Secret, Tagged, contains_unknown, strip_secrets

__all__ = [
    "UNKNOWN",
    "Call",
    "Change",
    "Checked",
    "Created",
    "Diff",
    "Failure",
    "Incomplete",
    "Read",
    "ResourceType",
    "Secret",
    "Tagged",
    "contains_unknown",
    "current",
    "serve",
    "strip_secrets",
]
