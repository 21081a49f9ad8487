"""No Service leads to what only nodes may reach.

Kubernetes itself refuses some of these addresses; what Azure's machines ask (168.63.129.16) and
AWS' metadata service by IPv6 (fd00:ec2::254) it does not know.
"""

from policies.admission import Admission, Scope, Validation
from policies.examples import manifest
from policies.kinds import ENDPOINT_SLICE, ENDPOINTS
from policies.rule import ByAdmission, Rule, Severity

_CLOSED = "['0.', '127.', '168.63.129.16', '169.254.', '::1', 'fd00:ec2:', 'fe80:']"
_ADDRESSES = (
    "object.kind == 'Endpoints' ? "
    "(!has(dyn(object).subsets) || dyn(object).subsets == null || "
    "dyn(object).subsets.all(s, !has(s.addresses) || s.addresses.all(a, "
    f"!{_CLOSED}.exists(p, a.ip.startsWith(p))))) : "
    "(!has(dyn(object).endpoints) || dyn(object).endpoints == null || "
    "dyn(object).endpoints.all(e, !has(e.addresses) || e.addresses.all(a, "
    f"!{_CLOSED}.exists(p, a.startsWith(p)))))"
)


def _slice(address: str) -> dict[str, object]:
    return manifest(
        "EndpointSlice",
        api_version="discovery.k8s.io/v1",
        addressType="IPv4",
        endpoints=[{"addresses": [address]}],
        ports=[{"name": "http", "port": 80, "protocol": "TCP"}],
    )


def _endpoints(address: str) -> dict[str, object]:
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    return manifest("Endpoints", subsets=[{"addresses": [{"ip": address}], "ports": ports}])


RULE = Rule(
    id="no-metadata-endpoints",
    title="No Service leads to a cloud's metadata service or to a node itself.",
    reason="The metadata service gives a node's own rights in the cloud to whoever reaches it.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.09", "CYB-8.3b"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(
            ENDPOINTS,
            ENDPOINT_SLICE,
        ),
        scope=Scope.TENANTS,
        validations=(Validation(_ADDRESSES, "an address is one that only a node may reach."),),
        passes=(
            _slice("10.0.0.1"),
            _endpoints("10.0.0.1"),
        ),
        fails=(
            _slice("169.254.169.254"),
            _slice("168.63.129.16"),
            _endpoints("168.63.129.16"),
        ),
    ),
    live=ByAdmission(),
    remedy="Use a Service with a selector.",
)
