"""The kernels of machines show and forward no more than they must."""

from policies.rule import NO_OBJECT, NOT_DECLARED, Rule, Severity, Verified

RULE = Rule(
    id="kernel-hardened",
    title="The kernels of machines show and forward no more than they must.",
    reason="Redirected packets, readable kernel addresses and dumped memory are how one small "
    "hole becomes the whole machine.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.12", "CYB-8.2i", "EUDPR-33.1b"),
    preview=NOT_DECLARED,
    admission=NO_OBJECT,
    live=Verified(("hosts.sysctl*", "hosts.core-dumps*", "hosts.swap*")),
    remedy="Run the lab's roles again.",
)
