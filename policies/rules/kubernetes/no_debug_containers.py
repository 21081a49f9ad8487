"""Nobody puts a container into a pod that runs."""

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import manifest, pod, pod_spec
from policies.kinds import DEBUG_CONTAINERS
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_DEBUGGED = pod(ephemeralContainers=[{**pod_spec()["containers"][0], "name": "debug"}])
for _unfit in ("resources",):
    _DEBUGGED["spec"]["ephemeralContainers"][0].pop(_unfit)


RULE = Rule(
    id="no-debug-containers",
    title="Only the platform adds a container to a running pod of a sandbox.",
    reason="Such a container joins the pod's processes and network after everything was checked, "
    "with tools that the pod was made without.",
    severity=Severity.HIGH,
    controls=("SATRE-1.5.03", "EUDPR-33.1b-integrity"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(DEBUG_CONTAINERS,),
        scope=Scope.SANDBOXES,
        operations=("UPDATE",),
        validations=(
            Validation(
                "variables.platform", "only the platform adds containers to a pod that runs."
            ),
        ),
        passes=(manifest("ConfigMap"),),
        fails=(_DEBUGGED,),
        allowed=(Attempt(_DEBUGGED, pod(), platform=True, subresource="ephemeralcontainers"),),
        refused=(Attempt(_DEBUGGED, pod(), subresource="ephemeralcontainers"),),
    ),
    live=tried("no-debug-containers"),
    remedy="Build the tools into the image, or make another pod.",
)
