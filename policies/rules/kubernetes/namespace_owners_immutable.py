"""To whom a namespace belongs is said by the platform.

Capsule knew the owner of a namespace by its ownerReferences: tenants removed them from their own
(CVE-2022-46167, https://github.com/advisories/GHSA-x45c-cvp8-q4fm) and put theirs onto others
(CVE-2024-39690, https://github.com/advisories/GHSA-mq69-4j5w-3qwp).
"""

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import wide
from policies.kinds import NAMESPACE
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_OWNERS = [
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "mine",
        "uid": "00000000-0000-0000-0000-000000000000",
    }
]
_NOW = "has(object.{0}.{1}) ? object.{0}.{1} : []"
_THEN = "oldObject != null && has(oldObject.{0}.{1}) ? oldObject.{0}.{1} : []"
_VARIABLES = {
    "owners": _NOW.format("metadata", "ownerReferences"),
    "owners_before": _THEN.format("metadata", "ownerReferences"),
    "finalizers": _NOW.format("metadata", "finalizers"),
    "finalizers_before": _THEN.format("metadata", "finalizers"),
    "ends": "has(object.spec) && has(object.spec.finalizers) ? object.spec.finalizers : []",
    "ends_before": "oldObject != null && has(oldObject.spec) && has(oldObject.spec.finalizers) ? "
    "oldObject.spec.finalizers : []",
}


def _namespace(**metadata: object) -> dict[str, object]:
    return wide("Namespace", metadata=metadata)


def _ending(*finalizers: str) -> dict[str, object]:
    return {**_namespace(), "spec": {"finalizers": list(finalizers)}}


RULE = Rule(
    id="namespace-owners-immutable",
    title="Only the platform says to whom a namespace belongs and what must happen before it goes.",
    reason="An owner that is deleted takes the namespace with it, and a foreign finalizer keeps "
    "it, with its data, for ever.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.1.14", "EUDPR-33.1b-integrity", "EUDPR-4.1e"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(NAMESPACE,),
        scope=Scope.CLUSTER,
        variables=_VARIABLES,
        validations=(
            Validation(
                "variables.platform || variables.owners == variables.owners_before",
                "ownerReferences of a namespace are the platform's to change.",
            ),
            Validation(
                "variables.platform || variables.finalizers == variables.finalizers_before",
                "finalizers of a namespace are the platform's to change.",
            ),
            Validation(
                "variables.platform || oldObject == null || variables.ends == "
                "variables.ends_before",
                "spec.finalizers of a namespace are the platform's to change.",
            ),
        ),
        passes=(_namespace(),),
        fails=(
            _namespace(ownerReferences=_OWNERS),
            _namespace(finalizers=["example.org/keep"]),
        ),
        allowed=(
            Attempt(_namespace(ownerReferences=_OWNERS), _namespace(), platform=True),
            Attempt(_namespace(annotations={"a": "b"}), _namespace()),
        ),
        refused=(
            Attempt(_ending(), _ending("kubernetes"), subresource="finalize"),
            Attempt(_namespace(ownerReferences=_OWNERS), _namespace()),
            Attempt(_namespace(), _namespace(ownerReferences=_OWNERS)),
            Attempt(_namespace(finalizers=["example.org/keep"]), _namespace()),
            Attempt(_namespace(ownerReferences=_OWNERS), _namespace(), subresource="status"),
        ),
    ),
    live=tried("namespace-owners-immutable"),
    remedy="Ask the platform's people.",
)
