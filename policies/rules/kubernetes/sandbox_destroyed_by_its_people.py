"""A sandbox is destroyed by whoever asked for it, by an officer, or when its time is over."""

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import APPROVER, OFFICER, OPERATOR, OTHER, SOMEBODY, manifest, sandbox
from policies.kinds import SANDBOX
from policies.platform import MAY
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

#: What its operator may forget: nothing is left of it, or nothing was ever made.
_ENDED = ["Destroyed", "Rejected", "Failed"]


def _by(user: str, phase: str = "Ready", *, operator: bool = False) -> Attempt:
    told = {"may_destroy": user == OFFICER}
    before = {**sandbox(), "status": {"phase": phase}}
    return Attempt(None, before, user=user, operator=operator, told=told)


RULE = Rule(
    id="sandbox-destroyed-by-its-people",
    title="A sandbox is destroyed by whoever asked for it, a security officer or the platform; its "
    "operator only forgets what has ended.",
    reason="Destruction is for good: somebody else's test, and what it has found, would be lost.",
    severity=Severity.CRITICAL,
    controls=("EUDPR-33.1b-integrity", "EUDPR-33.1b-availability", "SATRE-1.5.03"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(SANDBOX,),
        scope=Scope.CLUSTER,
        operations=("DELETE",),
        variables={"may_destroy": MAY.format(what="suspension", verb="delete")},
        validations=(
            Validation(
                "variables.platform || variables.may_destroy || "
                "request.userInfo.username == oldObject.spec.requester || "
                "(variables.sandbox_operator && has(oldObject.status) && "
                f"has(oldObject.status.phase) && oldObject.status.phase in {_ENDED})",
                "whoever asked for the sandbox destroys it, or a security officer.",
            ),
        ),
        passes=(manifest("ConfigMap"),),
        fails=(),
        allowed=(
            _by(SOMEBODY),
            _by(OFFICER),
            Attempt(None, sandbox(), platform=True),
            _by(OPERATOR, "Destroyed", operator=True),
        ),
        refused=(
            _by(OTHER),
            _by(OTHER, "Destroyed"),
            _by(APPROVER),
            _by(OPERATOR, operator=True),
            Attempt(None, sandbox(), user=OPERATOR, operator=True),
        ),
    ),
    live=tried("sandbox-destroyed-by-its-people"),
    remedy="Ask the requester or a security officer to run `./lab sandbox destroy`.",
)
