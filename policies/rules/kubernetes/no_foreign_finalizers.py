"""Nothing keeps an object of a sandbox from going."""

from policies.admission import Admission, Scope, Validation
from policies.examples import manifest
from policies.kinds import (
    CONFIG_MAP,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    VOLUME_CLAIM,
)
from policies.rule import ByAdmission, Rule, Severity

#: Of Kubernetes, and of those that carry its storage.
_KNOWN = (
    "!has(object.metadata.finalizers) || object.metadata.finalizers.all(f, "
    "f in ['foregroundDeletion', 'orphan'] || "
    "f.matches('^([a-z0-9-]+[.])*(kubernetes[.]io|k8s[.]io)/'))"
)


RULE = Rule(
    id="no-foreign-finalizers",
    title="Objects of sandboxes wait for Kubernetes' own steps only before they go.",
    reason="An object with a finalizer that nobody works off stays for ever, and its sandbox and "
    "data with it.",
    severity=Severity.HIGH,
    controls=("EUDPR-4.1e", "EUDPR-29.3g", "AIA-59.1g"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(
            CONFIG_MAP,
            SECRET,
            SERVICE,
            SERVICE_ACCOUNT,
            VOLUME_CLAIM,
            POD,
            DEPLOYMENT,
            REPLICA_SET,
            STATEFUL_SET,
            DAEMON_SET,
            JOB,
            CRON_JOB,
        ),
        scope=Scope.SANDBOXES,
        validations=(Validation(_KNOWN, "a finalizer is none of Kubernetes' own."),),
        passes=(
            manifest("ConfigMap"),
            manifest("ConfigMap", metadata={"finalizers": ["kubernetes.io/example"]}),
        ),
        fails=(
            manifest("ConfigMap", metadata={"finalizers": ["example.org/keep"]}),
            manifest("Secret", metadata={"finalizers": ["kubernetes.io.example.org/keep"]}),
        ),
    ),
    live=ByAdmission(),
    remedy="Leave metadata.finalizers out.",
)
