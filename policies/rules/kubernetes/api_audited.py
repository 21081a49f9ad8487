"""Requests to the cluster's API are recorded."""

from policies.rule import NO_OBJECT, NotHere, Rule, Severity, Verified

RULE = Rule(
    id="api-audited",
    title="Every request to the cluster's API is recorded, with who asked and what was answered.",
    reason="Without a record nobody can tell what an intruder, or a mistake, has done.",
    severity=Severity.HIGH,
    controls=("SATRE-2.5.03", "AIA-12.1", "CYB-8.2n", "CYB-21.7"),
    preview=NotHere("It is how the API server is started; no property of a resource says it."),
    admission=NO_OBJECT,
    live=Verified(("cluster.audit*",)),
    remedy="Run the lab's roles again: they write the audit policy.",
)
