"""Pools of nodes on Azure grow and shrink by themselves, to a limit."""

from policies.properties import Properties, must_be, must_be_between
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

#: As many as the largest lab we know of needs; who needs more changes the rule with its reason.
MOST = 100

RULE = Rule(
    id="azure-node-pools-bounded",
    title=f"A pool of nodes grows to {MOST} machines at most, and shrinks when they are idle.",
    reason="A loop that starts jobs would otherwise spend a year's budget in a night.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.3.03", "SATRE-2.3.04", "SATRE-4.4.04", "EUDPR-33.1b-availability"),
    preview=Properties(
        {
            "azure-native:containerservice:AgentPool": (
                must_be("enableAutoScaling", True),
                must_be_between("maxCount", 1, MOST),
            ),
            "azure-native:containerservice:ManagedCluster": (
                must_be("agentPoolProfiles.*.enableAutoScaling", True),
                must_be_between("agentPoolProfiles.*.maxCount", 1, MOST),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `enable_auto_scaling` and a `max_count` that the quota of the lab allows.",
)
