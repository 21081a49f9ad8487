"""Pods that would leave their sandbox, as its person sends them; each a dry run.

The control is the same pod without the one thing that is wrong with it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from infra import naming
from tests.live.support import probes
from tests.live.support.api import say
from tests.live.support.tenants import Pair

Pod = dict[str, Any]
Change = Callable[[Pod, Pair], None]


def _spec(**fields: Any) -> Change:
    return lambda pod, _: pod["spec"].update(fields)


def _container(**fields: Any) -> Change:
    return lambda pod, _: pod["spec"]["containers"][0].update(fields)


def _security(**fields: Any) -> Change:
    return lambda pod, _: pod["spec"]["containers"][0]["securityContext"].update(fields)


def _pod_security(**fields: Any) -> Change:
    return lambda pod, _: pod["spec"]["securityContext"].update(fields)


def _volume(**source: Any) -> Change:
    return _spec(volumes=[{"name": "attack", **source}])


def _on_a_node(pod: Pod, pair: Pair) -> None:
    pod["spec"]["nodeName"] = pair.lab.node_name(pair.lab.control_plane)


def _label(pod: Pod, pair: Pair) -> None:
    pod["metadata"]["labels"][naming.LABEL_SANDBOX] = pair.victim.name


CHANGES: dict[str, Change] = {
    "host-path": _volume(hostPath={"path": "/"}),
    "host-network": _spec(hostNetwork=True),
    "host-pid": _spec(hostPID=True),
    "host-ipc": _spec(hostIPC=True),
    "host-port": _container(ports=[{"containerPort": 8080, "hostPort": 8080}]),
    "privileged": _security(privileged=True, allowPrivilegeEscalation=True),
    "escalation": _security(allowPrivilegeEscalation=True),
    "capability": _security(capabilities={"drop": ["ALL"], "add": ["NET_RAW"]}),
    "capabilities-kept": _security(capabilities={}),
    "root": _pod_security(runAsUser=0, runAsNonRoot=False),
    "no-seccomp": _pod_security(seccompProfile={"type": "Unconfined"}),
    "unmasked-proc": _security(procMount="Unmasked"),
    "sysctl": _pod_security(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "nfs": _volume(nfs={"server": "192.0.2.1", "path": "/"}),
    "iscsi": _volume(iscsi={"targetPortal": "192.0.2.1", "iqn": "iqn.2001-04.org:x", "lun": 0}),
    "chosen-node": _on_a_node,
    "control-plane": _spec(tolerations=[{"operator": "Exists"}]),
    "system-priority": _spec(priorityClassName="system-node-critical"),
    "token-mounted": _spec(automountServiceAccountToken=True),
    "token-of-its-person": _spec(serviceAccountName=naming.PRINCIPAL_SERVICE_ACCOUNT),
    "image-from-elsewhere": _container(image=f"example.org/mine@sha256:{'0' * 64}"),
    "label-of-victim": _label,
}


def attacking(change: str, pair: Pair) -> Pod:
    """A pod with one thing wrong."""
    pod = probes.server("attack", pair.attacker.namespace)
    right = copy.deepcopy(pod)
    CHANGES[change](pod, pair)
    assert pod != right
    return pod


@pytest.mark.check(id="attacks.pods", area="attacks")
@pytest.mark.parametrize("change", CHANGES)
def test_refused(change: str, pair: Pair) -> None:
    pod = probes.server("attack", pair.attacker.namespace)
    control = pair.attacker.person.create(pod, dry_run=True)
    assert control.status_code == 201, f"the control failed: {say(control)}"
    answer = pair.attacker.person.create(attacking(change, pair), dry_run=True)
    assert answer.status_code in (403, 422), f"it is taken: {say(answer)}"


@pytest.mark.check(id="attacks.pods.by-controllers", area="attacks")
@pytest.mark.parametrize("change", ["host-path", "privileged", "host-network"])
def test_refused_in_a_template(change: str, pair: Pair) -> None:
    """What a controller would make is refused when it is asked for, and not in silence later."""
    pod = probes.server("attack", pair.attacker.namespace)

    def deployment(template: Pod) -> dict[str, Any]:
        labels = {"app": "attack"}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "attack", "namespace": pair.attacker.namespace},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {**template["spec"], "restartPolicy": "Always"},
                },
            },
        }

    control = pair.attacker.person.create(deployment(pod), dry_run=True)
    assert control.status_code == 201, f"the control failed: {say(control)}"
    answer = pair.attacker.person.create(deployment(attacking(change, pair)), dry_run=True)
    assert answer.status_code in (403, 422), f"it is taken: {say(answer)}"
