"""Pools of nodes on AWS grow to a limit."""

from policies.properties import Properties, must_be_between
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

#: As many as the largest lab we know of needs; who needs more changes the rule with its reason.
MOST = 100

RULE = Rule(
    id="aws-node-pools-bounded",
    title=f"A pool of nodes grows to {MOST} machines at most.",
    reason="A loop that starts jobs would otherwise spend a year's budget in a night.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.3.03", "SATRE-2.3.04", "EUDPR-33.1b-availability"),
    preview=Properties(
        {
            "aws:eks/nodeGroup:NodeGroup": (must_be_between("scalingConfig.maxSize", 1, MOST),),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `max_size` to what the quota of the lab allows.",
)
