"""The API server's audit log: a request just made is in it, its secret is not."""

from __future__ import annotations

import base64
import json
import secrets

import pytest

from infra.naming import sandbox_namespace
from tests.live.support.api import Api, certificate_authority, eventually, location, say, stranger
from tests.live.support.facts import Facts
from tests.live.support.lab import Lab

OFF = (
    "API audit is off or does not record: see --audit-log-path and --audit-policy-file of the "
    "API server on the control plane; `./lab up --refresh` sets them."
)


@pytest.mark.check(id="cluster.audit.recorded", area="cluster")
def test_a_request_is_recorded_without_its_secret(
    api: Api, facts: dict[str, Facts], lab: Lab
) -> None:
    machine = facts[lab.control_plane.name]
    file = machine.flags("kube-apiserver").get("audit-log-path", "")
    assert file, OFF
    value = f"canary-{secrets.token_hex(16)}"
    name = f"lab-verify-{secrets.token_hex(6)}"
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": sandbox_namespace(lab.config.sandboxes[0].name),
        },
        "stringData": {"value": value},
    }
    answer = api.create(manifest)
    assert answer.status_code == 201, f"a secret cannot be stored: {say(answer)}"
    api.delete(location(manifest))
    lines = eventually(
        lambda: machine.matches(name, file), until=lambda found: len(found) >= 2, within=5
    )
    verbs = {json.loads(line)["verb"] for line in lines}
    assert {"create", "delete"} <= verbs, f"of a secret made and deleted {file} has {verbs}. {OFF}"
    encoded = base64.b64encode(value.encode()).decode()
    plain = machine.host.run(f"grep -c -e {value} -e {encoded} {file}").stdout.strip()
    assert plain == "0", (
        f"{file} holds a secret's value: the audit policy must record secrets at level Metadata."
    )


@pytest.mark.check(id="cluster.audit.denied", area="cluster")
def test_a_refused_request_is_recorded(api: Api, facts: dict[str, Facts], lab: Lab) -> None:
    machine = facts[lab.control_plane.name]
    file = machine.flags("kube-apiserver").get("audit-log-path", "")
    assert file, OFF
    user = f"lab-verify-{secrets.token_hex(6)}"
    assert api.acting_as(user).get("/api/v1/secrets").status_code == 403
    lines = eventually(lambda: machine.matches(user, file), until=bool, within=5)
    assert lines, f"a request refused to {user} is not in {file}. {OFF}"
    assert json.loads(lines[0])["responseStatus"]["code"] == 403


@pytest.mark.check(id="cluster.audit.system-accounts", area="cluster")
def test_what_the_clusters_own_accounts_do_with_secrets_is_recorded(
    api: Api, facts: dict[str, Facts], lab: Lab
) -> None:
    """With a token of its own: the policy looks at who asks, not at whom he impersonates."""
    machine = facts[lab.control_plane.name]
    file = machine.flags("kube-apiserver").get("audit-log-path", "")
    assert file, OFF
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
    answer = api.post(
        "/api/v1/namespaces/kube-system/serviceaccounts/default/token",
        {**request, "spec": {"expirationSeconds": 600}},
    )
    assert answer.status_code == 201, f"no token for kube-system/default: {say(answer)}"
    name = f"lab-verify-{secrets.token_hex(6)}"
    authority = certificate_authority(lab.home.kubeconfig)
    with stranger(lab.api_address, authority, token=answer.json()["status"]["token"]) as account:
        refused = account.get(f"/api/v1/namespaces/kube-system/secrets/{name}")
    assert refused.status_code == 403, f"kube-system/default may read secrets: {say(refused)}"
    lines = eventually(lambda: machine.matches(name, file), until=bool, within=5)
    assert lines, (
        f"an account of kube-system asked for a secret, and {file} does not say so: the rule for "
        "secrets must come before all exceptions in audit.yaml below /etc/ai-lab/kubernetes."
    )


@pytest.mark.check(id="cluster.audit.file", area="cluster")
def test_the_log_is_private_and_bounded(facts: dict[str, Facts], lab: Lab) -> None:
    machine = facts[lab.control_plane.name]
    flags = machine.flags("kube-apiserver")
    path = flags.get("audit-log-path", "")
    assert path, OFF
    file = machine.host.file(path)
    assert file.mode & 0o077 == 0, f"{path} has mode {file.mode:o}: others can read it."
    bounds = ("audit-log-maxsize", "audit-log-maxbackup", "audit-log-maxage")
    missing = [flag for flag in bounds if not int(flags.get(flag, "0"))]
    assert not missing, f"the API audit log can fill the disk: --{', --'.join(missing)} missing."
