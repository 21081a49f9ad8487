"""Only people whose role says so run commands in a running pod.

Asked for by GET, a shell was long opened to roles that may only read
(https://github.com/kubernetes/kubernetes/issues/78741).
"""

from infra import naming
from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import ACCOUNT, NAMESPACE, REQUESTED, manifest
from policies.kinds import ATTACH, EXEC, PORT_FORWARD
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_MAY = (
    "authorizer.group('').resource('pods').subresource(request.subResource)"
    ".namespace(request.namespace).check('create').allowed()"
)
#: Programs of the person of a sandbox that was asked for use this account (`lab sandbox exec`); no
#: pod may be it.
_PRINCIPAL = (
    f"request.namespace.startsWith('{naming.sandbox_namespace(naming.REQUESTED_PREFIX)}') && "
    "request.userInfo.username == "
    f"'system:serviceaccount:' + request.namespace + ':{naming.PRINCIPAL_SERVICE_ACCOUNT}'"
)
_OPTIONS = manifest("PodExecOptions", command=["id"], stdout=True)


def _asked(
    *,
    may: bool,
    user: str = "somebody@example.org",
    subresource: str = "exec",
    platform: bool = False,
    namespace: str = NAMESPACE,
) -> Attempt:
    object_ = {
        **_OPTIONS,
        "metadata": {"name": "example", "namespace": namespace},
        "kind": {"exec": "PodExecOptions", "attach": "PodAttachOptions"}[subresource],
    }
    return Attempt(
        object_,
        user=user,
        subresource=subresource,
        connects=True,
        platform=platform,
        told={"may_create": may},
    )


def _principal(namespace: str) -> str:
    return f"system:serviceaccount:{namespace}:{naming.PRINCIPAL_SERVICE_ACCOUNT}"


RULE = Rule(
    id="commands-by-role",
    title="Commands in a sandbox's pods are run by people whose role may create them.",
    reason="A shell in a pod is everything that the pod has: its data, its token, its place in "
    "the network.",
    severity=Severity.HIGH,
    controls=("SATRE-3.2.03", "CYB-8.2h", "SATRE-1.5.03"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(
            ATTACH,
            EXEC,
            PORT_FORWARD,
        ),
        scope=Scope.SANDBOXES,
        operations=("CONNECT",),
        variables={"may_create": _MAY},
        validations=(
            Validation(
                "variables.platform || variables.may_create",
                "the role may only read; to run commands it must be able to create them.",
            ),
            Validation(
                "variables.platform || "
                "!request.userInfo.username.startsWith('system:serviceaccount:') || "
                f"({_PRINCIPAL})",
                "a workload runs commands in another.",
            ),
            Validation(
                "variables.platform || request.subResource != 'attach'",
                "only the platform attaches to what runs.",
            ),
        ),
        passes=(manifest("ConfigMap"),),
        fails=(_OPTIONS,),
        allowed=(
            _asked(may=True),
            _asked(may=False, platform=True),
            _asked(may=True, user=_principal(REQUESTED), namespace=REQUESTED),
        ),
        refused=(
            _asked(may=False),
            _asked(may=True, user=ACCOUNT),
            _asked(may=True, user=_principal(NAMESPACE)),
            _asked(may=True, user=_principal(NAMESPACE), namespace=REQUESTED),
            _asked(may=True, subresource="attach"),
        ),
    ),
    live=tried("commands-by-role"),
    remedy="Give the person the sandbox's role (infra/sandbox/access.py).",
)
