"""Names that more than one module must agree on."""

from __future__ import annotations

#: Prefix of every label and annotation of ours (a Kubernetes label prefix is a DNS name).
LABEL_PREFIX = "ai-lab.eu"

LABEL_LAB = f"{LABEL_PREFIX}/lab"
LABEL_SANDBOX = f"{LABEL_PREFIX}/sandbox"
LABEL_CLASSIFICATION = f"{LABEL_PREFIX}/classification"
LABEL_PURPOSE = f"{LABEL_PREFIX}/purpose"
#: On a pod of a sandbox, with the value "client": it may reach Vault.
LABEL_SECRET_STORE = f"{LABEL_PREFIX}/secret-store"
#: On a namespace, with the value "prometheus": Prometheus in it may scrape the lab's own pods.
LABEL_MONITORING = f"{LABEL_PREFIX}/monitoring"
#: Why an object is there, in one sentence; on every NetworkPolicy of ours.
ANNOTATION_INTENT = f"{LABEL_PREFIX}/intent"
#: On the namespace of a sandbox: images that may run in it, with commas between them; without it,
#: all that the lab allows.
ANNOTATION_IMAGES = f"{LABEL_PREFIX}/images"

#: Mount paths in Vault.
VAULT_TRANSIT = "transit"
VAULT_KV = "kv"
VAULT_JWT = "jwt"
VAULT_CERT = "cert"
VAULT_APPROLE = "approle"
#: The service account of a sandbox's workloads.
SANDBOX_SERVICE_ACCOUNT = "sandbox"
#: The service account that the person of a sandbox may ask for tokens of, for programs of his.
PRINCIPAL_SERVICE_ACCOUNT = "principal"
#: Begins the identity of every sandbox that was asked for, and of no configured one's name: by it
#: Vault and the API server tell what is the operator's.
REQUESTED_PREFIX = "x-"
#: On the namespace of a sandbox that was asked for: the uid of its Sandbox.
LABEL_OWNER = f"{LABEL_PREFIX}/owner"
#: On a namespace that was made before anybody asked for it: the profile that it is for.
LABEL_POOL = f"{LABEL_PREFIX}/pool"
#: Keeps a sandbox's record until the operator has proven that nothing of it is left.
SANDBOX_FINALIZER = f"{LABEL_PREFIX}/destruction"
#: Where the operator of sandboxes runs, and as whom (also its role and policy in Vault).
OPERATOR_NAMESPACE = "lab-sandbox-operator"
OPERATOR = "sandbox-operator"
#: Cluster roles of the people of the sandbox service.
REQUESTER_ROLE = "ai-lab:sandbox-requester"
APPROVER_ROLE = "ai-lab:sandbox-approver"
OFFICER_ROLE = "ai-lab:sandbox-security-officer"
#: Cluster role of the operator.
OPERATOR_ROLE = "ai-lab:sandbox-operator"
#: Cluster roles that the operator may give in a sandbox, and no others.
PRINCIPAL_ROLE = "ai-lab:sandbox-principal"
TOKEN_ROLE = "ai-lab:sandbox-token"  # noqa: S105 - a role's name
#: The transit key that signs evidence.
VAULT_EVIDENCE_KEY = "evidence"
#: Below the KV mount: secrets of sandboxes that were asked for, by namespace.
VAULT_REQUESTED = "requested"
#: Audience of the service account tokens with which pods log in to Vault.
VAULT_AUDIENCE = "vault"
#: The auditor of a cluster's policies: its namespace, and its name in it.
AUDITOR_NAMESPACE = "lab-auditor"
AUDITOR = "policy-auditor"
#: Audience of tokens for an API server of ours: the issuer that it is given.
KUBERNETES_AUDIENCE = "https://kubernetes.default.svc.cluster.local"
#: Policy and role of the API server's KMS plugin.
VAULT_KMS_ROLE = "kms-plugin"
#: Policy and role of machines that take copies of Vault.
VAULT_BACKUP_ROLE = "backup"
#: The PKI engine whose certificates the lab's database takes.
VAULT_DATABASE_PKI = "pki-database"
#: The transit key that encrypts the Kubernetes API's data at rest.
VAULT_KMS_KEY = "kubernetes"


def hostname(lab: str, machine: str) -> str:
    """Host name of a machine, unique on the host that carries several labs over time."""
    return f"{lab}-{machine}"


def bridge(lab: str) -> str:
    """Name of the lab's bridge on the host (Linux allows 15 characters)."""
    return f"lab-{lab}"[:15]


def vault_jwt(ground: str) -> str:
    """Where service accounts of a further ground (`aws`, `azure`) of a hybrid lab log in."""
    return f"{VAULT_JWT}-{ground}"


def vault_sandbox_policy(jwt_mount: str) -> str:
    """The one policy of all sandboxes that were asked for and log in there."""
    return "requested-sandbox" if jwt_mount == VAULT_JWT else f"requested-sandbox-{jwt_mount}"


def requested_kv_prefix(namespace: str) -> str:
    """Path below the KV mount of a sandbox that was asked for."""
    return f"{VAULT_REQUESTED}/{namespace}"


def vault_database_role(user: str) -> str:
    """Policy and role with which a service account gets its certificate for the database."""
    return f"database-{user}"


def sandbox_namespace(sandbox: str) -> str:
    return f"sandbox-{sandbox}"


def sandbox_transit_key(sandbox: str) -> str:
    return f"sandbox-{sandbox}"


def sandbox_kv_prefix(sandbox: str) -> str:
    """Path below the KV mount that belongs to one sandbox."""
    return f"sandboxes/{sandbox}"


def sandbox_role(sandbox: str) -> str:
    """Name of the sandbox's Vault policy and JWT role."""
    return f"sandbox-{sandbox}"
