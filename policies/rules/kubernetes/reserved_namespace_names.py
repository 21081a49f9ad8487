"""Names that mean something are given by the platform.

Who may name a namespace can name it so that others take it for the system's or for another's: what
CVE-2024-39690 (https://github.com/advisories/GHSA-mq69-4j5w-3qwp) did with existing ones.
"""

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import wide
from policies.kinds import NAMESPACE
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

RULE = Rule(
    id="reserved-namespace-names",
    title="Only the platform makes or removes namespaces whose names mean something.",
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
                "variables.platform || !['ai-lab', 'kube-', 'lab-', 'sandbox-'].exists(p, "
                "request.name.startsWith(p))",
                "names that begin with ai-lab, kube-, lab- or sandbox- are the platform's.",
            ),
        ),
        passes=(wide("Namespace", metadata={"name": "team-blue"}),),
        fails=(
            wide("Namespace", metadata={"name": "sandbox-other"}),
            wide("Namespace", metadata={"name": "kube-more"}),
        ),
        allowed=(Attempt(wide("Namespace", metadata={"name": "sandbox-other"}), platform=True),),
        refused=(Attempt(None, wide("Namespace", metadata={"name": "sandbox-other"})),),
    ),
    live=tried("reserved-namespace-names"),
    remedy="Take another name, or ask for a sandbox in the lab's configuration.",
)
