"""What one layer hands the next: frozen values of Pulumi inputs and outputs.

Whatever carries the lab (local machines, bare metal, a cloud), the layers above see only these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that answers over SSH as root, ready for Ansible."""

    name: str
    role: str
    address: pulumi.Input[str]
    #: Changes when the machine is made anew, so that everything on it is done again.
    instance: pulumi.Input[str]
    resource: pulumi.Resource


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Kubernetes cluster with its network up."""

    name: str
    #: The administrator's kubeconfig: the path of one that holds a key (mode 0600), or the
    #: content of one that holds none (a cloud's, which runs a program for a token).
    kubeconfig: pulumi.Input[str]
    #: URL of the API server.
    endpoint: pulumi.Input[str]
    #: PEM public keys that sign service account tokens.
    service_account_keys: pulumi.Input[Sequence[str]]
    service_account_issuer: pulumi.Input[str]
    #: Changes when the cluster is made anew, so that everything in it is made again.
    instance: pulumi.Input[str]
    #: What everything in the cluster depends on, and goes with.
    resource: pulumi.Resource


@dataclass(frozen=True, slots=True)
class SecretStore:
    """An unsealed Vault and the lab's own, limited way into it."""

    address: pulumi.Input[str]
    #: Path of the CA certificate that signed Vault's own.
    ca_certificate: pulumi.Input[str]
    #: Path of the lab's AppRole (mode 0600); never its content.
    credentials: pulumi.Input[str]
    transit_mount: str
    kv_mount: str
    jwt_mount: str
    #: Changes when Vault is made anew, so that everything in it is made again.
    instance: pulumi.Input[str]
    #: What everything in Vault depends on, and goes with.
    resource: pulumi.Resource


@dataclass(frozen=True, slots=True)
class DatabaseUser:
    """A service account of the cluster that works in one database.

    `name` is its role in PostgreSQL, the common name of its certificates and its role in Vault's
    PKI engine.
    """

    name: str
    database: str
    namespace: str
    service_account: str


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A PostgreSQL that takes certificates of one PKI engine in Vault, and nothing else."""

    address: pulumi.Input[str]
    port: int
    #: Certificate (PEM) of the authority that signed the server's own.
    ca_certificate: pulumi.Input[str]
    #: Path of the PKI engine that signs its users' certificates.
    pki_mount: str
    users: Sequence[DatabaseUser]
    #: What everybody who uses it depends on.
    resource: pulumi.Resource


@dataclass(frozen=True, slots=True)
class Database:
    """One user's way into one database (`infra.secrets.certificates` takes it)."""

    server: DatabaseServer
    user: DatabaseUser
    #: Path of the JWT auth method at which its service account logs in, and its role there.
    jwt_mount: str
    vault_role: str
    #: What must be there before the user can log in.
    resource: pulumi.Resource


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A transit key by name; the key itself never leaves Vault."""

    mount: str
    name: str


@dataclass(frozen=True, slots=True)
class Registry:
    """Where images come from; `address` is None where they are side-loaded onto the nodes."""

    address: str | None = None
