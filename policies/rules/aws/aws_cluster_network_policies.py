"""Network policies are enforced in clusters on EKS."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import decided
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import value

_PLUGIN = "vpc-cni"


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    if value(properties, "addonName") != _PLUGIN:
        return
    found = decided(properties, "configurationValues") or {}
    settings = json.loads(found) if isinstance(found, str) else found
    if str(settings.get("enableNetworkPolicy")).lower() != "true":
        yield "configurationValues: enableNetworkPolicy is not true"


def _off(properties: dict[str, Any]) -> None:
    properties["addonName"] = _PLUGIN
    properties["configurationValues"] = {"enableNetworkPolicy": "false"}


def _by_default(properties: dict[str, Any]) -> None:
    properties["addonName"] = _PLUGIN
    properties.pop("configurationValues", None)


RULE = Rule(
    id="aws-cluster-network-policies",
    title="The cluster's network plugin enforces network policies.",
    reason="EKS accepts network policies and ignores them unless its plugin is told otherwise: "
    "sandboxes would look separated and not be.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.10", "SATRE-2.1.14", "CYB-8.3b", "CIS-K8S-5.3.1"),
    preview=Properties(
        {"aws:eks/addon:Addon": ()},
        check=_check,
        broken=(_off, _by_default),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `configuration_values` of vpc-cni to enableNetworkPolicy true.",
)
