"""The CustomResourceDefinition of `Sandbox`. Pure.

Here stands what one object can say about itself: its shape, what can be asked for in this lab, and
that what was asked for never changes. Who may say it needs the user's name and is decided at
admission (policies/rules/kubernetes/sandbox_*.py).

A lab whose configuration changes holds new requests to it; of those that are there the API server
lets pass what does not change
(https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
#validation-ratcheting).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.cluster.manifests import Manifest
from infra.config import CLASSIFICATIONS, Classification
from infra.config.requests import DEFAULT_PROFILE, LONGEST
from infra.sandbox import schema
from infra.sandbox.resource import BUDGET, DURATION, KIND, PLURAL, VERSION, Phase
from infra.sandbox.schema import MOST, REASON, REQUESTER, UNCHANGED, Schema

_STAYS = "An approval stays on record; what is approved can be destroyed."
_USUAL: Classification = "internal"


@dataclass(frozen=True, slots=True)
class Limits:
    """What can be asked for in a lab."""

    classifications: tuple[Classification, ...] = CLASSIFICATIONS
    #: Names; none are any.
    profiles: tuple[str, ...] = ()
    #: Of one life, and of one renewal.
    longest: str = f"{LONGEST}h"
    #: Euro, by profile; others have no limit.
    budgets: Mapping[str, float] = field(default_factory=dict)

    @property
    def classification(self) -> Classification:
        """Of a request that says none."""
        return _USUAL if _USUAL in self.classifications else self.classifications[0]


def definition(limits: Limits = Limits()) -> Manifest:
    """https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/"""
    return schema.kind(
        name=KIND,
        plural=PLURAL,
        short="sbx",
        version=VERSION,
        scope="Cluster",
        columns=_columns(),
        schema=_schema(limits),
    )


def _columns() -> list[dict[str, Any]]:
    texts = {
        "Phase": ".status.phase",
        "Requester": ".spec.requester",
        "Classification": ".spec.classification",
        "Profile": ".spec.profile",
        "Namespace": ".status.namespace",
    }
    return [
        *({"name": name, "type": "string", "jsonPath": path} for name, path in texts.items()),
        {"name": "Expires", "type": "date", "jsonPath": ".status.expiresAt"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]


def _schema(limits: Limits) -> Schema:
    return {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "metadata": {
                "type": "object",
                # Other names are derived from it.
                "properties": {
                    "name": {
                        "type": "string",
                        "pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$",
                        "maxLength": 40,
                    }
                },
            },
            "spec": _spec(limits),
            "status": _status(),
        },
    }


def _spec(limits: Limits) -> Schema:
    return {
        "type": "object",
        "required": ["purpose", "requester", "ttl"],
        "properties": {
            "purpose": {**REASON, "x-kubernetes-validations": UNCHANGED},
            "requester": {**REQUESTER, "x-kubernetes-validations": UNCHANGED},
            "classification": {
                "type": "string",
                "enum": list(limits.classifications),
                "default": limits.classification,
                "x-kubernetes-validations": UNCHANGED,
            },
            "profile": _profile(limits),
            "ttl": _duration(limits),
            # Text, because a number has no one form.
            "budget": {
                "type": "string",
                "maxLength": 9,
                "pattern": BUDGET,
                "x-kubernetes-validations": [
                    *UNCHANGED,
                    {
                        "rule": "double(self) > 0.0",
                        "message": "must be more than nothing, such as 20 or 12.50 (euro)",
                    },
                ],
            },
            "egress": {
                "type": "array",
                "maxItems": MOST,
                "default": [],
                "items": _egress(),
                "x-kubernetes-validations": UNCHANGED,
            },
            "images": {
                "type": "array",
                "maxItems": MOST,
                "default": [],
                "items": {
                    "type": "string",
                    "minLength": 3,
                    "maxLength": 256,
                    "pattern": "^[^,\\s]+$",
                },
                "x-kubernetes-validations": UNCHANGED,
            },
            "evidence": {
                "type": "object",
                "default": {},
                "properties": {
                    "retentionDays": {
                        "type": "integer",
                        "minimum": 1,
                        "maximum": 3650,
                        "default": 365,
                    }
                },
                "x-kubernetes-validations": UNCHANGED,
            },
            "approvals": schema.approvals(_STAYS),
            "rejection": schema.verdict(final=True),
            "renewals": {
                "type": "array",
                "maxItems": MOST,
                "default": [],
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": _renewal(limits),
                "x-kubernetes-validations": [
                    {
                        "rule": "oldSelf.all(old, self.exists(new, new.name == old.name))",
                        "message": "A renewal that was asked for stays on record.",
                    }
                ],
            },
            # Lifted by taking it away.
            "suspension": schema.verdict(final=False),
        },
        "x-kubernetes-validations": [
            {
                "rule": "!has(oldSelf.rejection) || has(self.rejection)",
                "message": "A rejection is final: ask for another sandbox.",
            },
            {
                "rule": "has(self.budget) == has(oldSelf.budget)",
                "message": "What was asked for never changes.",
            },
            *_budgets(limits),
        ],
    }


def _budgets(limits: Limits) -> list[dict[str, Any]]:
    """Asked of requests alone: a limit that is lowered later must not hold up a suspension."""
    return [
        {
            "rule": "oldSelf.hasValue() || !has(self.budget) || "
            f"self.profile != '{profile}' || double(self.budget) <= {float(most)!r}",
            "optionalOldSelf": True,
            "fieldPath": ".budget",
            "message": f"of the profile {profile} no sandbox may cost more than {most:g} euro",
        }
        for profile, most in sorted(limits.budgets.items())
    ]


def _profile(limits: Limits) -> Schema:
    found: Schema = {
        "type": "string",
        "pattern": "^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$",
        "maxLength": 20,
        "default": DEFAULT_PROFILE,
        "x-kubernetes-validations": UNCHANGED,
    }
    return {**found, "enum": sorted(limits.profiles)} if limits.profiles else found


def _egress() -> Schema:
    return {
        "type": "object",
        "required": ["cidr", "port", "reason"],
        "properties": {
            "cidr": {
                "type": "string",
                "maxLength": 18,
                "x-kubernetes-validations": [
                    {
                        "rule": "isCIDR(self) && cidr(self).ip().family() == 4"
                        " && cidr(self) == cidr(self).masked()",
                        "message": "must be an IPv4 range such as 192.0.2.0/24",
                    }
                ],
            },
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            "protocol": {"type": "string", "enum": ["TCP", "UDP"], "default": "TCP"},
            "reason": REASON,
        },
    }


def _renewal(limits: Limits) -> Schema:
    return {
        "type": "object",
        "required": ["name", "extend", "reason"],
        "properties": {
            "name": {
                "type": "string",
                "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
                "maxLength": 20,
            },
            "extend": _duration(limits),
            "reason": {**REASON, "x-kubernetes-validations": UNCHANGED},
            "approvals": schema.approvals(_STAYS),
        },
    }


def _duration(limits: Limits) -> Schema:
    """Two rules: one that knows what was there before is not asked when something is new."""
    return {
        "type": "string",
        "minLength": 2,
        "maxLength": 16,
        "pattern": DURATION,
        "x-kubernetes-validations": [
            *UNCHANGED,
            {
                "rule": "duration(self) > duration('0s')"
                f" && duration(self) <= duration('{limits.longest}')",
                "message": f"must be a time of {limits.longest} or less, such as 8h or 1h30m",
            },
        ],
    }


def _status() -> Schema:
    text: Schema = {"type": "string"}
    time: Schema = {"type": "string", "format": "date-time"}
    return {
        "type": "object",
        "properties": {
            "phase": {"type": "string", "enum": [phase.value for phase in Phase]},
            "identity": text,
            "namespace": text,
            "namespaceUid": text,
            "warm": {"type": "boolean"},
            "readyAt": time,
            "expiresAt": time,
            "renewed": {"type": "array", "items": text, "maxItems": MOST},
            "costPerHour": text,
            "budget": text,
            "cost": text,
            "suspensions": {"type": "integer", "minimum": 0},
            "attempts": {"type": "integer", "minimum": 0},
            "sealed": text,
            "ending": text,
            "evidenceHead": text,
            "certificate": text,
            "observedGeneration": {"type": "integer"},
            "conditions": schema.conditions(),
        },
    }
