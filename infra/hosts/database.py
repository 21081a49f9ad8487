"""From a machine that answers over SSH to the lab's database, on grounds of machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from infra import naming
from infra.contracts import DatabaseServer, DatabaseUser, SecretStore
from infra.hosts.plan import Plan
from infra.secrets.database import DatabaseAuthority

PORT = 5432


@dataclass(frozen=True, slots=True)
class DatabaseContent:
    """One database, as the role postgresql sets it up.

    `schema` is a file of that role; `groups` are the roles that it gives rights to; `users` are
    those who log in, each with the groups that it belongs to.
    """

    name: str
    schema: str
    groups: Sequence[str]
    users: Mapping[DatabaseUser, Sequence[str]]

    @property
    def variables(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "schema": self.schema,
            "groups": list(self.groups),
            "users": [
                {"name": user.name, "groups": list(groups)} for user, groups in self.users.items()
            ],
        }


#: What sandboxes leave behind. The operator adds to it and reads it; nobody changes it.
EVIDENCE = DatabaseContent(
    name="evidence",
    schema="evidence.sql",
    groups=("evidence_writer", "evidence_reader"),
    users={
        DatabaseUser(naming.OPERATOR, "evidence", naming.OPERATOR_NAMESPACE, naming.OPERATOR): (
            "evidence_writer",
        )
    },
)
CONTENT = (EVIDENCE,)


def set_up(
    plan: Plan,
    *,
    secret_store: SecretStore,
    authority: pulumi.Input[str],
    after: Sequence[pulumi.Resource],
) -> DatabaseServer | None:
    """Declares the authority of its users, and the playbook that sets it up; None where no machine
    is to carry it.

    `authority` is the certificate (PEM) of the lab's own, which signs the server's.
    """
    machine = next((one for one in plan.args.machines if one.name == plan.args.database), None)
    if machine is None:
        return None
    users = DatabaseAuthority(
        plan.args.lab,
        secret_store=secret_store,
        opts=pulumi.ResourceOptions(parent=plan.parent),
    )
    nodes = plan.args.with_role("control-plane", "worker")
    playbook = plan.run(
        "database",
        hosts=[machine],
        goes_with=machine,
        after=after,
        variables={
            "postgresql_port": PORT,
            "postgresql_authority": users.certificate,
            "postgresql_clients": [node.address for node in nodes],
            "postgresql_databases": [content.variables for content in CONTENT],
        },
    )
    return DatabaseServer(
        address=machine.address,
        port=PORT,
        ca_certificate=authority,
        pki_mount=naming.VAULT_DATABASE_PKI,
        users=[user for content in CONTENT for user in content.users],
        resource=playbook,
    )
