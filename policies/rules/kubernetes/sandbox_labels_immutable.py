"""What a namespace says about itself is said by the platform.

Capsule, which keeps tenants apart by labels of namespaces, let tenants write them: CVE-2025-55205
(https://github.com/advisories/GHSA-fcpm-6mxq-m5vv, labels of system namespaces) and CVE-2022-46167
(https://github.com/advisories/GHSA-x45c-cvp8-q4fm, labels that hold Pod Security). The ways by
`status` and `finalize` were forgotten at first (https://github.com/advisories/GHSA-2ww6-hf35-mfjm).
"""

from infra import naming
from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import OPERATOR, requested_namespace, wide, wide_namespace
from policies.kinds import NAMESPACE
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_ENFORCE = "pod-security.kubernetes.io/enforce"
_SANDBOX = {naming.LABEL_SANDBOX: "demo"}
_NOW = "has(object.metadata.{0}) ? object.metadata.{0} : {{}}"
_THEN = "oldObject != null && has(oldObject.metadata.{0}) ? oldObject.metadata.{0} : {{}}"
_RESERVED = (
    f"(k.startsWith('{naming.LABEL_PREFIX}/') || k.startsWith('pod-security.kubernetes.io/'))"
)
_SAME = (
    "variables.platform || variables.own_sandbox || "
    f"(variables.{{0}}.all(k, !{_RESERVED} || "
    "(k in variables.{0}_before && variables.{0}_before[k] == variables.{0}[k])) && "
    f"variables.{{0}}_before.all(k, !{_RESERVED} || k in variables.{{0}}))"
)


def _namespace(**labels: str) -> dict[str, object]:
    return wide("Namespace", metadata={"labels": labels})


_ITS_OWN = requested_namespace()


def _listed(images: str) -> dict[str, object]:
    return requested_namespace(annotations={naming.ANNOTATION_IMAGES: images})


RULE = Rule(
    id="sandbox-labels-immutable",
    title="Only the platform says by label what a namespace is and how strict it is, and the "
    "operator of sandboxes of its own.",
    reason="The labels decide which rules, quotas and networks hold; who writes them takes a "
    "namespace over, or lets privileged pods into his own.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.1.14", "SATRE-2.2.10", "EUDPR-33.1b-integrity", "CIS-K8S-5.2.1"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(NAMESPACE,),
        scope=Scope.CLUSTER,
        variables={
            "labels": _NOW.format("labels"),
            "labels_before": _THEN.format("labels"),
            "annotations": _NOW.format("annotations"),
            "annotations_before": _THEN.format("annotations"),
        },
        validations=(
            Validation(
                _SAME.format("labels"),
                "a label of the lab or of Pod Security is not the tenant's to set, change or "
                "remove.",
            ),
            Validation(
                _SAME.format("annotations"),
                "an annotation of the lab is not the tenant's to set, change or remove.",
            ),
        ),
        passes=(_namespace(team="blue"),),
        fails=(
            _namespace(**{naming.LABEL_SANDBOX: "demo"}),
            _namespace(**{_ENFORCE: "privileged"}),
        ),
        allowed=(
            Attempt(_namespace(**{_ENFORCE: "baseline"}), platform=True),
            Attempt(_namespace(team="blue", **_SANDBOX), _namespace(**_SANDBOX)),
            Attempt(wide("Namespace", metadata={"annotations": {"team": "blue"}}), _namespace()),
            Attempt(_ITS_OWN, user=OPERATOR, operator=True),
            Attempt(_listed("lab.local/one:1"), _ITS_OWN, user=OPERATOR, operator=True),
        ),
        refused=(
            Attempt(_namespace(**_SANDBOX, **{_ENFORCE: "privileged"}), _namespace(**_SANDBOX)),
            Attempt(_namespace(), _namespace(**_SANDBOX)),
            Attempt(_namespace(**{naming.LABEL_SANDBOX: "other"}), _namespace(**_SANDBOX)),
            Attempt(_namespace(**_SANDBOX), _namespace(), subresource="status"),
            Attempt(_listed("lab.local/more:1"), _listed("lab.local/one:1")),
            Attempt(_ITS_OWN, _listed("lab.local/one:1")),
            Attempt(_listed("lab.local/one:1"), _ITS_OWN),
            Attempt(_namespace(**_SANDBOX), user=OPERATOR, operator=True),
            Attempt(wide_namespace("kube-more", labels=_SANDBOX), user=OPERATOR, operator=True),
        ),
    ),
    live=tried("sandbox-labels-immutable"),
    remedy="Ask the platform's people.",
)
