"""The clocks of machines agree."""

from policies.rule import NO_OBJECT, NOT_DECLARED, Rule, Severity, Verified

RULE = Rule(
    id="clocks-agree",
    title="The clocks of machines agree.",
    reason="Records with wrong times prove nothing, and certificates and tokens fail or live too "
    "long.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.5.03", "CYB-8.2n"),
    preview=NOT_DECLARED,
    admission=NO_OBJECT,
    live=Verified(("hosts.time*", "vault.clock*")),
    remedy="Run the lab's roles again.",
)
