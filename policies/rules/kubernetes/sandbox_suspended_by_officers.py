"""A sandbox is suspended, and let go on, by security officers."""

from typing import Any

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import APPROVER, OFFICER, OTHER, SOMEBODY, sandbox
from policies.kinds import SANDBOX
from policies.platform import MAY
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity


def _suspended(
    by: str = OFFICER, reason: str = "It reaches for what it must not"
) -> dict[str, Any]:
    return sandbox(suspension={"by": by, "reason": reason})


def _asked(object_: dict[str, Any], before: dict[str, Any], user: str) -> Attempt:
    return Attempt(object_, before, user=user, told={"may_suspend": user == OFFICER})


RULE = Rule(
    id="sandbox-suspended-by-officers",
    title="Only security officers suspend a sandbox or let it go on, in their own name.",
    reason="Who works in a sandbox that was stopped for what it did would let it go on.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.03", "CYB-8.2h", "CYB-8.2n"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(SANDBOX,),
        scope=Scope.CLUSTER,
        operations=("UPDATE",),
        variables={
            "changes": "has(object.spec.suspension) != has(oldObject.spec.suspension) || "
            "(has(object.spec.suspension) && object.spec.suspension != oldObject.spec.suspension)",
            "may_suspend": MAY.format(what="suspension", verb="update"),
        },
        validations=(
            Validation(
                "!variables.changes || variables.may_suspend",
                "security officers suspend sandboxes and let them go on.",
            ),
            Validation(
                "!variables.changes || !has(object.spec.suspension) || "
                "object.spec.suspension.by == request.userInfo.username",
                "a suspension is by the one who says it.",
            ),
        ),
        passes=(sandbox(),),
        fails=(),
        allowed=(
            _asked(_suspended(), sandbox(), OFFICER),
            _asked(sandbox(), _suspended(), OFFICER),
            _asked(_suspended(), _suspended(), SOMEBODY),
        ),
        refused=(
            _asked(_suspended(SOMEBODY), sandbox(), SOMEBODY),
            _asked(_suspended(APPROVER), sandbox(), APPROVER),
            _asked(_suspended(OTHER), sandbox(), OFFICER),
            _asked(sandbox(), _suspended(), SOMEBODY),
            _asked(_suspended(reason="Nothing at all"), _suspended(), SOMEBODY),
        ),
    ),
    live=tried("sandbox-suspended-by-officers"),
    remedy="Ask a security officer to run `./lab sandbox suspend` or `resume`.",
)
