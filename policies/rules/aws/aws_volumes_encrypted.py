"""Volumes on AWS are encrypted with a key of the lab's own."""

from policies.properties import Properties, must_be, must_be_set
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-volumes-encrypted",
    title="Volumes on AWS are encrypted with a key of the lab's own.",
    reason="A disk that is returned, copied or shared by mistake shows nothing without the key; "
    "with a key of the provider's, the lab could neither refuse its use nor destroy it.",
    severity=Severity.CRITICAL,
    controls=("satre/2.4.03", "eudpr/33.1a"),
    preview=Properties(
        {
            "aws:ebs/volume:Volume": (must_be("encrypted", True), must_be_set("kmsKeyId")),
            "aws:ec2/instance:Instance": (
                must_be("rootBlockDevice.encrypted", True),
                must_be_set("rootBlockDevice.kmsKeyId"),
            ),
            "aws:ec2/launchTemplate:LaunchTemplate": (
                must_be("blockDeviceMappings.*.ebs.encrypted", "true", True),
                must_be_set("blockDeviceMappings.*.ebs.kmsKeyId"),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `encrypted` and `kms_key_id` to a key from infra/clouds/aws/keys.py.",
)
