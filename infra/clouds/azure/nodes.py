"""Node pools: what every node has, and what its kind adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from infra import naming
from infra.clouds.azure.sdk import containerservice
from infra.config.grounds.azure import AzurePool

#: The cluster's own pods tolerate this one.
_SYSTEM_TAINT = "CriticalAddonsOnly=true:NoSchedule"
#: NVIDIA's device plugin and the pods that ask for GPUs tolerate this one.
_GPU_TAINT = "nvidia.com/gpu=present:NoSchedule"
_TAINTS: Mapping[str, list[str]] = {"system": [_SYSTEM_TAINT], "cpu": [], "gpu": [_GPU_TAINT]}
_ZONES = ("1", "2", "3")


def settings(
    pool: AzurePool, *, subnet: pulumi.Input[str], version: str, tags: Mapping[str, str]
) -> dict[str, Any]:
    """Arguments that Azure takes for a pool in its cluster and for one of its own alike."""
    return {
        "mode": "System" if pool.kind == "system" else "User",
        "type": "VirtualMachineScaleSets",
        "vm_size": pool.vm_size,
        "os_type": "Linux",
        "os_sku": "Ubuntu",
        "os_disk_type": "Managed",
        "os_disk_size_gb": pool.disk_size,
        "kubelet_disk_type": "OS",
        "orchestrator_version": version,
        "availability_zones": list(_ZONES),
        "vnet_subnet_id": subnet,
        "enable_node_public_ip": False,
        "enable_encryption_at_host": True,
        "enable_auto_scaling": True,
        "min_count": pool.min_nodes,
        "max_count": pool.max_nodes,
        "count": pool.min_nodes,
        "max_pods": 110,
        "node_labels": labels(pool),
        "node_taints": _TAINTS[pool.kind],
        "security_profile": containerservice.AgentPoolSecurityProfileArgs(
            # NVIDIA's modules are built on the node and signed by nobody.
            enable_secure_boot=pool.kind != "gpu",
            enable_vtpm=True,
            ssh_access="Disabled",
        ),
        "gpu_profile": containerservice.GPUProfileArgs(driver="Install")
        if pool.kind == "gpu"
        else None,
        "upgrade_settings": containerservice.AgentPoolUpgradeSettingsArgs(
            # GPUs are scarce: rather one node less for a while than one more that is not to be had.
            max_surge="0" if pool.kind == "gpu" else "33%",
            max_unavailable="1" if pool.kind == "gpu" else "0",
            drain_timeout_in_minutes=30,
        ),
        "tags": dict(tags),
    }


def labels(pool: AzurePool) -> dict[str, str]:
    """Labels by which work finds its nodes."""
    found: dict[str, str] = {f"{naming.LABEL_PREFIX}/pool": pool.kind}
    if pool.gpu:
        product, number = pool.gpu
        found |= {
            f"{naming.LABEL_PREFIX}/gpu": product,
            f"{naming.LABEL_PREFIX}/gpu-count": str(number),
        }
    return found
