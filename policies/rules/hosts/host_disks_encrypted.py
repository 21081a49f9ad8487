"""Data of machines lies on encrypted disks."""

from policies.rule import NO_OBJECT, NOT_DECLARED, Rule, Severity, Verified

RULE = Rule(
    id="host-disks-encrypted",
    title="Data of machines lies on encrypted disks.",
    reason="A disk that is stolen, returned or thrown away then shows nothing.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.01", "EUDPR-33.1a-rest", "CYB-8.3d"),
    preview=NOT_DECLARED,
    admission=NO_OBJECT,
    live=Verified(("hosts.disk-encryption*",)),
    remedy="Run the lab's roles again, or give the machine an encrypted disk.",
)
