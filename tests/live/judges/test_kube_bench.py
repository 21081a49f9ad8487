"""What kube-bench says of the machines: an outside judge of how the cluster is set up.

`./lab toolchain build kube-bench` builds it; `lab verify --judges` and `lab test` ask it. What it
does not pass is listed with its reason in kube_bench.yaml, exactly.
"""

from __future__ import annotations

import pytest

from policies.controls.catalogue import controls
from tests.live.support import kube_bench
from tests.live.support.kube_bench import Verdict
from tests.live.support.lab import Lab, current
from tests.live.support.machines import Host, output

#: What it judges: sections 1 to 4 of the catalogue (5 is about objects).
CONTROLS = [
    number
    for id_ in controls()
    if (number := id_.removeprefix("CIS-K8S-")) != id_
    and number[0] in "1234"
    and number not in kube_bench.MANUAL
]
_NODES = [machine.name for machine in current().nodes]

Verdicts = dict[str, dict[str, Verdict]]


@pytest.fixture(scope="session")
def verdicts(lab: Lab, hosts: dict[str, Host]) -> Verdicts:
    """Of each machine."""
    return {one.name: kube_bench.judge(hosts[one.name], one.role) for one in lab.nodes}


@pytest.mark.check(id="judges.kube-bench", area="judges")
@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_of_the_benchmark(control: str, verdicts: Verdicts, lab: Lab) -> None:
    listed = kube_bench.known().get(control)
    judged = {
        machine.name: found
        for machine in lab.nodes
        if (found := verdicts[machine.name].get(control)) is not None
    }
    assert judged, f"kube-bench did not judge {control} on any machine: nothing is proven"
    wanted = "PASS" if listed is None else listed.says
    faults = [
        f"{name}: {one.says}, {one.why}" for name, one in judged.items() if one.says != wanted
    ]
    assert not faults, f"{control} is not {wanted} on {'; '.join(faults)}"


@pytest.mark.check(id="judges.kube-bench.list", area="judges")
@pytest.mark.parametrize("machine", _NODES)
def test_the_list_is_exact(machine: str, verdicts: Verdicts, lab: Lab) -> None:
    """Also of what the catalogue does not have; what is listed and passes must leave the list."""
    role = next(one.role for one in lab.nodes if one.name == machine)
    found = verdicts[machine]
    assert len(found) >= kube_bench.LEAST[role], f"only {len(found)} controls were judged"
    faults = kube_bench.differences(role, found, kube_bench.known())
    assert not faults, f"kube-bench on {machine}: {'; '.join(faults)}"


@pytest.mark.check(id="judges.kube-bench.seeded", area="judges")
def test_a_fault_that_is_put_in_is_found(lab: Lab, hosts: dict[str, Host]) -> None:
    """A kubelet's credential that everybody on the worker may read, for a moment."""
    host, control, file = hosts[lab.worker.name], "4.1.5", "/etc/kubernetes/kubelet.conf"
    output(host, "chmod", "0644", file)
    try:
        found = kube_bench.judge(host, lab.worker.role, only=[control])
    finally:
        output(host, "chmod", "0600", file)
    assert found[control].says == "FAIL", "kube-bench does not see an open credential"
    assert kube_bench.judge(host, lab.worker.role, only=[control])[control].says == "PASS"


@pytest.mark.check(id="judges.api-server.timeout", area="judges")
def test_what_kube_bench_leaves_to_people(lab: Lab, hosts: dict[str, Host]) -> None:
    """1.2.20: requests end after the API server's own minute at the latest."""
    text = hosts[lab.control_plane.name].file("/etc/kubernetes/manifests/kube-apiserver.yaml")
    assert "kube-apiserver" in text.content_string, "the control failed: no manifest was read"
    assert "--request-timeout" not in text.content_string, "requests may take longer than a minute"
