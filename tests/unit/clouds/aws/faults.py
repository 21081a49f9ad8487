"""What must hold of every lab on AWS: functions from an inventory to the faults in it.

Each has at least one mutant in test_security.py: an inventory with one property flipped.
"""

from __future__ import annotations

import importlib
import inspect
import json
from functools import cache
from ipaddress import ip_network

from infra.config import AwsLab
from tests.harness.deploy import Deployment
from tests.unit.clouds.aws import iam_faults
from tests.unit.clouds.aws.expected import DATA, ENDPOINTS, MUST_BE, STORES, WAYS_OUT
from tests.unit.clouds.aws.rules import RULES, Faults, aws, label, rule, values


def faults(deployment: Deployment, lab: AwsLab) -> dict[str, list[str]]:
    """Every fault, by the name of the rule that found it."""
    assert iam_faults, "its rules are registered"
    found = {name: list(check(deployment, lab)) for name, check in RULES.items()}
    return {name: told for name, told in found.items() if told}


@rule
def every_value_protects(deployment: Deployment, _: AwsLab) -> Faults:
    for type_, wanted in MUST_BE.items():
        for one in deployment.of_type(type_):
            for path, value in wanted.items():
                if any(found != value for found in values(one.inputs, path)):
                    yield f"{label(one)}: {path} is not {value}"


@rule
def every_kind_of_protection_is_there(deployment: Deployment, _: AwsLab) -> Faults:
    for type_ in MUST_BE:
        if not deployment.of_type(type_):
            yield f"there is no {type_}"


@rule
def every_store_is_encrypted_with_a_customer_key(deployment: Deployment, _: AwsLab) -> Faults:
    keys = {f"{one.name}" for one in deployment.of_type("aws:kms/key:Key")}
    for type_, paths in STORES.items():
        for one in deployment.of_type(type_):
            for path in paths:
                for arn in values(one.inputs, path):
                    if not isinstance(arn, str) or arn.rpartition("/")[2] not in keys:
                        yield f"{label(one)}: {path} names no key of the lab"


@rule
def every_bucket_is_closed_in_every_way(deployment: Deployment, lab: AwsLab) -> Faults:
    for bucket in deployment.of_type("aws:s3/bucket:Bucket"):
        parts = {
            one.type.rpartition(":")[2]: one.inputs
            for one in aws(deployment)
            if one.inputs.get("bucket") == f"{bucket.name}-id"
        }
        for kind in (
            "BucketLifecycleConfiguration",
            "BucketOwnershipControls",
            "BucketPolicy",
            "BucketPublicAccessBlock",
            "BucketServerSideEncryptionConfiguration",
            "BucketVersioning",
        ):
            if kind not in parts:
                yield f"{bucket.name} has no {kind}"
        if bucket.name.removeprefix(f"{lab.name}-") == "artifacts":
            continue
        lock = parts.get("BucketObjectLockConfiguration", {})
        (retention,) = values(lock, "rule.defaultRetention")
        if not bucket.inputs.get("objectLockEnabled") or not retention:
            yield f"{bucket.name} is not locked"
        elif retention["mode"] != "COMPLIANCE" or retention["days"] < 365:
            yield f"{bucket.name} can be unlocked"


@rule
def buckets_answer_over_tls_only(deployment: Deployment, _: AwsLab) -> Faults:
    for policy in deployment.of_type("aws:s3/bucketPolicy:BucketPolicy"):
        found = json.loads(policy.inputs["policy"])["Statement"]
        denied = [one for one in found if one["Effect"] == "Deny" and one["Principal"] == "*"]
        everything = [one for one in denied if one["Action"] == ["s3:*"]]
        conditions = [one["Condition"] for one in everything if len(one["Resource"]) == 2]
        for condition in (
            {"Bool": {"aws:SecureTransport": "false"}},
            {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        ):
            if condition not in conditions:
                yield f"{policy.name} does not refuse {condition}"


@rule
def nothing_is_reachable_from_or_reaches_the_internet(deployment: Deployment, _: AwsLab) -> Faults:
    for type_ in WAYS_OUT:
        for one in deployment.of_type(type_):
            yield f"{label(one)} is a way out"
    for one in aws(deployment):
        for key in ("cidrIpv4", "destinationCidrBlock", "cidrBlock"):
            range_ = one.inputs.get(key)
            if range_ is not None and not ip_network(range_).is_private:
                yield f"{label(one)}: {key} is {range_}"
        for key in ("cidrIpv6", "destinationIpv6CidrBlock", "ipv6CidrBlock"):
            if one.inputs.get(key):
                yield f"{label(one)}: {key} opens IPv6"
        if one.type == "aws:ec2/securityGroup:SecurityGroup" and (
            one.inputs.get("ingress") or one.inputs.get("egress")
        ):
            yield f"{label(one)} has rules inside itself, which nothing else here looks at"


@rule
def rules_open_one_port_each(deployment: Deployment, lab: AwsLab) -> Faults:
    for one in aws(deployment):
        if "SecurityGroup" not in one.type or "ipProtocol" not in one.inputs:
            continue
        if one.inputs["ipProtocol"] == "-1" or one.inputs["fromPort"] != one.inputs["toPort"]:
            yield f"{label(one)} opens more than one port"
        if one.inputs["toPort"] == 22 and one.inputs.get("cidrIpv4") != str(lab.network.engineers):
            yield f"{label(one)} opens SSH to others than engineers"


@rule
def services_are_reached_by_endpoints(deployment: Deployment, lab: AwsLab) -> Faults:
    found = {
        one.inputs["serviceName"].removeprefix(f"com.amazonaws.{lab.region}."): one.inputs
        for one in deployment.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    }
    for service in ENDPOINTS:
        endpoint = found.get(service)
        if endpoint is None:
            yield f"there is no endpoint for {service}"
        elif not endpoint.get("policy"):
            yield f"the endpoint for {service} has no policy"
        elif endpoint["vpcEndpointType"] == "Interface" and not (
            endpoint.get("privateDnsEnabled") and endpoint.get("securityGroupIds")
        ):
            yield f"the endpoint for {service} does not take over its name, or is open"


@rule
def every_resource_says_whose_it_is(deployment: Deployment, lab: AwsLab) -> Faults:
    wanted = {
        "ai-lab.eu/lab": lab.name,
        "ai-lab.eu/classification": "confidential",
        "cost-center": lab.cost_center,
        "managed-by": "pulumi",
        "owner": lab.owner,
    }
    for one in aws(deployment):
        tags = one.inputs.get("tags")
        if tags is None and not takes_tags(one.type):
            continue
        if not wanted.items() <= (tags or {}).items():
            yield f"{label(one)} does not say whose it is"


@cache
def takes_tags(type_: str) -> bool:
    """Whether pulumi-aws has tags for that type."""
    module, name = type_.split(":")[1].split("/", maxsplit=1)[0], type_.rpartition(":")[2]
    made = getattr(importlib.import_module(f"pulumi_aws.{module}"), name)
    return "tags" in inspect.signature(made._internal_init).parameters


@rule
def everything_is_in_the_region_and_account(deployment: Deployment, lab: AwsLab) -> Faults:
    (provider,) = deployment.of_type("pulumi:providers:aws")
    if provider.inputs["region"] != lab.region:
        yield f"the provider works in {provider.inputs['region']}"
    if json.loads(provider.inputs["allowedAccountIds"]) != [lab.account]:
        yield "the provider works in any account"
    for one in aws(deployment):
        if not one.provider.startswith(provider.urn):
            yield f"{label(one)} is made by another provider"
        if one.inputs.get("region", lab.region) != lab.region:
            yield f"{label(one)} is in {one.inputs['region']}"
        zone = one.inputs.get("availabilityZone", lab.zones[0])
        if zone not in lab.zones:
            yield f"{label(one)} is in {zone}"


@rule
def nothing_with_data_goes_with_the_program(deployment: Deployment, _: AwsLab) -> Faults:
    for type_ in DATA:
        for one in deployment.of_type(type_):
            if not one.protect or not one.retain_on_delete:
                yield f"{label(one)} would be deleted"
    for one in deployment.of_type("aws:eks/cluster:Cluster"):
        if not one.protect:
            yield f"{label(one)} would be deleted"


@rule
def logs_are_kept_for_a_year(deployment: Deployment, _: AwsLab) -> Faults:
    for group in deployment.of_type("aws:cloudwatch/logGroup:LogGroup"):
        if not group.inputs.get("retentionInDays", 0) >= 365:
            yield f"{group.name} is kept for {group.inputs.get('retentionInDays')} days"


@rule
def services_find_their_encrypted_log_group(deployment: Deployment, lab: AwsLab) -> Faults:
    """Whoever finds none makes one of its own, without a key and for ever."""
    names = {one.inputs["name"] for one in deployment.of_type("aws:cloudwatch/logGroup:LogGroup")}
    database = f"/aws/rds/instance/{lab.name}-database"
    for name in (f"/aws/eks/{lab.name}/cluster", f"{database}/postgresql", f"{database}/upgrade"):
        if name not in names:
            yield f"there is no log group {name}"


@rule
def reads_and_writes_of_objects_are_recorded(deployment: Deployment, lab: AwsLab) -> Faults:
    (trail,) = deployment.of_type("aws:cloudtrail/trail:Trail")
    fields = [
        field for one in trail.inputs["advancedEventSelectors"] for field in one["fieldSelectors"]
    ]
    watched: list[str] = next(
        (one["startsWiths"] for one in fields if one["field"] == "resources.ARN"), []
    )
    for purpose in ("artifacts", "evidence"):
        if f"arn:aws:s3:::{lab.name}-{purpose}-{lab.account}/" not in watched:
            yield f"nobody records who reads {purpose}"
    if any(one["field"] == "readOnly" for one in fields):
        yield "only reads or only writes are recorded"
    if {"field": "eventCategory", "equals": ["Management"]} not in fields:
        yield "what is done to the account is not recorded"


@rule
def threats_are_looked_for_everywhere(deployment: Deployment, _: AwsLab) -> Faults:
    found = {
        one.inputs["name"]
        for one in deployment.of_type("aws:guardduty/detectorFeature:DetectorFeature")
    }
    for feature in ("EKS_AUDIT_LOGS", "RUNTIME_MONITORING", "S3_DATA_EVENTS", "RDS_LOGIN_EVENTS"):
        if feature not in found:
            yield f"GuardDuty does not look at {feature}"
    addons = {one.inputs["addonName"] for one in deployment.of_type("aws:eks/addon:Addon")}
    if "aws-guardduty-agent" not in addons:
        yield "GuardDuty has no agent on the nodes"


@rule
def the_database_speaks_tls_only(deployment: Deployment, _: AwsLab) -> Faults:
    (group,) = deployment.of_type("aws:rds/parameterGroup:ParameterGroup")
    found = {one["name"]: one["value"] for one in group.inputs["parameters"]}
    for name, value in {"rds.force_ssl": "1", "ssl_min_protocol_version": "TLSv1.2"}.items():
        if found.get(name) != value:
            yield f"{name} is {found.get(name)}"
    (database,) = deployment.of_type("aws:rds/instance:Instance")
    if database.inputs["backupRetentionPeriod"] < 7:
        yield "backups are kept for less than a week"


@rule
def only_named_roles_administer_the_cluster(deployment: Deployment, lab: AwsLab) -> Faults:
    for type_ in (
        "aws:eks/accessEntry:AccessEntry",
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    ):
        found = {one.inputs["principalArn"] for one in deployment.of_type(type_)}
        if found != set(lab.eks.administrators):
            yield f"{type_} is for {sorted(found)}"


@rule
def nodes_are_for_what_they_are_made_for(deployment: Deployment, lab: AwsLab) -> Faults:
    for pool in lab.eks.node_pools:
        group = deployment.named(f"{lab.name}-{pool.name}", "aws:eks/nodeGroup:NodeGroup")
        taints = [(one["key"], one["effect"]) for one in group.inputs.get("taints") or []]
        wanted = {"gpu": "nvidia.com/gpu", "system": "CriticalAddonsOnly"}.get(pool.purpose)
        if taints != ([(wanted, "NO_SCHEDULE")] if wanted else []):
            yield f"pool {pool.name} is for anybody"
        if (group.inputs["amiType"] == "AL2023_x86_64_NVIDIA") != (pool.purpose == "gpu"):
            yield f"pool {pool.name} has the wrong image"


@rule
def no_other_name_is_answered(deployment: Deployment, _: AwsLab) -> Faults:
    rules = {
        one.inputs["action"]: one.inputs
        for one in deployment.of_type("aws:route53/resolverFirewallRule:ResolverFirewallRule")
    }
    lists = {
        f"{one.name}-id": one.inputs["domains"]
        for one in deployment.of_type(
            "aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList"
        )
    }
    if lists.get(rules.get("BLOCK", {}).get("firewallDomainListId", "")) != ["*"]:
        yield "names of others are answered"
    for domain in lists.get(rules.get("ALLOW", {}).get("firewallDomainListId", ""), []):
        if not domain.endswith((".amazonaws.com", ".internal")):
            yield f"{domain} is answered"
    if {"ALLOW", "BLOCK"} == rules.keys() and rules["BLOCK"]["priority"] < rules["ALLOW"][
        "priority"
    ]:
        yield "nothing is answered at all"


@rule
def the_owner_is_told_before_too_much_is_spent(deployment: Deployment, lab: AwsLab) -> Faults:
    (budget,) = deployment.of_type("aws:budgets/budget:Budget")
    told = {
        (one["notificationType"], one["threshold"])
        for one in budget.inputs["notifications"]
        if one["subscriberEmailAddresses"] == [lab.owner]
    }
    if not {("ACTUAL", 80), ("FORECASTED", 100)} <= told:
        yield f"the owner is told {sorted(told)}"
    if budget.inputs["limitAmount"] != str(lab.monthly_budget):
        yield "the limit is another one"


@rule
def no_secret_is_in_any_input(deployment: Deployment, _: AwsLab) -> Faults:
    for one in deployment.resources:
        text = json.dumps(one.inputs)
        for sign in ("PRIVATE KEY", "secret_id", "hvs.", "client-key-data", "AKIA"):
            if sign in text:
                yield f"{label(one)} holds {sign}"
