"""Databases and clusters on AWS get their patches."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-patched",
    title="Databases patch themselves, and a cluster's version is one that is still looked after.",
    reason="A flaw that everybody can read about is used within days.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.7.02", "SATRE-2.7.03", "CYB-8.2i", "CYB-8.2k"),
    preview=Properties(
        {
            "aws:eks/cluster:Cluster": (
                must_be("upgradePolicy.supportType", "STANDARD", broken=("EXTENDED",)),
            ),
            "aws:rds/instance:Instance": (must_be("autoMinorVersionUpgrade", True, safe=True),),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `auto_minor_version_upgrade`, and `support_type` to STANDARD.",
)
