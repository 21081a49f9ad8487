"""GPU nodes on Azure are for what needs a GPU."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import decided
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import value

_TAINT = "nvidia.com/gpu=present:NoSchedule"
#: Sizes with GPUs begin so (https://learn.microsoft.com/azure/virtual-machines/sizes/overview).
_SIZES = ("Standard_NC", "Standard_ND", "Standard_NG", "Standard_NV")


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    if not str(value(properties, "vmSize")).startswith(_SIZES):
        return
    taints = [str(one) for one in decided(properties, "nodeTaints") or []]
    if not any(one.startswith("nvidia.com/gpu") and one.endswith(":NoSchedule") for one in taints):
        yield f"nodeTaints: {_TAINT} is missing"


def _untainted_gpu(properties: dict[str, Any]) -> None:
    properties["vmSize"] = "Standard_NC24ads_A100_v4"
    properties["nodeTaints"] = []


def _taint_that_only_prefers(properties: dict[str, Any]) -> None:
    properties["vmSize"] = "Standard_ND96isr_H100_v5"
    properties["nodeTaints"] = ["nvidia.com/gpu=present:PreferNoSchedule"]


RULE = Rule(
    id="azure-gpu-nodes-tainted",
    title="Nodes with GPUs take only what asks for a GPU.",
    reason="A web server that lands on a GPU node keeps it running, and a training waiting.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.1.16", "SATRE-2.3.03", "SATRE-4.4.04", "EUDPR-33.1b-availability"),
    preview=Properties(
        {"azure-native:containerservice:AgentPool": ()},
        check=_check,
        broken=(_untainted_gpu, _taint_that_only_prefers),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy=f"Add the taint {_TAINT}.",
)
