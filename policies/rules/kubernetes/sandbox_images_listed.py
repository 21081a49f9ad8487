"""Whoever asked for few images gets no others."""

from infra import naming
from policies.admission import Admission, Scope, Validation
from policies.examples import LISTED, pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, NotHere, Rule, Severity

_KEY = f"'{naming.ANNOTATION_IMAGES}'"
_LIST = (
    "has(namespaceObject.metadata.annotations) && "
    f"{_KEY} in namespaceObject.metadata.annotations "
    f"? namespaceObject.metadata.annotations[{_KEY}] : ''"
)
_OTHER = f"registry.k8s.io/other@sha256:{'0' * 64}"


def _there(**container: str) -> dict[str, object]:
    """In a sandbox that has a list."""
    found = pod(container=dict(container))
    found["metadata"]["namespace"] = LISTED
    return found


RULE = Rule(
    id="sandbox-images-listed",
    title="In a sandbox that was asked for with a list of images, no others run.",
    reason="What was approved was a test with these programs: another one could send the data "
    "away, or make results up.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.5.1", "SATRE-1.5.04", "CYB-8.2m", "EUDPR-33.3"),
    preview=NotHere("The list is on a namespace that the operator makes; no program declares it."),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        variables={"images": _LIST},
        validations=(
            Validation(
                # A list with commas between is all that the core of CEL can look into.
                "variables.images == '' || variables.containers.all(c, !c.image.contains(',') && "
                "(',' + variables.images + ',').contains(',' + c.image + ','))",
                "an image is none of those that the sandbox was asked for with.",
            ),
        ),
        passes=(pod(), pod(container={"image": _OTHER}), _there()),
        fails=(_there(image=_OTHER),),
    ),
    live=ByAdmission(),
    remedy="Use an image of spec.images of the sandbox, or ask for another sandbox.",
)
