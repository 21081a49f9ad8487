"""Data at rest and in transit: etcd's raw content, the KMS plugin, TLS floors."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.naming import sandbox_namespace
from tests.live.support import tls
from tests.live.support.api import Api, location, say
from tests.live.support.facts import Facts
from tests.live.support.lab import Lab
from tests.live.support.machines import Host, output, python

ENCRYPTED = "k8s:enc:kms:v2:"
_PKI = "/etc/kubernetes/pki/etcd"
#: TLS servers of a node by port; those at the loopback address are probed from the node itself.
CONTROL_PLANE_PORTS = {
    "kube-apiserver": 6443,
    "kubelet": 10250,
    "etcd": 2379,
    "etcd-peers": 2380,
    "kube-controller-manager": 10257,
    "kube-scheduler": 10259,
}


def raw(host: Host, key: str) -> bytes:
    """What etcd really stores under a key."""
    found = json.loads(
        output(
            host,
            *("etcdctl", "--endpoints=https://127.0.0.1:2379", f"--cacert={_PKI}/ca.crt"),
            *(f"--cert={_PKI}/healthcheck-client.crt", f"--key={_PKI}/healthcheck-client.key"),
            *("get", key, "--write-out=json"),
        )
    )
    stored = found.get("kvs") or []
    assert stored, f"etcd has nothing under {key}"
    return base64.b64decode(stored[0]["value"])


@pytest.fixture(scope="module")
def canaries(api: Api, lab: Lab) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """A secret and a configmap in a sandbox, made now; the value in both."""
    value = f"canary-{secrets.token_hex(16)}"
    namespace = sandbox_namespace(lab.config.sandboxes[0].name)
    name = f"lab-verify-{secrets.token_hex(4)}"
    made: dict[str, dict[str, Any]] = {}
    try:
        for kind, data in (("Secret", "stringData"), ("ConfigMap", "data")):
            manifest = {
                "apiVersion": "v1",
                "kind": kind,
                "metadata": {"name": name, "namespace": namespace},
                data: {"value": value},
            }
            answer = api.create(manifest)
            assert answer.status_code == 201, (
                f"a {kind} cannot be stored: {say(answer)}. If this names the KMS plugin, see "
                "`journalctl -u kms-plugin` on the control plane."
            )
            made[kind] = manifest
        yield value, made
    finally:
        for manifest in made.values():
            api.delete(location(manifest))


@pytest.mark.check(id="cluster.encryption.at-rest", area="cluster")
@pytest.mark.parametrize(("kind", "path"), [("Secret", "secrets"), ("ConfigMap", "configmaps")])
def test_etcd_holds_ciphertext(
    kind: str,
    path: str,
    canaries: tuple[str, dict[str, dict[str, Any]]],
    facts: dict[str, Facts],
    lab: Lab,
) -> None:
    value, made = canaries
    metadata = made[kind]["metadata"]
    stored = raw(
        facts[lab.control_plane.name].host,
        f"/registry/{path}/{metadata['namespace']}/{metadata['name']}",
    )
    start = stored[:32].decode("ascii", "replace")
    encrypted = stored.startswith(ENCRYPTED.encode()) and value.encode() not in stored
    assert encrypted, (
        f"a new {kind} is stored in etcd as {start!r}...: not encrypted by KMS v2. See "
        "--encryption-provider-config of the API server; `./lab up --refresh` sets it."
    )


@pytest.mark.check(id="cluster.encryption.kms", area="cluster")
def test_the_kms_plugin_is_healthy(api: Api, facts: dict[str, Facts], lab: Lab) -> None:
    host = facts[lab.control_plane.name].host
    assert host.service("kms-plugin").is_running, (
        "the KMS plugin does not run on the control plane: secrets can neither be read nor "
        "written. `systemctl start kms-plugin` there; `journalctl -u kms-plugin` says why."
    )
    answer = api.get("/readyz", verbose="1")
    lines = [line for line in answer.text.splitlines() if "kms" in line]
    healthy = bool(lines) and all(line.startswith("[+]") for line in lines)
    assert healthy, (
        f"the API server reports {lines or 'no KMS provider'}: see `journalctl -u kms-plugin`."
    )


@pytest.mark.check(id="cluster.encryption.socket", area="cluster")
def test_only_root_and_the_plugin_reach_its_socket(facts: dict[str, Facts], lab: Lab) -> None:
    folder = facts[lab.control_plane.name].host.file("/run/kms-plugin")
    assert folder.mode == 0o700, f"{folder.path} has mode {folder.mode:o}; it must be 700."


@pytest.mark.check(id="cluster.tls", area="cluster")
@pytest.mark.parametrize("server", CONTROL_PLANE_PORTS)
def test_floor_on_the_control_plane(server: str, facts: dict[str, Facts], lab: Lab) -> None:
    _assert_floor(facts[lab.control_plane.name].host, server, CONTROL_PLANE_PORTS[server])


@pytest.mark.check(id="cluster.tls.worker-kubelet", area="cluster")
def test_floor_on_the_worker(facts: dict[str, Facts], lab: Lab) -> None:
    _assert_floor(facts[lab.worker.name].host, "kubelet", 10250)


def _assert_floor(host: Host, server: str, port: int) -> None:
    script = Path(tls.__file__).read_text()
    faults = tls.faults(json.loads(python(host, script, _address(host, port), str(port))))
    assert not faults, (
        f"TLS of {server} (port {port}) is lowered: {'; '.join(faults)}. Its flags "
        "tls-min-version and tls-cipher-suites say the floor; `./lab up --refresh` sets them."
    )


def _address(host: Host, port: int) -> str:
    """Where the server listens, seen from the machine itself."""
    listening = output(host, "ss", "-Htln", f"sport = :{port}").split()
    assert listening, f"nothing listens on port {port} of {host.backend.get_hostname()}"
    address = listening[3].rpartition(":")[0].strip("[]")
    return "127.0.0.1" if address in ("*", "::", "0.0.0.0") else address  # noqa: S104 - read only
