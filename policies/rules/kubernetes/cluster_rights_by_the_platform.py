"""Rights in the whole cluster are given by the platform."""

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import manifest, wide
from policies.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_ROLE = wide("ClusterRole", api_version="rbac.authorization.k8s.io/v1", rules=[])


RULE = Rule(
    id="cluster-rights-by-the-platform",
    title="Only the platform gives rights in the whole cluster.",
    reason="A right in the whole cluster is one in every sandbox.",
    severity=Severity.CRITICAL,
    controls=("CIS-K8S-5.1.1", "SATRE-1.5.03", "CYB-8.2h"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(
            CLUSTER_ROLE,
            CLUSTER_ROLE_BINDING,
        ),
        scope=Scope.CLUSTER,
        operations=("CREATE", "UPDATE", "DELETE"),
        validations=(
            Validation(
                "variables.platform", "only the platform gives rights in the whole cluster."
            ),
        ),
        passes=(manifest("ConfigMap"),),
        fails=(_ROLE,),
        allowed=(Attempt(_ROLE, platform=True),),
        refused=(Attempt(None, _ROLE),),
    ),
    live=tried("cluster-rights-by-the-platform"),
    remedy="Use a Role in the sandbox.",
)
