"""Who asks to bring files into or out of a sandbox is who is logged in."""

from policies.admission import Admission, Attempt, Fill, Scope, Validation
from policies.examples import ACCOUNT, APPROVER, OTHER, SOMEBODY, UID, manifest, transfer
from policies.kinds import TRANSFER
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_NO = {"by": APPROVER, "reason": "Not with this data"}


RULE = Rule(
    id="transfer-requester-is-the-user",
    title="Files are asked for by a person, in their own name, with nobody's approval in it.",
    reason="A program in a sandbox that was taken over could ask for its data to leave, and "
    "approvals by others mean nothing if whoever asks can say that there are some already.",
    severity=Severity.CRITICAL,
    controls=("SATRE-3.2.01", "SATRE-1.4.05", "CYB-8.2h"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(TRANSFER,),
        scope=Scope.CLUSTER,
        operations=("CREATE",),
        validations=(
            Validation(
                "!request.userInfo.username.startsWith('system:')",
                "people ask for files to enter or leave; this is a program or a machine.",
            ),
            Validation(
                "object.spec.requester == request.userInfo.username",
                "the requester must be who asks; leave spec.requester out, or write your own name.",
            ),
            Validation(
                "(!has(object.spec.approvals) || object.spec.approvals.size() == 0)"
                " && !has(object.spec.rejection)",
                "a request has no approvals and no rejection in it.",
            ),
        ),
        passes=(manifest("ConfigMap"), transfer()),
        fails=(
            transfer(requester=OTHER),
            transfer(approvals=[{"by": APPROVER, "uid": UID}]),
            transfer(approvals=[{"by": SOMEBODY, "uid": UID}]),
            transfer(rejection=_NO),
        ),
        refused=(
            Attempt(transfer(requester=OTHER), platform=True),
            Attempt(transfer(requester=ACCOUNT), user=ACCOUNT),
        ),
        fills=(Fill(("spec", "requester"), "request.userInfo.username"),),
    ),
    live=tried("transfer-requester-is-the-user"),
    remedy="Ask with your own login, and leave spec.requester out.",
)
