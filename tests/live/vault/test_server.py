"""The Vault server: open, on raft, behind TLS of the lab's own CA, with a working audit log."""

from __future__ import annotations

import secrets

import pytest
from cryptography import x509

from infra import naming
from tests.live.support import certificates, tls
from tests.live.support.api import eventually
from tests.live.support.facts import Facts
from tests.live.support.lab import Lab
from tests.live.support.vault import Caller

AUDIT_LOG = "/var/log/vault/audit.log"
STORAGE = "/var/lib/vault"


@pytest.mark.check(id="vault.unsealed", area="vault")
def test_it_is_open(stranger: Caller) -> None:
    status = stranger.ask("GET", "sys/seal-status")
    assert status["initialized"], "Vault is empty. `./lab up` initialises it."
    assert not status["sealed"], (
        "Vault is sealed: nothing can read or write a secret. On its machine `systemctl status "
        "vault-unseal` says why it was not opened; `./lab up` opens it."
    )


@pytest.mark.check(id="vault.raft", area="vault")
def test_its_storage_is_raft(stranger: Caller, facts: dict[str, Facts], lab: Lab) -> None:
    kind = stranger.ask("GET", "sys/seal-status")["storage_type"]
    assert kind == "raft", f"Vault stores in {kind}; only raft keeps secrets over a restart here."
    file = facts[lab.vault.name].host.file(f"{STORAGE}/vault.db")
    assert file.exists, f"Vault's database {file.path} is not there."
    assert (file.user, file.mode) == ("vault", 0o600), (
        f"{file.path} belongs to {file.user} with mode {file.mode:o}; it must be vault's, 600."
    )


@pytest.mark.check(id="vault.tls.floor", area="vault")
def test_old_protocols_and_weak_ciphers_are_refused(lab: Lab) -> None:
    faults = tls.faults(tls.survey(lab.vault_address))
    assert not faults, (
        f"Vault's TLS is lowered: {'; '.join(faults)}. See tls_min_version and tls_cipher_suites "
        "in /etc/vault.d/vault.hcl on its machine; `./lab up --refresh` writes them again."
    )


@pytest.mark.check(id="vault.tls.certificate", area="vault")
def test_its_certificate_is_of_the_lab(lab: Lab) -> None:
    authority = x509.load_pem_x509_certificate(lab.home.ca_certificate.read_bytes())
    shown = certificates.served(lab.vault_address)
    faults = certificates.faults(shown, authority, names={str(lab.vault.address)})
    assert not faults, f"Vault's certificate: {'; '.join(faults)}. `./lab up --refresh` renews it."


@pytest.mark.check(id="vault.audit.enabled", area="vault")
def test_an_audit_device_is_on(lab_caller: Caller) -> None:
    devices = lab_caller.ask("GET", "sys/audit").get("data") or {}
    files = {
        name: device["options"].get("file_path")
        for name, device in devices.items()
        if device["type"] == "file"
    }
    assert AUDIT_LOG in files.values(), (
        f"Vault's audit device is off (devices: {files or 'none'}): nobody can say later who read "
        "a secret. `./lab up --refresh` switches it on."
    )
    raw = [name for name, device in devices.items() if device["options"].get("log_raw") == "true"]
    assert not raw, f"the audit devices {raw} write secrets in plaintext (log_raw)."


@pytest.mark.check(id="vault.audit.recorded", area="vault")
def test_a_request_is_written_down_without_its_secret(
    lab_caller: Caller, facts: dict[str, Facts], lab: Lab
) -> None:
    host = facts[lab.vault.name].host
    name, value = f"lab-verify/{secrets.token_hex(8)}", f"canary-{secrets.token_hex(16)}"
    mount = naming.VAULT_KV
    lab_caller.ask("POST", f"{mount}/data/{name}", {"data": {"value": value}})
    lab_caller.ask("DELETE", f"{mount}/metadata/{name}")
    seen = eventually(
        lambda: int(host.run(f"grep -c {name} {AUDIT_LOG}").stdout or 0),
        until=lambda count: count >= 2,
        within=5,
    )
    assert seen >= 2, (
        f"a write to {mount}/data/{name} is not in {AUDIT_LOG}: Vault's audit device does not "
        "record. `./lab up --refresh` switches it on."
    )
    plain = host.run(f"grep -c {value} {AUDIT_LOG}").stdout.strip()
    assert plain == "0", f"{AUDIT_LOG} holds a secret in plaintext: log_raw must be off."


@pytest.mark.check(id="vault.audit.file", area="vault")
def test_the_audit_log_is_private(facts: dict[str, Facts], lab: Lab) -> None:
    file = facts[lab.vault.name].host.file(AUDIT_LOG)
    assert file.exists, f"{AUDIT_LOG} is not there."
    assert (file.user, file.mode) == ("vault", 0o600), (
        f"{AUDIT_LOG} belongs to {file.user} with mode {file.mode:o}; it must be vault's, 600."
    )
