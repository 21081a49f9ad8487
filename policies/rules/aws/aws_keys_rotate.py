"""Keys on AWS turn every year and are deleted after a month at the earliest."""

from policies.properties import (
    Properties,
    must_be,
    must_be_at_least,
    must_be_between,
    must_not_be_set,
)
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-keys-rotate",
    title="Keys turn every year, and nobody can destroy one within a month.",
    reason="A key that leaked opens everything that was ever written with it; one that is deleted "
    "by mistake or in anger takes all data with it, unless somebody has time to notice.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.05", "EUDPR-33.1b-availability", "CYB-8.3d"),
    preview=Properties(
        {
            "aws:kms/key:Key": (
                must_be("enableKeyRotation", True, safe=True),
                must_be_between("rotationPeriodInDays", 90, 365, unit="days", safe=365),
                must_be_at_least("deletionWindowInDays", 30, unit="days", safe=30),
                must_not_be_set("bypassPolicyLockoutSafetyCheck", broken=True, safe=False),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `enable_key_rotation`, a `rotation_period_in_days` of 365 and a "
    "`deletion_window_in_days` of 30.",
)
