"""Nothing in a sandbox is reached from outside by an Ingress."""

from policies.admission import Admission, Scope, Validation
from policies.examples import manifest
from policies.kinds import INGRESS
from policies.rule import ByAdmission, Rule, Severity


def _ingress(class_: str | None, **annotations: str) -> dict[str, object]:
    backend = {"service": {"name": "example", "port": {"number": 80}}}
    spec: dict[str, object] = {"defaultBackend": backend}
    if class_ is not None:
        spec["ingressClassName"] = class_
    return manifest(
        "Ingress",
        api_version="networking.k8s.io/v1",
        spec=spec,
        metadata={"annotations": annotations},
    )


RULE = Rule(
    id="no-ingress-from-outside",
    title="An Ingress in a sandbox is of the lab's inner class only.",
    reason="A class that listens outside would show what runs in the sandbox to everybody.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.09", "SATRE-3.1.05"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(INGRESS,),
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "has(object.spec.ingressClassName) && object.spec.ingressClassName == "
                "'ai-lab-internal'",
                "ingressClassName must be ai-lab-internal.",
            ),
            Validation(
                "!has(object.metadata.annotations) || !('kubernetes.io/ingress.class' in "
                "object.metadata.annotations)",
                "the annotation kubernetes.io/ingress.class names a class as well.",
            ),
        ),
        passes=(_ingress("ai-lab-internal"),),
        fails=(
            _ingress("nginx"),
            _ingress(None),
            _ingress(None, **{"kubernetes.io/ingress.class": "nginx"}),
        ),
    ),
    live=ByAdmission(),
    remedy="Set ingressClassName to ai-lab-internal.",
)
