"""What the policy auditor of a cluster shows, and what an audit made right now says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from infra.auditor import contract, rounds, scope
from infra.auditor.rounds import Round
from infra.auditor.service import ILL_AFTER
from infra.cluster import auditor_objects, policies
from infra.kubernetes import client as kubernetes
from infra.kubernetes import kubeconfig
from policies.registry import all_rules
from tests.live.support.api import Api, eventually, say
from tests.live.support.lab import Lab
from tests.live.support.machines import Host, python

PODS = f"/api/v1/namespaces/{auditor_objects.NAMESPACE}/pods"
DEPLOYMENT = (
    f"/apis/apps/v1/namespaces/{auditor_objects.NAMESPACE}/deployments/{auditor_objects.NAME}"
)
ACCOUNT = f"system:serviceaccount:{auditor_objects.NAMESPACE}:{auditor_objects.NAME}"
#: Seconds until a pod that was just made has finished its first audit.
FIRST = 120
#: A node may always talk to its own pods, whatever network policies say; nobody else may. Nothing
#: is printed while nobody answers.
_GET = """
import sys, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())
except OSError:
    pass
"""

#: A rule and the place where it is looked at.
Where = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """The metrics of one scrape."""

    #: When the last audit ended, in seconds since 1970; 0 if there was none.
    ended: float
    #: Seconds between the starts of two audits.
    interval: float
    failures: float
    rules: frozenset[str]
    broken: frozenset[Where]

    def stale(self, now: float) -> str:
        """Why it is too old to be believed; empty if it is not."""
        if not self.ended:
            return "no audit was finished since the pod's start"
        age = now - self.ended
        if age > ILL_AFTER * self.interval:
            return f"the last audit ended {age:.0f} s ago, and one is due every {self.interval:g} s"
        return ""


def read(text: str) -> Shown:
    """From the text of a scrape."""
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    values = {sample.name: sample.value for sample in samples}
    standing = [one for one in samples if one.name == "ailab_policy_rule_status"]
    return Shown(
        ended=values.get("ailab_policy_audit_timestamp_seconds", 0.0),
        interval=values.get("ailab_policy_audit_interval_seconds", 0.0),
        failures=values.get("ailab_policy_audit_failures_total", 0.0),
        rules=frozenset(one.labels["rule"] for one in standing),
        broken=frozenset(
            (one.labels["rule"], one.labels["place"])
            for one in standing
            if one.labels["stand"] == "broken" and one.value
        ),
    )


def pods(api: Api) -> list[dict[str, Any]]:
    """Pods of it that are not going away."""
    found = api.items(PODS, labelSelector=f"app.kubernetes.io/name={auditor_objects.NAME}")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def pod(api: Api) -> dict[str, Any]:
    """Its one pod, running."""
    answer = api.get(DEPLOYMENT)
    wanted = answer.status_code == 200 and answer.json()["spec"]["replicas"] == 1
    assert wanted, f"nobody wants the policy auditor to run: {say(answer)[:120]}"
    found = eventually(
        lambda: [one for one in pods(api) if one["status"].get("podIP")],
        until=lambda there: len(there) == 1,
        within=FIRST,
    )
    assert len(found) == 1, f"{len(found)} pods of the policy auditor run."
    return found[0]


def scrape(api: Api, lab: Lab, hosts: dict[str, Host]) -> Shown:
    """What it shows now, asked from its own node once its first audit is finished."""
    there = pod(api)
    nodes = {lab.node_name(machine): machine.name for machine in lab.nodes}
    host = hosts[nodes[there["spec"]["nodeName"]]]
    url = f"http://{there['status']['podIP']}:{contract.PORT}{contract.METRICS}"
    return eventually(
        lambda: read(python(host, _GET, url)), until=lambda found: found.ended > 0, within=FIRST
    )


def scrape_anew(api: Api, lab: Lab, hosts: dict[str, Host]) -> Shown:
    """What a new pod of it shows: it audits at once, rather than after its interval."""
    old = pod(api)
    answer = api.delete(f"{PODS}/{old['metadata']['name']}")
    assert answer.is_success, f"the auditor's pod cannot be deleted: {say(answer)}"
    eventually(
        lambda: [one["metadata"]["uid"] for one in pods(api)],
        until=lambda found: bool(found) and old["metadata"]["uid"] not in found,
        within=FIRST,
    )
    eventually(
        lambda: api.read(DEPLOYMENT)["status"].get("readyReplicas"), until=bool, within=FIRST
    )
    return scrape(api, lab, hosts)


def look(lab: Lab, version: str) -> Round:
    """The same audit, made now by the administrator."""
    connection = kubeconfig.load(str(lab.home.kubeconfig))
    with kubernetes.Api(connection, agent="ai-lab-verify", patience=20) as api:
        return rounds.go(api, watched(), policies.told(lab.config, version))


def watched() -> list[Any]:
    """Rules that it looks at."""
    return [rule for rule in all_rules().values() if scope.places(rule)]


def broken(found: Round) -> dict[Where, str]:
    """What an audit found, with its faults in words."""
    return {
        (one.rule.id, one.place.value): "; ".join(
            f"{fault.object}: {fault.message}" for fault in one.standing.faults
        )
        for one in found.broken
    }


def unmended(shown: Shown, now: dict[Where, str]) -> Iterable[str]:
    """What the auditor found and is still so: what was mended since its last audit does not
    count.
    """
    return [
        f"{rule} ({place}): {now[rule, place]}" for rule, place in sorted(shown.broken & now.keys())
    ]
