"""The walls of a sandbox are not its tenant's to move."""

from policies.admission import Admission, Attempt, Scope, Validation
from policies.examples import OPERATOR, REQUESTED, manifest, role
from policies.kinds import (
    CILIUM_POLICY,
    LIMIT_RANGE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    ROLE,
    ROLE_BINDING,
)
from policies.requests import NO_REQUEST, tried
from policies.rule import Rule, Severity

_POLICY = manifest(
    "NetworkPolicy",
    api_version="networking.k8s.io/v1",
    spec={"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
)
_ITS_OWN = {**_POLICY, "metadata": {"name": "example", "namespace": REQUESTED}}
_QUOTA = manifest("ResourceQuota", spec={"hard": {"pods": "1"}})


RULE = Rule(
    id="walls-by-the-platform",
    title="Only the platform, and in sandboxes that were asked for their operator, changes network "
    "policies, quota, limits and roles.",
    reason="Network policies and roles add up: one more, whoever made it, opens what all others "
    "close.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.10", "SATRE-2.2.11", "SATRE-2.3.03", "EUDPR-27.2", "AIA-59.1d"),
    preview=NO_REQUEST,
    admission=Admission(
        kinds=(
            CILIUM_POLICY,
            LIMIT_RANGE,
            NETWORK_POLICY,
            RESOURCE_QUOTA,
            ROLE,
            ROLE_BINDING,
        ),
        scope=Scope.SANDBOXES,
        operations=("CREATE", "UPDATE", "DELETE"),
        validations=(
            Validation(
                "variables.platform || variables.own_sandbox",
                "a sandbox's walls are changed by the platform only.",
            ),
        ),
        passes=(manifest("ConfigMap"),),
        fails=(
            _POLICY,
            _QUOTA,
            role(),
        ),
        allowed=(
            Attempt(_POLICY, platform=True),
            Attempt(_ITS_OWN, user=OPERATOR, operator=True),
            Attempt(None, _ITS_OWN, user=OPERATOR, operator=True),
        ),
        refused=(
            Attempt(_ITS_OWN),
            Attempt(_POLICY, user=OPERATOR, operator=True),
            Attempt(None, _POLICY),
            Attempt({**_QUOTA, "spec": {"hard": {"pods": "100"}}}, _QUOTA),
        ),
    ),
    live=tried("walls-by-the-platform"),
    remedy="Change the sandbox in the lab's configuration, or ask for another one.",
)
