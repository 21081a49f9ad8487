"""Machines accept only the connections that their part in the lab needs."""

from policies.rule import NO_OBJECT, NOT_DECLARED, Rule, Severity, Verified

RULE = Rule(
    id="host-firewall",
    title="Machines accept only the connections that their part in the lab needs.",
    reason="A service that listens by mistake is then reached by nobody.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "SATRE-2.2.10", "CYB-8.2j"),
    preview=NOT_DECLARED,
    admission=NO_OBJECT,
    live=Verified(("hosts.firewall*", "hosts.sockets*")),
    remedy="Run the lab's roles again.",
)
