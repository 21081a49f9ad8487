"""The examples have no fault; and each fault that is looked for is found when it is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.config import AwsLab
from tests.harness.deploy import Deployment, Resource
from tests.unit.clouds.aws import faults as fault_rules
from tests.unit.clouds.aws.expected import DATA, ENDPOINTS, MUST_BE, STORES
from tests.unit.clouds.aws.faults import faults
from tests.unit.clouds.aws.rules import RULES, values

Mutation = Callable[[Deployment], None]


def test_an_example_has_no_fault(any_deployment: Deployment, any_lab: AwsLab) -> None:
    assert faults(any_deployment, any_lab) == {}


def assign(inputs: dict[str, Any], path: str, value: Any) -> None:
    """Sets what lies at a path, in the first item where it says `*`."""
    *way, last = path.split(".")
    at: Any = inputs
    for part in way:
        at = at[0] if part == "*" else at.setdefault(part, {})
    at[last] = value


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        pytest.param(type_, path, id=f"{type_.rpartition(':')[2]}.{path}")
        for type_, wanted in MUST_BE.items()
        for path in wanted
    ],
)
def test_a_value_that_does_not_protect_is_found(
    deployment: Deployment, lab: AwsLab, type_: str, path: str
) -> None:
    """Flipped, and left to the provider's default."""
    one = deployment.of_type(type_)[-1]
    wanted = MUST_BE[type_][path]
    flipped = (not wanted) if isinstance(wanted, bool) else ["other"] if wanted == [] else "other"
    for value in (flipped, None) if wanted is not None else (flipped,):
        assign(one.inputs, path, value)
        assert any(one.name in told for told in faults(deployment, lab)["every_value_protects"])


@pytest.mark.parametrize("type_", MUST_BE)
def test_a_protection_that_is_gone_is_found(
    deployment: Deployment, lab: AwsLab, type_: str
) -> None:
    deployment.resources = [one for one in deployment.resources if one.type != type_]
    told = fault_rules.every_kind_of_protection_is_there(deployment, lab)
    assert list(told) == [f"there is no {type_}"]


@pytest.mark.parametrize("key", [None, "alias/aws/other", "arn:aws:kms:eu-west-3:1:key/other"])
@pytest.mark.parametrize(
    ("type_", "path"), [(type_, path) for type_, paths in STORES.items() for path in paths]
)
def test_a_store_without_the_labs_key_is_found(
    deployment: Deployment, lab: AwsLab, type_: str, path: str, key: str | None
) -> None:
    one = deployment.of_type(type_)[-1]
    assert values(one.inputs, path) != [key]
    assign(one.inputs, path, key)
    told = faults(deployment, lab)["every_store_is_encrypted_with_a_customer_key"]
    assert any(one.name in fault for fault in told)


@pytest.mark.parametrize("service", ENDPOINTS)
def test_a_way_to_a_service_that_is_missing_or_open_is_found(
    deployment: Deployment, lab: AwsLab, service: str
) -> None:
    endpoint = deployment.named(f"{lab.name}-{service}", "aws:ec2/vpcEndpoint:VpcEndpoint")
    endpoint.inputs["policy"] = None
    assert "services_are_reached_by_endpoints" in faults(deployment, lab)
    deployment.resources.remove(endpoint)
    assert "services_are_reached_by_endpoints" in faults(deployment, lab)


@pytest.mark.parametrize("type_", [*DATA, "aws:eks/cluster:Cluster"])
def test_data_that_would_be_deleted_is_found(
    deployment: Deployment, lab: AwsLab, type_: str
) -> None:
    one = deployment.of_type(type_)[0]
    deployment.resources[deployment.resources.index(one)] = replace(one, protect=False)
    assert "nothing_with_data_goes_with_the_program" in faults(deployment, lab)


def one_of(deployment: Deployment, type_: str, **wanted: Any) -> Resource:
    return next(
        one
        for one in deployment.resources
        if one.custom and one.type.endswith(f":{type_}") and wanted.items() <= one.inputs.items()
    )


def policy_of(type_: str, change: Callable[[dict[str, Any]], None], **wanted: Any) -> Mutation:
    """Changes the first statement of a policy that allows something."""

    def mutate(deployment: Deployment) -> None:
        one = one_of(deployment, type_, **wanted)
        key = "assumeRolePolicy" if type_ == "Role" else "policy"
        document = json.loads(one.inputs[key])
        change(next(entry for entry in document["Statement"] if entry["Effect"] == "Allow"))
        one.inputs[key] = json.dumps(document)

    return mutate


def drop(type_: str, **wanted: Any) -> Mutation:
    return lambda deployment: deployment.resources.remove(one_of(deployment, type_, **wanted))


def put(type_: str, path: str, value: Any, **wanted: Any) -> Mutation:
    return lambda deployment: assign(one_of(deployment, type_, **wanted).inputs, path, value)


def add(token: str, **inputs: Any) -> Mutation:
    def mutate(deployment: Deployment) -> None:
        like = one_of(deployment, "Vpc")
        inputs.setdefault("tags", like.inputs["tags"])
        deployment.resources.append(replace(like, type=token, name="added", inputs=inputs))

    return mutate


def edit(text: str, other: str, type_: str, key: str = "policy", **wanted: Any) -> Mutation:
    def mutate(deployment: Deployment) -> None:
        one = one_of(deployment, type_, **wanted)
        assert text in one.inputs[key]
        one.inputs[key] = one.inputs[key].replace(text, other)

    return mutate


def vault_key(text: str, other: str) -> Mutation:
    return edit(text, other, "Key", description="What opens Vault of lab evaluations")


ROLE = {"name": "evaluations-flows"}
EVIDENCE = {"bucket": "evaluations-evidence-id"}
OPEN = {"securityGroupId": "sg", "ipProtocol": "tcp", "fromPort": 443, "toPort": 443}
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"

#: One for each rule, or more: what is changed, and who must find it.
MUTANTS: dict[str, list[Mutation]] = {
    "every_bucket_is_closed_in_every_way": [
        drop("BucketPublicAccessBlock", **EVIDENCE),
        drop("BucketVersioning", **EVIDENCE),
        drop("BucketServerSideEncryptionConfiguration", **EVIDENCE),
        drop("BucketOwnershipControls", **EVIDENCE),
        drop("BucketPolicy", **EVIDENCE),
        drop("BucketObjectLockConfiguration", **EVIDENCE),
        put("BucketObjectLockConfiguration", "rule.defaultRetention.mode", "GOVERNANCE"),
        put("BucketObjectLockConfiguration", "rule.defaultRetention.days", 30),
        put("Bucket", "objectLockEnabled", False, bucket="evaluations-evidence-123456789012"),
    ],
    "buckets_answer_over_tls_only": [
        edit("aws:SecureTransport", "aws:Secure", "BucketPolicy"),
        edit('"1.2"', '"1.0"', "BucketPolicy"),
        edit('"Deny"', '"Allow"', "BucketPolicy"),
        edit('"s3:*"', '"s3:GetObject"', "BucketPolicy"),
    ],
    "nothing_is_reachable_from_or_reaches_the_internet": [
        add("aws:ec2/internetGateway:InternetGateway"),
        add("aws:ec2/natGateway:NatGateway"),
        add("aws:ec2/eip:Eip"),
        add("aws:ec2/route:Route", destinationCidrBlock="0.0.0.0/0"),
        add("aws:ec2/route:Route", destinationIpv6CidrBlock="::/0"),
        add(RULE, cidrIpv4="0.0.0.0/0", **OPEN),
        add(RULE, cidrIpv6="::/0", **OPEN),
        put("SecurityGroup", "ingress", [{"cidrBlocks": ["0.0.0.0/0"]}]),
    ],
    "rules_open_one_port_each": [
        add(RULE, cidrIpv4="10.64.0.0/18", **{**OPEN, "ipProtocol": "-1"}),
        add(RULE, cidrIpv4="10.64.0.0/18", **{**OPEN, "fromPort": 0}),
        add(RULE, cidrIpv4="10.64.0.0/18", **{**OPEN, "fromPort": 22, "toPort": 22}),
    ],
    "nothing_is_allowed_by_wildcard": [
        policy_of("RolePolicy", lambda one: one.update(Action=["logs:*"])),
        policy_of("Key", lambda one: one.update(Action=["kms:*"])),
        policy_of("VpcEndpoint", lambda one: one.update(Action=["*"])),
        policy_of(
            "BucketPolicy",
            lambda one: one.update(Action=["s3:Get*"]),
            bucket="evaluations-trail-id",
        ),
        policy_of("RolePolicy", lambda one: one.update(NotAction=["iam:PassRole"])),
    ],
    "roles_are_allowed_named_resources": [
        policy_of("RolePolicy", lambda one: one.update(Resource=["*"])),
    ],
    "anybody_is_allowed_only_if_of_this_account": [
        policy_of("VpcEndpoint", lambda one: one.pop("Condition")),
        policy_of(
            "BucketPolicy", lambda one: one.update(Principal="*"), bucket="evaluations-trail-id"
        ),
        policy_of("Key", lambda one: one.update(Principal={"AWS": "*"})),
    ],
    "other_accounts_and_services_are_bound": [
        policy_of("Role", lambda one: one.pop("Condition"), **ROLE),
        policy_of("BucketPolicy", lambda one: one.pop("Condition"), bucket="evaluations-trail-id"),
        policy_of(
            "Key", lambda one: one.update(Principal={"AWS": "arn:aws:iam::210987654321:root"})
        ),
    ],
    "keys_are_used_through_their_service_alone": [
        policy_of("Key", lambda one: one["Action"].append("kms:Decrypt")),
    ],
    "only_vaults_role_opens_vault": [
        vault_key('"kms:Encrypt"', '"kms:Encrypt", "kms:PutKeyPolicy"'),
        vault_key("role/evaluations-vault", "role/evaluations-nodes"),
        edit(
            "key/evaluations-key-vault",
            "key/evaluations-key-volumes",
            "RolePolicy",
            role="evaluations-vault-id",
        ),
    ],
    "every_resource_says_whose_it_is": [
        put("Vpc", "tags", None),
        put("Key", "tags.owner", "somebody"),
        put("Subnet", "tags", {"Name": "nodes"}),
    ],
    "everything_is_in_the_region_and_account": [
        put("Vpc", "region", "us-east-1"),
        put("Subnet", "availabilityZone", "us-east-1a"),
        lambda deployment: deployment.of_type("pulumi:providers:aws")[0].inputs.update(
            region="us-east-1"
        ),
        lambda deployment: deployment.of_type("pulumi:providers:aws")[0].inputs.update(
            allowedAccountIds="[]"
        ),
    ],
    "logs_are_kept_for_a_year": [
        put("LogGroup", "retentionInDays", 30),
        put("LogGroup", "retentionInDays", 0),
    ],
    "services_find_their_encrypted_log_group": [
        drop("LogGroup", name="/aws/eks/evaluations/cluster"),
        put("LogGroup", "name", "/other", name="/aws/rds/instance/evaluations-database/upgrade"),
    ],
    "reads_and_writes_of_objects_are_recorded": [
        put("Trail", "advancedEventSelectors", []),
        lambda deployment: one_of(deployment, "Trail").inputs["advancedEventSelectors"].pop(),
        lambda deployment: one_of(deployment, "Trail").inputs["advancedEventSelectors"].pop(0),
        lambda deployment: (
            one_of(deployment, "Trail")
            .inputs["advancedEventSelectors"][1]["fieldSelectors"]
            .append({"field": "readOnly", "equals": ["false"]})
        ),
    ],
    "threats_are_looked_for_everywhere": [
        drop("DetectorFeature", name="EKS_AUDIT_LOGS"),
        drop("DetectorFeature", name="RUNTIME_MONITORING"),
        drop("Addon", addonName="aws-guardduty-agent"),
    ],
    "the_database_speaks_tls_only": [
        lambda deployment: one_of(deployment, "ParameterGroup").inputs["parameters"].clear(),
        put("Instance", "backupRetentionPeriod", 0, engine="postgres"),
    ],
    "only_named_roles_administer_the_cluster": [
        add(
            "aws:eks/accessEntry:AccessEntry",
            principalArn="arn:aws:iam::123456789012:role/somebody",
        ),
        drop("AccessPolicyAssociation"),
    ],
    "nodes_are_for_what_they_are_made_for": [
        put("NodeGroup", "taints", [], amiType="AL2023_x86_64_NVIDIA"),
        put("NodeGroup", "amiType", "AL2023_x86_64_STANDARD", amiType="AL2023_x86_64_NVIDIA"),
    ],
    "no_other_name_is_answered": [
        put("ResolverFirewallRule", "action", "ALERT", action="BLOCK"),
        put("ResolverFirewallRule", "priority", 9, action="ALLOW"),
        lambda deployment: (
            one_of(deployment, "ResolverFirewallDomainList")
            .inputs["domains"]
            .append("*.example.com")
        ),
    ],
    "the_owner_is_told_before_too_much_is_spent": [
        put("Budget", "notifications", []),
        put("Budget", "limitAmount", "1000000"),
    ],
    "no_secret_is_in_any_input": [
        put("KeyPair", "publicKey", "-----BEGIN OPENSSH PRIVATE KEY-----"),
    ],
}
#: Tested above, one by one.
ELSEWHERE = {
    "every_value_protects",
    "every_kind_of_protection_is_there",
    "every_store_is_encrypted_with_a_customer_key",
    "services_are_reached_by_endpoints",
    "nothing_with_data_goes_with_the_program",
}


def test_every_rule_has_a_mutant() -> None:
    assert RULES.keys() == MUTANTS.keys() | ELSEWHERE


@pytest.mark.parametrize(
    ("rule", "mutate"),
    [
        pytest.param(rule, mutate, id=f"{rule}-{number}")
        for rule, mutations in MUTANTS.items()
        for number, mutate in enumerate(mutations)
    ],
)
def test_a_fault_is_found(deployment: Deployment, lab: AwsLab, rule: str, mutate: Mutation) -> None:
    mutate(deployment)
    assert rule in faults(deployment, lab)
