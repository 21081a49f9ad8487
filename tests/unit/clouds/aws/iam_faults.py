"""Faults in policies: of roles, of keys, of buckets, of endpoints."""

from __future__ import annotations

import json

from infra.config import AwsLab
from tests.harness.deploy import Deployment
from tests.unit.clouds.aws.rules import Faults, label, rule, statements


@rule
def nothing_is_allowed_by_wildcard(deployment: Deployment, _: AwsLab) -> Faults:
    for one, statement in statements(deployment):
        if statement["Effect"] != "Allow":
            continue
        if any("*" in action for action in statement["Action"]):
            yield f"{label(one)}: {statement['Sid']} allows {statement['Action']}"
        for inverted in ("NotAction", "NotResource", "NotPrincipal"):
            if inverted in statement:
                yield f"{label(one)}: {statement['Sid']} has {inverted}"


@rule
def roles_are_allowed_named_resources(deployment: Deployment, _: AwsLab) -> Faults:
    for one, statement in statements(deployment):
        if one.type == "aws:iam/rolePolicy:RolePolicy" and "*" in statement["Resource"]:
            yield f"{label(one)}: {statement['Sid']} is for any resource"


@rule
def anybody_is_allowed_only_if_of_this_account(deployment: Deployment, lab: AwsLab) -> Faults:
    """ECR's own layers excepted: it signs the requests for them itself."""
    own = {"StringEquals": {"aws:PrincipalAccount": lab.account}}
    layers = [f"arn:aws:s3:::prod-{lab.region}-starport-layer-bucket/*"]
    for one, statement in statements(deployment):
        if statement["Effect"] != "Allow" or statement.get("Principal") not in ("*", {"AWS": "*"}):
            continue
        if statement.get("Condition") != own and statement["Resource"] != layers:
            yield f"{label(one)}: {statement['Sid']} is for anybody"


@rule
def other_accounts_and_services_are_bound(deployment: Deployment, lab: AwsLab) -> Faults:
    """No other account is named; a service may act for this account alone (confused deputy)."""
    for one, statement in statements(deployment):
        principal = statement.get("Principal")
        if not isinstance(principal, dict) or statement["Effect"] != "Allow":
            continue
        for arn in [principal["AWS"]] if "AWS" in principal else []:
            if f":{lab.account}:" not in arn:
                yield f"{label(one)}: {statement['Sid']} lets {arn} in"
        service = principal.get("Service")
        # They take roles on machines and pods of this account only, and pass no source.
        if service in (None, "ec2.amazonaws.com", "pods.eks.amazonaws.com"):
            continue
        if lab.account not in json.dumps(statement.get("Condition", {})):
            yield f"{label(one)}: {statement['Sid']} lets {service} act for others"


@rule
def keys_are_used_through_their_service_alone(deployment: Deployment, lab: AwsLab) -> Faults:
    root = f"arn:aws:iam::{lab.account}:root"
    uses = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:CreateGrant"}
    for key, statement in statements(deployment):
        if key.type != "aws:kms/key:Key" or statement["Principal"] != {"AWS": root}:
            continue
        condition = json.dumps(statement.get("Condition", {}))
        bound = "kms:ViaService" in condition or "aws:PrincipalArn" in condition
        if uses & set(statement["Action"]) and not bound:
            yield f"{key.name}: the account's policies may let anybody use it"


@rule
def only_vaults_role_opens_vault(deployment: Deployment, lab: AwsLab) -> Faults:
    key = deployment.named(f"{lab.name}-key-vault", "aws:kms/key:Key")
    use = [one for _, one in statements(deployment) if one.get("Sid") == "OpenVault"]
    actions = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"]
    if len(use) != 2 or any(one["Action"] != actions for one in use):
        yield "more is allowed than opening Vault"
    role = f"arn:aws:iam::{lab.account}:role/{lab.name}-vault"
    if f'"ArnEquals": {{"aws:PrincipalArn": "{role}"}}' not in key.inputs["policy"]:
        yield "Vault's key is for others than its role"
    policy = deployment.named(f"{lab.name}-vault", "aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    resources = [arn for one in json.loads(policy)["Statement"] for arn in one["Resource"]]
    if [arn.rpartition("/")[2] for arn in resources] != [key.name]:
        yield f"Vault's role may use {resources}"
