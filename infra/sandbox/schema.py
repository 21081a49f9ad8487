"""Parts of schemas that the definitions of several kinds share. Pure."""

from __future__ import annotations

from typing import Any

from infra.sandbox.resource import GROUP

Schema = dict[str, Any]

#: Nothing in it speaks to a terminal.
PLAIN = r"^[^\p{C}]*$"
PRINCIPAL: Schema = {"type": "string", "minLength": 3, "maxLength": 128, "pattern": PLAIN}
#: Names that a sandbox can be made for (`infra.config.requests.User`).
REQUESTER: Schema = {**PRINCIPAL, "pattern": "^[A-Za-z0-9._@-]+$"}
REASON: Schema = {"type": "string", "minLength": 8, "maxLength": 200, "pattern": PLAIN}
UNCHANGED = [{"rule": "self == oldSelf", "message": "What was asked for never changes."}]
#: Entries of a list.
MOST = 16


def kind(
    *,
    name: str,
    plural: str,
    short: str,
    version: str,
    scope: str,
    columns: list[dict[str, Any]],
    schema: Schema,
) -> dict[str, Any]:
    """A CustomResourceDefinition with one version, and `status` as its subresource.

    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
    """
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            # What the API server would add.
            "conversion": {"strategy": "None"},
            "names": {
                "kind": name,
                "listKind": f"{name}List",
                "plural": plural,
                "singular": name.lower(),
                "shortNames": [short],
            },
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def approvals(stays: str, **more: Schema) -> Schema:
    """Who said yes, one voice each; `stays` is told to who takes one back, and `more` is what a
    voice has to say besides.
    """
    return {
        "type": "array",
        "maxItems": MOST,
        "default": [],
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["by"],
        "items": {
            "type": "object",
            "required": ["by", *more],
            "properties": {"by": PRINCIPAL, **more},
        },
        "x-kubernetes-validations": [
            {
                "rule": "oldSelf.all(old, self.exists(new, new.by == old.by))",
                "message": stays,
            }
        ],
    }


def verdict(*, final: bool) -> Schema:
    """Somebody's no, and why; a `final` one never changes."""
    schema: Schema = {
        "type": "object",
        "required": ["by", "reason"],
        "properties": {"by": PRINCIPAL, "reason": REASON},
    }
    if final:
        schema["x-kubernetes-validations"] = UNCHANGED
    return schema


def conditions() -> Schema:
    """https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md"""
    text: Schema = {"type": "string"}
    return {
        "type": "array",
        "maxItems": MOST,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "lastTransitionTime"],
            "properties": {
                "type": text,
                "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                "reason": text,
                "message": text,
                "observedGeneration": {"type": "integer"},
                "lastTransitionTime": {"type": "string", "format": "date-time"},
            },
        },
    }
