"""What one person wants to bring into or out of a sandbox, others approve, each for themselves.

The right is asked of RBAC by `transfers/approval`, a subresource that exists for that alone
(docs/adr/0021-airlock.md).
"""

from typing import Any

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import (
    ACCOUNT,
    APPROVER,
    OPERATOR,
    OTHER,
    SECOND_APPROVER,
    SOMEBODY,
    UID,
    transfer,
)
from policies.kinds import TRANSFER
from policies.platform import MAY_REVIEW
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_OF = "has({0}.spec.approvals) ? {0}.spec.approvals : []"
_PERSON = "!request.userInfo.username.startsWith('system:')"
_OWN_REJECTION = (
    "!has(object.spec.rejection) || has(oldObject.spec.rejection) || "
    "(object.spec.rejection.by == request.userInfo.username && variables.may_review && "
    f"{_PERSON})"
)
#: Of a request that was withdrawn meanwhile.
_ANOTHER = "00000000-0000-4000-8000-000000000001"
_NO = {"by": SECOND_APPROVER, "reason": "Not with this data"}


def _approved(*people: str, uid: str = UID, **spec: Any) -> dict[str, Any]:
    return transfer(approvals=[{"by": by, "uid": uid} for by in people], **spec)


def _rejected(by: str) -> dict[str, Any]:
    return transfer(rejection=_NO | {"by": by})


def _asked(
    object_: dict[str, Any], before: dict[str, Any], user: str, *, platform: bool = False
) -> Attempt:
    """By somebody who has the right to approve if he is one who approves, or the platform."""
    told = {"may_review": user == APPROVER or platform}
    return Attempt(object_, before, user=user, platform=platform, told=told)


RULE = Rule(
    id="transfer-approved-by-others",
    title="Only people with the right to approve let files in or out, for themselves and never "
    "their own.",
    reason="One person, or a program that was taken over, could take data out of a sandbox that "
    "nobody else has agreed to let go.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.04", "SATRE-1.4.05", "CYB-8.2h", "EUDPR-33.3"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(TRANSFER,),
        scope=Scope.CLUSTER,
        operations=("UPDATE",),
        variables={
            "before": _OF.format("oldObject"),
            "added": f"({_OF.format('object')})"
            ".filter(a, !variables.before.exists(b, b.by == a.by))",
            "may_review": MAY_REVIEW,
        },
        validations=(
            Validation(
                "variables.added.all(a, a.by == request.userInfo.username)",
                "an approval is given in one's own name only.",
            ),
            Validation(
                "variables.added.all(a, a.uid == oldObject.metadata.uid)",
                "an approval is of this very request: its uid is the request's.",
            ),
            Validation(
                "variables.added.all(a, a.by != oldObject.spec.requester)",
                "whoever asked does not approve it: somebody else has to.",
            ),
            Validation(
                "variables.added.size() == 0 || variables.may_review",
                "this role does not approve what enters or leaves.",
            ),
            Validation(
                f"variables.added.size() == 0 || {_PERSON}",
                "people approve what enters or leaves; this is a program or a machine.",
            ),
            Validation(
                "variables.added.size() == 0 || !has(object.spec.rejection)",
                "what was rejected cannot be approved: it must be asked for anew.",
            ),
            Validation(
                _OWN_REJECTION,
                "a rejection is by the one who says it, whose role must approve files.",
            ),
        ),
        passes=(transfer(),),
        fails=(),
        allowed=(
            _asked(_approved(APPROVER), transfer(), APPROVER),
            _asked(_approved(SECOND_APPROVER, APPROVER), _approved(SECOND_APPROVER), APPROVER),
            _asked(_rejected(APPROVER), transfer(), APPROVER),
            # What was said before is not said again.
            _asked(_approved(APPROVER), _approved(APPROVER), SOMEBODY),
        ),
        refused=(
            _asked(_approved(SOMEBODY), transfer(), SOMEBODY),
            _asked(_approved(APPROVER, uid=_ANOTHER), transfer(), APPROVER),
            _asked(_approved(APPROVER), transfer(), SOMEBODY),
            _asked(_approved(OTHER), transfer(), OTHER),
            _asked(_approved(OTHER), transfer(), APPROVER),
            _asked(_approved(APPROVER, OTHER), transfer(), APPROVER),
            _asked(_approved(OTHER), transfer(), SOMEBODY, platform=True),
            _asked(_approved(APPROVER, requester=APPROVER), transfer(requester=APPROVER), APPROVER),
            _asked(_approved(ACCOUNT), transfer(), ACCOUNT),
            _asked(_approved(APPROVER, rejection=_NO), transfer(rejection=_NO), APPROVER),
            _asked(_rejected(SOMEBODY), transfer(), SOMEBODY),
            _asked(_rejected(OTHER), transfer(), APPROVER),
            Attempt(_approved(OPERATOR), transfer(), user=OPERATOR, operator=True),
        ),
    ),
    live=tried("transfer-approved-by-others"),
    remedy="Ask somebody of sandbox_service.approvers to approve it.",
)
