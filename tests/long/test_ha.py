"""Three control planes and Vault on three machines, given by an inventory: what may be lost.

The site's machines are made by the harness; the lab is put on them by `pulumi up` of the on-prem
stack. The tests build on each other and leave every machine running. A loss has its control: with
a second control plane gone the same measurement must fail, or it would prove nothing.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.engine import recovery
from infra.errors import BackupUnreadable
from infra.hosts import playbooks, restoring
from infra.provider import playbook as playbook_resource
from infra.provider import tokens
from tests.harness.given_site import ENDPOINT, VAULT_ENDPOINT, Site, site
from tests.live.support.api import Api, administrator, eventually

CONTROL_PLANES = ("control-plane-1", "control-plane-2", "control-plane-3")
VAULTS = ("vault-1", "vault-2", "vault-3")
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
_ETCDCTL = (
    "ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 ETCDCTL_CACERT=/etc/kubernetes/pki/etcd/ca.crt "
    "ETCDCTL_CERT=/etc/kubernetes/pki/etcd/healthcheck-client.crt "
    "ETCDCTL_KEY=/etc/kubernetes/pki/etcd/healthcheck-client.key etcdctl"
)


@dataclass(slots=True)
class Lab:
    """The lab on its site, and how long it took to come up (s)."""

    site: Site
    seconds: float

    def api(self) -> Any:
        """The administrator's way in, by the address that all control planes share."""
        return administrator(self.site.home.kubeconfig, timeout=5)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with site(tmp_path_factory.mktemp("site"), vaults=len(VAULTS)) as given:
        begin = time.monotonic()
        given.up()
        yield Lab(given, time.monotonic() - begin)


def write(api: Api, name: str) -> bool:
    """Whether the API server stores a new object, through etcd and Vault's key."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    try:
        return api.post(CONFIG_MAPS, body).status_code == 201
    except httpx.HTTPError:
        return False


def written_within(lab: Lab, name: str, seconds: float) -> float:
    """Seconds until a write succeeds; fails if none does."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        with lab.api() as api:
            if write(api, f"{name}-{int((time.monotonic() - begin) * 10)}"):
                return time.monotonic() - begin
        time.sleep(0.2)
    pytest.fail(f"{name}: no write within {seconds:.0f} s")


def ready_nodes(lab: Lab) -> set[str]:
    try:
        with lab.api() as api:
            nodes = api.items("/api/v1/nodes")
    except (httpx.HTTPError, AssertionError):
        return set()
    return {
        node["metadata"]["name"]
        for node in nodes
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready" and condition["status"] == "True"
    }


def healthy_members(lab: Lab, at: str) -> int:
    """Members of etcd that answer, as one control plane sees them."""
    told = lab.site.run(
        at, f"{_ETCDCTL} endpoint health --cluster --write-out=json 2>/dev/null", check=False
    )
    try:
        return sum(member["health"] for member in json.loads(told))
    except ValueError:
        return 0


def holders(lab: Lab, machines: tuple[str, ...], address: str) -> list[str]:
    """Which of these machines have the shared address on an interface."""
    look = f"ip -brief -4 address show to {address}/32"
    return [name for name in machines if lab.site.run(name, look, check=False).strip()]


def wait_whole(lab: Lab) -> None:
    """Every node ready, every member of etcd well."""
    everybody = {f"ha-{name}" for name in (*CONTROL_PLANES, "worker-1")}
    found = eventually(
        lambda: ready_nodes(lab), until=lambda nodes: nodes == everybody, within=300, every=2
    )
    assert found == everybody
    members = eventually(
        lambda: healthy_members(lab, CONTROL_PLANES[1]), until=lambda n: n == 3, within=180, every=2
    )
    assert members == 3


def test_every_node_is_ready_and_etcd_has_three_members(lab: Lab) -> None:
    wait_whole(lab)
    assert holders(lab, CONTROL_PLANES, ENDPOINT) == ["control-plane-1"]
    with lab.api() as api:
        assert write(api, "first")


def test_vault_has_three_members_and_one_address(lab: Lab) -> None:
    leaders = []
    for name in VAULTS:
        address = lab.site.machines[name].address
        told = lab.site.run(
            name,
            "python3 -c 'import json, ssl, urllib.request as r; c = ssl.create_default_context("
            'cafile="/etc/vault.d/tls/ca.crt"); print(r.urlopen('
            f'"https://{address}:8200/v1/sys/leader", context=c).read().decode())\'',
        )
        leaders.append(json.loads(told))
    assert len({leader["leader_address"] for leader in leaders}) == 1
    assert [leader["is_self"] for leader in leaders].count(True) == 1
    active = VAULTS[[leader["is_self"] for leader in leaders].index(True)]
    found = eventually(
        lambda: holders(lab, VAULTS, VAULT_ENDPOINT),
        until=lambda names: names == [active],
        within=60,
        every=1,
    )
    assert found == [active]


def test_what_was_handed_over_is_gone(lab: Lab) -> None:
    with lab.api() as api:
        secrets = api.items("/api/v1/namespaces/kube-system/secrets")
    names = {secret["metadata"]["name"] for secret in secrets}
    assert "kubeadm-certs" not in names
    for name in names:
        assert not name.startswith("bootstrap-token-") or usages(secrets, name) == []
    state = json.dumps(recovery.deployment(lab.site.home, "onprem"))
    token = (lab.site.folder / "seal.env").read_text().partition("=")[2].strip()
    assert token
    for secret in (token, "certificateKey", "BEGIN EC PRIVATE", "BEGIN RSA PRIVATE"):
        assert secret not in state
    logs = "".join(log.read_text() for log in lab.site.home.logs.glob("ansible-*.log"))
    assert token not in logs
    assert "certificateKey" not in logs


def usages(secrets: list[dict[str, Any]], name: str) -> list[str]:
    """What a bootstrap token may be used for."""
    data = next(one for one in secrets if one["metadata"]["name"] == name)["data"]
    return [key for key in data if key.startswith("usage-bootstrap")]


def test_a_second_run_of_every_playbook_changes_nothing(lab: Lab) -> None:
    resources = recovery.deployment(lab.site.home, "onprem")["resources"]
    ran = []
    for resource in resources:
        if resource["type"] != tokens.PLAYBOOK:
            continue
        inputs = {k: v for k, v in resource["inputs"].items() if not k.startswith("__")}
        outcome = playbooks.run(playbook_resource._asked(inputs, 600))
        assert not outcome.changed, inputs["playbook"]
        ran.append(inputs["playbook"])
    assert {"control_plane", "vault", "backup", "network"} <= set(ran)


def test_a_second_up_changes_nothing(lab: Lab) -> None:
    assert lab.site.up().changed == 0


def test_one_control_plane_may_be_lost(lab: Lab) -> None:
    [lost] = holders(lab, CONTROL_PLANES, ENDPOINT)
    left = [name for name in CONTROL_PLANES if name != lost]
    lab.site.kill(lost)
    try:
        assert written_within(lab, "one-lost", 90) < 90
        assert len(holders(lab, tuple(left), ENDPOINT)) == 1

        # The control: without a majority nothing can be written, however long one tries.
        lab.site.kill(left[1])
        try:
            end = time.monotonic() + 30
            while time.monotonic() < end:
                with lab.api() as api:
                    assert not write(api, f"no-majority-{int(time.monotonic() * 10)}")
        finally:
            lab.site.start(left[1])
    finally:
        lab.site.start(lost)
    wait_whole(lab)
    written_within(lab, "whole-again", 60)


def test_an_api_server_that_is_not_well_loses_the_address(lab: Lab) -> None:
    [holder] = eventually(
        lambda: holders(lab, CONTROL_PLANES, ENDPOINT),
        until=lambda names: len(names) == 1,
        within=60,
    )
    manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
    lab.site.run(holder, f"mv {manifest} /root/")
    try:
        moved = eventually(
            lambda: holders(lab, CONTROL_PLANES, ENDPOINT),
            until=lambda names: len(names) == 1 and names != [holder],
            within=90,
            every=1,
        )
        assert moved != [holder]
        written_within(lab, "api-lost", 60)
    finally:
        lab.site.run(holder, f"mv /root/kube-apiserver.yaml {manifest}")
    wait_whole(lab)


def test_one_machine_of_vault_may_be_lost(lab: Lab) -> None:
    [active] = holders(lab, VAULTS, VAULT_ENDPOINT)
    lab.site.kill(active)
    try:
        left = tuple(name for name in VAULTS if name != active)
        moved = eventually(
            lambda: holders(lab, left, VAULT_ENDPOINT),
            until=lambda names: len(names) == 1,
            within=120,
            every=1,
        )
        assert len(moved) == 1
        answer = eventually(
            lambda: _health(lab), until=lambda status: status == 200, within=60, every=1
        )
        assert answer == 200
        written_within(lab, "vault-lost", 60)
    finally:
        lab.site.start(active)
    # It opens by itself, by the site's key service, and waits for its turn (429).
    joined = eventually(
        lambda: _health(lab, lab.site.machines[active].address),
        until=lambda status: status in {200, 429},
        within=120,
        every=1,
    )
    assert joined in {200, 429}


def _health(lab: Lab, address: object = VAULT_ENDPOINT) -> int:
    """Status of sys/health: 200 of the active one, 429 of one that waits, 0 of none."""
    context = ssl.create_default_context(cafile=str(lab.site.home.ca_certificate))
    try:
        with httpx.Client(verify=context, timeout=3, trust_env=False) as client:
            return client.get(f"https://{address}:8200/v1/sys/health").status_code
    except httpx.HTTPError:
        return 0


def take_copy(lab: Lab, kind: str, machines: tuple[str, ...]) -> bytes:
    """Starts the timers' service everywhere; exactly one machine leads and stores a copy."""
    stored = {}
    for name in machines:
        lab.site.run(name, "rm -f /var/backups/ai-lab/*")
        lab.site.run(name, f"systemctl start ai-lab-backup@{kind}.service")
        files = lab.site.run(name, "ls /var/backups/ai-lab").split()
        if files:
            stored[name] = files
        assert not lab.site.run(name, f"ls /run/ai-lab-backup-{kind} 2>/dev/null", check=False)
    assert [len(files) for files in stored.values()] == [1], stored
    [(name, [file])] = stored.items()
    encoded = lab.site.run(name, f"base64 --wrap=0 /var/backups/ai-lab/{file}")

    return base64.b64decode(encoded)


def test_a_copy_of_etcd_brings_back_what_was_there(lab: Lab) -> None:
    with lab.api() as api:
        assert write(api, "before-the-copy")
    archive = lab.site.folder / "etcd.tar.cms"
    archive.write_bytes(take_copy(lab, "etcd", CONTROL_PLANES))
    assert b"before-the-copy" not in archive.read_bytes()
    with lab.api() as api:
        assert write(api, "after-the-copy")
        assert api.delete(f"{CONFIG_MAPS}/before-the-copy").status_code == 200
    recipient = lab.site.folder / "backup.crt", lab.site.folder / "backup.key"
    with restoring.opened(archive, certificate=recipient[0], key=recipient[1]) as content:
        assert (content / "pki" / "ca.key").is_file()
        restoring.restore_etcd(lab.site.lab, content)
    wait_whole(lab)
    with lab.api() as api:
        assert api.get(f"{CONFIG_MAPS}/before-the-copy").status_code == 200
        assert api.get(f"{CONFIG_MAPS}/after-the-copy").status_code == 404
    written_within(lab, "after-the-restore", 60)


def test_a_copy_that_was_touched_is_refused(lab: Lab, tmp_path: Path) -> None:
    archive = lab.site.folder / "etcd.tar.cms"
    touched = bytearray(archive.read_bytes())
    touched[len(touched) // 2] ^= 1
    damaged = tmp_path / "damaged.tar.cms"
    damaged.write_bytes(bytes(touched))
    recipient = lab.site.folder / "backup.crt", lab.site.folder / "backup.key"
    with (
        pytest.raises(BackupUnreadable, match="cannot be decrypted"),
        restoring.opened(damaged, certificate=recipient[0], key=recipient[1]),
    ):
        pytest.fail("a damaged copy was opened")


def test_a_copy_of_vault_is_taken_by_the_one_that_leads(lab: Lab) -> None:
    archive = lab.site.folder / "vault.tar.cms"
    archive.write_bytes(take_copy(lab, "vault", VAULTS))
    recipient = lab.site.folder / "backup.crt", lab.site.folder / "backup.key"
    with restoring.opened(archive, certificate=recipient[0], key=recipient[1]) as content:
        assert (content / "vault.snap").stat().st_size > 10_000
