"""What says that it is the lab's, is the lab's."""

from typing import Any

from infra import naming
from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import OPERATOR, REQUESTED, deployment, manifest
from policies.kinds import (
    CONFIG_MAP,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    POD,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    VOLUME_CLAIM,
)
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_LAB = {naming.LABEL_LAB: "local"}
_RESERVED = [naming.LABEL_LAB, naming.LABEL_SANDBOX, naming.LABEL_CLASSIFICATION]
_NONE = (
    f"variables.platform || variables.own_sandbox || !{_RESERVED}.exists(k, k in variables.{{0}})"
)
_HAS = "{0} != null && has({0}.metadata.labels) ? {0}.metadata.labels : {{}}"
_VARIABLES = {
    "labels": _HAS.format("object"),
    "before": _HAS.format("oldObject"),
    # Pods of a workload are made by a controller, which is the platform.
    "template": "object != null && object.kind in ['Deployment', 'StatefulSet', 'DaemonSet', 'Job']"
    " && has(dyn(object).spec.template.metadata)"
    " && has(dyn(object).spec.template.metadata.labels)"
    " ? dyn(object).spec.template.metadata.labels : "
    "(object != null && object.kind == 'CronJob'"
    " && has(dyn(object).spec.jobTemplate.spec.template.metadata)"
    " && has(dyn(object).spec.jobTemplate.spec.template.metadata.labels)"
    " ? dyn(object).spec.jobTemplate.spec.template.metadata.labels : {})",
}


def _labelled() -> dict[str, object]:
    found = deployment()
    found["spec"]["template"]["metadata"]["labels"] |= _LAB
    return found


_MOUNTS_NOTHING: dict[str, Any] = {"automountServiceAccountToken": False}
_ITS_OWN = manifest(
    "ServiceAccount", metadata={"labels": _LAB, "namespace": REQUESTED}, **_MOUNTS_NOTHING
)


RULE = Rule(
    id="lab-labels-by-the-platform",
    title="Only the platform makes, changes or removes objects that say they are the lab's.",
    reason="People and programs trust such a label; a tenant's object that has it is taken for a "
    "part of the platform, and the lab's own would be his to change.",
    severity=Severity.HIGH,
    controls=("SATRE-2.1.14", "EUDPR-33.1b-integrity"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(
            CONFIG_MAP,
            SECRET,
            SERVICE,
            SERVICE_ACCOUNT,
            VOLUME_CLAIM,
            POD,
            DEPLOYMENT,
            STATEFUL_SET,
            DAEMON_SET,
            JOB,
            CRON_JOB,
        ),
        scope=Scope.SANDBOXES,
        operations=("CREATE", "UPDATE", "DELETE"),
        variables=_VARIABLES,
        validations=(
            Validation(_NONE.format("labels"), "labels of the lab are the platform's."),
            Validation(_NONE.format("before"), "the object is the lab's own."),
            Validation(_NONE.format("template"), "pods with labels of the lab are the platform's."),
        ),
        passes=(
            manifest("ConfigMap"),
            manifest("ConfigMap", metadata={"labels": {naming.LABEL_SECRET_STORE: "client"}}),
        ),
        fails=(
            manifest("ConfigMap", metadata={"labels": _LAB}),
            _labelled(),
        ),
        allowed=(
            Attempt(manifest("ConfigMap", metadata={"labels": _LAB}), platform=True),
            Attempt(_ITS_OWN, user=OPERATOR, operator=True),
            Attempt(None, _ITS_OWN, user=OPERATOR, operator=True),
        ),
        refused=(
            Attempt(_ITS_OWN),
            Attempt(None, _ITS_OWN),
            Attempt(
                manifest("ServiceAccount", metadata={"labels": _LAB}, **_MOUNTS_NOTHING),
                user=OPERATOR,
                operator=True,
            ),
            Attempt(None, manifest("ConfigMap", metadata={"labels": _LAB})),
            Attempt(manifest("ConfigMap"), manifest("ConfigMap", metadata={"labels": _LAB})),
        ),
    ),
    live=tried("lab-labels-by-the-platform"),
    remedy="Take another label.",
)
