"""Who asks for a sandbox is who is logged in, and asks for nothing but the sandbox."""

from policies.admission import Admission, Attempt, Fill, Scope, Validation
from policies.examples import ACCOUNT, APPROVER, OTHER, SOMEBODY, manifest, sandbox
from policies.kinds import SANDBOX
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_LISTS = "(!has(object.spec.{0}) || object.spec.{0}.size() == 0)"
_NOTHING_SAID = (
    f"{_LISTS.format('approvals')} && {_LISTS.format('renewals')}"
    " && !has(object.spec.rejection) && !has(object.spec.suspension)"
)
_RENEWAL = {"name": "first", "extend": "1h", "reason": "It takes longer", "approvals": []}
_SAID = {"by": APPROVER, "reason": "Because it is so"}


RULE = Rule(
    id="sandbox-requester-is-the-user",
    title="A sandbox is asked for by a person, in their own name, with nobody's approval in it.",
    reason="Approvals by others mean nothing if whoever asks can say that somebody else did, or "
    "that others have approved already.",
    severity=Severity.CRITICAL,
    controls=("SATRE-3.2.01", "SATRE-1.4.05", "CYB-8.2h"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(SANDBOX,),
        scope=Scope.CLUSTER,
        operations=("CREATE",),
        validations=(
            Validation(
                "!request.userInfo.username.startsWith('system:')",
                "people ask for sandboxes; this is a program or a machine.",
            ),
            Validation(
                "object.spec.requester == request.userInfo.username",
                "the requester must be who asks; leave spec.requester out, or write your own name.",
            ),
            Validation(
                _NOTHING_SAID,
                "a request has no approvals, renewals, rejection or suspension in it.",
            ),
        ),
        passes=(manifest("ConfigMap"), sandbox()),
        fails=(
            sandbox(requester=OTHER),
            sandbox(approvals=[{"by": APPROVER}]),
            sandbox(approvals=[{"by": SOMEBODY}]),
            sandbox(renewals=[_RENEWAL]),
            sandbox(rejection=_SAID),
            sandbox(suspension=_SAID),
        ),
        refused=(
            Attempt(sandbox(requester=OTHER), platform=True),
            Attempt(sandbox(requester=ACCOUNT), user=ACCOUNT),
        ),
        fills=(Fill(("spec", "requester"), "request.userInfo.username"),),
    ),
    live=tried("sandbox-requester-is-the-user"),
    remedy="`./lab sandbox request` writes the right one.",
)
