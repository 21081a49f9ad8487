"""No role of a tenant is a way to more rights."""

from policies.admission import Admission, Scope, Validation
from policies.examples import role
from policies.kinds import ROLE
from policies.rule import ByAdmission, Rule, Severity

_CLOSED = (
    "!has(object.rules) || dyn(object.rules) == null || object.rules.all(r, !has(r.resources) || "
    "r.resources.all(x, !(x in ['serviceaccounts/token', 'pods/attach', "
    "'pods/ephemeralcontainers', 'pods/proxy', 'services/proxy', 'nodes/proxy'])))"
)


RULE = Rule(
    id="no-escalating-roles",
    title="No role in a tenant's namespace is a way to more rights.",
    reason="Who may bind, escalate or impersonate has every right of those whom that makes him; "
    "who may ask for a token becomes a service account.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.1.8", "CIS-K8S-5.1.13", "CIS-K8S-5.1.10"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(ROLE,),
        scope=Scope.TENANTS,
        validations=(
            Validation(
                "!has(object.rules) || dyn(object.rules) == null || object.rules.all(r, "
                "r.verbs.all(v, "
                "!(v in ['bind', 'escalate', 'impersonate'])))",
                "a rule has bind, escalate or impersonate.",
            ),
            Validation(
                _CLOSED,
                "a rule is about tokens of accounts, proxies or containers of running pods.",
            ),
        ),
        passes=(role(),),
        fails=(
            role(verbs=["escalate"], resources=["roles"]),
            role(verbs=["impersonate"], resources=["users"]),
            role(verbs=["create"], resources=["serviceaccounts/token"]),
            role(verbs=["get"], resources=["pods/proxy"]),
        ),
    ),
    live=ByAdmission(),
    remedy="Leave these rights to the platform.",
)
