"""Tokens of service accounts are made for somebody, and not for long."""

from infra import naming
from policies.admission import Admission, Scope, Validation
from policies.examples import manifest
from policies.kinds import TOKEN_REQUEST
from policies.requests import tried
from policies.rule import NotHere, Rule, Severity


def _request(**spec: object) -> dict[str, object]:
    account = {"name": naming.SANDBOX_SERVICE_ACCOUNT}
    return manifest(
        "TokenRequest", api_version="authentication.k8s.io/v1", metadata=account, spec=spec
    )


RULE = Rule(
    id="no-unlimited-token-requests",
    title="Nobody gets a token of a sandbox's service account for more than an hour.",
    reason="Who may ask for tokens could keep one for a year, and lose it in that time.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.1.13", "CYB-8.2h"),
    preview=NotHere("A token is asked for while the lab runs; no program declares one."),
    admission=Admission(
        kinds=(TOKEN_REQUEST,),
        scope=Scope.SANDBOXES,
        operations=("CREATE",),
        validations=(
            Validation(
                "!has(object.spec.expirationSeconds) || object.spec.expirationSeconds <= 3607",
                "the token would live for more than an hour.",
            ),
        ),
        passes=(
            _request(audiences=["vault"], expirationSeconds=600),
            # What the kubelet asks for.
            _request(audiences=["vault"], expirationSeconds=3607),
        ),
        fails=(_request(audiences=["vault"], expirationSeconds=86400),),
    ),
    live=tried("no-unlimited-token-requests"),
    remedy="Ask for a new token when one ends.",
)
