"""Sandboxes that people ask for: where the operator runs, and what it must know of its ground."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra import naming
from infra.cluster import images
from infra.cluster.images import Image
from infra.cluster.kubernetes import Access
from infra.config import HybridLab, LocalLab, OnPremLab
from infra.config.lab import Lab
from infra.contracts import Database, SecretStore
from infra.errors import ConfigError
from infra.operator.component import SandboxOperator
from infra.provider import sdk
from infra.sandbox.blueprint import LabFacts
from infra.secrets.operator import OperatorAccess
from infra.toolchain import Artifact


@dataclass(frozen=True, slots=True)
class Ground:
    """What the operator must know of the ground that carries it."""

    facts: LabFacts
    image: Image
    probe: Image
    #: Certificate (PEM) of the authority that signed Vault's own.
    vault_authority: pulumi.Input[str]


def ground(
    lab: LocalLab | OnPremLab,
    facts: LabFacts,
    artifacts: Mapping[str, Artifact],
    vault_authority: pulumi.Input[str],
) -> Ground:
    """Of machines."""
    registry = None if lab.registry is None else lab.registry.address
    return Ground(
        facts,
        images.ai_lab(artifacts, registry),
        images.probe(artifacts, registry),
        vault_authority,
    )


def require_place(lab: Lab) -> None:
    """Refuses requests where what happens to sandboxes could not be kept. Before anything is made.

    Raises:
        ConfigError: there is no database that the operator can log in to.
    """
    if lab.sandbox_service is None:
        return
    home = lab.home if isinstance(lab, HybridLab) else lab
    if isinstance(home, LocalLab | OnPremLab) and home.database is not None:
        return
    raise ConfigError(
        "sandbox_service: what happens to sandboxes is kept in the lab's database, and there is "
        "none that the operator can log in to.",
        next_step="set database.machine; on AWS and Azure leave sandbox_service out "
        "(docs/limitations.md).",
    )


def declare(
    name: str,
    lab: Lab,
    given: Ground,
    *,
    access: Access,
    secret_store: SecretStore,
    login: sdk.AuthMethod,
    engines: pulumi.Resource,
    database: Database,
    after: pulumi.Resource,
) -> None:
    """Declares the operator, and what lets it into Vault. `after` is the cluster's baseline."""
    if lab.sandbox_service is None:
        return
    way_in = OperatorAccess(name, secret_store=secret_store, login=login, engines=engines)
    SandboxOperator(
        name,
        facts=given.facts,
        service=lab.sandbox_service,
        image=given.image,
        probe=given.probe,
        access=access,
        secret_store=secret_store,
        vault_authority=given.vault_authority,
        accessor=login.accessor,
        database=database,
        audience=naming.KUBERNETES_AUDIENCE,
        opts=pulumi.ResourceOptions(depends_on=[after, way_in]),
    )
