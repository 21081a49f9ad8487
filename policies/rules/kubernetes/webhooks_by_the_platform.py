"""Nobody else is asked before an object is stored.

CVE-2026-22872 of Capsule (https://nvd.nist.gov/vuln/detail/CVE-2026-22872): tenants had its
controller make webhooks for them. ValidatingAdmissionPolicies cannot watch over their own kinds;
RBAC alone keeps those, and `lab verify` compares them.
"""

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import manifest, wide
from policies.kinds import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_WEBHOOK = wide(
    "ValidatingWebhookConfiguration",
    api_version="admissionregistration.k8s.io/v1",
    webhooks=[
        {
            "name": "spy.example.org",
            "clientConfig": {"url": "https://example.org/"},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Ignore",
        }
    ],
)


RULE = Rule(
    id="webhooks-by-the-platform",
    title="Only the platform says who is asked before an object is stored.",
    reason="A webhook sees every object that it asks for, secrets among them, may change it, and "
    "can refuse whatever it likes.",
    severity=Severity.CRITICAL,
    controls=("CIS-K8S-5.1.12", "EUDPR-33.1b-integrity"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(
            MUTATING_WEBHOOKS,
            VALIDATING_WEBHOOKS,
        ),
        scope=Scope.CLUSTER,
        operations=("CREATE", "UPDATE", "DELETE"),
        validations=(Validation("variables.platform", "only the platform makes webhooks."),),
        passes=(manifest("ConfigMap"),),
        fails=(_WEBHOOK,),
        allowed=(Attempt(_WEBHOOK, platform=True),),
        refused=(Attempt(None, _WEBHOOK),),
    ),
    live=tried("webhooks-by-the-platform"),
    remedy="Ask the platform's people.",
)
