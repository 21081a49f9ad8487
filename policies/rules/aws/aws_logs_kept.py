"""Logs on AWS are kept for a year at least and not for ever."""

from policies.properties import Properties, must_be_between
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-logs-kept",
    title="Logs are kept for a year at least, and not for ever.",
    reason="Intrusions are often found after months. What names people may not be kept without an "
    "end, which is what AWS does when nothing is said.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.5.03", "AIA-19.1", "AIA-26.6", "EUDPR-4.1e", "CYB-8.2n"),
    preview=Properties(
        {
            "aws:cloudwatch/logGroup:LogGroup": (
                must_be_between("retentionInDays", 365, 3653, unit="days"),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `retention_in_days` to 365 or more.",
)
