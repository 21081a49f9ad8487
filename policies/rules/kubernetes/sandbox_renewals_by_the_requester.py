"""More time is asked for by whoever asked for the sandbox."""

from typing import Any

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import APPROVER, OTHER, SOMEBODY, sandbox
from policies.kinds import SANDBOX
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_OF = "has({0}.spec.renewals) ? {0}.spec.renewals : []"
_REJECTED = {"by": APPROVER, "reason": "Not with this data"}


def _renewed(*people: str, **spec: Any) -> dict[str, Any]:
    renewal = {"name": "first", "extend": "1h", "reason": "It takes longer"}
    return sandbox(renewals=[{**renewal, "approvals": [{"by": by} for by in people]}], **spec)


RULE = Rule(
    id="sandbox-renewals-by-the-requester",
    title="Only whoever asked for a sandbox asks for more time, and others approve it.",
    reason="A sandbox that somebody else keeps alive holds data for longer than the one who "
    "answers for it wanted.",
    severity=Severity.HIGH,
    controls=("SATRE-1.4.02", "SATRE-1.5.04", "EUDPR-4.1e"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(SANDBOX,),
        scope=Scope.CLUSTER,
        operations=("UPDATE",),
        variables={
            "before": _OF.format("oldObject"),
            "added": f"({_OF.format('object')})"
            ".filter(r, !variables.before.exists(o, o.name == r.name))",
        },
        validations=(
            Validation(
                "variables.added.size() == 0 || "
                "request.userInfo.username == oldObject.spec.requester",
                "whoever asked for the sandbox asks for more time.",
            ),
            Validation(
                "variables.added.all(r, !has(r.approvals) || r.approvals.size() == 0)",
                "a renewal is asked for without approvals in it.",
            ),
            Validation(
                "variables.added.size() == 0 || !has(object.spec.rejection)",
                "what was rejected cannot be renewed: it must be asked for anew.",
            ),
        ),
        passes=(sandbox(),),
        fails=(),
        allowed=(
            Attempt(_renewed(), sandbox()),
            Attempt(_renewed(APPROVER), _renewed(), user=APPROVER, told={"may_approve": True}),
        ),
        refused=(
            Attempt(_renewed(), sandbox(), user=OTHER),
            Attempt(_renewed(), sandbox(), user=APPROVER, told={"may_approve": True}),
            Attempt(_renewed(), sandbox(), user=OTHER, platform=True),
            Attempt(_renewed(SOMEBODY), sandbox()),
            Attempt(_renewed(rejection=_REJECTED), sandbox(rejection=_REJECTED)),
        ),
    ),
    live=tried("sandbox-renewals-by-the-requester"),
    remedy="Ask the requester to run `./lab sandbox renew`.",
)
