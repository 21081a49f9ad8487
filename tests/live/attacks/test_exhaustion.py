"""What one sandbox can use up: its own share, and nothing of the others'.

The control in each: the first of them is taken, and the victim goes on working meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from infra.sandbox.limits import quota
from tests.live.support import api as apis
from tests.live.support import probes
from tests.live.support.api import Api, eventually, say
from tests.live.support.tenants import Pair

#: Watches and requests at the same time; far more than a person's tools have.
MANY = 100
#: Seconds in which the victim is answered, while somebody else floods the API server.
ANSWERED = 10.0
#: ConfigMaps that Kubernetes itself puts into a namespace, at most.
_OTHERS = 5


def configmap(pair: Pair, number: int, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"flood-{number}",
            "namespace": pair.attacker.namespace,
            "labels": {"flood": "yes"},
            **metadata,
        },
    }


@pytest.fixture
def cleared(pair: Pair) -> Iterator[None]:
    clear(pair)
    yield
    clear(pair)


def clear(pair: Pair) -> None:
    """Removes what a flood has left, and waits until the quota knows."""
    own = f"/api/v1/namespaces/{pair.attacker.namespace}"
    answer = pair.api.send("DELETE", f"{own}/configmaps", None, {"labelSelector": "flood=yes"}, {})
    assert answer.is_success, say(answer)

    def counted() -> int:
        used = pair.api.read(f"{own}/resourcequotas/sandbox").get("status", {}).get("used", {})
        return int(used.get("count/configmaps", 0))

    left = eventually(counted, until=lambda got: got <= _OTHERS, within=60)
    assert left <= _OTHERS, f"the quota still counts {left}"


def victim_works(pair: Pair) -> float:
    """Seconds that the victim waits."""
    begun = time.monotonic()
    answer = pair.victim.person.create(probes.server("own", pair.victim.namespace), dry_run=True)
    assert answer.status_code == 201, f"the victim cannot work: {say(answer)}"
    return time.monotonic() - begun


@pytest.mark.check(id="attacks.exhaustion.objects", area="attacks")
@pytest.mark.usefixtures("cleared")
def test_objects_are_counted(pair: Pair) -> None:
    service = pair.lab.config.sandbox_service
    assert service is not None
    size = next(iter(service.profiles.values())).quota
    most = quota("x", size, {})["spec"]["hard"]["count/configmaps"]
    made = 0
    for number in range(int(most) + 1):
        answer = pair.attacker.person.create(configmap(pair, number))
        if answer.status_code != 201:
            break
        made += 1
    assert made > 0, f"the control failed: {say(answer)}"
    assert answer.status_code == 403, f"{made} were made: {say(answer)}"
    assert "exceeded quota" in answer.text
    victim_works(pair)


@pytest.mark.check(id="attacks.exhaustion.large-objects", area="attacks")
def test_objects_are_small(pair: Pair) -> None:
    """https://kubernetes.io/docs/concepts/configuration/configmap/ (1 MiB)"""
    small = {**configmap(pair, 0), "data": {"x": "x" * 1000}}
    assert pair.attacker.person.create(small, dry_run=True).status_code == 201
    large = {**configmap(pair, 0), "data": {"x": "x" * (1024 * 1024 + 1)}}
    answer = pair.attacker.person.create(large, dry_run=True)
    assert answer.status_code in (413, 422), f"it is taken: {say(answer)}"


@pytest.mark.check(id="attacks.exhaustion.pods", area="attacks")
def test_pods_are_bounded(pair: Pair) -> None:
    """One that would take the node's memory; one that says nothing is bounded by default."""
    modest = probes.server("own", pair.attacker.namespace)
    assert pair.attacker.person.create(modest, dry_run=True).status_code == 201
    greedy = probes.server("greedy", pair.attacker.namespace)
    resources = greedy["spec"]["containers"][0]["resources"]
    resources["limits"]["memory"] = resources["requests"]["memory"] = "64Gi"
    answer = pair.attacker.person.create(greedy, dry_run=True)
    assert answer.status_code == 403, f"it is taken: {say(answer)}"


@pytest.mark.check(id="attacks.exhaustion.finalizers", area="attacks")
def test_nothing_holds_a_sandbox_back(pair: Pair) -> None:
    """An object that never goes would keep its namespace for ever."""
    control = pair.attacker.person.create(configmap(pair, 0), dry_run=True)
    assert control.status_code == 201, f"the control failed: {say(control)}"
    held = configmap(pair, 0, finalizers=["example.org/never"])
    answer = pair.attacker.person.create(held, dry_run=True)
    assert answer.status_code == 403, f"it is taken: {say(answer)}"


@pytest.mark.check(id="attacks.exhaustion.watches", area="attacks")
def test_watches_of_one_are_not_felt_by_others(pair: Pair) -> None:
    path = f"/api/v1/namespaces/{pair.attacker.namespace}/configmaps"
    host, port = pair.lab.api_address
    authority = apis.certificate_authority(pair.lab.home.kubeconfig)
    with (
        ExitStack() as opened,
        httpx.Client(
            base_url=f"https://{host}:{port}",
            verify=apis.trusting(authority),
            headers={"Authorization": f"Bearer {pair.attacker.program_token}"},
            limits=httpx.Limits(max_connections=None),
            timeout=30,
            trust_env=False,
        ) as client,
    ):
        statuses = []
        for _ in range(MANY):
            stream = client.stream("GET", path, params={"watch": "1", "timeoutSeconds": "60"})
            statuses.append(opened.enter_context(stream).status_code)
        assert 200 in statuses, f"the control failed: no watch was opened ({set(statuses)})"
        assert victim_works(pair) < ANSWERED


@pytest.mark.check(id="attacks.exhaustion.requests", area="attacks")
def test_a_flood_of_requests_is_not_felt_by_others(pair: Pair) -> None:
    """API priority and fairness: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/"""

    def ask(sender: Api) -> int:
        return sender.send("GET", pair.attacker.pods, None, {}, {}).status_code

    with ThreadPoolExecutor(20) as flood:
        answers = [flood.submit(ask, pair.attacker.program) for _ in range(5 * MANY)]
        waited = [victim_works(pair) for _ in range(5)]
        statuses = {answer.result() for answer in answers}
    assert 200 in statuses, f"the control failed: {statuses}"
    assert statuses <= {200, 429}, statuses
    assert max(waited) < ANSWERED
