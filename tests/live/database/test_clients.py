"""Who gets into the database: tried from a node, because nobody else reaches it.

Keys are made on the node and never leave it; what Vault signs is no secret.
"""

from __future__ import annotations

import json
import shlex
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra import naming
from infra.hosts.database import EVIDENCE
from tests.live.support import postgresql, tls
from tests.live.support.api import Api, say
from tests.live.support.facts import Facts
from tests.live.support.lab import Lab
from tests.live.support.machines import Host, output, python
from tests.live.support.vault import Caller, caller, login

USER = next(iter(EVIDENCE.users))
#: Life of a service account's token made here, in seconds; the API server's shortest.
TOKEN_LIFE = 600


@dataclass(frozen=True)
class Visitor:
    """Attempts from a node; files are in a folder there, in memory."""

    host: Host
    folder: str
    address: tuple[str, int]

    def come(self, **attempt: Any) -> str:
        asked = {"host": self.address[0], "port": self.address[1], "user": USER.name,
                 "database": USER.database, **attempt}  # fmt: skip
        script = Path(postgresql.__file__).read_text()
        found: list[str] = json.loads(python(self.host, script, json.dumps([asked])))
        return found[0]

    def sh(self, command: str) -> str:
        return output(self.host, "sh", "-ec", f"umask 077; cd {self.folder}; {command}")


@pytest.fixture(scope="module")
def visitor(facts: dict[str, Facts], lab: Lab, address: tuple[str, int]) -> Iterator[Visitor]:
    host = facts[lab.worker.name].host
    folder = output(host, "mktemp", "--directory", "--tmpdir=/dev/shm", "lab-verify.XXXXXX").strip()
    try:
        yield Visitor(host, folder, address)
    finally:
        output(host, "rm", "--recursive", folder)


_NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"


@pytest.fixture(scope="module")
def signed(visitor: Visitor, api: Api, stranger: Caller, lab: Lab) -> dict[str, str]:
    """Paths of the operator's certificate and key: the control of all that follows."""
    request = visitor.sh(
        f"openssl req -new {_NEW_KEY} -subj /CN={USER.name} -keyout own.key 2>/dev/null"
    )
    answer = api.post(
        f"/api/v1/namespaces/{USER.namespace}/serviceaccounts/{USER.service_account}/token",
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [naming.VAULT_AUDIENCE], "expirationSeconds": TOKEN_LIFE},
        },
    )
    assert answer.status_code == 201, f"no token for {USER.service_account}: {say(answer)}"
    role = naming.vault_database_role(USER.name)
    auth = login(
        stranger, naming.VAULT_JWT, {"role": role, "jwt": answer.json()["status"]["token"]}
    )
    with caller(lab, auth["client_token"]) as client:
        body = {"csr": request, "common_name": USER.name}
        made = client.ask("POST", f"{naming.VAULT_DATABASE_PKI}/sign/{USER.name}", body)
        client.call("POST", "auth/token/revoke-self")
    visitor.sh(f"printf '%s\\n' {shlex.quote(made['data']['certificate'])} >own.crt")
    return {"certificate": f"{visitor.folder}/own.crt", "key": f"{visitor.folder}/own.key"}


@pytest.fixture(scope="module", autouse=True)
def control(visitor: Visitor, signed: dict[str, str]) -> None:
    """A server that lets nobody in proves nothing."""
    told = visitor.come(**signed)
    assert told == "accepted", (
        f"the control failed: the operator's own certificate is {told}. `journalctl -u "
        "ai-lab-database` on the database's machine says why."
    )


@pytest.mark.check(id="database.clients.certificate", area="database")
def test_without_a_certificate_nobody_gets_in(visitor: Visitor) -> None:
    told = visitor.come()
    assert told.startswith("refused"), f"who shows no certificate is {told}."


@pytest.mark.check(id="database.clients.plaintext", area="database")
def test_nothing_is_said_without_tls(visitor: Visitor) -> None:
    told = visitor.come(tls=False)
    assert told.startswith("refused"), f"who comes without TLS is {told}."


@pytest.mark.check(id="database.clients.authority", area="database")
def test_a_certificate_of_ones_own_gets_nobody_in(visitor: Visitor) -> None:
    visitor.sh(
        f"openssl req -x509 {_NEW_KEY} -days 1 -subj /CN={USER.name} "
        "-keyout other.key -out other.crt 2>/dev/null"
    )
    folder = visitor.folder
    told = visitor.come(certificate=f"{folder}/other.crt", key=f"{folder}/other.key")
    assert told.startswith("refused"), f"a certificate that somebody signed himself is {told}."


@pytest.mark.check(id="database.clients.machine", area="database")
def test_the_certificate_of_a_machine_gets_nobody_in(visitor: Visitor) -> None:
    """The lab's own authority signs for machines; the database must not trust it."""
    told = visitor.come(
        certificate="/etc/ai-lab/pki/machine.crt", key="/etc/ai-lab/pki/machine.key"
    )
    assert told.startswith("refused"), f"the certificate of a node is {told}."


@pytest.mark.check(id="database.clients.name", area="database")
@pytest.mark.parametrize("user", ["postgres", f"{USER.database}_owner"])
def test_a_certificate_is_good_for_its_own_name(
    user: str, visitor: Visitor, signed: dict[str, str]
) -> None:
    told = visitor.come(**signed, user=user)
    assert told.startswith("refused"), f"{USER.name} that calls itself {user} is {told}."


@pytest.mark.check(id="database.tls.floor", area="database")
def test_old_protocols_and_weak_ciphers_are_refused(visitor: Visitor) -> None:
    script = Path(tls.__file__).read_text()
    host, port = visitor.address
    told = json.loads(python(visitor.host, script, host, str(port), "postgresql"))
    faults = tls.faults(told)
    assert not faults, (
        f"TLS of the database is lowered: {'; '.join(faults)}. See ssl_min_protocol_version and "
        "ssl_ciphers in postgresql.conf on its machine."
    )


@pytest.mark.check(id="database.firewall", area="database")
def test_nobody_but_nodes_reaches_it(address: tuple[str, int]) -> None:
    """From this host, which may reach SSH and Vault on the same machine."""
    try:
        socket.create_connection(address, timeout=4).close()
    except OSError:
        return
    pytest.fail(
        f"{address[0]}:{address[1]} can be reached from here: the firewall is open or off. "
        "`systemctl status ai-lab-firewall` on that machine."
    )
