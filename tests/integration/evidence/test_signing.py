"""Evidence signed by a real Vault, on disk, sealed at first, with the policy of the lab."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra import naming, toolchain
from infra.errors import EvidenceKeyInvalid, VaultRefused, VaultUnreachable
from infra.evidence import bundle
from infra.evidence.dsse import Trust, seal
from infra.evidence.keys import keyring
from infra.evidence.log import EvidenceLog
from infra.evidence.records import Event
from infra.evidence.sqlite import SqliteStore
from infra.evidence.verification import Trusted, verify_content
from infra.secrets.client import Connection, Vault
from infra.secrets.signing import TransitSigner
from tests.harness.evidence import ALICE, LIFE, OPERATOR, die
from tests.harness.vault_server import VaultServer, running
from tests.integration.vault_server.test_bootstrap import bootstrap, settings

KEY = naming.VAULT_EVIDENCE_KEY


@dataclass(frozen=True)
class Lab:
    """A Vault as the bootstrap leaves it, with the transit engine.

    `vault` is the way in of who deploys labs, who makes keys and may not sign; `operator` signs.
    """

    server: VaultServer
    vault: Vault
    operator: Vault

    def write(self, path: str, **data: Any) -> None:
        self.vault.write(f"transit/{path}", data)


def login(vault: Vault, name: str, folder: Path, *verbs: str) -> Vault:
    """A way in that sees keys and may do this with them."""
    rules = ['path "transit/keys/+" { capabilities = ["read"] }']
    rules += [f'path "transit/{verb}/+" {{ capabilities = ["update"] }}' for verb in verbs]
    vault.write(f"sys/policies/acl/{name}", {"policy": "\n".join(rules)})
    vault.write(f"auth/approle/role/{name}", {"token_policies": [name]})
    role = vault.read(f"auth/approle/role/{name}/role-id") or {}
    secret = vault.call(
        lambda client: client.auth.approle.generate_secret_id(name, mount_point="approle")
    )["data"]
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"role_id": role["role_id"], "secret_id": secret["secret_id"]}))
    return Vault(replace(vault.connection, credentials=file), patience=20)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running(toolchain.binary("vault"), tmp_path_factory.mktemp("vault")) as server:
        (server.folder / "state").mkdir(mode=0o700)
        bootstrap(server)
        connection = Connection(server.address, server.ca, settings(server).credentials)
        vault = Vault(connection, patience=20)
        vault.write("sys/mounts/transit", {"type": "transit"})
        vault.write(f"transit/keys/{KEY}", {"type": "ed25519"})
        operator = login(vault, "operator", server.folder, "sign", "verify")
        yield Lab(server, vault, operator)
        operator.close()
        vault.close()


@pytest.fixture
def signer(lab: Lab) -> TransitSigner:
    return TransitSigner(lab.operator)


def test_it_signs_and_anybody_verifies(lab: Lab, signer: TransitSigner) -> None:
    sealed = seal(signer, "application/x-test", b"payload")
    assert sealed.trust(keyring(signer.public_keys())) is Trust.GOOD
    data = lab.vault.read(f"transit/keys/{KEY}") or {}
    newest = data["keys"][str(data["latest_version"])]["public_key"]
    assert signer.public_keys()[-1].raw == base64.b64decode(newest)
    assert signer.public_keys()[-1].label == f"transit/{KEY}:{data['latest_version']}"


def test_a_life_across_rotations_and_a_restart(
    lab: Lab, signer: TransitSigner, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "evidence.sqlite")
    log = EvidenceLog(store, signer)
    before = len(signer.public_keys())
    for number, (event, actor, details) in enumerate(LIFE):
        log.record(ALICE, event, actor, event.lower(), details)
        if number in {3, 7}:
            lab.write(f"keys/{KEY}/rotate")
    die(log)
    used = {entry.envelope.split(b'"keyid":"')[1][:64].decode() for entry in store.read(ALICE.uid)}
    keys = signer.public_keys()
    assert len(keys) == before + 2
    assert used == {key.fingerprint for key in keys[before - 1 :]}

    lab.server.stop()
    lab.server.start()
    bootstrap(lab.server)  # opens it
    exported = bundle.export(store, TransitSigner(lab.operator), ALICE.uid, at=datetime.now(UTC))
    store.close()
    found = verify_content(exported, Trusted(keys=keys))
    assert found.faults == []
    assert found.certificate is not None
    # Vault's own word for it.
    last = found.manifest
    assert last is not None
    assert {key.label for key in last.keys} == {
        f"transit/{KEY}:{version}" for version in range(before, before + 3)
    }
    # Somebody who knows only the first of them is told.
    assert not verify_content(exported, Trusted(keys=keys[:before])).ok


def test_vault_agrees(lab: Lab, signer: TransitSigner) -> None:
    signature = signer.sign(b"message")
    version = [key.fingerprint for key in signer.public_keys()].index(signature.keyid) + 1
    said = lab.operator.call(
        lambda client: client.secrets.transit.verify_signed_data(
            KEY,
            hash_input=base64.b64encode(b"message").decode(),
            signature=f"vault:v{version}:{base64.b64encode(signature.value).decode()}",
        )
    )
    assert said["data"]["valid"] is True


@pytest.mark.parametrize(
    ("name", "parameters", "why"),
    [
        ("absent", None, "no such key"),
        ("aes", {"type": "aes256-gcm96"}, "of type aes256-gcm96"),
        ("ecdsa", {"type": "ecdsa-p256"}, "of type ecdsa-p256"),
        ("derived", {"type": "ed25519", "derived": True}, "not a plain ed25519"),
        ("exportable", {"type": "ed25519", "exportable": True}, "exportable"),
        (
            "copied",
            {"type": "ed25519", "allow_plaintext_backup": True},
            "allow_plaintext_backup",
        ),
    ],
)
def test_a_key_that_is_not_good_enough(
    lab: Lab, name: str, parameters: dict[str, Any] | None, why: str
) -> None:
    if parameters is not None:
        lab.write(f"keys/{name}", **parameters)
    with pytest.raises(EvidenceKeyInvalid, match=why):
        TransitSigner(lab.operator, key=name).sign(b"x")
    with pytest.raises(EvidenceKeyInvalid, match=why):
        TransitSigner(lab.operator, key=name).public_keys()


def test_versions_that_vault_does_not_show_any_more(lab: Lab) -> None:
    """Raising the least version takes public keys away; then they must be given from elsewhere."""
    lab.write("keys/old", type="ed25519")
    signer = TransitSigner(lab.operator, key="old")
    first = signer.public_keys()
    lab.write("keys/old/rotate")
    lab.write("keys/old/config", min_decryption_version=2)
    assert signer.sign(b"x").keyid == signer.public_keys()[-1].fingerprint
    assert first[0] not in signer.public_keys()


def test_who_may_not_sign(lab: Lab, tmp_path: Path) -> None:
    """Nothing is recorded that could not be signed."""
    reader = login(lab.vault, "reader", tmp_path)
    signer = TransitSigner(reader)
    assert signer.public_keys()
    store = SqliteStore(tmp_path / "evidence.sqlite")
    with pytest.raises(VaultRefused, match="permission denied"):
        EvidenceLog(store, signer).record(ALICE, Event.READY, OPERATOR, "x")
    reader.close()
    assert store.read(ALICE.uid) == []
    store.close()


def test_who_deploys_a_lab_may_not_sign(lab: Lab) -> None:
    with pytest.raises(VaultRefused, match="permission denied"):
        TransitSigner(lab.vault).sign(b"x")


def test_vault_is_not_there(lab: Lab, tmp_path: Path) -> None:
    nowhere = Connection("https://127.0.0.1:1", lab.server.ca, settings(lab.server).credentials)
    store = SqliteStore(tmp_path / "evidence.sqlite")
    log = EvidenceLog(store, TransitSigner(Vault(nowhere, patience=0.2)))
    with pytest.raises(VaultUnreachable):
        log.record(ALICE, Event.READY, OPERATOR, "x")
    assert store.read(ALICE.uid) == []
    store.close()
