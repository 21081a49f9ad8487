"""What the API server really refuses: each rule's examples, sent to it.

Nothing stays: see `tests.live.support.policies`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra.naming import sandbox_namespace
from policies import cluster
from policies.kinds import WORKLOADS
from tests.live.support import drift, expected, policies, probes
from tests.live.support.api import Api, location, say
from tests.live.support.lab import Lab
from tests.live.support.policies import RULES, Trial

RESTORE = "`./lab up --refresh` restores it."
_API = "/apis/admissionregistration.k8s.io/v1"
#: Kinds of which the cluster may have no other than the lab's.
KINDS = {
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}


@pytest.fixture(scope="module")
def trial(api: Api, lab: Lab) -> Iterator[Trial]:
    """In the lab's first sandbox."""
    with policies.trial(api, sandbox_namespace(lab.config.sandboxes[0].name)) as found:
        yield found


@pytest.mark.check(id="cluster.policies", area="cluster")
@pytest.mark.parametrize("rule", RULES)
def test_the_api_server_decides_as_the_rule_says(rule: str, trial: Trial) -> None:
    faults = policies.faults(RULES[rule], trial)
    assert not faults, f"{RULES[rule].title} But: {'; '.join(faults)}. {RESTORE}"


@pytest.mark.check(id="cluster.policies.drift", area="cluster")
def test_policies_are_those_of_the_registry(api: Api, lab: Lab) -> None:
    """Each as it is generated, and none beside them that could let something in or change it."""
    asked = expected.baseline(lab, expected.kubernetes_version(api))
    faults = []
    for kind, plural in KINDS.items():
        answer = api.get(f"{_API}/{plural}")
        there = answer.json()["items"] if answer.status_code == 200 else []
        live = {expected.title({"kind": kind, **one}): one for one in there}
        wanted = {title: one for title, one in asked.items() if one["kind"] == kind}
        faults += [f"{title} is gone" for title in wanted.keys() - live.keys()]
        faults += [
            f"{title}: {fault}"
            for title in wanted.keys() & live.keys()
            for fault in drift.differences(wanted[title], live[title])
        ]
        faults += [
            f"{title}: {warning['warning'].splitlines()[0]}"
            for title, one in live.items()
            for warning in (one.get("status") or {})
            .get("typeChecking", {})
            .get("expressionWarnings", [])
        ]
        ours = {title for title in live if title.startswith(f"{kind}/{cluster.PREFIX}")}
        faults += [f"nobody asked for {title}" for title in ours - wanted.keys()]
        if kind.startswith("Mutating"):
            faults += [f"nobody asked for {title}" for title in live.keys() - wanted.keys() - ours]
    assert not faults, (
        f"the cluster's policies were changed: {'; '.join(sorted(faults))}. {RESTORE}"
    )


@pytest.mark.check(id="cluster.policies.defaults", area="cluster")
@pytest.mark.parametrize("kind", ["Pod", "Deployment", "CronJob"])
def test_who_says_nothing_is_protected(kind: str, api: Api, lab: Lab) -> None:
    """Protections that a pod does not speak of are set, rather than the pod refused."""
    if not _sets_defaults(api):
        pytest.skip("this version of Kubernetes sets no defaults (before 1.36)")
    namespace = sandbox_namespace(lab.config.sandboxes[0].name)
    pod = probes.server("policies-check", namespace)
    for field in ("automountServiceAccountToken", "securityContext"):
        del pod["spec"][field]
    pod["spec"]["containers"][0]["securityContext"]["runAsUser"] = 65534
    answer = api.create(_wrapped(pod, kind), dry_run=True)
    assert answer.status_code == 201, f"a {kind} that says little is refused: {say(answer)}"
    spec = _unwrapped(answer.json())
    assert spec["automountServiceAccountToken"] is False, f"the {kind} gets a token. {RESTORE}"
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True, f"the {kind} may run as root. {RESTORE}"
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}, (
        f"the {kind} runs without a seccomp profile. {RESTORE}"
    )


@pytest.mark.check(id="cluster.policies.patch", area="cluster")
def test_what_was_admitted_cannot_be_changed_for_the_worse(api: Api, lab: Lab) -> None:
    """A Deployment within the rules, without pods, is made, patched by dry run, and removed."""
    namespace = sandbox_namespace(lab.config.sandboxes[0].name)
    made = _wrapped(probes.server("policies-check", namespace), "Deployment")
    made["spec"]["replicas"] = 0
    answer = api.create(made)
    assert answer.status_code == 201, f"a Deployment within the rules is refused: {say(answer)}"
    worse = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    try:
        patched = api.patch(location(made), worse, dryRun="All")
    finally:
        api.delete(location(made))
    refused = patched.status_code == 403 and cluster.name_of("no-host-access") in patched.text
    assert refused, f"a Deployment was patched onto its node's network: {say(patched)}. {RESTORE}"


def _sets_defaults(api: Api) -> bool:
    return api.get(f"{_API}/mutatingadmissionpolicies").status_code == 200


def _wrapped(pod: dict[str, Any], kind: str) -> dict[str, Any]:
    """A pod as one, or by way of a workload."""
    if kind == "Pod":
        return pod
    metadata = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
    labels = pod["metadata"]["labels"]
    restart = "Never" if kind == "CronJob" else "Always"
    template = {"metadata": {"labels": labels}, "spec": {**pod["spec"], "restartPolicy": restart}}
    version = next(one.api_version for one in WORKLOADS if one.name == kind)
    spec: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": template}
    if kind == "CronJob":
        spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _unwrapped(manifest: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = manifest["spec"]
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return spec if manifest["kind"] == "Pod" else dict(spec["template"]["spec"])
