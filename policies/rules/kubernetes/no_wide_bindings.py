"""Rights in a sandbox are for those who belong to it."""

from policies.admission import Admission, Scope, Validation
from policies.examples import NAMESPACE, manifest
from policies.kinds import ROLE_BINDING
from policies.rule import ByAdmission, Rule, Severity

_GROUP = "rbac.authorization.k8s.io"


def _binding(
    *, kind: str = "User", name: str = "somebody@example.org", namespace: str = "", ref: str = ""
) -> dict[str, object]:
    subject = {"kind": kind, "name": name}
    subject |= {"namespace": namespace} if namespace else {"apiGroup": _GROUP}
    return manifest(
        "RoleBinding",
        api_version=f"{_GROUP}/v1",
        roleRef={
            "apiGroup": _GROUP,
            "kind": "ClusterRole" if ref else "Role",
            "name": ref or "principal",
        },
        subjects=[subject],
    )


RULE = Rule(
    id="no-wide-bindings",
    title="Roles in a sandbox are bound to named people and to its own service accounts.",
    reason="A binding to everybody, or to Kubernetes' own wide roles, opens the sandbox to people "
    "that nobody named.",
    severity=Severity.CRITICAL,
    controls=("CIS-K8S-5.1.1", "SATRE-1.5.03", "SATRE-3.2.03", "EUDPR-27.2"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(ROLE_BINDING,),
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "object.roleRef.kind != 'ClusterRole' || !(object.roleRef.name in ['admin', "
                "'cluster-admin', 'edit'] || object.roleRef.name.startsWith('system:'))",
                "the role is one of Kubernetes' own.",
            ),
            Validation(
                "!has(object.subjects) || dyn(object.subjects) == null || object.subjects.all(s, "
                "s.kind == 'ServiceAccount' || !s.name.startsWith('system:'))",
                "a subject is one of Kubernetes' own users or groups, such as everybody.",
            ),
            Validation(
                "!has(object.subjects) || dyn(object.subjects) == null || object.subjects.all(s, "
                "s.kind != 'ServiceAccount' || (has(s.namespace) && s.namespace == "
                "object.metadata.namespace))",
                "a service account of another namespace gets rights here.",
            ),
        ),
        passes=(
            _binding(),
            _binding(kind="ServiceAccount", name="sandbox", namespace=NAMESPACE),
        ),
        fails=(
            _binding(ref="cluster-admin"),
            _binding(kind="Group", name="system:authenticated"),
            _binding(kind="Group", name="system:serviceaccounts"),
            _binding(kind="ServiceAccount", name="default", namespace="default"),
        ),
    ),
    live=ByAdmission(),
    remedy="Bind a Role of the sandbox to one person.",
)
