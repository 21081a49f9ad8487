"""Kinds of objects, and who serves them, are the platform's."""

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import manifest, wide
from policies.kinds import API_SERVICE, RESOURCE_DEFINITION
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_DEFINITION = wide(
    "CustomResourceDefinition",
    api_version="apiextensions.k8s.io/v1",
    metadata={"name": "examples.example.org"},
    spec={
        "group": "example.org",
        "names": {"plural": "examples", "kind": "Example"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
)
_SERVICE = wide(
    "APIService",
    api_version="apiregistration.k8s.io/v1",
    metadata={"name": "v1.example.org"},
    spec={
        "group": "example.org",
        "version": "v1",
        "groupPriorityMinimum": 1,
        "versionPriority": 1,
        "insecureSkipTLSVerify": True,
        "service": {"name": "example", "namespace": "sandbox-example"},
    },
)


RULE = Rule(
    id="api-extensions-by-the-platform",
    title="Only the platform adds kinds of objects, or says who serves them.",
    reason="Who serves an API gets the requests of all who use it, with their tokens; who changes "
    "a kind changes what every object of it means.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.03", "EUDPR-33.1b-integrity"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(
            API_SERVICE,
            RESOURCE_DEFINITION,
        ),
        scope=Scope.CLUSTER,
        operations=("CREATE", "UPDATE", "DELETE"),
        validations=(Validation("variables.platform", "only the platform extends the API."),),
        passes=(manifest("ConfigMap"),),
        fails=(
            _DEFINITION,
            _SERVICE,
        ),
        allowed=(Attempt(_DEFINITION, platform=True),),
        refused=(Attempt(None, _DEFINITION),),
    ),
    live=tried("api-extensions-by-the-platform"),
    remedy="Ask the platform's people.",
)
