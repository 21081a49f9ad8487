"""GPU nodes on AWS are for what needs a GPU."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import decided
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import value

_TAINT = ("nvidia.com/gpu", "NO_SCHEDULE")


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    image = value(properties, "amiType") or ""
    labels = decided(properties, "labels") or {}
    if "NVIDIA" not in image and not any(key.endswith("/gpu") for key in labels):
        return
    taints = decided(properties, "taints") or []
    if _TAINT not in [(one.get("key"), one.get("effect")) for one in taints]:
        yield f"taints: {_TAINT[0]} with {_TAINT[1]} is missing"


def _untainted_gpu(properties: dict[str, Any]) -> None:
    properties["amiType"] = "AL2023_x86_64_NVIDIA"
    properties["taints"] = []


def _taint_that_only_prefers(properties: dict[str, Any]) -> None:
    properties["labels"] = {"ai-lab.eu/gpu": "h100"}
    properties["taints"] = [{"key": _TAINT[0], "effect": "PREFER_NO_SCHEDULE"}]


RULE = Rule(
    id="aws-gpu-nodes-tainted",
    title="Nodes with GPUs take only what asks for a GPU.",
    reason="A web server that lands on a GPU node keeps it running, and a training waiting.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.1.16", "SATRE-2.3.03", "SATRE-4.4.04", "EUDPR-33.1b-availability"),
    preview=Properties(
        {"aws:eks/nodeGroup:NodeGroup": ()},
        check=_check,
        broken=(_untainted_gpu, _taint_that_only_prefers),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Add the taint nvidia.com/gpu with effect NO_SCHEDULE.",
)
