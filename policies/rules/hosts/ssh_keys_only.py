"""Machines are entered by SSH with a key, and never with a password or as root."""

from policies.rule import NO_OBJECT, NOT_DECLARED, Rule, Severity, Verified

RULE = Rule(
    id="ssh-keys-only",
    title="Machines are entered by SSH with a key, and never with a password or as root.",
    reason="Passwords are guessed, day and night, on every machine that asks for one.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.09", "SATRE-1.5.05", "CYB-8.2h"),
    preview=NOT_DECLARED,
    admission=NO_OBJECT,
    live=Verified(("hosts.ssh*",)),
    remedy="Run the lab's roles again.",
)
