"""Kernel settings of every machine, as the running kernel has them."""

from __future__ import annotations

import pytest

from tests.live.support.cases import NODE_ROLES, Setting, Table, machines, settings
from tests.live.support.facts import Facts

#: The machine's own network stack: every machine has one, containers too.
NETWORK = {
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.default.accept_redirects": "0",
    "net.ipv4.conf.all.secure_redirects": "0",
    "net.ipv4.conf.default.secure_redirects": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
    "net.ipv4.conf.default.accept_source_route": "0",
    "net.ipv4.conf.all.log_martians": "1",
    "net.ipv4.icmp_echo_ignore_broadcasts": "1",
    "net.ipv4.icmp_ignore_bogus_error_responses": "1",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
    "net.ipv6.conf.all.forwarding": "0",
}
#: Only nodes pass packets on, and only they may see them come back another way.
FORWARDING = {"net.ipv4.ip_forward": "1"}
NOT_FORWARDING: Table = {"net.ipv4.ip_forward": "0", "net.ipv4.conf.all.rp_filter": ("1", "2")}

#: The whole kernel. On a machine that shares its kernel only the kernel's owner sets these.
KERNEL: Table = {
    "fs.protected_fifos": ("1", "2"),
    "fs.protected_hardlinks": "1",
    "fs.protected_regular": ("1", "2"),
    "fs.protected_symlinks": "1",
    "fs.suid_dumpable": "0",
    "kernel.dmesg_restrict": "1",
    "kernel.kptr_restrict": ("1", "2"),
    "kernel.perf_event_paranoid": ("3", "4"),
    "kernel.randomize_va_space": "2",
    "kernel.sysrq": "0",
    "kernel.unprivileged_bpf_disabled": ("1", "2"),
}

#: Names of settings that a kernel without IPv6 does not have, and need not.
_IPV6 = "net.ipv6."

CASES = [
    *settings(NETWORK),
    *settings(FORWARDING, *NODE_ROLES),
    *settings(NOT_FORWARDING, "vault"),
]


def fault(case: Setting, facts: Facts) -> str:
    """What is wrong with a setting; empty if nothing is."""
    value = facts.sysctls.get(case.name)
    if value in case.allowed or (value is None and case.name.startswith(_IPV6)):
        return ""
    return (
        f"{case.name} is {value} on {case.machine}, not {' or '.join(case.allowed)}. Somebody "
        f"turned it, or the role `base` did not run: `sysctl -w {case.name}={case.allowed[-1]}` "
        "there, or `./lab up --refresh`."
    )


@pytest.mark.check(id="hosts.sysctl", area="hosts")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_network_settings(case: Setting, facts: dict[str, Facts]) -> None:
    found = fault(case, facts[case.machine])
    assert not found, found


@pytest.mark.check(id="hosts.sysctl", area="hosts")
@pytest.mark.parametrize("case", settings(KERNEL), ids=str)
def test_kernel_settings(case: Setting, facts: dict[str, Facts]) -> None:
    found = fault(case, facts[case.machine])
    if found and facts[case.machine].shares_kernel:
        pytest.skip(
            f"{case.machine} is a container: {case.name} belongs to the kernel of its host, "
            "which the lab does not change"
        )
    assert not found, found


@pytest.mark.check(id="hosts.swap", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_no_swap_is_used(machine: str, facts: dict[str, Facts]) -> None:
    """Memory of a sandbox must not reach a disk in plaintext."""
    areas = facts[machine].host.file("/proc/swaps").content_string.splitlines()[1:]
    own = [area for area in areas if not facts[machine].shares_kernel]
    assert not own, f"{machine} swaps to {own}: `swapoff -a` there and mask its unit."
    masked = facts[machine].host.run("systemctl is-enabled swap.target").stdout.strip()
    assert masked == "masked", (
        f"swap.target is {masked or 'there'} on {machine}, so swap comes back at a reboot. "
        "`systemctl mask swap.target` there, or `./lab up --refresh`."
    )


@pytest.mark.check(id="hosts.core-dumps", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_services_leave_no_core_dumps(machine: str, facts: dict[str, Facts]) -> None:
    """A core dump holds keys."""
    shown = facts[machine].host.run("systemctl show --property=DefaultLimitCORE --value").stdout
    assert shown.strip() == "0", (
        f"services on {machine} may dump core ({shown.strip()}). The role `base` sets "
        "DefaultLimitCORE=0 in /etc/systemd/system.conf.d."
    )
