"""The CustomResourceDefinition of `Transfer`. Pure.

Here stands what one object can say about itself: its shape, the lab's limits, that what was asked
for never changes, that weights of models do not leave, and that what leaves says what it discloses.
Who may say it is decided at admission (policies/rules/kubernetes/transfer_*.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.cluster.manifests import Manifest
from infra.sandbox import schema
from infra.sandbox.resource import VERSION
from infra.sandbox.schema import MOST, PLAIN, REQUESTER, UNCHANGED, Schema
from infra.sandbox.transfer import KIND, PLURAL, Content, Direction, Phase

#: https://www.rfc-editor.org/rfc/rfc6838#section-4.2
_MEDIA_TYPE: Schema = {
    "type": "string",
    "maxLength": 100,
    "pattern": "^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*$",
}
#: Of the request that was looked at: under another uid there could be other files.
_UID: Schema = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "maxLength": 36,
    "x-kubernetes-validations": UNCHANGED,
}
_STAYS = "An approval stays on record; what was asked for can be withdrawn."


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """What can be asked for in a lab; sizes in bytes."""

    files: int = MOST
    largest: int = 2**30
    total: int = 4 * 2**30
    #: Media types; none are any.
    types: tuple[str, ...] = ()


def definition(limits: TransferLimits = TransferLimits()) -> Manifest:
    """https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/"""
    return schema.kind(
        name=KIND,
        plural=PLURAL,
        short="trf",
        version=VERSION,
        scope="Namespaced",
        columns=_columns(),
        schema=_schema(limits),
    )


def _columns() -> list[dict[str, Any]]:
    texts = {
        "Sandbox": ".spec.sandbox",
        "Direction": ".spec.direction",
        "Content": ".spec.content",
        "Requester": ".spec.requester",
        "Phase": ".status.phase",
    }
    return [
        *({"name": name, "type": "string", "jsonPath": path} for name, path in texts.items()),
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]


def _schema(limits: TransferLimits) -> Schema:
    return {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "metadata": {
                "type": "object",
                "properties": {
                    "name": {
                        "type": "string",
                        "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
                        "maxLength": 40,
                    }
                },
            },
            "spec": _spec(limits),
            "status": _status(),
        },
    }


def _spec(limits: TransferLimits) -> Schema:
    return {
        "type": "object",
        "required": ["sandbox", "requester", "direction", "content", "files"],
        "properties": {
            "sandbox": {
                "type": "string",
                "pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$",
                "maxLength": 40,
                "x-kubernetes-validations": UNCHANGED,
            },
            "requester": {**REQUESTER, "x-kubernetes-validations": UNCHANGED},
            "direction": _one_of([one.value for one in Direction]),
            "content": _one_of([one.value for one in Content]),
            "files": {
                "type": "array",
                "minItems": 1,
                "maxItems": limits.files,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": _file(limits),
                "x-kubernetes-validations": [
                    *UNCHANGED,
                    {
                        "rule": f"self.map(f, f.size).sum() <= {limits.total}",
                        "message": f"all files together have {limits.total} bytes at most here",
                    },
                ],
            },
            "note": {
                "type": "string",
                "minLength": 20,
                "maxLength": 1000,
                "pattern": PLAIN,
                "x-kubernetes-validations": UNCHANGED,
            },
            "approvals": schema.approvals(_STAYS, uid=_UID),
            "rejection": schema.verdict(final=True),
        },
        "x-kubernetes-validations": [
            {
                "rule": "self.direction == 'import' || self.content != 'weights'",
                "message": "weights of models enter a sandbox and never leave it",
            },
            {
                "rule": "self.direction == 'import' || has(self.note)",
                "message": "what leaves needs a note of what it discloses, and why that may be",
            },
            # A field that was not there has no old value to be compared with.
            {
                "rule": "has(self.note) == has(oldSelf.note)",
                "message": "What was asked for never changes.",
            },
            {
                "rule": "!has(oldSelf.rejection) || has(self.rejection)",
                "message": "A rejection is final: ask anew.",
            },
        ],
    }


def _one_of(values: list[str]) -> Schema:
    return {"type": "string", "enum": values, "x-kubernetes-validations": UNCHANGED}


def _file(limits: TransferLimits) -> Schema:
    known: Schema = {"enum": sorted(limits.types)} if limits.types else {}
    return {
        "type": "object",
        "required": ["name", "sha256", "size", "type"],
        "properties": {
            # No folders, and nothing that a program takes for an option or a hidden file.
            "name": {
                "type": "string",
                "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$",
                "maxLength": 128,
            },
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$", "maxLength": 64},
            "size": {
                "type": "integer",
                "format": "int64",
                "minimum": 0,
                "maximum": limits.largest,
            },
            "type": {**_MEDIA_TYPE, **known},
        },
    }


def _status() -> Schema:
    return {
        "type": "object",
        "properties": {
            "phase": {"type": "string", "enum": [phase.value for phase in Phase]},
            "evidenceHead": {"type": "string"},
            "observedGeneration": {"type": "integer"},
            "conditions": schema.conditions(),
        },
    }
