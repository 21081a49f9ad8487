"""Pods set only kernel settings that stay within the pod.

The list is that of the Pod Security Standards
(https://kubernetes.io/docs/concepts/security/pod-security-standards/).
"""

import json

from policies.admission import Admission, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

SAFE = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
)


def _with(name: str) -> dict[str, object]:
    return {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "sysctls": [{"name": name, "value": "1"}],
    }


RULE = Rule(
    id="safe-sysctls",
    title="Pods of tenants set only kernel settings that end at the pod.",
    reason="Other settings reach the whole node: one sandbox could starve or weaken the rest.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.7.3", "SATRE-2.1.14"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "!has(variables.pod.securityContext) || "
                "!has(variables.pod.securityContext.sysctls) || "
                f"variables.pod.securityContext.sysctls.all(s, s.name in {json.dumps(SAFE)})",
                "the pod sets a kernel setting that reaches beyond it.",
            ),
        ),
        passes=(
            pod(),
            pod(securityContext=_with("net.ipv4.tcp_syncookies")),
        ),
        fails=(
            pod(securityContext=_with("kernel.msgmax")),
            pod(securityContext=_with("net.core.somaxconn")),
        ),
    ),
    live=ByAdmission(),
    remedy="Take the setting out of securityContext.sysctls; nodes are tuned by the lab's roles.",
)
