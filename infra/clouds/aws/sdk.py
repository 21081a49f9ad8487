"""The packages of pulumi-aws that the ground uses, and the only place that names pulumi_aws.

Its top package names some two hundred packages: at run time each is loaded when it is first
used, and mypy is spared the rest of them (pyproject.toml).
"""

# ruff: noqa: PLR0402 - `from pulumi_aws import` would be Any to mypy, which skips that package
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pulumi_aws.accessanalyzer as accessanalyzer
    import pulumi_aws.budgets as budgets
    import pulumi_aws.cloudtrail as cloudtrail
    import pulumi_aws.cloudwatch as cloudwatch
    import pulumi_aws.ebs as ebs
    import pulumi_aws.ec2 as ec2
    import pulumi_aws.ec2transitgateway as ec2transitgateway
    import pulumi_aws.ecr as ecr
    import pulumi_aws.eks as eks
    import pulumi_aws.guardduty as guardduty
    import pulumi_aws.iam as iam
    import pulumi_aws.kms as kms
    import pulumi_aws.lb as lb
    import pulumi_aws.rds as rds
    import pulumi_aws.route53 as route53
    import pulumi_aws.s3 as s3
    import pulumi_aws.vpc as vpc
    from pulumi_aws.provider import Provider
else:
    from pulumi_aws import (
        Provider,
        accessanalyzer,
        budgets,
        cloudtrail,
        cloudwatch,
        ebs,
        ec2,
        ec2transitgateway,
        ecr,
        eks,
        guardduty,
        iam,
        kms,
        lb,
        rds,
        route53,
        s3,
        vpc,
    )

__all__ = [
    "Provider",
    "accessanalyzer",
    "budgets",
    "cloudtrail",
    "cloudwatch",
    "ebs",
    "ec2",
    "ec2transitgateway",
    "ecr",
    "eks",
    "guardduty",
    "iam",
    "kms",
    "lb",
    "rds",
    "route53",
    "s3",
    "vpc",
]
