"""`lab bench sandbox` at a real operator: what it measures, and that it leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from infra.benchmarks.observer import Observer
from infra.benchmarks.sandboxes import Bench, Plan, table
from infra.errors import BenchmarkInvalid
from infra.kubernetes import kubeconfig
from infra.kubernetes.client import Api
from infra.sandbox.client import SandboxClient
from tests.harness.sandbox_lab import APPROVERS, AS_IT_SHOULD_BE, REQUESTER, SandboxLab
from tests.integration.operator.test_pool import profiles, until_drained


@contextmanager
def bench(lab: SandboxLab) -> Iterator[Bench]:
    with ExitStack() as cleanup:

        def api(*users: str) -> Api:
            headers = [("Impersonate-User", user) for user in users]
            connection = kubeconfig.load(str(lab.server.kubeconfig))
            return cleanup.enter_context(Api(connection, headers=headers))

        administrator = api()
        memory = iter(range(10**6, 10**9, 10**6))
        yield Bench(
            SandboxClient(api(REQUESTER)),
            SandboxClient(api(APPROVERS[0])),
            administrator,
            cleanup.enter_context(Observer(administrator)),
            memory=lambda: next(memory),
            report=print,
        )


def test_it_measures_whole_lives(lab: SandboxLab) -> None:
    plan = Plan("small", "large", runs=2, concurrent=3, steps=(1, 2), samples=1)
    with lab.operator(profiles={**profiles(small=1), "large": {}}), bench(lab) as measuring:
        found = measuring.run(plan)
        assert lab.api.items("/apis/ai-lab.eu/v1alpha1/sandboxes") == []
    for what in ("warm", "cold"):
        assert found[what]["n"] == 2
        assert 0 < found[what]["p50"] <= found[what]["p95"]
    assert found["destroy"]["n"] == 2
    assert found["destroy"]["p50"] <= found["namespace_gone"]["p50"] <= found["certified"]["p50"]
    assert found["concurrent"]["distinct"] == 3
    assert found["concurrent"]["enforced"] == 3
    assert [row["sandboxes"] for row in found["slope"]["steps"]] == [1, 2]
    assert found["idle_bytes"] == 10**6
    assert "| cold: probed |" in table(found)
    with lab.operator():
        until_drained(lab)


def test_one_that_fails_ends_it(lab: SandboxLab) -> None:
    """Nothing is measured of sandboxes that nobody was let into, and nothing is left of them."""
    lab.kubelet.found = lambda _: {**AS_IT_SHOULD_BE, "metadata": "open"}
    try:
        with (
            lab.operator(profiles=profiles(small=0)),
            bench(lab) as measuring,
            pytest.raises(BenchmarkInvalid, match="were not Ready"),
        ):
            measuring._one_by_one("small", 2, warm=False)
        with lab.operator(), bench(lab) as again:
            again._alive |= measuring._alive
            again._clear()
            until_drained(lab)
    finally:
        lab.kubelet.found = lambda _: AS_IT_SHOULD_BE
