"""What was decided about files is written by the operator, which decides nothing by itself.

A finalizer of somebody's would keep the namespace, and the sandbox's end would wait for it.
"""

from typing import Any

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import APPROVER, OPERATOR, UID, manifest, transfer
from policies.kinds import TRANSFER
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_APPROVED = {"phase": "Approved"}
#: Kubernetes' own: the namespace waits for them no longer than for anything else.
_KNOWN = (
    "!has(object.metadata.finalizers) || "
    "object.metadata.finalizers.all(f, f in ['foregroundDeletion', 'orphan'])"
)


def _with(status: dict[str, Any]) -> dict[str, Any]:
    return {**transfer(), "status": status}


def _kept() -> dict[str, Any]:
    found = transfer()
    found["metadata"] |= {"finalizers": ["example.org/keep"]}
    return found


RULE = Rule(
    id="transfer-status-by-the-operator",
    title="Only the operator writes what was decided about files, and it writes nothing else.",
    reason="Who says that files are approved lets them out, and an operator that writes requests "
    "or approvals would agree with itself.",
    severity=Severity.CRITICAL,
    controls=("EUDPR-33.1b-integrity", "SATRE-3.1.10", "SATRE-1.5.03"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(TRANSFER,),
        scope=Scope.CLUSTER,
        validations=(
            Validation(
                "variables.sandbox_operator || !has(request.subResource) || "
                "request.subResource != 'status'",
                "what was decided is written by the operator.",
            ),
            Validation(
                "variables.platform || !variables.sandbox_operator || "
                "(oldObject != null && object.spec == oldObject.spec)",
                "the operator neither asks for files nor approves them.",
            ),
            Validation(_KNOWN, "nothing keeps it, and its sandbox with it, from going."),
        ),
        passes=(manifest("ConfigMap"), transfer()),
        fails=(_kept(),),
        allowed=(
            Attempt(
                _with(_APPROVED), transfer(), user=OPERATOR, operator=True, subresource="status"
            ),
        ),
        refused=(
            Attempt(_with(_APPROVED), transfer(), subresource="status"),
            Attempt(_with(_APPROVED), transfer(), user=APPROVER, subresource="status"),
            Attempt(
                transfer(approvals=[{"by": APPROVER, "uid": UID}]),
                transfer(),
                user=OPERATOR,
                operator=True,
            ),
            Attempt(transfer(), user=OPERATOR, operator=True),
            Attempt(_kept(), transfer()),
        ),
    ),
    live=tried("transfer-status-by-the-operator"),
    remedy="Leave it to the operator.",
)
