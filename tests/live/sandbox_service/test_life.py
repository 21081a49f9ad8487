"""Two principals: one asks, another approves, the first works inside; time runs out, and everything
is gone: seen from outside, and proven to somebody who has no lab.

Everything that must fail at the end works before: that is the control. One sandbox for all of it,
because each step needs the one before.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from infra import naming, paths
from infra.sandbox.resource import PATH, Phase
from tests.live.support import api as kubernetes
from tests.live.support import canary, operations, people, root_token
from tests.live.support.api import Api, eventually, location, say
from tests.live.support.lab import Lab
from tests.live.support.machines import Host, output
from tests.live.support.people import Person
from tests.live.support.vault import Caller, caller, login
from tests.live.support.vault import say as vault_says

#: Long enough for all that is done inside, on a host that does much else.
TTL = "3m"
#: Seconds until it is destroyed after its time, and until something that was taken away is seen
#: to be gone.
END = 600
GONE = 60
PURPOSE = "Shows that nothing is left of a sandbox"


@dataclass
class Life:
    """What is known of the one sandbox, and what was held in it."""

    name: str
    namespace: str = ""
    kubeconfig: str = ""
    #: Of the program in the sandbox: its token of Kubernetes, its token of Vault.
    workload: str = ""
    login: str = ""
    secret: str = ""
    ciphertext: str = ""


@pytest.fixture(scope="module")
def life(requester: Person, approver: Person, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A sandbox that was asked for by one, could not be approved by him, and was by another."""
    name = f"live-{secrets.token_hex(4)}"
    requester.does("request", name, "--purpose", PURPOSE, "--ttl", TTL)
    own = requester.tries("approve", name)
    assert own.status != 0, f"{requester.name} approved what {requester.name} asked for: {own.told}"
    assert "LAB-910" in own.told, own.told
    assert requester.sees(name)["phase"] == Phase.REQUESTED
    approver.does("approve", name)
    requester.does("show", name, "--wait")
    found = Life(name, namespace=requester.sees(name)["namespace"])
    found.kubeconfig = str(tmp_path_factory.mktemp("life") / "kubeconfig")
    requester.does("kubeconfig", name, "--output", found.kubeconfig)
    return found


@pytest.fixture(scope="module")
def worked(life: Life, lab: Lab, requester: Person, stranger: Caller, api: Api) -> Life:
    """A program ran in it, logged in to Vault as itself, and encrypted something."""
    with inside(life) as person:
        pod = people.program("work", life.namespace)
        answer = person.create(pod)
        assert answer.status_code == 201, f"nothing can be started inside: {say(answer)}"
        phase = eventually(
            lambda: person.read(location(pod))["status"]["phase"],
            until=lambda found: found == "Running",
            within=GONE,
        )
        assert phase == "Running", f"the program in {life.name} is {phase}."
    life.workload = requester.does("exec", life.name, "--", "cat", people.TOKEN).strip()
    asked = {"role": life.namespace, "jwt": life.workload}
    life.login = login(stranger, naming.VAULT_JWT, asked)["client_token"]
    life.secret = f"secret-{secrets.token_hex(8)}"
    with caller(lab, life.login) as program:
        plaintext = base64.b64encode(life.secret.encode()).decode()
        path = f"{naming.VAULT_TRANSIT}/encrypt/{life.namespace}"
        life.ciphertext = program.ask("POST", path, {"plaintext": plaintext})["data"]["ciphertext"]
        decrypted = program.ask("POST", decrypt(life), {"ciphertext": life.ciphertext})
    assert base64.b64decode(decrypted["data"]["plaintext"]).decode() == life.secret
    # What the network knows of it: there must be something that can be gone.
    assert identities(api, life), "the control failed: the network knows nothing of the program."
    return life


@pytest.fixture(scope="module")
def ended(worked: Life, requester: Person) -> Iterator[Life]:
    """Its time is over. Its record is taken away last; its evidence stays."""
    phase = eventually(
        lambda: requester.sees(worked.name)["phase"],
        until=lambda found: found == Phase.DESTROYED,
        within=END,
        every=2,
    )
    assert phase == Phase.DESTROYED, f"{worked.name} is {phase} {END} s after it should have ended."
    yield worked
    requester.does("destroy", worked.name, "--yes", "--wait")


def inside(life: Life) -> Any:
    """The person, by the kubeconfig that was handed out."""
    document = yaml.safe_load(Path(life.kubeconfig).read_text())
    server = document["clusters"][0]["cluster"]["server"]
    host, port = server.removeprefix("https://").split(":")
    authority = kubernetes.certificate_authority(Path(life.kubeconfig))
    token = document["users"][0]["user"]["token"]
    return kubernetes.stranger((host, int(port)), authority, token=token)


def decrypt(life: Life) -> str:
    return f"{naming.VAULT_TRANSIT}/decrypt/{life.namespace}"


def identities(api: Api, life: Life) -> list[dict[str, Any]]:
    label = f"io.kubernetes.pod.namespace={life.namespace}"
    return api.items("/apis/cilium.io/v2/ciliumidentities", labelSelector=label)


@pytest.mark.check(id="sandbox-service.four-eyes", area="sandbox-service")
def test_four_eyes_open_it(life: Life, requester: Person, approver: Person) -> None:
    seen = requester.sees(life.name)
    assert seen["requester"] == requester.name
    assert seen["approvals"] == [approver.name]


@pytest.mark.check(id="sandbox-service.others", area="sandbox-service")
def test_nobody_else_gets_in(worked: Life, approver: Person) -> None:
    for words in (("kubeconfig", worked.name), ("exec", worked.name, "--", "id")):
        done = approver.tries(*words)
        assert done.status != 0, f"{approver.name}, who only approved it, got in: {done.told}"
        assert "LAB-911" in done.told, done.told


@pytest.mark.check(id="sandbox-service.access-gone", area="sandbox-service")
def test_the_old_kubeconfig_opens_nothing(ended: Life) -> None:
    with inside(ended) as person:
        answer = person.get(f"/api/v1/namespaces/{ended.namespace}/pods")
    assert answer.status_code == 401, (
        f"the kubeconfig of {ended.name} still works: the API server answers {say(answer)}."
    )


@pytest.mark.check(id="sandbox-service.token-replayed", area="sandbox-service")
def test_replayed_tokens_are_worth_nothing(ended: Life, lab: Lab, stranger: Caller) -> None:
    """The program's token of Kubernetes at both doors, and the token that Vault gave it."""
    asked = {"role": ended.namespace, "jwt": ended.workload}
    answer = stranger.call("POST", f"auth/{naming.VAULT_JWT}/login", asked)
    assert answer.status_code in (400, 403), f"Vault lets it in again: {vault_says(answer)}"
    with caller(lab, ended.login) as program:
        answer = program.call("GET", "auth/token/lookup-self")
        assert answer.status_code == 403, f"its login still works: {vault_says(answer)}"
    with kubernetes.stranger(lab.api_address, token=ended.workload) as program:
        answer = program.get("/api")
        assert answer.status_code == 401, f"the API server knows it: {say(answer)}"


@pytest.mark.check(id="sandbox-service.unreadable", area="sandbox-service")
def test_old_ciphertext_stays_unreadable(ended: Life, lab: Lab) -> None:
    """Even for who may do everything in Vault."""
    with root_token.made(lab) as root:
        answer: httpx.Response = root.call("POST", decrypt(ended), {"ciphertext": ended.ciphertext})
        keys = root.ask("LIST", f"{naming.VAULT_TRANSIT}/keys")["data"]["keys"]
    assert answer.status_code == 400, f"the old ciphertext decrypts: {vault_says(answer)}"
    assert "encryption key not found" in answer.text, vault_says(answer)
    assert ended.namespace not in keys
    assert naming.VAULT_EVIDENCE_KEY in keys, "the control failed: no keys are listed."


@pytest.mark.check(id="sandbox-service.nothing-left", area="sandbox-service")
def test_nothing_of_it_is_left(ended: Life, api: Api, lab: Lab) -> None:
    spaces = {one["metadata"]["name"] for one in api.items("/api/v1/namespaces")}
    assert ended.namespace not in spaces
    assert f"sandbox-{lab.config.sandboxes[0].name}" in spaces, "the control failed."
    assert not identities(api, ended)
    volumes = api.items("/api/v1/persistentvolumes")
    assert ended.namespace not in json.dumps(volumes)
    status = api.read(f"{PATH}/{ended.name}")["status"]
    assert status["ending"] == "Expired", f"it ended because of {status['ending']}."
    assert status["certificate"], "it has no certificate."


#: Without any network: who verifies has no lab.
_ALONE = ("unshare", "--net")


def _verify(bundle: Path, key: Path) -> subprocess.CompletedProcess[str]:
    words = ["-m", "infra.cli", "evidence", "verify", str(bundle), "--key", str(key), "--json"]
    return subprocess.run(
        [*_ALONE, sys.executable, *words],
        cwd=paths.REPOSITORY,
        env={"LAB_HOME": str(bundle.parent / "nowhere"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.check(id="sandbox-service.certificate", area="sandbox-service")
def test_its_certificate_verifies_without_the_lab(ended: Life, lab: Lab, tmp_path: Path) -> None:
    bundle, key = tmp_path / "bundle.tar", tmp_path / "evidence.pem"
    words = ("sandbox", "evidence", ended.name, "--output", str(bundle), "--stack", lab.stack)
    done = operations.lab(*words)
    assert done.status == 0, f"its evidence cannot be exported: {done.told}"
    published = operations.lab("evidence", "key", "--stack", lab.stack)
    assert published.status == 0, f"the lab's public key cannot be had: {published.told}"
    key.write_text(published.output)
    verified = _verify(bundle, key)
    assert verified.returncode == 0, f"it does not verify: {verified.stdout}{verified.stderr}"
    found = json.loads(verified.stdout)
    assert (found["ok"], found["certified"]) == (True, True), found
    assert found["sandbox"]["sandbox"] == ended.name
    # One letter of the purpose's hash, of a name, of anything: whatever it is, it is noticed.
    content = bytearray(bundle.read_bytes())
    content[content.index(b'"payload":"') + 40] ^= 1
    bundle.write_bytes(content)
    assert _verify(bundle, key).returncode != 0, "a bundle that was changed verifies."
    assert ended.secret.encode() not in content, "a secret of the sandbox is in its evidence."


@pytest.mark.check(id="sandbox-service.unwritten", area="sandbox-service")
def test_no_secret_of_it_was_written_down(ended: Life, lab: Lab, hosts: dict[str, Host]) -> None:
    """In no file, journal, argument or environment, of the machines or of this host."""
    folders = [folder for folder in lab.home.root.iterdir() if folder != lab.home.machines]
    held = {"its secret": ended.secret, "its login": ended.login, "its token": ended.workload}
    found = [
        f"{what} in {place}"
        for what, value in held.items()
        for place in (
            *canary.in_files(value, folders),
            *canary.in_processes(value),
            *(hit for host in hosts.values() for hit in canary.on_machine(value, host)),
        )
    ]
    assert not found, f"of {ended.name}, written down in plaintext: {', '.join(found)}"
    seed = f"/root/lab-test-{ended.name}"
    host = hosts[lab.worker.name]
    try:
        output(host, "sh", "-c", f"echo {ended.secret} >{seed}")
        assert canary.on_machine(ended.secret, host) == [seed], "the control failed."
    finally:
        output(host, "rm", "-f", seed)
