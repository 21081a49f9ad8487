"""What checkov says of the cluster's objects: an outside judge of what is declared.

The baseline, the sandboxes and the auditor of the local lab as the library draws them, and Cilium's
chart as the role renders it: its own values, filled in by Ansible, and the real Helm.
"""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader  # type: ignore[import-untyped]
from ansible.template import Templar, trust_as_template  # type: ignore[import-untyped]

from infra import config, toolchain
from infra.auditor.told import Told
from infra.cluster import auditor_objects, objects, policies
from infra.cluster.images import Image
from infra.hosts.playbooks import ROOT
from infra.sandbox import blueprint, service
from policies import cluster
from policies.examples import pod, security
from tests.long.clouds import verdicts

Objects = list[dict[str, Any]]

_AGENT, _OPERATOR = "DaemonSet.kube-system.cilium", "Deployment.kube-system.cilium-operator"
_CILIUM = (_AGENT, _OPERATOR)
_OURS = "Deployment.lab-auditor.policy-auditor"
#: What checkov finds and we keep: check -> objects and why. Almost all of it is Cilium, which makes
#: the network of nodes and pods; only kube-system may have such pods.
ACCEPTED: dict[str, tuple[tuple[str, ...], str]] = {
    "CKV2_K8S_5": (
        ("RoleBinding.cilium-secrets.cilium-tlsinterception-secrets",),
        "of rules of layer 7, which are off: the namespace that it may read has no secrets",
    ),
    "CKV_K8S_10": (_CILIUM, "as of CKV_K8S_12"),
    "CKV_K8S_11": (_CILIUM, "as of CKV_K8S_13"),
    "CKV_K8S_12": (_CILIUM, "of the class of pods that nodes admit first and evict last, anyway"),
    "CKV_K8S_13": (_CILIUM, "a limit would end a node's network when there is most to do"),
    "CKV_K8S_15": (
        (*_CILIUM, _OURS),
        "images are on the nodes, side-loaded or from the lab's own registry",
    ),
    "CKV_K8S_19": (_CILIUM, "it makes the network of pods, so it cannot be in it"),
    "CKV_K8S_20": ((_AGENT,), "it has the capabilities of CKV_K8S_25 and could not gain more"),
    "CKV_K8S_22": (
        _CILIUM,
        "the agent compiles programs for the node's kernel; the operator was not tried without",
    ),
    "CKV_K8S_23": (
        _CILIUM,
        "only root loads programs into the kernel; the operator was not tried as anybody else",
    ),
    "CKV_K8S_25": ((_AGENT,), "the capabilities that it needs, named one by one, instead of all"),
    "CKV_K8S_26": (_CILIUM, "its ports are the node's, whose firewall says who reaches them"),
    "CKV_K8S_31": ((_AGENT,), "a profile would refuse the calls by which it loads its programs"),
    "CKV_K8S_38": (_CILIUM, "it works by the API: it needs its token"),
    "CKV_K8S_39": ((_AGENT,), "the kernels that the lab runs on ask for it to load programs"),
    "CKV_K8S_40": (_CILIUM, "as of CKV_K8S_23"),
    "CKV_K8S_43": (
        (*_CILIUM, _OURS),
        "the lab packs these images itself, and nodes check the archive's digest",
    ),
}


def cilium() -> Objects:
    """The chart's objects, as the role asks Helm for them."""
    role = ROOT / "roles" / "cilium"
    variables: dict[str, Any] = {
        "lab_control_plane_endpoint": "10.71.0.10:6443",
        "lab_pods_cidr": "10.72.0.0/16",
    }
    for part in ("defaults", "vars"):
        variables |= yaml.safe_load((role / part / "main.yml").read_text())
    # What it makes of the kernels of all nodes.
    variables["cilium_can_encrypt"] = True
    trusted = _trusted(variables)
    values = Templar(loader=DataLoader(), variables=trusted).template(trusted["cilium_values"])
    chart = toolchain.artifacts(planned=True)["cilium-chart"].path
    command = [str(toolchain.binary("helm")), "template", "cilium", str(chart)]
    command += ["--namespace", "kube-system", "--values", "-"]
    command += ["--kube-version", toolchain.version("kubernetes")]
    done = subprocess.run(
        command, input=json.dumps(values), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def _trusted(value: Any) -> Any:
    """The role's own files, whose expressions Ansible may evaluate."""
    if isinstance(value, dict):
        return {key: _trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def declared() -> Objects:
    version = toolchain.version("kubernetes")
    lab = config.load_local("local")
    enforced = cluster.objects(policies.settings(lab), version, policies.levels(lab))
    extensions = service.extensions(lab)
    found = objects.baseline(lab.name, version, policies=enforced, extensions=extensions)
    facts = blueprint.facts_of(lab.name, lab, version)
    for spec in lab.sandboxes:
        found += blueprint.draw(spec, facts).objects
    # The image is not asked about itself: any name will do.
    image = Image("lab.local/ai-lab:0123456789ab", "Never", "f" * 64)
    found += auditor_objects.objects(lab.name, Told(version), image)
    return [*found, *cilium()]


def judged(manifests: Objects, folder: Path) -> verdicts.Verdicts:
    document = {"apiVersion": "v1", "kind": "List", "items": manifests}
    return verdicts.judge(document, folder, framework="kubernetes", file="objects.json")


def test_the_chart_is_the_one_that_the_role_installs() -> None:
    kinds = {(one["kind"], one["metadata"]["name"]): one for one in cilium()}
    settings = kinds["ConfigMap", "cilium-config"]["data"]
    assert settings["enable-wireguard"] == "true"
    assert settings["ipv4-native-routing-cidr"] == "10.72.0.0/16"
    (agent,) = kinds["DaemonSet", "cilium"]["spec"]["template"]["spec"]["containers"]
    assert agent["image"].startswith("lab.local/cilium:")


def test_checkov_finds_nothing_that_is_not_known_with_its_reason(
    declared: Objects, tmp_path: Path
) -> None:
    found = judged(declared, tmp_path)
    known = {(check, one) for check, (names, _) in ACCEPTED.items() for one in names}
    assert found.failed - known == set()
    assert known - found.failed == set(), "a reason is no longer needed"
    assert len(found.passed) > 250
    of_sandboxes = {one for _, one in found.passed if ".sandbox-" in one}
    assert of_sandboxes, "nothing of a sandbox was judged"


def test_checkov_finds_faults_that_are_put_in(declared: Objects, tmp_path: Path) -> None:
    """A privileged pod by its name, and what Cilium is not to have."""
    changed = copy.deepcopy(declared)
    privileged = pod(container=security(privileged=True, allowPrivilegeEscalation=True))
    privileged["metadata"]["name"] = "seeded"
    operator = next(
        one["spec"]["template"]["spec"]
        for one in changed
        if (one["kind"], one["metadata"]["name"]) == ("Deployment", "cilium-operator")
    )
    operator["hostPID"] = True
    found = judged([*changed, privileged], tmp_path)
    seeded = {("CKV_K8S_16", "Pod.sandbox-example.seeded"), ("CKV_K8S_17", _OPERATOR)}
    assert seeded <= found.failed
