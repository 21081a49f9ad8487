"""What the auditor in a cluster looks at, and what it must be allowed to for that. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policies.admission import Admission
from policies.kinds import CONFIG_MAP, NAMESPACE, SECRET, Kind
from policies.rule import ByAdmission, Place, Rule

GROUP: Final = "admissionregistration.k8s.io"
#: What enforces rules, by kind.
ENFORCING: Final = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
}
#: What it may not read: content of others, of which rules ask little.
UNSEEN: Final = frozenset({CONFIG_MAP, SECRET})


def kinds(rules: Iterable[Rule]) -> set[Kind]:
    """Kinds of the objects that rules look at in a running cluster."""
    return {
        kind
        for rule in rules
        if isinstance(rule.live, ByAdmission) and isinstance(rule.admission, Admission)
        for kind in rule.admission.kinds
    }


def rights(rules: Iterable[Rule]) -> dict[str, list[str]]:
    """What the auditor in the cluster lists: resources by their API group."""
    found: dict[str, set[str]] = {GROUP: set(ENFORCING.values())}
    for kind in {*kinds(rules), NAMESPACE} - UNSEEN:
        found.setdefault(kind.group, set()).add(kind.resource)
    return {group: sorted(found[group]) for group in sorted(found)}


def places(rule: Rule) -> tuple[Place, ...]:
    """Where the auditor in the cluster can tell how a rule stands: not before deployment, not on
    machines, and not in what it may not read.
    """
    found = []
    if isinstance(rule.admission, Admission):
        found.append(Place.ADMISSION)
        if isinstance(rule.live, ByAdmission) and set(rule.admission.kinds) - UNSEEN:
            found.append(Place.LIVE)
    return tuple(found)
