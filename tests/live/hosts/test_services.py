"""What runs, what listens, what is written down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live.support import database, node_probe
from tests.live.support.cases import NODE_ROLES, machines
from tests.live.support.facts import Facts, Socket
from tests.live.support.lab import Lab, current
from tests.live.support.machines import python

_EVERYWHERE = ("ai-lab-firewall", "ssh", "systemd-journald")
UNITS = {
    "control-plane": (*_EVERYWHERE, "containerd", "kms-plugin", "kubelet"),
    "worker": (*_EVERYWHERE, "containerd", "kubelet"),
    "vault": (*_EVERYWHERE, "vault"),
}

#: Who may listen where others can reach it: program and port, by role.
REACHABLE = {
    "control-plane": {
        ("sshd", 22),
        ("kube-apiserver", 6443),
        ("kubelet", 10250),
        ("etcd", 2379),
        ("etcd", 2380),
    },
    "worker": {("sshd", 22), ("kubelet", 10250)},
    "vault": {("sshd", 22), ("vault", 8200), ("vault", 8201)},
}
#: Cilium on every node: health, Hubble peers, and metrics, which the firewall opens to pods only.
CILIUM = {("cilium-agent", port) for port in (4240, 4244, 9965)}

_DATABASE = current().config.database_machine
_CASES = [
    pytest.param(machine.name, unit, id=f"{unit}.{machine.name}")
    for machine in current().config.machines
    for unit in (*UNITS[machine.role], *((database.UNIT,) if machine == _DATABASE else ()))
]
_ROLES = {machine.name: machine.role for machine in current().config.machines}


@pytest.mark.check(id="hosts.services", area="hosts")
@pytest.mark.parametrize(("machine", "unit"), _CASES)
def test_service(machine: str, unit: str, facts: dict[str, Facts]) -> None:
    service = facts[machine].host.service(unit)
    assert service.is_running, (
        f"{unit} does not run on {machine}. `journalctl -u {unit}` there says why."
    )
    # journald is started by its sockets and cannot be enabled.
    assert unit == "systemd-journald" or service.is_enabled, (
        f"{unit} runs on {machine} but would not after a reboot: `systemctl enable {unit}`."
    )


@pytest.mark.check(id="hosts.services.failed", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_no_unit_has_failed(machine: str, facts: dict[str, Facts]) -> None:
    failed = facts[machine].host.run("systemctl --failed --plain --no-legend").stdout.split("\n")
    names = [line.split()[0] for line in failed if line.strip()]
    assert not names, f"failed on {machine}: {', '.join(names)}. `systemctl status NAME` there."


@pytest.mark.check(id="hosts.sockets", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_only_what_is_known_can_be_reached(machine: str, facts: dict[str, Facts]) -> None:
    role = _ROLES[machine]
    allowed = REACHABLE[role] | (CILIUM if role in NODE_ROLES else set())
    if _DATABASE is not None and machine == _DATABASE.name:
        allowed = allowed | {("postgres", database.PORT)}
    found = [s for s in facts[machine].sockets if not s.is_local and not _allowed(s, allowed)]
    assert not found, (
        f"reachable on {machine} and not on the list: {', '.join(map(str, found))}. Stop it, bind "
        "it to 127.0.0.1, or add it to the list with a reason."
    )


def _allowed(socket: Socket, allowed: set[tuple[str, int]]) -> bool:
    return (socket.program, socket.port) in allowed


@pytest.mark.check(id="hosts.sockets.read-only-kubelet", area="hosts")
@pytest.mark.parametrize("machine", machines(*NODE_ROLES))
def test_the_kubelet_has_no_read_only_port(machine: str, facts: dict[str, Facts]) -> None:
    found = [s for s in facts[machine].sockets if s.port == 10255]
    assert not found, f"{machine}: {found[0]} serves without authentication. readOnlyPort: 0."


@pytest.mark.check(id="hosts.journal", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_the_journal_outlives_a_reboot(machine: str, facts: dict[str, Facts]) -> None:
    host = facts[machine].host
    kept = host.run("find /var/log/journal -name system.journal").stdout.strip()
    assert kept, (
        f"the journal of {machine} is lost at a reboot: Storage=persistent in journald.conf.d."
    )


@pytest.mark.check(id="hosts.time", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_the_clock_is_kept(machine: str, facts: dict[str, Facts]) -> None:
    if facts[machine].shares_kernel:
        pytest.skip(f"{machine} is a container: its clock is its host's and cannot be set there")
    service = facts[machine].host.service("chrony")
    assert service.is_running, f"chrony does not run on {machine}: certificates need the time."
    assert service.is_enabled, f"chrony would not start at a reboot of {machine}."


@pytest.mark.check(id="hosts.audit", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_the_audit_system_watches(machine: str, facts: dict[str, Facts]) -> None:
    if not facts[machine].has_audit:
        pytest.skip(f"the kernel gives {machine} no audit system (auditctl -s is refused)")
    host = facts[machine].host
    assert host.service("auditd").is_running, f"auditd does not run on {machine}."
    rules = host.run("auditctl -l").stdout
    missing = [path for path in ("/etc/passwd", "/etc/ai-lab", "/etc/ssh") if path not in rules]
    assert not missing, f"audit on {machine} does not watch {', '.join(missing)}: augenrules --load"


@pytest.mark.check(id="hosts.disk-encryption", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_data_lies_on_an_encrypted_disk(machine: str, facts: dict[str, Facts]) -> None:
    host = facts[machine].host
    if "crypt" not in host.run("dmsetup targets").stdout:
        pytest.skip(f"the kernel under {machine} has no dm-crypt (dmsetup targets)")
    data = "/var/lib/vault" if _ROLES[machine] == "vault" else "/var/lib/containerd"
    folders = [data]
    if _DATABASE is not None and machine == _DATABASE.name:
        folders.append(database.DATA)
    for folder in folders:
        chain = host.run(f'lsblk -nso TYPE "$(findmnt -no SOURCE -T {folder})"').stdout.split()
        assert "crypt" in chain, f"{folder} on {machine} is not encrypted (lsblk: {chain})."


@pytest.mark.check(id="hosts.wireguard", area="hosts")
@pytest.mark.parametrize("machine", machines(*NODE_ROLES))
def test_nodes_talk_through_wireguard(machine: str, facts: dict[str, Facts]) -> None:
    host = facts[machine].host
    tried = host.run("ip link add lab-wg-check type wireguard && ip link delete lab-wg-check")
    if tried.rc != 0:
        pytest.skip(f"the kernel under {machine} has no WireGuard ({tried.stderr.strip()})")
    peers = host.run("wg show all latest-handshakes").stdout.split("\n")
    silent = [line for line in peers if line.strip() and line.split()[-1] == "0"]
    assert any(line.strip() for line in peers), f"{machine} has no WireGuard peer."
    assert not silent, f"{machine} never heard from WireGuard peers {silent}."


#: (from, to, port) that the firewall of the target must stop.
WALLED: dict[str, tuple[str, str, int]] = {
    "etcd-from-worker": ("worker", "control-plane", 2379),
    "etcd-peers-from-worker": ("worker", "control-plane", 2380),
    "vault-peers-from-worker": ("worker", "vault", 8201),
    "ssh-from-worker": ("worker", "vault", 22),
}


@pytest.fixture(scope="module")
def reached(facts: dict[str, Facts], lab: Lab) -> dict[str, dict[str, str]]:
    """What each machine reaches of all that is walled, tried at once; by role, then by way."""
    words = [
        f"{way}={lab.config.with_role(end)[0].address}:{port}"
        for way, (_, end, port) in WALLED.items()
    ]

    def reach(role: str) -> dict[str, str]:
        host = facts[lab.config.with_role(role)[0].name].host
        return node_probe.answers(python(host, node_probe.SCRIPT, "reach", *words))

    roles = ("control-plane", "worker", "vault")
    # Side by side: each waits for what drops its packets.
    with ThreadPoolExecutor() as pool:
        return dict(zip(roles, pool.map(reach, roles), strict=True))


@pytest.mark.check(id="hosts.firewall", area="hosts")
@pytest.mark.parametrize("way", WALLED)
def test_machines_reach_only_what_they_need(way: str, reached: dict[str, dict[str, str]]) -> None:
    """Tried for real; the control is the machine itself, which reaches its own port."""
    start, end, port = WALLED[way]
    control = reached[end][way]
    assert control == "open", f"the control failed: {end} does not reach its {port} ({control})."
    assert reached[start][way] != "open", (
        f"the {start} reaches port {port} of the {end}: the firewall is open or off. "
        "`systemctl status ai-lab-firewall` there; `./lab up --refresh` writes its rules again."
    )
