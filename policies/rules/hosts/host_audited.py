"""Machines record who did what on them."""

from policies.rule import NO_OBJECT, NOT_DECLARED, Rule, Severity, Verified

RULE = Rule(
    id="host-audited",
    title="Machines record who did what on them.",
    reason="Without a record nobody can tell what an intruder has done.",
    severity=Severity.HIGH,
    controls=("SATRE-2.5.03", "CYB-8.2n", "CYB-21.7"),
    preview=NOT_DECLARED,
    admission=NO_OBJECT,
    live=Verified(("hosts.audit*", "hosts.journal*")),
    remedy="Run the lab's roles again.",
)
