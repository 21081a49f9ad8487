"""The SSH server's effective settings (sshd -T) and a refused password, tried for real."""

from __future__ import annotations

import subprocess

import pytest

from tests.live.support.cases import Setting, Table, machines, settings
from tests.live.support.facts import Facts
from tests.live.support.lab import Lab

SETTINGS: Table = {
    "permitrootlogin": ("without-password", "prohibit-password", "no"),
    "passwordauthentication": "no",
    "kbdinteractiveauthentication": "no",
    "permitemptypasswords": "no",
    "hostbasedauthentication": "no",
    "permituserenvironment": "no",
    "authenticationmethods": "publickey",
    "allowtcpforwarding": "no",
    "allowagentforwarding": "no",
    "allowstreamlocalforwarding": "no",
    "gatewayports": "no",
    "permittunnel": "no",
    "x11forwarding": "no",
    "loglevel": "VERBOSE",
}

WEAK: Table = {
    "ciphers": ("cbc", "3des", "arcfour", "-ctr"),
    "macs": ("md5", "sha1", "umac-64"),
    "kexalgorithms": ("group1-", "group14-sha1", "group-exchange-sha1", "nistp"),
    "hostkeyalgorithms": ("ssh-rsa", "ssh-dss"),
}


@pytest.mark.check(id="hosts.ssh", area="hosts")
@pytest.mark.parametrize("case", settings(SETTINGS), ids=str)
def test_setting(case: Setting, facts: dict[str, Facts]) -> None:
    value = facts[case.machine].sshd.get(case.name, "unset")
    assert value in case.allowed, (
        f"sshd's {case.name} is {value} on {case.machine}, not {' or '.join(case.allowed)}. "
        "See /etc/ssh/sshd_config.d there; the role `base` writes 10-ai-lab.conf."
    )


@pytest.mark.check(id="hosts.ssh.algorithms", area="hosts")
@pytest.mark.parametrize("case", settings(WEAK), ids=str)
def test_no_weak_algorithm(case: Setting, facts: dict[str, Facts]) -> None:
    offered = facts[case.machine].sshd[case.name].split(",")
    weak = [name for name in offered if any(part in name for part in case.allowed)]
    assert not weak, (
        f"sshd on {case.machine} offers weak {case.name}: {', '.join(weak)}. Name the modern "
        "ones in /etc/ssh/sshd_config.d/10-ai-lab.conf."
    )


@pytest.mark.check(id="hosts.ssh.password-refused", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_a_password_is_not_even_asked_for(machine: str, lab: Lab) -> None:
    address = next(m.address for m in lab.config.machines if m.name == machine)
    done = subprocess.run(
        [
            *("ssh", "-F", "none", "-o", "PreferredAuthentications=password,keyboard-interactive"),
            *("-o", "NumberOfPasswordPrompts=0", "-o", "StrictHostKeyChecking=yes"),
            *("-o", f"UserKnownHostsFile={lab.home.known_hosts}", "-o", "ConnectTimeout=5"),
            *("-o", "IdentityFile=none", "-o", "IdentitiesOnly=yes", f"root@{address}", "true"),
        ],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    # The server lists what it would take: "Permission denied (publickey)."
    assert "Permission denied (publickey)" in done.stderr, (
        f"{machine} offers more than public keys: {done.stderr.strip()}. "
        "Set AuthenticationMethods publickey in /etc/ssh/sshd_config.d."
    )


@pytest.mark.check(id="hosts.ssh.host-key", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_only_the_host_key_that_we_placed(machine: str, facts: dict[str, Facts]) -> None:
    host = facts[machine].host
    bad = host.run("find /etc/ssh -name 'ssh_host_*_key' ! -perm 0600").stdout.split()
    assert not bad, f"private host keys on {machine} are readable: {', '.join(bad)}. chmod 600."
