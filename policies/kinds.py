"""Kinds of Kubernetes objects that rules speak of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from infra import naming


@dataclass(frozen=True, slots=True)
class Kind:
    """An API resource; `group` is empty for the core. `subresources` are asked about as well."""

    group: str
    version: str
    resource: str
    name: str
    subresources: tuple[str, ...] = ()
    namespaced: bool = True
    #: Of the objects, where it is another than the resource's.
    object_version: str = ""

    @property
    def api_version(self) -> str:
        if self.object_version:
            return self.object_version
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def pulumi_type(self) -> str:
        """The type of pulumi-kubernetes."""
        return f"kubernetes:{self.group or 'core'}/{self.version}:{self.name}"

    @property
    def path(self) -> str:
        """Where the API lists all objects of the kind."""
        root = f"/apis/{self.group}" if self.group else "/api"
        return f"{root}/{self.version}/{self.resource}"


POD: Final = Kind("", "v1", "pods", "Pod", ("ephemeralcontainers",))
DEPLOYMENT: Final = Kind("apps", "v1", "deployments", "Deployment")
REPLICA_SET: Final = Kind("apps", "v1", "replicasets", "ReplicaSet")
STATEFUL_SET: Final = Kind("apps", "v1", "statefulsets", "StatefulSet")
DAEMON_SET: Final = Kind("apps", "v1", "daemonsets", "DaemonSet")
JOB: Final = Kind("batch", "v1", "jobs", "Job")
CRON_JOB: Final = Kind("batch", "v1", "cronjobs", "CronJob")
#: Everything that runs containers. Controllers are refused at once, not only the pods that they
#: would make: who applies one is told.
WORKLOADS: Final = (POD, DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET, JOB, CRON_JOB)
#: Those whose pods are described anew with each change; others are made anew themselves, and what
#: their pods had is gone.
CHANGEABLE: Final = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, CRON_JOB)

#: With the two other ways to write a namespace's metadata.
NAMESPACE: Final = Kind(
    "", "v1", "namespaces", "Namespace", ("finalize", "status"), namespaced=False
)
SERVICE: Final = Kind("", "v1", "services", "Service")
SERVICE_ACCOUNT: Final = Kind("", "v1", "serviceaccounts", "ServiceAccount")
SECRET: Final = Kind("", "v1", "secrets", "Secret")
CONFIG_MAP: Final = Kind("", "v1", "configmaps", "ConfigMap")
ENDPOINTS: Final = Kind("", "v1", "endpoints", "Endpoints")
LIMIT_RANGE: Final = Kind("", "v1", "limitranges", "LimitRange")
RESOURCE_QUOTA: Final = Kind("", "v1", "resourcequotas", "ResourceQuota")
VOLUME: Final = Kind("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
VOLUME_CLAIM: Final = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
ENDPOINT_SLICE: Final = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
NETWORK_POLICY: Final = Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
INGRESS: Final = Kind("networking.k8s.io", "v1", "ingresses", "Ingress")
_RBAC = "rbac.authorization.k8s.io"
ROLE: Final = Kind(_RBAC, "v1", "roles", "Role")
ROLE_BINDING: Final = Kind(_RBAC, "v1", "rolebindings", "RoleBinding")
CLUSTER_ROLE: Final = Kind(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDING: Final = Kind(
    _RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)

BUDGET: Final = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
CILIUM_POLICY: Final = Kind("cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy")
CILIUM_IDENTITY: Final = Kind(
    "cilium.io", "v2", "ciliumidentities", "CiliumIdentity", namespaced=False
)
_ADMISSION = "admissionregistration.k8s.io"
VALIDATING_WEBHOOKS: Final = Kind(
    _ADMISSION,
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
MUTATING_WEBHOOKS: Final = Kind(
    _ADMISSION,
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
RESOURCE_DEFINITION: Final = Kind(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
)
API_SERVICE: Final = Kind(
    "apiregistration.k8s.io", "v1", "apiservices", "APIService", namespaced=False
)
#: What is asked for, approved and suspended (docs/sandboxes.md), and what has become of it.
SANDBOX: Final = Kind(
    naming.LABEL_PREFIX, "v1alpha1", "sandboxes", "Sandbox", ("status",), namespaced=False
)

#: Files that are to enter or leave a sandbox, and what others say to it.
TRANSFER: Final = Kind(naming.LABEL_PREFIX, "v1alpha1", "transfers", "Transfer", ("status",))

# What is asked of an object rather than stored.
DEBUG_CONTAINERS: Final = Kind("", "v1", "pods/ephemeralcontainers", "Pod")
EXEC: Final = Kind("", "v1", "pods/exec", "PodExecOptions")
ATTACH: Final = Kind("", "v1", "pods/attach", "PodAttachOptions")
PORT_FORWARD: Final = Kind("", "v1", "pods/portforward", "PodPortForwardOptions")
TOKEN_REQUEST: Final = Kind(
    "", "v1", "serviceaccounts/token", "TokenRequest", object_version="authentication.k8s.io/v1"
)
