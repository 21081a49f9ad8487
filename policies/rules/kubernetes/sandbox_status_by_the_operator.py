"""What has become of a sandbox is written by its operator, which writes nothing else.

Only a finalizer keeps the record of a sandbox until it is proven that nothing of it is left; and an
operator that was taken over must find no way to approve what it then makes.
"""

from typing import Any

from infra import naming
from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import APPROVER, OPERATOR, manifest, sandbox
from policies.kinds import SANDBOX
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_OURS = naming.SANDBOX_FINALIZER
_NOW = "has(object.metadata.{0}) ? object.metadata.{0} : {1}"
_THEN = "oldObject != null && has(oldObject.metadata.{0}) ? oldObject.metadata.{0} : {1}"
_LABELLED = f"k.startsWith('{naming.LABEL_PREFIX}/')"
#: The lab's own keys are as they were.
_SAME = (
    f"variables.{{0}}.all(k, !{_LABELLED} || "
    "(k in variables.{0}_before && variables.{0}_before[k] == variables.{0}[k])) && "
    f"variables.{{0}}_before.all(k, !{_LABELLED} || k in variables.{{0}})"
)
_VARIABLES = {
    f"{name}{suffix}": text.format(field, empty)
    for name, field, empty in (
        ("finalizers", "finalizers", "[]"),
        ("owners", "ownerReferences", "[]"),
        ("labels", "labels", "{}"),
        ("annotations", "annotations", "{}"),
    )
    for suffix, text in (("", _NOW), ("_before", _THEN))
}
_MARK = f"{naming.LABEL_PREFIX}/example"
_OWNERS = [
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "mine",
        "uid": "00000000-0000-0000-0000-000000000000",
    }
]


def _with(status: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    found = sandbox()
    found["metadata"] |= metadata
    return found if status is None else {**found, "status": status}


_APPROVED = sandbox(approvals=[{"by": APPROVER}])
_READY = {"phase": "Ready"}
_KEPT = _with(finalizers=[_OURS])


RULE = Rule(
    id="sandbox-status-by-the-operator",
    title="Only the operator writes what has become of a sandbox, and it writes nothing else.",
    reason="Who says that a sandbox is ready opens it, who takes its finalizer away destroys it "
    "without a proof, and an operator that writes requests would approve them.",
    severity=Severity.CRITICAL,
    controls=("EUDPR-33.1b-integrity", "SATRE-3.1.10", "SATRE-1.5.03", "AIA-59.1g"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(SANDBOX,),
        scope=Scope.CLUSTER,
        variables=_VARIABLES,
        validations=(
            Validation(
                "variables.sandbox_operator || !has(request.subResource) || "
                "request.subResource != 'status'",
                "what has become of a sandbox is written by the operator.",
            ),
            Validation(
                "variables.sandbox_operator || "
                f"('{_OURS}' in variables.finalizers) == "
                f"('{_OURS}' in variables.finalizers_before)",
                "the operator's finalizer is the operator's.",
            ),
            Validation(
                f"variables.finalizers.all(f, f in ['{_OURS}', 'foregroundDeletion', 'orphan'] || "
                "f in variables.finalizers_before)",
                "nothing else keeps a sandbox from going.",
            ),
            Validation(
                "variables.platform || variables.owners == variables.owners_before",
                "a sandbox belongs to nothing that takes it along when it goes.",
            ),
            Validation(
                f"variables.sandbox_operator || ({_SAME.format('labels')} && "
                f"{_SAME.format('annotations')})",
                "labels and annotations of the lab are the operator's.",
            ),
            Validation(
                "variables.platform || !variables.sandbox_operator || "
                "(oldObject != null && object.spec == oldObject.spec)",
                "the operator neither asks for sandboxes nor approves them.",
            ),
        ),
        passes=(manifest("ConfigMap"), sandbox()),
        fails=(
            _KEPT,
            _with(finalizers=["example.org/keep"]),
            _with(ownerReferences=_OWNERS),
            _with(labels={_MARK: "x"}),
            _with(annotations={_MARK: "x"}),
        ),
        allowed=(
            Attempt(_with(_READY), sandbox(), user=OPERATOR, operator=True, subresource="status"),
            Attempt(_KEPT, sandbox(), user=OPERATOR, operator=True),
            Attempt(sandbox(), _KEPT, user=OPERATOR, operator=True),
            Attempt(_with(labels={_MARK: "x"}), sandbox(), user=OPERATOR, operator=True),
            Attempt(_with(labels={"team": "blue"}), sandbox()),
        ),
        refused=(
            Attempt(_with(_READY), sandbox(), subresource="status"),
            Attempt(_with(_READY), sandbox(), user=APPROVER, subresource="status"),
            Attempt(sandbox(), _KEPT),
            Attempt(_KEPT, sandbox()),
            Attempt(
                _with(finalizers=["example.org/keep"]), sandbox(), user=OPERATOR, operator=True
            ),
            Attempt(_with(ownerReferences=_OWNERS), sandbox()),
            Attempt(sandbox(), _with(annotations={_MARK: "x"})),
            Attempt(_APPROVED, sandbox(), user=OPERATOR, operator=True),
            Attempt(sandbox(), user=OPERATOR, operator=True),
        ),
    ),
    live=tried("sandbox-status-by-the-operator"),
    remedy="Leave it to the operator.",
)
