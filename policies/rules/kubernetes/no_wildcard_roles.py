"""No role is for everything."""

from policies.admission import Admission, Scope, Validation
from policies.examples import role
from policies.kinds import ROLE
from policies.rule import ByAdmission, Rule, Severity

_EACH = "(!has(r.{0}) || r.{0}.all(x, !x.contains('*')))"
_CHECK = (
    "!has(object.rules) || dyn(object.rules) == null || object.rules.all(r, "
    + " && ".join(map(_EACH.format, ("apiGroups", "resources", "verbs")))
    + ")"
)


RULE = Rule(
    id="no-wildcard-roles",
    title="No role in a tenant's namespace is for everything of a kind.",
    reason="A wildcard gives rights that nobody thought of, and those of kinds that do not exist "
    "yet.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.1.3", "SATRE-1.5.03"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(ROLE,),
        scope=Scope.TENANTS,
        validations=(Validation(_CHECK, "a rule has a wildcard."),),
        passes=(
            role(),
            role(verbs=["get", "list"]),
        ),
        fails=(
            role(verbs=["*"]),
            role(resources=["*"]),
            role(apiGroups=["*"]),
            role(resources=["*/scale"]),
        ),
    ),
    live=ByAdmission(),
    remedy="Name groups, resources and verbs.",
)
