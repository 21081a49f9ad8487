"""Strangers are refused."""

from policies.rule import NO_OBJECT, NotHere, Rule, Severity, Verified

RULE = Rule(
    id="no-anonymous-access",
    title="Nobody without a name gets an answer from the cluster's API or from a kubelet.",
    reason="What answers strangers shows them what runs, and lets them try.",
    severity=Severity.CRITICAL,
    controls=("SATRE-1.5.05", "SATRE-1.5.06", "CYB-8.2h"),
    preview=NotHere("It is how the API server is started; no property of a resource says it."),
    admission=NO_OBJECT,
    live=Verified(("cluster.anonymous*",)),
    remedy="Run the lab's roles again: they switch anonymous access off.",
)
