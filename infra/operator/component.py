"""`SandboxOperator`: the pure objects of `objects`, brought to life with Pulumi."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from infra.cluster.images import Image
from infra.cluster.kubernetes import Access
from infra.config.requests import SandboxService
from infra.contracts import Database, SecretStore
from infra.operator import contract, objects
from infra.operator.objects import Papers, Ways
from infra.operator.targets import targets
from infra.sandbox.blueprint import LabFacts


class SandboxOperator(pulumi.ComponentResource):
    """The operator: walls and rights first, then its pods.

    They start only once they can log in to Vault (`after`) and to the database.
    """

    def __init__(
        self,
        name: str,
        *,
        facts: LabFacts,
        service: SandboxService,
        image: Image,
        probe: Image,
        access: Access,
        secret_store: SecretStore,
        vault_authority: pulumi.Input[str],
        accessor: pulumi.Input[str],
        database: Database,
        audience: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declares everything.

        Args:
            name: of the component.
            facts: about the lab around sandboxes.
            service: its configuration.
            image: that it runs from.
            probe: the image of probes.
            access: the cluster's.
            secret_store: with the policies of `infra.secrets.operator.OperatorAccess`.
            vault_authority: certificate (PEM) that signed Vault's own.
            accessor: of the auth method at which the cluster's service accounts log in.
            database: the operator's way into the database of evidence.
            audience: of its token for the API server.
            opts: of the component; it depends on what lets the operator in.
        """
        super().__init__("ailab:operator:SandboxOperator", name, {}, opts)
        papers = _papers(
            pulumi.Output.all(
                configuration=pulumi.Output.all(
                    vault=secret_store.address, accessor=accessor, database=database.server.address
                ).apply(
                    lambda known: json.dumps(
                        _told(facts, service, probe, _Stores(secret_store, database), known),
                        sort_keys=True,
                    )
                ),
                vault_authority=vault_authority,
                database_authority=database.server.ca_certificate,
            )
        )
        ways = Ways(
            vault=facts.network.vault,
            vault_port=facts.network.vault_port,
            database=facts.network.database,
            database_port=database.server.port,
        )
        namespace, *others, deployment = objects.objects(
            facts.lab, facts.kubernetes_version, image, ways, papers, audience=audience
        )
        mine = pulumi.ResourceOptions(parent=self)
        first = access.apply(namespace, mine)
        inside = pulumi.ResourceOptions.merge(mine, pulumi.ResourceOptions(depends_on=[first]))
        made = [access.apply(one, inside) for one in others]
        last = pulumi.ResourceOptions(depends_on=[*made, database.resource])
        access.apply(deployment, pulumi.ResourceOptions.merge(mine, last))
        self.register_outputs({})


def _papers(known: pulumi.Output[Mapping[str, str]]) -> Papers:
    return Papers(
        configuration=known.apply(lambda found: found["configuration"]),
        vault_authority=known.apply(lambda found: found["vault_authority"]),
        database_authority=known.apply(lambda found: found["database_authority"]),
        digest=known.apply(
            lambda found: hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
        ),
    )


@dataclass(frozen=True, slots=True)
class _Stores:
    secret_store: SecretStore
    database: Database


def _told(
    facts: LabFacts,
    service: SandboxService,
    probe: Image,
    stores: _Stores,
    known: Mapping[str, Any],
) -> dict[str, Any]:
    """`configuration.Configuration` as JSON."""
    network, secret_store, database = facts.network, stores.secret_store, stores.database
    return {
        "lab": facts.lab,
        "kubernetes_version": facts.kubernetes_version,
        "network": {
            "pods": str(network.pods),
            "services": str(network.services),
            "nodes": [str(one) for one in network.nodes],
            "vault": [str(one) for one in network.vault],
            "vault_port": network.vault_port,
            "elsewhere": [str(one) for one in network.elsewhere],
            "database": [str(one) for one in network.database],
        },
        "vault": {
            "address": known["vault"],
            "ca_certificate": str(contract.VAULT_AUTHORITY),
            "token": str(contract.VAULT_TOKEN),
            "accessor": known["accessor"],
            "transit": secret_store.transit_mount,
            "kv": secret_store.kv_mount,
            "jwt": secret_store.jwt_mount,
        },
        "evidence": {
            "kind": "postgresql",
            "host": known["database"],
            "port": database.server.port,
            "database": database.user.database,
            "user": database.user.name,
            "ca_certificate": str(contract.DATABASE_AUTHORITY),
            "folder": str(contract.KEYS),
            "vault_role": database.vault_role,
            "pki_mount": database.server.pki_mount,
        },
        "profiles": {
            name: {**profile.model_dump(), "pool": service.pool.get(name, 0)}
            for name, profile in service.profiles.items()
        },
        "approvals": service.approvals.model_dump(),
        "longest_life": service.longest_life,
        "limits": service.limits.model_dump(),
        "budget_warning": service.budget_warning,
        "probe": {
            "image": probe.reference,
            "pull": probe.pull,
            "targets": [one.model_dump() for one in targets(network)],
        },
    }
