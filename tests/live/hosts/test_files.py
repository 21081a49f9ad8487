"""Who may read keys and change programs and configuration."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509

from tests.live.support import certificates, database
from tests.live.support.cases import NODE_ROLES, machines
from tests.live.support.facts import Facts
from tests.live.support.lab import Lab
from tests.live.support.machines import output

#: Private keys and credentials lie below these folders; certificates may be read by all.
KEY_FOLDERS = (
    "/etc/ai-lab",
    "/etc/kms-plugin",
    "/etc/kubernetes",
    "/etc/ssh",
    "/etc/vault.d",
    "/var/lib/kubelet/pki",
)
#: Certificates of the lab's CA (kubelet, KMS plugin, Vault), by the machine's role.
SERVICE_CERTIFICATES = {
    "control-plane": ("/etc/ai-lab/pki/machine.crt", "/etc/kms-plugin/tls/client.crt"),
    "vault": ("/etc/vault.d/tls/vault.crt",),
    "worker": ("/etc/ai-lab/pki/machine.crt",),
}
SECRET_NAMES = (
    "*.key",
    "*key.pem",
    "*.conf",
    "approle.json",
    "init.json",
    "kubelet-client-*.pem",
    "kubelet-server-*.pem",
)


@pytest.mark.check(id="hosts.files.keys", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_keys_are_private(machine: str, facts: dict[str, Facts]) -> None:
    host = facts[machine].host
    folders = [folder for folder in KEY_FOLDERS if host.file(folder).is_directory]
    names = " -o ".join(f"-name '{name}'" for name in SECRET_NAMES)
    found = output(
        host,
        "sh",
        "-c",
        # Settings of SSH and PostgreSQL end in .conf as well; there is nothing secret in them.
        f"find {' '.join(folders)} -type f \\( {names} \\) ! -path '/etc/ssh/*.conf' "
        "! -path '/etc/ai-lab/database/*.conf' -printf '%m %u %p\\n'",
    ).splitlines()
    assert found, f"the control failed: no key was found on {machine}, so nothing is proven."
    loose = [line for line in found if line.split()[0] not in ("600", "400")]
    assert not loose, (
        f"secrets on {machine} can be read by others: {', '.join(loose)}. They must have mode 0600."
    )


@pytest.mark.check(id="hosts.files.super-admin", area="hosts")
@pytest.mark.parametrize("machine", machines("control-plane"))
def test_no_identity_above_the_rules_lies_about(machine: str, facts: dict[str, Facts]) -> None:
    """What `system:masters` may do is not decided by any rule, so nothing can take it away."""
    host = facts[machine].host
    assert host.file("/etc/kubernetes/admin.conf").exists, "the control failed: no kubeconfig."
    file = host.file("/etc/kubernetes/super-admin.conf")
    assert not file.exists, f"{file.path} lies on {machine}: delete it; kubeadm makes it again."


@pytest.mark.check(id="hosts.files.world-writable", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_nothing_is_world_writable(machine: str, facts: dict[str, Facts]) -> None:
    found = output(
        facts[machine].host,
        "sh",
        "-c",
        "find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run/containerd "
        "-o -path /var/lib/containerd -o -path /var/lib/kubelet/pods \\) -prune "
        "-o \\( -type f -perm -0002 -o -type d -perm -0002 ! -perm -1000 \\) -print | head -5",
    )
    assert not found, f"everybody may write on {machine}: {found.split()}. chmod o-w."


@pytest.mark.check(id="hosts.files.empty-passwords", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_no_account_has_a_password(machine: str, facts: dict[str, Facts]) -> None:
    """People and Ansible come by key; a password could only be guessed."""
    shadow = facts[machine].host.file("/etc/shadow").content_string.splitlines()
    open_ = [line.split(":")[0] for line in shadow if line.split(":")[1][:1] not in ("*", "!")]
    assert not open_, f"accounts with a password on {machine}: {open_}. `passwd -l NAME` locks."
    zero = [
        line.split(":")[0]
        for line in facts[machine].host.file("/etc/passwd").content_string.splitlines()
        if line.split(":")[2] == "0"
    ]
    assert zero == ["root"], f"accounts with the rights of root on {machine}: {zero}"


@pytest.mark.check(id="hosts.files.manifests", area="hosts")
@pytest.mark.parametrize("machine", machines("control-plane"))
def test_static_pods_are_ours_alone(machine: str, facts: dict[str, Facts]) -> None:
    found = output(
        facts[machine].host,
        "find",
        "/etc/kubernetes/manifests",
        *("-type", "f"),
        *("-printf", "%f %m %u\\n"),
    ).splitlines()
    expected = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
    assert sorted(line.split()[0] for line in found) == [f"{name}.yaml" for name in expected], (
        f"static pods on {machine} are {found}; one that is not of the control plane runs with "
        "all rights. Remove it from /etc/kubernetes/manifests."
    )
    loose = [line for line in found if line.split()[1:] != ["600", "root"]]
    assert not loose, f"static pods on {machine} can be read or written by others: {loose}"


@pytest.mark.check(id="hosts.files.cni", area="hosts")
@pytest.mark.parametrize("machine", machines(*NODE_ROLES))
def test_the_network_of_pods_is_set_up_by_root_alone(machine: str, facts: dict[str, Facts]) -> None:
    words = ("find", "/etc/cni/net.d", "-type", "f", "-printf", "%f %m %u:%g\\n")
    found = output(facts[machine].host, *words).splitlines()
    assert found, f"the control failed: {machine} has no CNI configuration."
    loose = [line for line in found if line.split()[1:] != ["600", "root:root"]]
    assert not loose, f"CNI's files on {machine} can be read or changed by others: {loose}"


@pytest.mark.check(id="hosts.files.kubelet", area="hosts")
@pytest.mark.parametrize("machine", machines(*NODE_ROLES))
def test_the_kubelet_configuration_is_roots(machine: str, facts: dict[str, Facts]) -> None:
    file = facts[machine].host.file("/var/lib/kubelet/config.yaml")
    assert file.user == "root", f"{file.path} on {machine} belongs to {file.user}"
    assert file.mode == 0o600, f"{file.path} on {machine} can be read or changed by others"


@pytest.mark.check(id="hosts.pki", area="hosts")
@pytest.mark.parametrize("machine", machines())
def test_the_service_certificates(machine: str, facts: dict[str, Facts], lab: Lab) -> None:
    host = facts[machine].host
    spec = next(m for m in lab.config.machines if m.name == machine)
    authority = x509.load_pem_x509_certificate(lab.home.ca_certificate.read_bytes())
    files = SERVICE_CERTIFICATES[spec.role]
    if spec == lab.config.database_machine:
        files = (*files, f"{database.CONFIGURATION}/tls/server.crt")
    for file in map(Path, files):
        there = host.file(str(file.with_name("ca.crt"))).content
        assert x509.load_pem_x509_certificate(there) == authority, (
            f"{file.parent} on {machine} trusts another CA than this lab's. "
            "`./lab up --refresh` puts the right one there."
        )
        certificate = x509.load_pem_x509_certificate(host.file(str(file)).content)
        names = {lab.node_name(spec), str(spec.address), "127.0.0.1", "localhost"}
        faults = certificates.faults(certificate, authority, names=names)
        assert not faults, (
            f"{file} on {machine}: {'; '.join(faults)}. "
            "Remove it there and run `./lab up --refresh`."
        )


@pytest.mark.check(id="hosts.controller.files", area="hosts")
def test_secrets_on_this_host_are_private(lab: Lab) -> None:
    """Keys, tokens, the passphrase and the state itself."""
    root = lab.home.root
    assert stat.S_IMODE(root.stat().st_mode) == 0o700, f"{root} can be entered by others: chmod 700"
    secret = [
        lab.home.ssh_key,
        lab.home.passphrase,
        lab.home.kubeconfig,
        lab.home.vault_keys,
        lab.home.vault_approle,
        lab.home.pki / "ca.key",
    ]
    loose = [f"{path} ({_mode(path)})" for path in secret if _mode(path) != "600"]
    assert not loose, f"these must have mode 600: {', '.join(loose)}"


def _mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}" if path.is_file() else "missing"
