"""What enforces rules in a cluster, in a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra import toolchain
from policies import cluster
from policies.admission import Settings
from policies.audit import differences
from tests.harness.api_server import ApiServer, running

_API = "/apis/admissionregistration.k8s.io/v1"
_PATHS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("api")
    kubernetes, etcd = toolchain.binary("kubernetes"), toolchain.binary("etcd")
    with running(folder, kubernetes=kubernetes, etcd=etcd) as server:
        yield server


def applied(api: ApiServer, manifest: dict[str, Any]) -> dict[str, Any]:
    name = manifest["metadata"]["name"]
    answer = api.client.patch(
        f"{_API}/{_PATHS[manifest['kind']]}/{name}",
        params={"fieldManager": "test", "force": "true"},
        content=json.dumps(manifest),
        headers={"Content-Type": "application/apply-patch+yaml"},
    )
    assert answer.is_success, f"{manifest['kind']} {name}: {answer.json()['message']}"
    found: dict[str, Any] = answer.json()
    return found


def test_an_api_server_takes_every_policy_as_it_is(api: ApiServer) -> None:
    """It compiles the expressions; the audit must not take what it adds for drift."""
    wanted = cluster.objects(Settings(), toolchain.version("kubernetes"))
    assert wanted
    for manifest in wanted:
        there = applied(api, manifest)
        found = list(differences(manifest["spec"], there["spec"], manifest["metadata"]["name"]))
        assert not found, found


def test_an_expression_of_mixed_types_is_refused(api: ApiServer) -> None:
    """Seeded: what the evaluator without a cluster lets pass, and a cluster does not compile."""
    wanted = cluster.objects(Settings(), toolchain.version("kubernetes"))
    policy = json.loads(json.dumps(next(cluster.of_kind(wanted, "ValidatingAdmissionPolicy"))))
    policy["metadata"]["name"] = "seeded"
    policy["spec"]["validations"][0]["expression"] = "1 in [0, '0']"
    with pytest.raises(AssertionError, match="seeded"):
        applied(api, policy)
