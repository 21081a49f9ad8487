"""No token of a service account is stored."""

from policies.admission import Admission, Scope, Validation
from policies.examples import manifest
from policies.kinds import SECRET
from policies.rule import ByAdmission, Rule, Severity

_ACCOUNT = {"annotations": {"kubernetes.io/service-account.name": "sandbox"}}

RULE = Rule(
    id="no-long-lived-tokens",
    title="No token of a service account is stored as a Secret.",
    reason="Such a token never ends, and is a login for everybody who can read the Secret.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.1.6", "CYB-8.2h"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(SECRET,),
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "!has(object.type) || object.type != 'kubernetes.io/service-account-token'",
                "the Secret is a token of a service account that never ends.",
            ),
        ),
        passes=(manifest("Secret", type="Opaque"), manifest("Secret")),
        fails=(manifest("Secret", type="kubernetes.io/service-account-token", metadata=_ACCOUNT),),
    ),
    live=ByAdmission(),
    remedy="Mount a projected token, or ask for one with `kubectl create token`.",
)
