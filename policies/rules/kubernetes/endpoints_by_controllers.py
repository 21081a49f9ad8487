"""Where a Service leads is found out, not written down.

Who writes Endpoints goes past network policies by selector, and past CVE-2021-25740's advice
(https://github.com/kubernetes/kubernetes/issues/103675).
"""

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import manifest
from policies.kinds import ENDPOINT_SLICE, ENDPOINTS
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity


def _slice(address: str = "10.0.0.1") -> dict[str, object]:
    return manifest(
        "EndpointSlice",
        api_version="discovery.k8s.io/v1",
        addressType="IPv4",
        endpoints=[{"addresses": [address]}],
        ports=[{"name": "http", "port": 80, "protocol": "TCP"}],
    )


RULE = Rule(
    id="endpoints-by-controllers",
    title="Only the cluster's controllers write where a Service of a sandbox leads.",
    reason="Endpoints made by hand send a Service's clients to another sandbox's pods or to a "
    "node.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.10", "EUDPR-33.1b-integrity"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(
            ENDPOINTS,
            ENDPOINT_SLICE,
        ),
        scope=Scope.SANDBOXES,
        validations=(
            Validation("variables.platform", "only the cluster's own controllers write this."),
        ),
        passes=(manifest("ConfigMap"),),
        fails=(_slice(),),
        allowed=(Attempt(_slice(), platform=True),),
        refused=(Attempt(_slice(), _slice("10.0.0.2")),),
    ),
    live=tried("endpoints-by-controllers"),
    remedy="Use a Service with a selector.",
)
