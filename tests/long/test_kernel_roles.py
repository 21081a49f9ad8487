"""Roles that need a kernel of their own, on three machines that QEMU emulates.

A node with a data disk and two Tang servers are set up by the product's own playbooks and runner,
then the node is rebooted. What holds is read on the machines, on their raw disks, and on the wire
between them. The tests build on each other: the last one leaves the node closed and opens it.
"""

from __future__ import annotations

import mmap
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.hosts.playbooks import Outcome
from tests.harness.qemu import wire
from tests.harness.qemu.group import PODS, Group, described, running
from tests.harness.qemu.machine import DATA_DISK, Machine
from tests.live.support.canary import forms, new_value

TUNNEL = 51820
GROUPS = {
    "node": ("kubernetes", "workers"),
    "tang-one": ("tang",),
    "tang-two": ("tang",),
}
DISKS = {"node": {"disk_encryption_device": DATA_DISK}}
#: Where Vault keeps its data: one of the folders that the role moves onto the disk.
SECRET = "/var/lib/vault/canary"
OPEN = "findmnt --noheadings --output SOURCE /var/lib/vault"


@dataclass(slots=True)
class Proof:
    """What was set up: `canary` lies on the encrypted disk, `seed` on the one that is not."""

    group: Group
    first: Outcome
    canary: str
    seed: str

    @property
    def node(self) -> Machine:
        return self.group["node"]

    @property
    def tang(self) -> tuple[Machine, Machine]:
        return self.group["tang-one"], self.group["tang-two"]

    @property
    def recovery_key(self) -> Path:
        return self.group.folder / "luks/node.key"


@pytest.fixture(scope="module")
def proof(report: Callable[[str], None]) -> Iterator[Proof]:
    """The machines after their first playbooks, not rebooted yet."""
    for program in ("qemu-system-x86_64", "qemu-img", "mke2fs", "mmdebstrap"):
        assert shutil.which(program), f"{program} is not installed; `./lab test --long` asks for it"
    with running(tuple(GROUPS), report) as group:
        served = group.play("tang", GROUPS).facts["tang"]
        group.variables["disk_encryption_tang"] = [served["tang-one"], served["tang-two"]]
        first = group.play("base", GROUPS, DISKS)
        made = Proof(group, first, new_value(), new_value())
        made.node.run(f"cat >{SECRET}", stdin=made.canary)
        made.node.run("cat >/root/seed; sync", stdin=made.seed)
        yield made


@pytest.fixture(scope="module")
def rebooted(proof: Proof) -> Proof:
    """The node in a later boot, during which only one of two Tang servers answered."""
    proof.tang[0].run("systemctl stop tangd.socket")
    proof.node.reboot()
    proof.node.until(OPEN, lambda source: "/dev/mapper/ai-lab" in source)
    proof.tang[0].run("systemctl start tangd.socket")
    return proof


def holds(file: Path, value: str) -> bool:
    """Whether a file, or a whole disk, holds a value in any form."""
    with file.open("rb") as stream:
        if not file.stat().st_size:
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(form.encode()) >= 0 for form in forms(value))


def disks(group: Group) -> list[Path]:
    """Everything that the machines wrote to any disk."""
    return [
        disk
        for machine in group.machines.values()
        for disk in (machine.root_disk, machine.data_disk)
    ]


def answer(asking: Machine, asked: Machine, path: str) -> str:
    """HTTP status of a request to a Tang server, 000 if there was no answer."""
    return asking.run(
        "curl --silent --output /dev/null --connect-timeout 5 --write-out '%{http_code}' "
        f"http://{asked.address.ip}/{path}",
        check=False,
    )


class TestDisk:
    def test_nothing_was_left_out(self, proof: Proof) -> None:
        """Only the Tang servers have no disk to encrypt."""
        assert set(proof.first.not_applied) == {
            "tang-one/disk_encryption",
            "tang-two/disk_encryption",
        }, proof.first.not_applied

    def test_the_recovery_key_is_on_the_controller_only(self, proof: Proof) -> None:
        key = proof.recovery_key.read_text().strip()
        assert stat.S_IMODE(proof.recovery_key.stat().st_mode) == 0o600
        proof.node.run("sync")
        logs = [log for log in proof.group.logs.iterdir() if holds(log, key)]
        assert not logs, f"the recovery key is in {logs}"
        found = [disk for disk in disks(proof.group) if holds(disk, key)]
        assert not found, f"the recovery key is in the clear on {found}"
        in_memory = "grep --recursive --files-with-matches --no-messages -F -f - /run /dev/shm /tmp"
        assert proof.node.run(in_memory, stdin=key, check=False) == ""
        assert proof.node.run("find /run -maxdepth 1 -name 'luks-*'") == ""

    def test_the_recovery_key_opens_the_disk_and_no_other_does(self, proof: Proof) -> None:
        command = f"cryptsetup open --test-passphrase --key-file=- {DATA_DISK} && echo opens"
        key = proof.recovery_key.read_text().strip()
        assert "opens" in proof.node.run(command, stdin=key)
        assert "opens" not in proof.node.run(command, stdin=key[:-1] + "!", check=False)

    def test_nothing_on_the_raw_disk_is_in_plaintext(self, proof: Proof) -> None:
        proof.node.run("sync")
        disk = proof.node.data_disk
        assert disk.read_bytes()[:6] == b"LUKS\xba\xbe", "the disk holds no LUKS header"
        assert not holds(disk, proof.canary), f"{SECRET} is in the clear on {DATA_DISK}"

    def test_seeded_plaintext_on_a_raw_disk_is_found(self, proof: Proof) -> None:
        assert holds(proof.node.root_disk, proof.seed)

    def test_it_opens_at_boot_without_anyone(self, rebooted: Proof) -> None:
        """One of two Tang servers was down, and nobody typed anything."""
        node = rebooted.node
        assert node.run(f"cat {SECRET}") == rebooted.canary
        assert "Unlocked" in node.run("journalctl --boot --unit clevis-luks-askpass.service")
        mounted = node.run("systemctl show -p ActiveState --value var-lib-etcd.mount").strip()
        assert mounted == "active"


class TestWireGuard:
    def test_private_keys_never_left_their_machines(self, rebooted: Proof) -> None:
        path = "/etc/ai-lab/wireguard/private.key"
        machines = rebooted.group.machines
        for machine in machines.values():
            machine.run("sync")
        keys = {name: machine.run(f"cat {path}").strip() for name, machine in machines.items()}
        assert len(set(keys.values())) == len(machines)
        for name, key in keys.items():
            shown = machines[name].run(f"stat -c '%a %U:%G' {path}").strip()
            assert shown == "640 root:systemd-network"
            others = [machine.root_disk for machine in machines.values() if machine.name != name]
            found = [f for f in [*others, *rebooted.group.logs.iterdir()] if holds(f, key)]
            assert not found, f"the private key of {name} is in {found}"
            assert holds(machines[name].root_disk, key), "the search would have found it"

    def test_what_nodes_say_to_each_other_is_encrypted(
        self, rebooted: Proof, tmp_path: Path
    ) -> None:
        value, capture = new_value(), tmp_path / "wire.pcap"
        with rebooted.node.tapped(capture):
            assert answer(rebooted.node, rebooted.tang[0], value) == "404"
        found = list(wire.packets(capture))
        assert wire.encrypted(found, tunnel=TUNNEL) > 4, "the tunnel carried nothing"
        assert seen(rebooted, found, value) == []

    def test_without_wireguard_they_say_nothing(self, rebooted: Proof, tmp_path: Path) -> None:
        value, capture = new_value(), tmp_path / "wire.pcap"
        try:
            rebooted.node.run("ip link delete wg-lab")
            with rebooted.node.tapped(capture):
                assert answer(rebooted.node, rebooted.tang[0], value) == "000"
        finally:
            restore(rebooted)
        assert seen(rebooted, list(wire.packets(capture)), value) == []

    def test_seeded_plaintext_on_the_wire_is_seen(self, rebooted: Proof, tmp_path: Path) -> None:
        """Both protections are taken away: the tunnel, and what closes the way past it."""
        value, capture = new_value(), tmp_path / "wire.pcap"
        ends = (rebooted.node, rebooted.tang[0])
        try:
            for machine in ends:
                machine.run("nft delete table inet ai_lab_wg_lab; ip link delete wg-lab")
            with rebooted.node.tapped(capture):
                assert answer(rebooted.node, rebooted.tang[0], value) == "404"
        finally:
            restore(rebooted)
        faults = seen(rebooted, list(wire.packets(capture)), value)
        assert any("carries the canary" in fault for fault in faults), faults
        assert any("TCP 80 is outside the tunnel" in fault for fault in faults), faults

    def test_pods_keep_their_own_way(self, rebooted: Proof) -> None:
        """What carries a pod's address is not for the tunnel, which would drop it at its end."""
        pod, node, other = PODS[257], rebooted.node, rebooted.tang[0]
        ping = f"ping -c 1 -W 5 -I {pod} {other.address.ip} >/dev/null && echo heard"
        rule = f"from {PODS} lookup main priority 5181 protocol static"
        try:
            node.run(f"ip address add {pod}/32 dev lo")
            other.run(f"ip route add {pod} via {node.address.ip}")
            assert "heard" in node.run(ping, check=False)
            node.run(f"ip rule delete {rule}")
            assert "heard" not in node.run(ping, check=False), "the rule makes no difference"
        finally:
            node.run(f"ip rule add {rule} 2>/dev/null; ip address delete {pod}/32 dev lo")
            other.run(f"ip route delete {pod}", check=False)


def seen(proof: Proof, found: list[wire.Packet], value: str) -> list[str]:
    return wire.plaintext(
        found, between=proof.group.addresses, tunnel=TUNNEL, canary=value.encode()
    )


def restore(proof: Proof) -> None:
    """WireGuard as the role left it."""
    for machine in proof.group.machines.values():
        machine.run(
            "systemctl restart systemd-networkd.service ai-lab-wireguard-only.service; "
            "networkctl reload"
        )
    proof.node.until(
        f"ping -c 1 -W 2 {proof.tang[0].address.ip} >/dev/null && echo heard",
        lambda printed: "heard" in printed,
    )


class TestAudit:
    def test_a_watched_action_is_written_after_a_reboot(self, rebooted: Proof) -> None:
        token = f"lab-test-{secrets.token_hex(8)}"
        node = rebooted.node
        node.run(f"touch /var/tmp/{token}-b; touch /etc/ai-lab/{token}; rm /etc/ai-lab/{token}")
        search = "ausearch --input-logs --interpret --key {} 2>&1"
        node.until(search.format("lab"), lambda events: token in events, within=30)
        everything = node.run("ausearch --input-logs --interpret")
        assert f"{token}-b" not in everything, "what nobody watches was written as well"

    def test_every_rule_is_loaded(self, rebooted: Proof) -> None:
        for machine in rebooted.group.machines.values():
            wanted = machine.run("grep -c ^-[aw] /etc/audit/rules.d/50-ai-lab.rules").strip()
            loaded = machine.run("auditctl -l | grep -c ^-[aw]").strip()
            assert loaded == wanted, f"{machine.name} loaded {loaded} of {wanted} rules"

    def test_root_cannot_take_the_rules_away(self, rebooted: Proof) -> None:
        for machine in rebooted.group.machines.values():
            assert "enabled 2" in machine.run("auditctl -s"), f"{machine.name} is not locked"
            before = machine.run("auditctl -l")
            for command in ("auditctl -D", "auditctl -e 0"):
                assert "done" not in machine.run(f"{command} && echo done", check=False)
            assert machine.run("auditctl -l") == before


def test_a_second_run_changes_nothing(rebooted: Proof) -> None:
    for playbook in ("tang", "base"):
        again = rebooted.group.play(playbook, GROUPS, DISKS)
        assert again.changed == (), described(again)


def test_without_tang_the_disk_stays_closed_until_one_answers(rebooted: Proof) -> None:
    """Seeded: no Tang server answers at boot, as for a thief, nor for longer than systemd by itself
    waits for a disk (90 s). The last test: it takes long.
    """
    node, (one, two) = rebooted.node, rebooted.tang
    for machine in (one, two):
        machine.run("systemctl stop tangd.socket")
    node.reboot()
    tried = "journalctl --boot --unit clevis-luks-askpass.service | grep -ci 'error communicating'"
    node.until(tried, lambda times: int(times or 0) >= 3)
    node.until("cut --delimiter=. --fields=1 /proc/uptime", lambda seconds: int(seconds) > 150)
    assert "/dev/mapper" not in node.run(OPEN, check=False)
    assert "canary" not in node.run(f"cat {SECRET} 2>/dev/null", check=False)
    assert "ai-lab" not in node.run("ls /dev/mapper")
    waiting = node.run("systemctl show -p ActiveState --value var-lib-vault.mount").strip()
    assert waiting != "active"
    two.run("systemctl start tangd.socket")
    node.until(OPEN, lambda source: "/dev/mapper/ai-lab" in source)
    assert node.run(f"cat {SECRET}") == rebooted.canary
