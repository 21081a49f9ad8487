"""What a sandbox may use: quota of the namespace, limits of each container. Pure."""

from __future__ import annotations

from infra.cluster.manifests import Manifest
from infra.config import Quota
from infra.sandbox.quantity import least

#: What a container gets that asks for nothing: (request, limit). Never more than the quota.
_DEFAULTS = {
    "cpu": ("50m", "250m"),
    "memory": ("64Mi", "256Mi"),
    "ephemeral-storage": ("64Mi", "512Mi"),
}

#: Objects that cost the API server memory; far above what a test needs.
_COUNTS = {
    "count/configmaps": 100,
    "count/secrets": 50,
    "count/services": 20,
    "count/serviceaccounts": 10,
    "count/deployments.apps": 50,
    "count/replicasets.apps": 200,
    "count/statefulsets.apps": 20,
    "count/jobs.batch": 100,
    "count/cronjobs.batch": 20,
    "persistentvolumeclaims": 20,
}

_GPU = "nvidia.com/gpu"


def quota(namespace: str, limits: Quota, labels: dict[str, str]) -> Manifest:
    """Hard limits. GPUs count as devices and as claims, so that neither way goes around it."""
    hard = {
        "requests.cpu": limits.cpu,
        "limits.cpu": limits.cpu,
        "requests.memory": limits.memory,
        "limits.memory": limits.memory,
        "requests.storage": limits.storage,
        "requests.ephemeral-storage": limits.storage,
        "limits.ephemeral-storage": limits.storage,
        "pods": str(limits.pods),
        f"requests.{_GPU}": str(limits.gpus),
        "count/resourceclaims.resource.k8s.io": str(limits.gpus),
        # Either would open a way in on the node's own address.
        "services.nodeports": "0",
        "services.loadbalancers": "0",
        **{name: str(count) for name, count in _COUNTS.items()},
    }
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "sandbox", "namespace": namespace, "labels": labels},
        "spec": {"hard": hard},
    }


def limit_range(namespace: str, limits: Quota, labels: dict[str, str]) -> Manifest:
    """Without defaults a pod that says nothing would be refused by the quota."""
    most = {
        "cpu": limits.cpu,
        "memory": limits.memory,
        "ephemeral-storage": limits.storage,
    }
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "sandbox", "namespace": namespace, "labels": labels},
        "spec": {
            "limits": [
                {
                    "type": "Container",
                    "max": most,
                    "defaultRequest": {
                        name: least(request, most[name]) for name, (request, _) in _DEFAULTS.items()
                    },
                    "default": {
                        name: least(limit, most[name]) for name, (_, limit) in _DEFAULTS.items()
                    },
                },
                {"type": "PersistentVolumeClaim", "max": {"storage": limits.storage}},
            ]
        },
    }
