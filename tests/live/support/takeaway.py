"""Protections taken away by hand and given back, each as a context manager.

Whatever happens in between, the protection is back at the end. Nothing here goes through the
lab's own ways of changing itself: it is what an intruder, or a tired administrator, would do.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import yaml

from infra.cluster.auditor_objects import ROLE
from infra.naming import SANDBOX_SERVICE_ACCOUNT, sandbox_namespace
from tests.live.support import auditor, root_token
from tests.live.support.api import Api, administrator, eventually, say
from tests.live.support.facts import MANIFESTS
from tests.live.support.lab import Lab
from tests.live.support.machines import Host, output
from tests.live.support.vault import caller

#: Seconds until a component that was started anew must answer.
RESTART = 120


@dataclass(frozen=True, slots=True)
class World:
    """Everything that can be broken."""

    lab: Lab
    hosts: dict[str, Host]

    @property
    def control_plane(self) -> Host:
        return self.hosts[self.lab.control_plane.name]

    @property
    def worker(self) -> Host:
        return self.hosts[self.lab.worker.name]

    @property
    def vault(self) -> Host:
        return self.hosts[self.lab.vault.name]

    @property
    def sandbox(self) -> str:
        """Namespace of the first sandbox."""
        return sandbox_namespace(self.lab.config.sandboxes[0].name)


# Objects in the cluster


@contextmanager
def deleted(world: World, path: str) -> Iterator[None]:
    with administrator(world.lab.home.kubeconfig) as api:
        there = api.read(path)
        answer = api.delete(path)
        assert answer.is_success, f"{path} cannot be deleted: {say(answer)}"
        try:
            yield
        finally:
            _put_back(api, path, there)


@contextmanager
def patched(world: World, path: str, change: dict[str, Any]) -> Iterator[None]:
    with administrator(world.lab.home.kubeconfig) as api:
        there = api.read(path)
        answer = api.patch(path, change)
        assert answer.is_success, f"{path} cannot be changed: {say(answer)}"
        try:
            yield
        finally:
            _put_back(api, path, there)


def _put_back(api: Api, path: str, there: dict[str, Any]) -> None:
    """Applies an object as it was, in the name of who had applied it."""
    metadata = dict(there["metadata"])
    applied = [m for m in metadata.pop("managedFields", []) if m["operation"] == "Apply"]
    for key in ("uid", "resourceVersion", "creationTimestamp", "generation"):
        metadata.pop(key, None)
    content = {**there, "metadata": metadata}
    content.pop("status", None)
    answer = api.apply(path, content, manager=applied[0]["manager"] if applied else "lab-test")
    assert answer.is_success, f"{path} cannot be put back: {say(answer)}"


def policy_deleted(world: World) -> Any:
    base = f"/apis/networking.k8s.io/v1/namespaces/{world.sandbox}/networkpolicies"
    return deleted(world, f"{base}/default-deny")


@contextmanager
def quota_removed(world: World) -> Iterator[None]:
    path = f"/api/v1/namespaces/{world.sandbox}/resourcequotas/sandbox"
    with deleted(world, path):
        yield
    # A quota holds only once a controller has counted what is there.
    with administrator(world.lab.home.kubeconfig) as api:
        eventually(lambda: api.read(path).get("status", {}).get("hard"), until=bool, within=RESTART)


def limits_removed(world: World) -> Any:
    return deleted(world, f"/api/v1/namespaces/{world.sandbox}/limitranges/sandbox")


def policy_binding_deleted(world: World) -> Any:
    """The policy is still there and refuses nothing."""
    base = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    return deleted(world, f"{base}/ai-lab-services-stay-inside")


@contextmanager
def auditor_stopped(world: World) -> Iterator[None]:
    """Nobody audits the cluster any more, and nothing else changes."""
    path = auditor.DEPLOYMENT
    with patched(world, path, {"spec": {"replicas": 0}}):
        with administrator(world.lab.home.kubeconfig) as api:
            left = eventually(lambda: api.items(auditor.PODS), until=_none, within=RESTART)
            assert not left, "the auditor's pod does not end."
        yield
    with administrator(world.lab.home.kubeconfig) as api:
        eventually(
            lambda: api.read(path)["status"].get("readyReplicas"), until=bool, within=RESTART
        )


def _none(found: Sized) -> bool:
    return len(found) == 0


@contextmanager
def auditor_widened(world: World) -> Iterator[None]:
    """The auditor may read secrets."""
    path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{ROLE}"
    with administrator(world.lab.home.kubeconfig) as api:
        rules = api.read(path)["rules"]
    more = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}
    with patched(world, path, {"rules": [*rules, more]}):
        yield


def pod_security_label_dropped(world: World) -> Any:
    labels = {"pod-security.kubernetes.io/enforce": None}
    return patched(world, f"/api/v1/namespaces/{world.sandbox}", {"metadata": {"labels": labels}})


def pod_security_privileged(world: World) -> Any:
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    return patched(world, f"/api/v1/namespaces/{world.sandbox}", {"metadata": {"labels": labels}})


@contextmanager
def role_widened(world: World) -> Iterator[None]:
    """The principal may read secrets."""
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{world.sandbox}/roles/principal"
    with administrator(world.lab.home.kubeconfig) as api:
        rules = api.read(path)["rules"]
    more = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}
    with patched(world, path, {"rules": [*rules, more]}):
        yield


def token_mounted(world: World) -> Any:
    path = f"/api/v1/namespaces/{world.sandbox}/serviceaccounts/{SANDBOX_SERVICE_ACCOUNT}"
    return patched(world, path, {"automountServiceAccountToken": True})


# The control plane


@contextmanager
def bootstrap_token_left(world: World) -> Iterator[None]:
    """Somebody added a node by hand, as kubeadm's manual says, and forgot the token."""
    token = output(world.control_plane, "kubeadm", "token", "create").strip()
    try:
        yield
    finally:
        output(world.control_plane, "kubeadm", "token", "delete", token.split(".", maxsplit=1)[0])


@contextmanager
def _api_server_without(world: World, keep: Callable[[str], bool]) -> Iterator[None]:
    """Runs the API server without some lines of its manifest."""
    manifest = str(MANIFESTS / "kube-apiserver.yaml")
    text = world.control_plane.file(manifest).content_string
    changed = "\n".join(line for line in text.split("\n") if keep(line))
    assert changed != text, f"{manifest} has no such line: the protection was not there."
    try:
        _restart_api_server(world, lambda: _write(world.control_plane, manifest, changed))
        yield
    finally:
        _restart_api_server(world, lambda: _write(world.control_plane, manifest, text))


def _write(host: Host, path: str, content: str) -> None:
    """Replaces a file whole. Its draft lies elsewhere: the kubelet would run it as a second pod."""
    draft = "/root/.lab-test-draft"
    result = host.run(
        f"umask 077 && cat >{draft} <<'LAB_FILE'\n{content.rstrip()}\nLAB_FILE\n"
        f"chown --reference={shlex.quote(path)} {draft} && "
        f"chmod --reference={shlex.quote(path)} {draft} && mv {draft} {shlex.quote(path)}"
    )
    assert result.rc == 0, f"{path} cannot be written: {result.stderr}"


def _restart_api_server(world: World, change: Callable[[], None]) -> None:
    """Changes what the API server is started with, and waits until the new one serves."""
    before = _api_server_pid(world)
    with _leaders_held_still(world):
        change()
        # At once: a polite end takes longer, and the kubelet starts the changed one either way.
        world.control_plane.run(f"kill -9 {before}")
        started = eventually(
            lambda: _api_server_pid(world),
            until=lambda pid: pid not in ("", before),
            within=RESTART,
            every=0.5,
        )
        assert started not in ("", before), "the kubelet did not start the API server anew."
        wait_for_api_server(world.lab)
    wait_for_cluster(world.lab)


@contextmanager
def _leaders_held_still(world: World) -> Iterator[None]:
    """Stops the clocks of those who end themselves when they cannot renew their lease.

    They would be started again later and later, and the lab would be red for minutes for a
    reason that has nothing to do with what is tested.
    """
    names = ("kube-controller", "kube-scheduler", "cilium-operator")

    def signal(name: str) -> None:
        for host in (world.control_plane, world.worker):
            for process in names:
                host.run(f"pkill -{name} '^{process}'")

    signal("STOP")
    try:
        yield
    finally:
        signal("CONT")


def _api_server_pid(world: World) -> str:
    return str(world.control_plane.run("pgrep -o -x kube-apiserver").stdout).strip()


def wait_for_api_server(lab: Lab, *, within: float = RESTART) -> None:
    """Waits until the API server says that it is ready."""

    def look() -> str:
        try:
            with administrator(lab.home.kubeconfig, timeout=5) as api:
                answer = api.get("/readyz")
                return "" if answer.status_code == 200 else say(answer)
        except httpx.TransportError as error:
            return str(error) or type(error).__name__

    last = eventually(look, until=lambda found: not found, within=within, every=0.3)
    assert not last, f"the API server is not back after {within:.0f} s: {last}"


def wait_for_cluster(lab: Lab, *, within: float = RESTART) -> None:
    """Waits until the API server is ready, its controllers work, and the system's pods are ready.

    The API server's own pod is left out: it answered for itself, and its probes come late.
    """

    def look() -> str:
        try:
            with administrator(lab.home.kubeconfig, timeout=5) as api:
                ready = api.get("/readyz")
                if ready.status_code != 200:
                    return say(ready)
                idle = [name for name in CONTROLLERS if not _leads(api, name)]
                pods = api.items("/api/v1/namespaces/kube-system/pods")
        except (httpx.TransportError, AssertionError) as error:
            return str(error) or type(error).__name__
        waiting = [
            str(pod["metadata"]["name"])
            for pod in pods
            if not all(s["ready"] for s in pod["status"].get("containerStatuses") or [{"ready": 0}])
            and not pod["metadata"]["name"].startswith("kube-apiserver-")
        ]
        return f"not ready: {idle} {waiting}" if idle or waiting else ""

    last = eventually(look, until=lambda found: not found, within=within, every=0.5)
    assert not last, f"the cluster is not back after {within:.0f} s: {last}"


#: Names of the leases by which these say that they are at work.
CONTROLLERS = ("kube-controller-manager", "kube-scheduler")


def _leads(api: Api, name: str) -> bool:
    """Whether somebody holds the lease and renewed it lately (it is renewed every two seconds)."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/{name}"
    renewed = datetime.fromisoformat(api.read(path)["spec"]["renewTime"])
    return datetime.now(UTC) - renewed < timedelta(seconds=5)


def api_audit_off(world: World) -> Any:
    return _api_server_without(world, lambda line: "--audit-" not in line)


def node_restriction_off(world: World) -> Any:
    return _api_server_without(world, lambda line: "--enable-admission-plugins" not in line)


@contextmanager
def encryption_off(world: World) -> Iterator[None]:
    """New secrets are stored in plain; old ones stay readable."""
    file = _encryption_file(world)
    text = world.control_plane.file(file).content_string
    config = yaml.safe_load(text)
    for kinds in config["resources"]:
        # The first one writes.
        kinds["providers"].insert(0, {"identity": {}})
    plain = yaml.safe_dump(config)
    try:
        _restart_api_server(world, lambda: _write(world.control_plane, file, plain))
        yield
    finally:
        _restart_api_server(world, lambda: _write(world.control_plane, file, text))


def _encryption_file(world: World) -> str:
    text = str(world.control_plane.file(str(MANIFESTS / "kube-apiserver.yaml")).content_string)
    return next(
        line.split("=", 1)[1].strip()
        for line in text.splitlines()
        if "--encryption-provider-config=" in line
    )


@contextmanager
def kms_off(world: World) -> Iterator[None]:
    output(world.control_plane, "systemctl", "stop", "kms-plugin")
    try:
        yield
    finally:
        output(world.control_plane, "systemctl", "start", "kms-plugin")
        wait_for_cluster(world.lab)


# Machines


@contextmanager
def sysctl_turned(world: World) -> Iterator[None]:
    key = "net.ipv4.conf.all.accept_redirects"
    output(world.worker, "sysctl", "-w", f"{key}=1")
    try:
        yield
    finally:
        output(world.worker, "sysctl", "-w", f"{key}=0")


@contextmanager
def firewall_off(world: World) -> Iterator[None]:
    output(world.vault, "nft", "delete", "table", "inet", "ai_lab")
    try:
        yield
    finally:
        output(world.vault, "systemctl", "reload", "ai-lab-firewall")


@contextmanager
def passwords_allowed(world: World) -> Iterator[None]:
    file = "/etc/ssh/sshd_config.d/00-lab-test.conf"
    settings = "PasswordAuthentication yes\\nAuthenticationMethods any\\n"
    reload = "sshd -t && systemctl reload ssh"
    try:
        output(world.worker, "sh", "-c", f"printf '{settings}' >{file} && {reload}")
        yield
    finally:
        output(world.worker, "sh", "-c", f"rm -f {file} && {reload}")


@contextmanager
def key_readable(world: World) -> Iterator[None]:
    key = "/etc/ai-lab/pki/machine.key"
    mode = output(world.worker, "stat", "-c", "%a", key).strip()
    try:
        output(world.worker, "chmod", "0644", key)
        yield
    finally:
        output(world.worker, "chmod", mode, key)


# Vault


@contextmanager
def vault_audit_disabled(world: World) -> Iterator[None]:
    with root_token.made(world.lab) as root:
        device = root.ask("GET", "sys/audit")["data"]["file/"]
        root.ask("DELETE", "sys/audit/file")
        try:
            yield
        finally:
            wanted = {key: device[key] for key in ("type", "description", "options", "local")}
            root.ask("PUT", "sys/audit/file", wanted)


@contextmanager
def vault_tls_lowered(world: World) -> Iterator[None]:
    file = "/etc/vault.d/vault.hcl"
    text = world.vault.file(file).content_string
    lowered = text.replace('tls_min_version = "tls13"', 'tls_min_version = "tls11"')
    lowered = lowered.replace('tls_min_version = "tls12"', 'tls_min_version = "tls11"')
    lowered = lowered.replace(
        'tls_cipher_suites = "', 'tls_cipher_suites = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,'
    )
    assert lowered != text, f"{file} is written in a way that this test does not know."
    try:
        _restart_vault(world, file, lowered)
        yield
    finally:
        _restart_vault(world, file, text)
        wait_for_cluster(world.lab)


def _restart_vault(world: World, file: str, text: str) -> None:
    _write(world.vault, file, text)
    output(world.vault, "systemctl", "restart", "vault")
    wait_for_vault(world.lab)


def wait_for_vault(lab: Lab, *, within: float = RESTART) -> None:
    """Waits until Vault is open and active."""

    def look() -> str:
        try:
            with caller(lab) as stranger:
                answer = stranger.call("GET", "sys/health")
                return "" if answer.status_code == 200 else json.dumps(answer.json())
        except httpx.TransportError as error:
            return str(error) or type(error).__name__

    last = eventually(look, until=lambda found: not found, within=within, every=0.3)
    assert not last, f"Vault is not back after {within:.0f} s: {last}"
