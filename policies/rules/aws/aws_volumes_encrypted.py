"""Volumes on AWS are encrypted with a key of the lab's own."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.clouds import must_be_own_key
from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import values


def _more_disks(properties: Mapping[str, Any]) -> Iterator[str]:
    """Of machines, besides the first."""
    if properties.get("ebsBlockDevices"):
        for found in values(properties, "ebsBlockDevices.*.encrypted"):
            if found is not True:
                yield "ebsBlockDevices: a disk is not encrypted"


RULE = Rule(
    id="aws-volumes-encrypted",
    title="Volumes and file systems on AWS are encrypted with a key of the lab's own.",
    reason="A disk that is returned, copied or shared by mistake shows nothing without the key; "
    "with a key of the provider's, the lab could neither refuse its use nor destroy it.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest", "CYB-8.3d"),
    preview=Properties(
        {
            "aws:ebs/defaultKmsKey:DefaultKmsKey": (must_be_own_key("keyArn"),),
            "aws:ebs/encryptionByDefault:EncryptionByDefault": (
                must_be("enabled", True, safe=True),
            ),
            "aws:ebs/volume:Volume": (must_be("encrypted", True), must_be_own_key("kmsKeyId")),
            "aws:ec2/instance:Instance": (
                must_be("rootBlockDevice.encrypted", True),
                must_be_own_key("rootBlockDevice.kmsKeyId"),
            ),
            "aws:ec2/launchTemplate:LaunchTemplate": (
                must_be("blockDeviceMappings.*.ebs.encrypted", "true", True, broken=("false",)),
                must_be_own_key("blockDeviceMappings.*.ebs.kmsKeyId"),
            ),
            "aws:efs/fileSystem:FileSystem": (
                must_be("encrypted", True),
                must_be_own_key("kmsKeyId"),
            ),
            "aws:fsx/lustreFileSystem:LustreFileSystem": (must_be_own_key("kmsKeyId"),),
        },
        check=_more_disks,
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `encrypted` and `kms_key_id` to a key of the lab.",
)
