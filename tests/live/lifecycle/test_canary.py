"""A secret that goes through Kubernetes and Vault is nowhere in plaintext afterwards."""

from __future__ import annotations

import base64
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import naming, paths
from tests.live.support import canary, operations
from tests.live.support.api import Api, location, say
from tests.live.support.lab import Lab
from tests.live.support.machines import Host, output
from tests.live.support.vault import Caller


@pytest.fixture
def value(up: Lab, api: Api, lab_caller: Caller) -> Iterator[str]:
    """A value that was written to, and read from, everything that keeps secrets."""
    value, name = canary.new_value(), f"lab-test-{secrets.token_hex(4)}"
    namespace = naming.sandbox_namespace(up.config.sandboxes[0].name)
    made = []
    for kind, field in (("Secret", "stringData"), ("ConfigMap", "data")):
        manifest = {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            field: {"value": value},
        }
        answer = api.create(manifest)
        assert answer.status_code == 201, say(answer)
        made.append(location(manifest))
        assert api.get(made[-1]).status_code == 200
        assert api.patch(made[-1], {"metadata": {"labels": {"seen": "yes"}}}).is_success
    kv = f"{naming.VAULT_KV}/data/{name}"
    key = f"{naming.VAULT_TRANSIT}/encrypt/{naming.VAULT_KMS_KEY}"
    lab_caller.ask("POST", kv, {"data": {"value": value}})
    # Whoever writes secrets for the lab cannot read them back; the refusal is logged as well.
    assert lab_caller.call("GET", kv).status_code == 403
    lab_caller.call("POST", key, {"plaintext": base64.b64encode(value.encode()).decode()})
    try:
        # What an operation writes down about a lab that holds the secret.
        done = operations.pulumi(up.stack, "preview", "--refresh")
        assert done.status == 0, done.told
        yield value
    finally:
        for path in made:
            api.delete(path)
        lab_caller.ask("DELETE", f"{naming.VAULT_KV}/metadata/{name}")


def places(lab: Lab) -> list[Path]:
    """State, keys, logs, the machines' disks (etcd's data among them), images, temporary files."""
    home = lab.home.root
    folders = [folder for folder in home.iterdir() if folder != lab.home.machines]
    for machine in lab.home.machines.glob("*"):
        # The merged root shows what lies in the other folders and in the base image.
        folders += [folder for folder in machine.iterdir() if folder.name != "root"]
    return [*folders, paths.cache(), Path(tempfile.gettempdir()), Path("/var/log")]


def test_it_is_nowhere(value: str, up: Lab, hosts: dict[str, Host]) -> None:
    found = canary.in_files(value, places(up)) + canary.in_processes(value)
    found += [
        f"{name}: {hit}" for name, host in hosts.items() for hit in canary.on_machine(value, host)
    ]
    assert not found, f"a secret lies in plaintext in {', '.join(found)}"


def test_the_search_finds_what_is_there(up: Lab, hosts: dict[str, Host]) -> None:
    """Seeded: copies in the state's folder, in etcd's, in a journal, in a process."""
    value = canary.new_value()
    assert canary.in_files(value, places(up)) == []
    control_plane = hosts[up.control_plane.name]
    seeds = {
        "state": up.home.state / "lab-test-seed.json",
        "log": up.home.root / "lab-test-seed.log",
    }
    in_etcd = "/var/lib/etcd/member/lab-test-seed"
    try:
        seeds["state"].write_text(f'{{"secret": "{value}"}}')
        seeds["log"].write_text(base64.b64encode(f"x{value}".encode()).decode())
        found = canary.in_files(value, places(up))
        assert found == sorted(str(seed) for seed in seeds.values())
        output(control_plane, "sh", "-c", f"echo {value} >{in_etcd}; logger {value}; sync")
        assert set(canary.on_machine(value, control_plane)) >= {in_etcd, "journal"}
        with canary.as_argument(value) as process:
            assert canary.in_processes(value) == [f"/proc/{process}/cmdline"]
    finally:
        for seed in seeds.values():
            seed.unlink(missing_ok=True)
        output(control_plane, "rm", "-f", in_etcd)
