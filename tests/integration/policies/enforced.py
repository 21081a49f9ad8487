"""A real API server with every admission policy in force, and sandboxes in it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from infra import naming
from infra.cluster import manifests
from infra.cluster.manifests import labelled
from infra.sandbox import service
from policies import cluster, examples
from policies.admission import Settings
from policies.kinds import CILIUM_IDENTITY, WORKLOADS, Kind
from policies.rule import Level, Rule
from tests.harness.api_server import ApiServer
from tests.harness.definitions import install, wait_until_judged
from tests.live.support.api import Api, eventually, say
from tests.live.support.policies import RULES, Trial, admission_of

Manifest = dict[str, Any]
#: Answers to patches, by the rule's id, the number of its example, and the form.
Patched = Mapping[tuple[str, int, str], httpx.Response]

KUBERNETES: Final = "1.36.3"
LABELS: Final = {naming.LABEL_LAB: "test"}
SANDBOX: Final = "sandbox-demo"
#: Sandboxes with workloads from before there were policies; the second has a list of images.
EARLIER: Final = "sandbox-earlier"
EARLIER_LISTED: Final = f"{examples.LISTED}-earlier"
OBJECTS = [labelled(one, LABELS) for one in cluster.objects(Settings(), KUBERNETES)]
#: Every rule that refuses.
MANDATORY = {id_: rule for id_, rule in RULES.items() if rule.level is Level.MANDATORY}
#: Kubernetes' own refusals: what is invalid, Pod Security, addresses outside.
BUILT_IN: Final = ("is invalid", "violates PodSecurity", "Use of external IPs is denied")


@dataclass(frozen=True, slots=True)
class World:
    """The server, who asks it, and what it took before the policies were there: Deployments, each
    with the rule that its pods break, and patches.
    """

    server: ApiServer
    api: Api
    trial: Trial
    kubectl: Path
    earlier: Mapping[str, Rule | None]
    unguarded: Patched


def named_in(text: str) -> set[str]:
    """Rules whose policies a refusal or a warning names."""
    return {id_ for id_ in RULES if f"'{cluster.name_of(id_)}'" in text}


def enforce(api: Api) -> None:
    """Makes the kinds of sandboxes and every policy, and waits until they hold."""
    make_kinds(api)
    enforce_policies(api)


def make_kinds(api: Api) -> None:
    """The lab's own kinds, and what Cilium would bring of those that rules want to be there."""
    for one in service.extensions():
        if one["kind"] == "CustomResourceDefinition":
            install(api, one)
    install(api, _any_object(CILIUM_IDENTITY))


def _any_object(kind: Kind) -> Manifest:
    """A definition that takes whatever it is given."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.resource}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {"kind": kind.name, "plural": kind.resource},
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def enforce_policies(api: Api) -> None:
    """Makes every policy, and waits until they hold."""
    for manifest in OBJECTS:
        answer = api.create(manifest)
        assert answer.status_code == 201, f"{manifest['metadata']['name']}: {say(answer)}"
    wait_until_judged(api, examples.sandbox())
    transfer = examples.transfer()
    transfer["metadata"]["namespace"] = "default"
    wait_until_judged(api, transfer)


def make_sandbox(api: Api, name: str = SANDBOX, *, pod_security: bool = True) -> None:
    """A sandbox's namespace and accounts; without `pod_security` nothing but policies judges."""
    security = manifests.pod_security_labels("restricted", KUBERNETES) if pod_security else {}
    sandbox = name.removeprefix(naming.sandbox_namespace(""))
    labels = {**LABELS, naming.LABEL_SANDBOX: sandbox, **security}
    images = {naming.ANNOTATION_IMAGES: examples.IMAGE} if name == EARLIER_LISTED else None
    for manifest in (
        manifests.namespace(name, labels=labels, annotations=images),
        manifests.default_deny(name, LABELS),
        manifests.service_account(name, naming.SANDBOX_SERVICE_ACCOUNT, LABELS),
        manifests.service_account(name, naming.PRINCIPAL_SERVICE_ACCOUNT, LABELS),
    ):
        answer = api.create(manifest)
        assert answer.status_code == 201, say(answer)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(lambda: api.get(account).status_code, until=lambda got: got == 200, within=30)


def wait_until_refused(api: Api, namespace: str = SANDBOX) -> None:
    """Policies hold a moment after they were made."""
    bad = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "x", "namespace": namespace},
        "spec": {"type": "NodePort", "ports": [{"port": 80}]},
    }
    status = eventually(
        lambda: api.create(bad, dry_run=True).status_code, until=lambda got: got == 403, within=30
    )
    assert status == 403, "the policies do not hold"


def deployed(pod: Mapping[str, Any], name: str, *, replicas: int) -> dict[str, Any]:
    """A Deployment of a pod."""
    found = examples.deployment()
    found["metadata"] = {"name": name, "namespace": pod["metadata"]["namespace"]}
    labels = {"app": name}
    found["spec"]["replicas"] = replicas
    found["spec"]["selector"] = {"matchLabels": labels}
    template = {"metadata": {"labels": labels}, "spec": copy.deepcopy(pod["spec"])}
    found["spec"]["template"] = template
    return found


def make_earlier(api: Api) -> dict[str, Rule | None]:
    """Deployments whose pods break a rule that refuses, and one whose pods break none; each has its
    pod when this returns. What Kubernetes itself finds invalid is left out.
    """
    for name in (EARLIER, EARLIER_LISTED):
        make_sandbox(api, name, pod_security=False)
    found: dict[str, Rule | None] = {}
    for name, rule, pod in [("right", None, examples.pod()), *_wrong_pods()]:
        listed = pod["metadata"]["namespace"] == examples.LISTED
        moved = {**pod, "metadata": {"namespace": EARLIER_LISTED if listed else EARLIER}}
        answer = api.create(deployed(moved, name, replicas=1))
        assert answer.status_code in (201, 422), f"{name}: {say(answer)}"
        if answer.status_code == 201:
            found[name] = rule
    have = eventually(lambda: set(earlier(api)), until=lambda got: got == set(found), within=60)
    assert have == set(found), f"no pods of {sorted(set(found) - have)}"
    return found


def earlier(api: Api, what: str = "api/v1", plural: str = "pods") -> dict[str, Manifest]:
    """Objects of the Deployments from before, by their names."""
    return {
        one["metadata"]["labels"]["app"]: one
        for namespace in (EARLIER, EARLIER_LISTED)
        for one in api.items(f"/{what}/namespaces/{namespace}/{plural}")
    }


def of_pods(rule: Rule) -> bool:
    """Whether it judges pods, whoever makes them."""
    admission = admission_of(rule)
    return not admission.of_the_request and set(admission.kinds) <= set(WORKLOADS)


def _wrong_pods() -> Iterator[tuple[str, Rule, dict[str, Any]]]:
    for rule in filter(of_pods, MANDATORY.values()):
        for number, manifest in enumerate(admission_of(rule).fails):
            if manifest["kind"] == "Pod" and "ephemeralContainers" not in manifest["spec"]:
                yield f"{rule.id}-{number}", rule, dict(manifest)
