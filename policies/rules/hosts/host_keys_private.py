"""Keys and settings on machines are readable by those who need them only."""

from policies.rule import NO_OBJECT, NOT_DECLARED, Rule, Severity, Verified

RULE = Rule(
    id="host-keys-private",
    title="Keys and settings on machines are readable by those who need them only.",
    reason="A key that any process can read belongs to whoever breaks into one.",
    severity=Severity.CRITICAL,
    controls=("CIS-K8S-1.1.21", "SATRE-2.8.05", "EUDPR-33.1b"),
    preview=NOT_DECLARED,
    admission=NO_OBJECT,
    live=Verified(("hosts.files*", "hosts.pki*", "hosts.controller.files*")),
    remedy="Run the lab's roles again.",
)
