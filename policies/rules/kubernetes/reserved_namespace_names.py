"""Names that mean something are given by the platform.

Who may name a namespace can name it so that others take it for the system's or for another's: what
CVE-2024-39690 (https://github.com/advisories/GHSA-mq69-4j5w-3qwp) did with existing ones.
"""

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import OPERATOR, requested_namespace, wide_namespace
from policies.kinds import NAMESPACE
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_ITS_OWN = requested_namespace()


RULE = Rule(
    id="reserved-namespace-names",
    title="Only the platform makes or removes namespaces whose names mean something, and the "
    "operator of sandboxes its own.",
    reason="A namespace called like a sandbox or like the system is taken for one, by people, by "
    "network policies and by Vault.",
    severity=Severity.HIGH,
    controls=("SATRE-2.1.14", "CIS-K8S-5.7.1"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(NAMESPACE,),
        scope=Scope.CLUSTER,
        operations=("CREATE", "DELETE"),
        validations=(
            Validation(
                "variables.platform || variables.own_sandbox || "
                "!['ai-lab', 'kube-', 'lab-', 'sandbox-'].exists(p, request.name.startsWith(p))",
                "names that begin with ai-lab, kube-, lab- or sandbox- are the platform's.",
            ),
        ),
        passes=(wide_namespace("team-blue"),),
        fails=(
            wide_namespace("sandbox-other"),
            wide_namespace("kube-more"),
        ),
        allowed=(
            Attempt(wide_namespace("sandbox-other"), platform=True),
            Attempt(_ITS_OWN, user=OPERATOR, operator=True),
            Attempt(None, _ITS_OWN, user=OPERATOR, operator=True),
        ),
        refused=(
            Attempt(None, wide_namespace("sandbox-other")),
            Attempt(_ITS_OWN),
            *(
                Attempt(wide_namespace(name), user=OPERATOR, operator=True)
                for name in ("sandbox-other", "kube-more", "lab-more")
            ),
            Attempt(None, wide_namespace("sandbox-other"), user=OPERATOR, operator=True),
        ),
    ),
    live=tried("reserved-namespace-names"),
    remedy="Take another name, or ask for a sandbox in the lab's configuration.",
)
