"""Logs on AWS are encrypted with a key of the lab's own."""

from policies.clouds import must_be_own_key
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-logs-encrypted",
    title="Log groups and the account's trail are encrypted with a key of the lab's own.",
    reason="Logs say who worked with what and sometimes repeat what was said; they deserve the "
    "protection of the data that they speak of.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.01", "SATRE-2.5.03", "EUDPR-33.1a-rest"),
    preview=Properties(
        {
            "aws:cloudtrail/trail:Trail": (must_be_own_key("kmsKeyId"),),
            "aws:cloudwatch/logGroup:LogGroup": (must_be_own_key("kmsKeyId"),),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `kms_key_id` to a key whose policy lets the service of the logs use it.",
)
