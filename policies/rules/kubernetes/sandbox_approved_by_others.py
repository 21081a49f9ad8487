"""Four eyes: what one person asked for, others approve, each for themselves.

The rights are asked of RBAC by `sandboxes/approval`, a subresource that exists for that alone
(docs/adr/0018-sandbox-operator.md).
"""

from typing import Any

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import ACCOUNT, APPROVER, OPERATOR, OTHER, SECOND_APPROVER, SOMEBODY, sandbox
from policies.kinds import SANDBOX
from policies.platform import MAY
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_OF = "has({0}.spec.{1}) ? {0}.spec.{1} : []"
_KNOWN = (
    "variables.renewed.exists(o, o.name == r.name && has(o.approvals) && "
    "o.approvals.exists(b, b.by == a.by))"
)
#: True of each approval that was not there before, of the request or of a renewal.
_EACH_NEW = (
    "variables.added.all(a, {0}) && variables.renewals.all(r, !has(r.approvals) || "
    f"r.approvals.all(a, {_KNOWN} || ({{0}})))"
)
_PERSON = "!request.userInfo.username.startsWith('system:')"
_OWN_REJECTION = (
    "!has(object.spec.rejection) || has(oldObject.spec.rejection) || "
    "(object.spec.rejection.by == request.userInfo.username && variables.may_approve && "
    f"{_PERSON})"
)


_NO = {"by": SECOND_APPROVER, "reason": "Not with this data"}


def _approved(*people: str, **spec: Any) -> dict[str, Any]:
    return sandbox(approvals=[{"by": by} for by in people], **spec)


def _renewed(*people: str, **spec: Any) -> dict[str, Any]:
    renewal = {"name": "first", "extend": "1h", "reason": "It takes longer"}
    return sandbox(renewals=[{**renewal, "approvals": [{"by": by} for by in people]}], **spec)


def _rejected(by: str, **spec: Any) -> dict[str, Any]:
    return sandbox(rejection=_NO | {"by": by}, **spec)


def _asked(
    object_: dict[str, Any], before: dict[str, Any], user: str, *, platform: bool = False
) -> Attempt:
    """By somebody who has the right to approve if he is one who approves, or the platform."""
    told = {"may_approve": user == APPROVER or platform}
    return Attempt(object_, before, user=user, platform=platform, told=told)


RULE = Rule(
    id="sandbox-approved-by-others",
    title="Only people with the right to approve do, for themselves and never what they asked for.",
    reason="One person, or a program that was taken over, could open a sandbox for data that "
    "nobody else has agreed to.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.04", "SATRE-1.4.05", "CYB-8.2h", "EUDPR-33.3"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(SANDBOX,),
        scope=Scope.CLUSTER,
        operations=("UPDATE",),
        variables={
            "before": _OF.format("oldObject", "approvals"),
            "added": f"({_OF.format('object', 'approvals')})"
            ".filter(a, !variables.before.exists(b, b.by == a.by))",
            "renewed": _OF.format("oldObject", "renewals"),
            "renewals": _OF.format("object", "renewals"),
            "may_approve": MAY.format(what="approval", verb="update"),
        },
        validations=(
            Validation(
                _EACH_NEW.format("a.by == request.userInfo.username"),
                "an approval is given in one's own name only.",
            ),
            Validation(
                _EACH_NEW.format("a.by != oldObject.spec.requester"),
                "whoever asked does not approve it: somebody else has to.",
            ),
            Validation(
                _EACH_NEW.format("variables.may_approve"),
                "this role does not approve sandboxes.",
            ),
            Validation(
                _EACH_NEW.format(_PERSON),
                "people approve sandboxes; this is a program or a machine.",
            ),
            Validation(
                _EACH_NEW.format("!has(object.spec.rejection)"),
                "what was rejected cannot be approved: it must be asked for anew.",
            ),
            Validation(
                _OWN_REJECTION,
                "a rejection is by the one who says it, whose role must approve sandboxes.",
            ),
        ),
        passes=(sandbox(),),
        fails=(),
        allowed=(
            _asked(_approved(APPROVER), sandbox(), APPROVER),
            _asked(_approved(SECOND_APPROVER, APPROVER), _approved(SECOND_APPROVER), APPROVER),
            _asked(_renewed(APPROVER), _renewed(), APPROVER),
            _asked(_rejected(APPROVER), sandbox(), APPROVER),
            # What was said before is not said again.
            _asked(_renewed(APPROVER), _renewed(APPROVER), SOMEBODY),
        ),
        refused=(
            _asked(_approved(SOMEBODY), sandbox(), SOMEBODY),
            _asked(_approved(APPROVER), sandbox(), SOMEBODY),
            _asked(_approved(OTHER), sandbox(), OTHER),
            _asked(_approved(OTHER), sandbox(), APPROVER),
            _asked(_approved(APPROVER, OTHER), sandbox(), APPROVER),
            _asked(_approved(OTHER), sandbox(), SOMEBODY, platform=True),
            _asked(_approved(APPROVER, requester=APPROVER), sandbox(requester=APPROVER), APPROVER),
            _asked(_approved(ACCOUNT), sandbox(), ACCOUNT),
            _asked(_approved(APPROVER, rejection=_NO), sandbox(rejection=_NO), APPROVER),
            _asked(_renewed(SOMEBODY), _renewed(), SOMEBODY),
            _asked(_renewed(OTHER), _renewed(), APPROVER),
            _asked(_rejected(SOMEBODY), sandbox(), SOMEBODY),
            _asked(_rejected(OTHER), sandbox(), APPROVER),
            Attempt(_approved(OPERATOR), sandbox(), user=OPERATOR, operator=True),
        ),
    ),
    live=tried("sandbox-approved-by-others"),
    remedy="Ask somebody of sandbox_service.approvers to run `./lab sandbox approve`.",
)
