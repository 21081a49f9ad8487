"""Services take no address that is not their own.

CVE-2020-8554 (https://github.com/kubernetes/kubernetes/issues/97076): who names such addresses gets
what other pods send there.
"""

from policies.admission import Admission, Scope, Validation
from policies.examples import service
from policies.kinds import SERVICE
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="no-external-ips",
    title="Services of tenants name no addresses outside the cluster.",
    reason="Traffic of every pod to such an address ends at the Service: its maker reads what is "
    "meant for Vault or for a server outside (CVE-2020-8554).",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "EUDPR-33.1b", "CYB-8.2j"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(SERVICE,),
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "!has(object.spec.externalIPs) || size(object.spec.externalIPs) == 0",
                "externalIPs must be empty.",
            ),
            Validation(
                "!has(object.spec.loadBalancerIP) || object.spec.loadBalancerIP == ''",
                "loadBalancerIP must be empty.",
            ),
        ),
        passes=(service(),),
        fails=(
            service(externalIPs=["192.0.2.10"]),
            service(loadBalancerIP="192.0.2.10"),
        ),
    ),
    live=ByAdmission(),
    remedy="Leave externalIPs and loadBalancerIP out.",
)
