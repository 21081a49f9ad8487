"""`lab sandbox` over a real API server, each command by the person whose command it is."""

from __future__ import annotations

import itertools
import json
import shutil
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import config, naming, toolchain
from infra.cli import main
from infra.cluster import manifests
from infra.config import loading
from infra.paths import Home
from policies.examples import pod
from tests.harness.api_server import ApiServer
from tests.harness.guarded_lab import (
    ALICE,
    BOB,
    CAROL,
    MALLORY,
    OLGA,
    WORKSHOP,
    GuardedLab,
    configuration,
    guarded,
    path_of,
)
from tests.live.support.api import eventually, say

_NUMBERS = itertools.count()
PURPOSE = "Measure the bias of model 7"
REASON = "Not with the data of this case"
_RBAC = "rbac.authorization.k8s.io"


@pytest.fixture(scope="module")
def lab(server_alone: ApiServer) -> Iterator[GuardedLab]:
    with guarded(server_alone) as found:
        yield found


@pytest.fixture(scope="module")
def kubeconfigs(lab: GuardedLab) -> dict[str, Path]:
    people = (ALICE, BOB, CAROL, MALLORY, OLGA, "nobody@example.org")
    return {name: lab.server.kubeconfig_of(name) for name in people}


@pytest.fixture(autouse=True)
def home(lab: GuardedLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The lab's own folder, with the administrator's kubeconfig, and its configuration."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "labs"))
    monkeypatch.delenv("LAB_STACK", raising=False)
    document = json.loads(configuration().model_dump_json())
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text(yaml.safe_dump({"config": {"ai-lab:lab": document}}))
    monkeypatch.setattr(loading, "stack_file", lambda _: file)
    assert config.load("local").sandbox_service is not None
    found = Home("local")
    found.root.mkdir(parents=True)
    own = yaml.safe_load(lab.server.kubeconfig.read_text())
    for entry, field in (("clusters", "cluster"), ("users", "user")):
        for key, value in own[entry][0][field].items():
            if key != "server":
                own[entry][0][field][key] = str(lab.server.folder / value)
    found.kubeconfig.write_text(yaml.safe_dump(own))
    return found


Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def run(kubeconfigs: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> Run:
    """One command by one person: exit status, the document that it prints, what it says."""

    def command(who: str, *words: str) -> tuple[int, Any, str]:
        login = ["--kubeconfig", str(kubeconfigs[who])]
        status = main.run(["sandbox", words[0], *login, "--json", *words[1:]])
        found = capfd.readouterr()
        return status, json.loads(found.out) if found.out else None, found.err

    return command


@pytest.fixture
def name(lab: GuardedLab) -> Iterator[str]:
    found = f"command-{next(_NUMBERS)}"
    yield found
    lab.api.patch(path_of(found), {"metadata": {"finalizers": None}})
    lab.api.delete(path_of(found))


@pytest.fixture
def asked(name: str, run: Run) -> str:
    """Asked for by Alice."""
    status, _, said = run(ALICE, "request", name, "--purpose", PURPOSE, "--ttl", "8h")
    assert status == 0, said
    return name


def refused(answer: tuple[int, Any, str], code: str, *words: str) -> None:
    status, found, said = answer
    assert status != 0
    assert found["error"]["code"] == code, said
    for word in words:
        assert word in said
    for inside in ("ValidatingAdmissionPolicy", "ai-lab-sandbox", "clusterrole"):
        assert inside not in said


def status_of(lab: GuardedLab, name: str, **status: Any) -> None:
    answer = lab[naming.OPERATOR].patch(f"{path_of(name)}/status", {"status": status})
    assert answer.is_success, say(answer)


def test_request_list_show_approve_destroy(name: str, run: Run, lab: GuardedLab) -> None:
    status, found, _ = run(
        ALICE, "request", name, "-p", PURPOSE, "--ttl", "8h", "--profile", "large",
        "--egress", "192.0.2.0/24:443/TCP=Data of the city", "--image", "lab.local/tool:1",
        "--classification", "public", "--retention", "30",
    )  # fmt: skip
    assert status == 0
    assert (found["requester"], found["phase"]) == (ALICE, "Requested")
    there = lab.api.read(path_of(name))["spec"]
    assert there["evidence"] == {"retentionDays": 30}
    assert (there["profile"], there["classification"]) == ("large", "public")

    _, listed, _ = run(BOB, "list")
    assert name in [one["name"] for one in listed]
    _, listed, _ = run(BOB, "list", "--mine")
    assert listed == []

    status, found, _ = run(BOB, "approve", name)
    assert (status, found["approvals"]) == (0, [BOB])
    # Once more changes nothing.
    status, found, _ = run(BOB, "approve", name)
    assert (status, found["approvals"]) == (0, [BOB])
    _, found, _ = run(CAROL, "approve", name)
    assert found["approvals"] == [BOB, CAROL]

    _, found, _ = run(ALICE, "show", name)
    assert found["egress"][0]["cidr"] == "192.0.2.0/24"
    status, found, _ = run(ALICE, "destroy", name, "--dry-run")
    assert (status, found["dry_run"]) == (0, True)
    assert lab.api.get(path_of(name)).status_code == 200
    status, *_ = run(ALICE, "destroy", name, "--yes", "--wait")
    assert status == 0
    refused(run(ALICE, "show", name), "LAB-902", "lab sandbox list")


def test_what_cannot_be_asked_for(asked: str, run: Run) -> None:
    def request(name: str, *more: str) -> tuple[int, Any, str]:
        return run(ALICE, "request", name, "-p", PURPOSE, "--ttl", "8h", *more)

    refused(request(asked), "LAB-903", "another name")
    refused(request("other", "--profile", "huge"), "LAB-904", "large, small")
    refused(request("other", "--ttl", "25h"), "LAB-905", "24h or less")
    refused(request("other", "--ttl", "0h"), "LAB-906", "0h is no time")
    refused(request("other", "--ttl", "soon"), "LAB-906", "1h30m")
    refused(request("Other"), "LAB-906", "metadata.name")
    refused(request("other", "-p", "test"), "LAB-906", "spec.purpose")
    refused(request("other", "--classification", "restricted"), "LAB-906", '"internal"')
    refused(request("other", "--egress", "example.org:443=Data of the city"), "LAB-906", "cidr")
    refused(request("other", "--egress", "192.0.2.0/24"), "LAB-103", "RANGE:PORT")
    refused(
        run(BOB, "request", "other", "-p", PURPOSE, "--ttl", "8h", "--profile", "huge"), "LAB-904"
    )
    refused(run(CAROL, "request", "other", "-p", PURPOSE, "--ttl", "8h"), "LAB-908", ALICE)


def test_who_may_not_approve(asked: str, run: Run) -> None:
    refused(run(ALICE, "approve", asked), "LAB-910", "does not count", f"{BOB} or {CAROL}")
    refused(run(MALLORY, "approve", asked), "LAB-909", f"{BOB} or {CAROL}")
    refused(run(OLGA, "reject", asked, "-r", REASON), "LAB-909", BOB)
    refused(run(BOB, "approve", "nothing"), "LAB-902")
    refused(run("nobody@example.org", "list"), "LAB-907", "sandbox_service")


def test_a_rejection_is_final(asked: str, run: Run) -> None:
    status, found, _ = run(BOB, "reject", asked, "--reason", REASON)
    assert (status, found["rejection"]) == (0, {"by": BOB, "reason": REASON})
    for who, *words in (
        (CAROL, "approve", asked),
        (CAROL, "reject", asked, "-r", REASON),
        (ALICE, "renew", asked, "-e", "1h", "-r", "It takes longer"),
        (ALICE, "show", asked, "--wait"),
    ):
        refused(run(who, *words), "LAB-915", REASON, BOB)


def test_renewals(asked: str, run: Run) -> None:
    more = ("--extend", "1h", "--reason", "It takes longer")
    refused(run(MALLORY, "renew", asked, *more), "LAB-911", ALICE)
    refused(run(ALICE, "renew", asked, "-e", "25h", "-r", "It takes longer"), "LAB-905", "24h")
    refused(run(ALICE, "renew", asked, "-e", "1h", "-r", "more"), "LAB-906", "reason")
    status, found, said = run(ALICE, "renew", asked, *more)
    assert (status, found["renewal"]) == (0, "renewal-1"), said
    refused(run(ALICE, "approve", asked, "--renewal", "renewal-1"), "LAB-910")
    refused(run(BOB, "approve", asked, "--renewal", "renewal-9"), "LAB-913", "renewal-1")
    status, found, _ = run(BOB, "approve", asked, "--renewal", "renewal-1")
    assert (status, found["renewals"][0]["approvals"]) == (0, [BOB])
    assert found["approvals"] == []
    _, found, _ = run(ALICE, "renew", asked, *more)
    assert [one["name"] for one in found["renewals"]] == ["renewal-1", "renewal-2"]


def test_suspensions_and_who_destroys(asked: str, run: Run) -> None:
    refused(run(ALICE, "suspend", asked, "-r", REASON), "LAB-912", OLGA)
    status, found, _ = run(OLGA, "suspend", asked, "--reason", REASON)
    assert (status, found["suspension"]["by"]) == (0, OLGA)
    refused(run(ALICE, "resume", asked), "LAB-912", OLGA)
    status, found, _ = run(OLGA, "resume", asked)
    assert (status, found["suspension"]) == (0, None)
    refused(run(MALLORY, "destroy", asked, "--dry-run"), "LAB-911", ALICE, OLGA)
    refused(run(MALLORY, "destroy", asked, "--yes"), "LAB-911", ALICE)
    refused(run(ALICE, "destroy", asked), "LAB-210")
    status, *_ = run(OLGA, "destroy", asked, "--yes")
    assert status == 0


def test_waiting_sees_it_happen(asked: str, run: Run, lab: GuardedLab) -> None:
    """The wait is over as soon as the operator says so, and not when its time is."""
    refused(run(ALICE, "show", asked, "--wait", "--timeout", "1s"), "LAB-916", "show", asked)
    kubeconfig = lab.server.kubeconfig_of(CAROL)
    words = ["sandbox", "show", "--kubeconfig", str(kubeconfig), asked, "--wait"]
    ended: list[int] = []
    waiting = threading.Thread(target=lambda: ended.append(main.run([*words, "--timeout", "5m"])))
    waiting.start()
    status_of(lab, asked, phase="Provisioning")
    assert not ended
    status_of(lab, asked, phase="Ready")
    waiting.join(timeout=60)
    assert ended == [0]


def test_waiting_ends_when_it_can_never_be(asked: str, run: Run, lab: GuardedLab) -> None:
    told = {
        "type": "Ended",
        "status": "True",
        "reason": "CannotBeMade",
        "message": "No node has room.",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status_of(lab, asked, phase="Failed", conditions=[told])
    refused(run(ALICE, "show", asked, "--wait"), "LAB-915", "No node has room.")


def test_the_lab_s_own_administrator_may_act_as_others(
    asked: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["sandbox", "approve", asked, "--json", "--as", BOB]
    assert main.run(words) == 0
    assert json.loads(capfd.readouterr().out)["approvals"] == [BOB]
    assert main.run(["sandbox", "approve", asked, "--json", "--as", ALICE]) != 0
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "LAB-910"
    assert main.run(["sandbox", "list", "--as-group", "x"]) != 0
    assert "LAB-103" in capfd.readouterr().err


def test_whoever_may_not_impersonate_stays_himself(asked: str, run: Run) -> None:
    status, found, _ = run(ALICE, "approve", asked, "--as", BOB)
    assert status != 0
    assert found["error"]["code"] == "LAB-703"


@pytest.fixture
def inside(lab: GuardedLab, asked: str) -> str:
    """What the operator makes last: the account, and the rights of Alice and of it."""
    person = {"apiGroup": _RBAC, "kind": "User", "name": ALICE}
    account = {"kind": "ServiceAccount", "name": "principal", "namespace": WORKSHOP}
    made = [manifests.service_account(WORKSHOP, naming.PRINCIPAL_SERVICE_ACCOUNT, {})]
    for role, subjects in (
        (naming.TOKEN_ROLE, [person]),
        (naming.PRINCIPAL_ROLE, [account, person]),
    ):
        made.append(
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": role.rpartition(":")[2], "namespace": WORKSHOP},
                "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
                "subjects": subjects,
            }
        )
    operator = lab[naming.OPERATOR]
    for manifest in made:
        answer = operator.create(manifest)
        assert answer.status_code in (201, 409), say(answer)
    status_of(lab, asked, phase="Ready", namespace=WORKSHOP)
    return asked


def test_kubeconfig(
    inside: str, run: Run, lab: GuardedLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, found, said = run(ALICE, "kubeconfig", inside)
    assert status == 0, said
    file = tmp_path / f"{inside}.kubeconfig"
    assert (found["kubeconfig"], found["namespace"]) == (file.name, WORKSHOP)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kubectl = tmp_path / "kubectl"
    kubectl.symlink_to(toolchain.binary("kubernetes"))

    def works(*words: str) -> bool:
        done = subprocess.run(
            [kubectl, "--kubeconfig", file, *words], capture_output=True, env={}, check=False
        )
        return done.returncode == 0

    assert works("get", "pods")
    assert works("auth", "can-i", "create", "pods")
    assert not works("get", "pods", "-n", "kube-system")
    assert not works("get", "secrets")
    token = yaml.safe_load(file.read_text())["users"][0]["user"]["token"]
    assert token not in said

    # The next hour: the same file. Another file is not touched.
    assert run(ALICE, "kubeconfig", inside)[0] == 0
    other = tmp_path / "other"
    other.write_text("mine")
    refused(run(ALICE, "kubeconfig", inside, "-o", str(other)), "LAB-105")
    assert other.read_text() == "mine"
    refused(run(BOB, "kubeconfig", inside), "LAB-911", ALICE)


def test_nobody_is_let_in_before_and_after(asked: str, run: Run, lab: GuardedLab) -> None:
    refused(run(ALICE, "kubeconfig", asked), "LAB-914", "approval")
    status_of(lab, asked, phase="Provisioning")
    refused(run(ALICE, "kubeconfig", asked), "LAB-914", "being made")
    run(OLGA, "suspend", asked, "-r", REASON)
    status_of(lab, asked, phase="Suspended")
    refused(run(ALICE, "kubeconfig", asked), "LAB-914", OLGA, REASON)
    status_of(lab, asked, phase="Expiring")
    refused(run(ALICE, "kubeconfig", asked), "LAB-915")


def test_exec(
    inside: str,
    lab: GuardedLab,
    kubeconfigs: dict[str, Path],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """As far as there is no node: the API server lets the command through to it."""
    login = ["--kubeconfig", str(kubeconfigs[ALICE])]
    assert main.run(["sandbox", "exec", *login, inside, "--", "id"]) != 0
    assert "LAB-917" in capfd.readouterr().err
    pods = f"/api/v1/namespaces/{WORKSHOP}/pods"
    model = pod(serviceAccountName="robot")
    model["metadata"] = {"name": "model", "namespace": WORKSHOP}
    answer = lab.api.post(pods, model)
    assert answer.status_code == 201, say(answer)
    running = {"status": {"phase": "Running"}}
    assert lab.api.patch(f"{pods}/model/status", running).is_success
    status = main.run(["sandbox", "exec", *login, inside, "--", "id", "-u"])
    said = capfd.readouterr().err
    assert status == 1
    assert "does not have a host assigned" in said
    lab.api.delete(f"{pods}/model")
    eventually(
        lambda: lab.api.get(f"{pods}/model").status_code, until=lambda got: got == 404, within=30
    )


def test_evidence(
    lab: GuardedLab, capfd: pytest.CaptureFixture[str], kubeconfigs: dict[str, Path]
) -> None:
    """As far as there is no node: kubectl finds the operator's pod, and is let through to it."""
    admin = ["sandbox", "evidence", "--list", "--json"]
    assert main.run(admin) != 0
    found = json.loads(capfd.readouterr().out)["error"]
    assert found["code"] == "LAB-813"
    assert naming.OPERATOR in found["message"]
    marks = {"app.kubernetes.io/name": naming.OPERATOR}
    below = f"/apis/apps/v1/namespaces/{naming.OPERATOR_NAMESPACE}/deployments"
    template = pod(serviceAccountName=naming.OPERATOR)["spec"]
    template["containers"][0]["name"] = naming.OPERATOR
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": naming.OPERATOR},
        "spec": {
            "selector": {"matchLabels": marks},
            "template": {"metadata": {"labels": marks}, "spec": template},
        },
    }
    answer = lab.api.post(below, deployment)
    assert answer.status_code == 201, say(answer)
    pods = f"/api/v1/namespaces/{naming.OPERATOR_NAMESPACE}/pods"
    running = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "operator-0", "labels": marks},
        "spec": template,
    }
    answer = lab.api.post(pods, running)
    assert answer.status_code == 201, say(answer)
    assert lab.api.patch(f"{pods}/operator-0/status", {"status": {"phase": "Running"}}).is_success
    assert main.run(admin) != 0
    found = json.loads(capfd.readouterr().out)["error"]
    assert found["code"] == "LAB-813"
    assert "does not have a host assigned" in found["message"]
    # Of an officer the cluster does not even ask the operator.
    officer = ["--kubeconfig", str(kubeconfigs[OLGA])]
    assert main.run([*admin, *officer]) != 0
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "LAB-812"
    assert main.run([*admin, "--as", OLGA]) != 0
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "LAB-812"
    for path in (f"{below}/{naming.OPERATOR}", f"{pods}/operator-0"):
        lab.api.delete(path)


def test_a_cluster_without_sandboxes(
    lab: GuardedLab, home: Home, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.sandbox import client

    monkeypatch.setattr(client, "PATH", "/apis/nothing.example.org/v1/sandboxes")
    assert main.run(["sandbox", "list", "--json"]) != 0
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "LAB-901"
    shutil.rmtree(home.root)
    assert main.run(["sandbox", "list", "--json"]) != 0
    assert json.loads(capfd.readouterr().out)["error"]["code"] == "LAB-802"
