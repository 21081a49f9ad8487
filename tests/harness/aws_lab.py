"""The AWS stack over mocks: what AWS, a playbook or an API server would answer is made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra import config, paths
from infra.config import AwsLab
from stacks import aws
from tests.harness.deploy import Deployment, deploy
from tests.harness.local_lab import AUTHORITY, HOME, artifacts

ISSUER = "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"
SIGNING_KEY = "-----BEGIN PUBLIC KEY-----\nthe cluster's\n-----END PUBLIC KEY-----\n"
LEAST = paths.REPOSITORY / "examples" / "valid" / "aws-least.yaml"
FULL = paths.REPOSITORY / "examples" / "valid" / "aws-full.yaml"


def _arn(service: str) -> Any:
    return lambda name, _inputs: {"arn": f"arn:aws:{service}:eu-central-1:123456789012:{name}"}


def _cluster(name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        **_arn("eks")(name, inputs),
        "endpoint": "https://EXAMPLE.gr7.eu-central-1.eks.amazonaws.com",
        "certificateAuthority": {"data": "Q0E="},
        "createdAt": "2026-11-21T12:00:00Z",
        "vpcConfig": {**inputs["vpcConfig"], "clusterSecurityGroupId": "sg-nodes"},
    }


def _bucket(_name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"arn": f"arn:aws:s3:::{inputs['bucket']}"}


def _playbook(name: str, _inputs: dict[str, Any]) -> dict[str, Any]:
    facts = {"vault": {"ca_certificate": AUTHORITY}}
    return {"facts": facts.get(name, {}), "notApplied": {}, "digest": "0" * 64}


COMPUTED = {
    "aws:cloudwatch/logGroup:LogGroup": _arn("logs"),
    "aws:ec2/vpc:Vpc": lambda *_: {"defaultRouteTableId": "rtb-main"},
    "aws:ec2/launchTemplate:LaunchTemplate": lambda *_: {"latestVersion": 1},
    "aws:eks/cluster:Cluster": _cluster,
    "aws:iam/role:Role": lambda _name, inputs: {
        "arn": f"arn:aws:iam::123456789012:role/{inputs['name']}"
    },
    "aws:kms/key:Key": lambda name, _inputs: {
        "arn": f"arn:aws:kms:eu-central-1:123456789012:key/{name}",
        "keyId": name,
    },
    "aws:lb/loadBalancer:LoadBalancer": lambda name, _inputs: {
        "arn": f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/{name}",
        "dnsName": f"{name}.elb.eu-central-1.amazonaws.com",
        "zoneId": "Z3F0SRJ5LGBH90",
    },
    "aws:lb/targetGroup:TargetGroup": _arn("elasticloadbalancing"),
    "aws:route53/zone:Zone": lambda *_: {"zoneId": "ZEXAMPLE"},
    "aws:s3/bucket:Bucket": _bucket,
    "ailab:ansible:Playbook": _playbook,
    "ailab:kubernetes:IssuerKeys": lambda *_: {"issuer": ISSUER, "keys": [SIGNING_KEY]},
}


def load(file: Path) -> AwsLab:
    lab = config.load_file(file)
    assert isinstance(lab, AwsLab)
    return lab


def deploy_aws(
    patch: pytest.MonkeyPatch, lab: AwsLab | None = None, *, preview: bool = False
) -> Deployment:
    """The AWS stack of an example, or of another lab."""
    patch.setenv("LAB_HOME", HOME)
    patch.setattr("infra.toolchain.artifacts", artifacts)
    wanted = lab or load(LEAST)
    return deploy(lambda: aws.compose(wanted), computed=COMPUTED, preview=preview)
