"""A small program through the real `pulumi`: up, no change, drift, repair, failure, destroy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from infra import toolchain
from infra.offline import finding
from infra.secrets.client import Connection
from tests.harness.vault import Server

CANARY = "canary-0b51"

PROGRAM = """
import json, os, sys
from pathlib import Path
import pulumi
from infra.provider import sdk

config = json.loads(Path("settings.json").read_text())
way_in = sdk.VaultConnection(*config["vault"])
jwt = sdk.AuthMethod("jwt", connection=way_in, path="up-jwt", method="jwt", config={
    "jwt_validation_pubkeys": [config["key"]], "bound_issuer": "https://cluster"})
policy = sdk.Policy("policy", connection=way_in, name="up", rules='path "kv/data/x" {}')
sdk.Role("role", connection=way_in, mount=jwt.path, name="up", parameters={
    "role_type": "jwt", "user_claim": "sub", "bound_subject": "x",
    "token_policies": [policy.vault_name], "token_ttl": "15m"})
transit = sdk.SecretsEngine("transit", connection=way_in, path="up-transit", engine="transit")
sdk.TransitKey("key", connection=way_in, mount=transit.path, name="up")
local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
run = sdk.Playbook(
    "run", playbook="try", hosts=[sdk.Host("here", "127.0.0.1", ["all_of_them"], "", local)],
    connection=sdk.SshConnection("/none", "/none", config["logs"]), check_on_refresh=True,
    variables={"file": config["file"], "word": config["word"], "fail": config["fail"],
               "secret": pulumi.Output.secret(config["secret"])})
pulumi.export("facts", run.facts)
"""

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Refuse
      ansible.builtin.fail: {msg: told to fail}
      when: fail
    - name: Write
      ansible.builtin.copy: {content: "{{ word }}", dest: "{{ file }}", mode: "0600"}
    - name: Use the secret
      ansible.builtin.copy: {content: "{{ secret }}", dest: "{{ file }}.secret", mode: "0600"}
      no_log: true
    - ansible.builtin.set_stats: {data: {facts: {word: "{{ word }}"}}}
"""

#: The plugin, with the test's playbooks instead of the lab's.
PLUGIN = """\
#!{python}
from functools import partial
from pathlib import Path
from infra.hosts import playbooks
from infra.plugins.server import serve
from infra.provider import playbook, vault

root = Path({root!r})
playbooks.run = partial(playbooks.run, root=root)
playbook.digest = partial(playbook.digest, root=root)
serve("ailab", "0.1.0", [playbook.Playbook(), *(kind() for kind in vault.TYPES)])
"""


@dataclass
class Stack:
    folder: Path
    environment: dict[str, str]
    settings: dict[str, Any]

    def set(self, **changes: Any) -> None:
        self.settings.update(changes)
        (self.folder / "settings.json").write_text(json.dumps(self.settings))

    def pulumi(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def changes(self) -> dict[str, str]:
        """What the next `up` would do, by the names of resources."""
        plan = json.loads(self.pulumi("preview", "--json"))
        return {
            step["urn"].rpartition("::")[2]: step["op"]
            for step in plan["steps"]
            if step["op"] != "same"
        }

    def state(self) -> str:
        """Everything that Pulumi ever wrote down."""
        return "".join(
            file.read_text() for file in (self.folder / "state").rglob("*") if file.is_file()
        )


@pytest.fixture
def stack(tmp_path: Path, server: Server, connection: Connection) -> Stack:
    pulumi = toolchain.binary("pulumi")
    for name in ("state", "home", "bin", "ansible/playbooks"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "ansible/ansible.cfg").write_text("[defaults]\n")
    (tmp_path / "ansible/playbooks/try.yml").write_text(PLAY)
    (tmp_path / "Pulumi.yaml").write_text("name: try\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    plugin = tmp_path / "bin/pulumi-resource-ailab"
    plugin.write_text(PLUGIN.format(python=sys.executable, root=str(tmp_path / "ansible")))
    plugin.chmod(0o755)
    path = [str(plugin.parent), str(Path(sys.executable).parent), str(pulumi.parent)]
    search = os.pathsep.join([*path, os.environ["PATH"]])
    search = os.pathsep.join([search, *map(str, finding.path_entries(search))])
    environment = {
        "PATH": search,
        "HOME": str(tmp_path / "home"),
        "PULUMI_HOME": str(tmp_path / "home/.pulumi"),
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    made = Stack(tmp_path, environment, {})
    made.set(
        vault=[connection.address, str(connection.ca_certificate), str(connection.credentials)],
        key=_public_key(),
        logs=str(tmp_path / "logs"),
        file=str(tmp_path / "written"),
        word="one",
        fail=False,
        secret=CANARY,
    )
    made.pulumi("stack", "init", "t")
    return made


def _public_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_whole_life(stack: Stack, server: Server) -> None:
    written = stack.folder / "written"
    stack.set(fail=True)
    output = stack.pulumi("up", "--yes", "--skip-preview", status=1)
    assert "LAB-501 playbook try failed on here: task 'Refuse': told to fail." in output
    kept = json.loads(stack.pulumi("stack", "export"))["deployment"]["resources"]
    assert "ailab:ansible:Playbook" not in {resource["type"] for resource in kept}

    stack.set(fail=False)
    stack.pulumi("up", "--yes", "--skip-preview")
    assert written.read_text() == "one"
    assert json.loads(stack.pulumi("stack", "output", "--json"))["facts"] == {"word": "one"}
    assert stack.changes() == {}
    stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")

    # Somebody changes things by hand.
    written.write_text("by hand")
    server.api("DELETE", "sys/policies/acl/up")
    server.api(
        "POST",
        "auth/up-jwt/role/up",
        {"role_type": "jwt", "user_claim": "sub", "bound_subject": "", "bound_audiences": "any"},
    )
    server.api("POST", "up-transit/keys/up/config", {"deletion_allowed": True})
    assert stack.changes() == {}, "a preview trusts the state"
    stack.pulumi("refresh", "--yes", "--skip-preview")
    stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert stack.changes() == {
        "policy": "create",
        "role": "update",
        "key": "update",
        "run": "update",
    }
    stack.pulumi("up", "--yes", "--skip-preview")
    assert written.read_text() == "one"
    role = server.api("GET", "auth/up-jwt/role/up")["data"]
    assert role["bound_subject"] == "x"
    assert not role["bound_audiences"]
    assert not server.api("GET", "up-transit/keys/up")["data"]["deletion_allowed"]
    stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")

    # A changed playbook runs again.
    play = stack.folder / "ansible/playbooks/try.yml"
    play.write_text(play.read_text() + "    - ansible.builtin.debug: {msg: new}\n")
    assert stack.changes() == {"run": "update"}

    stack.pulumi("destroy", "--yes", "--skip-preview")
    for path in ("sys/mounts/up-transit", "sys/auth/up-jwt", "sys/policies/acl/up"):
        with pytest.raises(requests.HTTPError, match=r"40[04]"):
            server.api("GET", path)

    assert (stack.folder / "written.secret").read_text() == CANARY
    logs = "".join(log.read_text() for log in (stack.folder / "logs").iterdir())
    assert CANARY not in stack.state() + logs


def test_bad_inputs_are_named_by_property(stack: Stack) -> None:
    program = stack.folder / "__main__.py"
    program.write_text(
        textwrap.dedent(
            """
            from infra.provider import sdk
            way_in = sdk.VaultConnection("http://vault", "ca.crt", "/approle")
            sdk.TransitKey("key", connection=way_in, name="a/b", key_type="des")
            """
        )
    )
    output = stack.pulumi("preview", status=1)
    for name in ("connection.address", "connection.caCertificate", "name", "type"):
        assert f"property {name} value" in output or f"'{name}'" in output or name in output
