"""Every admission rule on a real API server without a lab: policies, defaults, drift."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra import naming, toolchain
from infra.cluster import manifests
from infra.cluster.manifests import labelled
from infra.sandbox.definition import definition
from policies import cluster, examples
from policies.admission import Settings
from tests.harness.api_server import running
from tests.harness.definitions import install, wait_until_judged
from tests.live.support import drift, policies
from tests.live.support.api import Api, eventually, location, say
from tests.live.support.policies import RULES, Trial

KUBERNETES = "1.36.3"
LABELS = {naming.LABEL_LAB: "test"}
SANDBOX = "sandbox-demo"
OBJECTS = [labelled(one, LABELS) for one in cluster.objects(Settings(), KUBERNETES)]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    kubernetes, etcd = toolchain.binary("kubernetes"), toolchain.binary("etcd")
    with running(tmp_path_factory.mktemp("api"), kubernetes=kubernetes, etcd=etcd) as server:
        found = Api(server.client)
        install(found, definition())
        for manifest in OBJECTS:
            answer = found.create(manifest)
            assert answer.status_code == 201, f"{manifest['metadata']['name']}: {say(answer)}"
        wait_until_judged(found, examples.sandbox())
        security = manifests.pod_security_labels("restricted", KUBERNETES)
        labels = {**LABELS, naming.LABEL_SANDBOX: "demo", **security}
        for manifest in (
            manifests.namespace(SANDBOX, labels=labels),
            manifests.default_deny(SANDBOX, LABELS),
            manifests.service_account(SANDBOX, naming.SANDBOX_SERVICE_ACCOUNT, LABELS),
        ):
            answer = found.create(manifest)
            assert answer.status_code == 201, say(answer)
        account = f"/api/v1/namespaces/{SANDBOX}/serviceaccounts/default"
        eventually(lambda: found.get(account).status_code, until=lambda got: got == 200, within=30)
        yield found


@pytest.fixture(scope="module")
def trial(api: Api) -> Iterator[Trial]:
    with policies.trial(api, SANDBOX, asks=True) as found:
        bad = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}
        bad["metadata"] = {"name": "x", "namespace": SANDBOX}
        spec = {"type": "NodePort", "ports": [{"port": 80}]}
        # Policies hold a moment after they were made.
        eventually(
            lambda: api.create({**bad, "spec": spec}, dry_run=True).status_code,
            until=lambda got: got == 403,
            within=30,
        )
        yield found


@pytest.mark.parametrize("rule", RULES)
def test_examples(rule: str, trial: Trial) -> None:
    assert policies.faults(RULES[rule], trial) == []


@pytest.mark.parametrize(
    "manifest", OBJECTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}"
)
def test_nothing_is_added_by_the_server(manifest: cluster.Manifest, api: Api) -> None:
    assert drift.differences(manifest, api.read(location(manifest))) == []
