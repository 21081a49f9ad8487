"""Services of tenants are reached from inside the cluster only.

In sandboxes the quota forbids two of these types as well.
"""

from policies.admission import Admission, Scope, Validation
from policies.examples import service
from policies.kinds import SERVICE
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="services-stay-inside",
    title="Services of tenants have no port on nodes, no load balancer and no name of somebody "
    "else's.",
    reason="Each of these is a way in past the sandbox's walls; an ExternalName sends clients of "
    "a known name wherever its maker likes.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.09", "SATRE-2.2.10", "CYB-8.2j"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(SERVICE,),
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "!has(object.spec.type) || object.spec.type == 'ClusterIP'",
                "type must be ClusterIP.",
            ),
        ),
        passes=(
            service(),
            service(type="ClusterIP"),
            service(clusterIP="None"),
        ),
        fails=(
            service(type="NodePort"),
            service(type="LoadBalancer"),
            service(type="ExternalName", externalName="example.org", ports=None, selector=None),
        ),
    ),
    live=ByAdmission(),
    remedy="Leave type out; what leaves or enters a sandbox goes through the lab's gates.",
)
