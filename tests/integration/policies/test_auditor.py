"""The auditor as its pod would run it, from the image and with its own account's token, at a real
API server.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra import naming, toolchain
from infra.auditor import scope
from infra.auditor.told import Told
from infra.cluster import auditor_objects, manifests
from infra.cluster.images import Image
from infra.cluster.manifests import labelled
from policies import cluster
from policies.admission import Settings
from policies.registry import all_rules
from tests.harness.api_server import ApiServer, running
from tests.harness.image_root import ImageRoot, unpacked
from tests.live.support.api import Api, collection, eventually, location, say

KUBERNETES = "1.36.3"
TOLD = Told(KUBERNETES, interval_seconds=2)
LABELS = {naming.LABEL_LAB: "test"}
SANDBOX = "sandbox-demo"
#: MiB that it may have held at most; its container is ended at 128.
MEMORY = 70
#: Seconds; the machine may be busy.
PATIENCE = 60
IMAGE = Image("lab.local/ai-lab:0123456789ab", "Never", "f" * 64)
#: Objects of kinds that an API server alone has.
OBJECTS = [
    one
    for one in auditor_objects.objects("test", TOLD, IMAGE)
    if one["kind"] != "CiliumNetworkPolicy"
    # Kubernetes itself makes each namespace's first account.
    and (one["kind"], one["metadata"]["name"]) != ("ServiceAccount", "default")
]
RULE = "services-stay-inside"
BINDING = next(
    labelled(one, LABELS)
    for one in cluster.objects(Settings(), KUBERNETES)
    if one["kind"] == "ValidatingAdmissionPolicyBinding"
    and one["metadata"]["name"] == cluster.name_of(RULE)
)
OPEN = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "open", "namespace": SANDBOX},
    "spec": {"type": "NodePort", "ports": [{"port": 80}]},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With every policy of a lab, a sandbox, and the auditor's own objects under those policies."""
    kubernetes, etcd = toolchain.binary("kubernetes"), toolchain.binary("etcd")
    with running(tmp_path_factory.mktemp("api"), kubernetes=kubernetes, etcd=etcd) as found:
        api = Api(found.client)
        security = manifests.pod_security_labels("restricted", KUBERNETES)
        sandbox = manifests.namespace(
            SANDBOX, labels={**LABELS, naming.LABEL_SANDBOX: "demo", **security}
        )
        policies = [labelled(one, LABELS) for one in cluster.objects(Settings(), KUBERNETES)]
        for manifest in (*policies, sandbox, *OBJECTS):
            answer = api.create(manifest)
            assert answer.status_code == 201, f"{manifest['metadata']['name']}: {say(answer)}"
        # As a lab does with each sandbox's first account, which Kubernetes makes.
        account = f"/api/v1/namespaces/{SANDBOX}/serviceaccounts/default"
        mount_nothing = {"automountServiceAccountToken": False}
        done = eventually(
            lambda: api.patch(account, mount_nothing),
            until=lambda got: got.is_success,
            within=PATIENCE,
        )
        assert done.is_success, say(done)
        yield found


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> ImageRoot:
    return unpacked(tmp_path_factory.mktemp("image"))


@pytest.fixture
def api(server: ApiServer) -> Api:
    return Api(server.client)


def token(api: Api) -> str:
    account = f"/api/v1/namespaces/{auditor_objects.NAMESPACE}/serviceaccounts"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
    answer = api.post(
        f"{account}/{auditor_objects.NAME}/token", {**request, "spec": {"expirationSeconds": 600}}
    )
    assert answer.status_code == 201, say(answer)
    found: str = answer.json()["status"]["token"]
    return found


@dataclass
class Process:
    """A running auditor."""

    port: int
    folder: Path
    child: subprocess.Popen[bytes]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False)

    def metrics(self) -> dict[tuple[str, ...], float]:
        """Every sample by its name and the values of its labels."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }

    def stand(self, place: str, rule: str = RULE) -> str:
        """How a rule stands now."""
        found = [
            key[4]
            for key, value in self.metrics().items()
            if key[:3] == ("ailab_policy_rule_status", place, rule) and value == 1.0
        ]
        assert len(found) <= 1
        return found[0] if found else ""

    def lines(self) -> list[dict[str, Any]]:
        """Everything that it said."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def until(self, look: Callable[[], Any], wanted: Any) -> None:
        last = eventually(look, until=lambda found: bool(found == wanted), within=PATIENCE)
        assert last == wanted, self.lines()[-5:]

    @property
    def failures(self) -> float:
        return self.metrics()[("ailab_policy_audit_failures_total",)]


@contextmanager
def auditing(server: ApiServer, image: ImageRoot, folder: Path) -> Iterator[Process]:
    """An auditor whose credentials are those that a pod of its would have."""
    (folder / "token").write_text(token(Api(server.client)))
    shutil.copy(server.folder / "ca.crt", folder / "ca.crt")
    (folder / "auditor.json").write_text(TOLD.document)
    for file in (folder, *folder.iterdir()):
        os.chown(file, 65532, 65532)
    words = ["python3", "-m", "infra.auditor", "--address", "127.0.0.1", "--port", "0"]
    words += ["--configuration", "/mnt/auditor.json", "--credentials", "/mnt"]
    environment = {
        **image.environment,
        "PATH": "/usr/bin:/usr/sbin:/bin:/sbin",
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            image.command(folder, words), env=environment, stdout=log, stderr=log
        )
    try:
        found = Process(0, folder, child)
        begun = eventually(found.lines, until=bool, within=PATIENCE)
        assert begun, "it did not begin"
        assert begun[0]["event"] == "serving", begun
        found.port = begun[0]["port"]
        yield found
    finally:
        child.terminate()
        assert child.wait(PATIENCE) == 0


@pytest.fixture
def process(server: ApiServer, image: ImageRoot, tmp_path: Path) -> Iterator[Process]:
    with auditing(server, image, tmp_path) as found:
        found.until(lambda: found.metrics()[("ailab_policy_audits_total",)] > 0, True)
        yield found


def test_nothing_is_broken_where_nothing_was_changed(process: Process) -> None:
    broken = {
        key: value
        for key, value in process.metrics().items()
        if key[0] == "ailab_policy_rule_status" and key[4] == "broken" and value
    }
    assert not broken, [line for line in process.lines() if line["event"] == "fault"]
    assert {key[2] for key in process.metrics() if key[0] == "ailab_policy_rule_status"} == {
        rule.id for rule in all_rules().values() if scope.places(rule)
    }
    assert process.failures == 0
    assert process.get("/healthz").text == "ok\n"


def test_what_is_taken_away_shows_and_goes_when_it_is_back(process: Process, api: Api) -> None:
    """Seeded: a binding without force, then gone, and an object that its policy refuses."""
    process.until(lambda: process.stand("admission"), "holds")
    path = location(BINDING)
    try:
        answer = api.patch(path, {"spec": {"validationActions": ["Audit"]}})
        assert answer.is_success, say(answer)
        process.until(lambda: process.stand("admission"), "broken")
        assert process.metrics()["ailab_policy_faults", "admission", RULE] == 1
        api.delete(path)
        # Until the API server has noticed, the policy still refuses.
        made = eventually(
            lambda: api.create(OPEN), until=lambda got: got.status_code == 201, within=PATIENCE
        )
        assert made.status_code == 201, say(made)
        process.until(lambda: process.stand("live"), "broken")
        assert process.stand("admission") == "broken"
    finally:
        answer = api.apply(path, BINDING, manager="test")
    assert answer.is_success, say(answer)
    process.until(lambda: process.stand("admission"), "holds")
    # Drift: the policy is back, and what it would have refused is still there.
    assert process.stand("live") == "broken"
    faults = [line for line in process.lines() if line["event"] == "fault"]
    (live,) = {(f["object"], f["message"]) for f in faults if f["place"] == "live"}
    assert live[0] == f"Service {SANDBOX}/open"
    assert {f["object"] for f in faults if f["place"] == "admission"} == {
        f"ValidatingAdmissionPolicyBinding {cluster.name_of(RULE)}"
    }
    assert api.delete(location(OPEN)).is_success
    process.until(lambda: process.stand("live"), "holds")


def test_a_renewed_token_is_taken(process: Process, api: Api) -> None:
    (process.folder / "token").write_text("eyJhbGciOiJub25lIn0.e30.")
    process.until(lambda: process.failures > 0, True)
    said = [line for line in process.lines() if line["event"] == "audit failed"]
    assert said[-1]["code"] == "LAB-703"
    (process.folder / "token").write_text(token(api))
    finished = process.metrics()[("ailab_policy_audits_total",)]
    process.until(lambda: process.metrics()[("ailab_policy_audits_total",)] > finished, True)


def test_it_is_ill_while_no_api_server_answers(process: Process, server: ApiServer) -> None:
    server.stop_api()
    try:
        process.until(lambda: process.get("/healthz").status_code, 503)
        assert "no audit was finished" in process.get("/healthz").text
    finally:
        server.restart_api()
        server.wait()
    process.until(lambda: process.get("/healthz").status_code, 200)


def test_it_is_content_with_little_memory(process: Process) -> None:
    status = Path(f"/proc/{process.child.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    assert int(line.split()[1]) < MEMORY * 1024, f"{line} is more than {MEMORY} MiB"


def may(api: Api, verb: str, group: str, resource: str) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": verb, "group": group, "resource": resource}},
    }
    answer = api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert answer.status_code == 201, say(answer)
    return bool(answer.json()["status"]["allowed"])


def test_its_account_lists_what_it_must_and_writes_nothing(server: ApiServer, api: Api) -> None:
    account = f"system:serviceaccount:{auditor_objects.NAMESPACE}:{auditor_objects.NAME}"
    itself = api.acting_as(account, "system:serviceaccounts", "system:authenticated")
    for group, resources in scope.rights(all_rules().values()).items():
        for resource in resources:
            assert may(itself, "list", group, resource), f"{group}/{resource}"
            for verb in ("create", "update", "patch", "delete", "watch"):
                assert not may(itself, verb, group, resource), f"{verb} {group}/{resource}"
    for group, resource in (
        ("", "secrets"),
        ("", "configmaps"),
        ("", "serviceaccounts/token"),
        ("", "pods/exec"),
        ("", "pods/log"),
    ):
        for verb in ("get", "list", "create"):
            assert not may(itself, verb, group, resource), f"{verb} {resource}"


def test_its_pod_is_admitted(api: Api) -> None:
    """By Pod Security and by the lab's own policies: its controller makes it."""
    pods = f"/api/v1/namespaces/{auditor_objects.NAMESPACE}/pods"
    found = eventually(lambda: api.items(pods), until=bool, within=PATIENCE)
    assert [pod["spec"]["serviceAccountName"] for pod in found] == [auditor_objects.NAME]
    deployment = next(one for one in OBJECTS if one["kind"] == "Deployment")
    worse = json.loads(json.dumps(deployment))
    worse["metadata"]["name"] = "worse"
    worse["spec"]["template"]["spec"]["hostNetwork"] = True
    answer = api.post(collection(worse), worse, dryRun="All")
    assert answer.status_code == 403, say(answer)
    assert cluster.name_of("no-host-access") in answer.text
