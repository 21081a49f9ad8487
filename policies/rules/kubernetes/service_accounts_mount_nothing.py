"""Service accounts of sandboxes do not put their token into every pod."""

from policies.admission import Admission, Correction, Scope, Validation
from policies.examples import manifest
from policies.kinds import SERVICE_ACCOUNT
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="service-accounts-mount-nothing",
    title="Service accounts of sandboxes give their token only to pods that ask for it.",
    reason="A token in every pod is a login for whoever breaks into one of them.",
    severity=Severity.MEDIUM,
    controls=("CIS-K8S-5.1.5", "CIS-K8S-5.1.6"),
    preview=ByAdmission(),
    # Kubernetes itself makes each namespace's first account, before the lab changes it: so told,
    # and not refused.
    admission=Admission(
        kinds=(SERVICE_ACCOUNT,),
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "has(object.automountServiceAccountToken) && !object.automountServiceAccountToken",
                "automountServiceAccountToken should be false.",
            ),
        ),
        passes=(manifest("ServiceAccount", automountServiceAccountToken=False),),
        fails=(
            manifest("ServiceAccount", automountServiceAccountToken=True),
            manifest("ServiceAccount"),
        ),
        corrections=(Correction("automountServiceAccountToken", False, (None, True)),),
    ),
    live=ByAdmission(),
    remedy="Set automountServiceAccountToken of the ServiceAccount to false.",
)
