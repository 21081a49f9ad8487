"""What is read from the SDKs, the checks and the made-up outputs that follow from it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from infra.offline.recording import checking, made, sdk
from infra.offline.recording.aws import Aws
from infra.offline.recording.azure import Azure
from infra.offline.recording.made import Made
from infra.offline.recording.sdk import ResourceShape
from infra.offline.recording.shapes import ListOf, MapOf, Record, Scalar
from infra.plugins import UNKNOWN, Secret, Tagged

KEY = "aws:kms/key:Key"
GRANT = "aws:kms/grant:Grant"
VAULT = "azure-native:keyvault:Vault"
PACKAGES = {"aws": "pulumi_aws", "azure-native": "pulumi_azure_native"}


def shape(token: str) -> ResourceShape:
    found = sdk.resource(PACKAGES[token.partition(":")[0]], token)
    assert found is not None
    return found


def faults(token: str, **inputs: Any) -> dict[str, str]:
    found = checking.failures(inputs, shape(token).inputs, of=token)
    return {failure.property: failure.reason for failure in found}


def outputs(token: str, name: str = "it", **inputs: Any) -> dict[str, Any]:
    one = shape(token)
    cloud = Aws() if token.startswith("aws:") else Azure()
    required = tuple(key for key, field in one.inputs.items() if field.required)
    settings = inputs.pop("settings", {})
    thing = Made(token, name, f"{token}::{name}", inputs, settings, required)
    return {"id": cloud.id_of(thing)} | made.outputs(thing, one.outputs, one.inputs, cloud)


def test_inputs_and_outputs_are_told_apart() -> None:
    key = shape(KEY)
    assert "arn" not in key.inputs
    assert key.outputs["arn"].required
    assert not key.outputs["xksKeyId"].required
    assert key.inputs["enableKeyRotation"].shape == Scalar("boolean")
    assert key.inputs["tags"].shape == MapOf(Scalar("text"))
    assert not any(field.required for field in key.inputs.values())


def test_nested_objects_are_followed() -> None:
    grant = shape(GRANT).inputs
    assert grant["operations"].required
    assert grant["operations"].shape == ListOf(Scalar("text"))
    properties = shape(VAULT).inputs["properties"].shape
    assert isinstance(properties, Record)
    sku = properties.fields["sku"].shape
    assert properties.fields["sku"].required
    assert isinstance(sku, Record)
    name = sku.fields["name"].shape
    assert isinstance(name, Scalar)
    assert set(name.allowed) == {"standard", "premium"}


def test_types_that_no_sdk_has() -> None:
    assert sdk.resource("pulumi_aws", "aws:kms/key:Kee") is None
    assert sdk.resource("pulumi_aws", "aws:kmz/key:Key") is None
    assert "region" in sdk.provider_inputs("pulumi_aws")


def test_only_what_is_asked_for_is_imported() -> None:
    program = (
        "import sys; from infra.offline.recording import sdk\n"
        f"assert sdk.resource('pulumi_aws', '{KEY}')\n"
        "print([name for name in sys.modules if name.startswith(('pulumi_aws.ec2.',"
        " 'pulumi_azure_native'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "inputs",
    [
        {"deletionWindowInDays": 30, "enableKeyRotation": True, "tags": {"a": "b"}},
        {"policy": UNKNOWN, "tags": {"a": UNKNOWN}, "description": Secret("x")},
        {"policy": None, "__defaults": []},
        {"policy": Tagged("signature", {})},
    ],
    ids=["plain", "unknown", "nothing", "asset"],
)
def test_what_may_be(inputs: dict[str, Any]) -> None:
    assert faults(KEY, **inputs) == {}


@pytest.mark.parametrize(
    ("token", "inputs", "path", "reason"),
    [
        (GRANT, {"granteePrincipal": "a", "keyId": "k"}, "operations", "is missing"),
        (KEY, {"enableKeyRotaton": True}, "enableKeyRotaton", "is no property of aws:kms/key:Key"),
        (KEY, {"deletionWindowInDays": "30"}, "deletionWindowInDays", "a whole number"),
        (KEY, {"deletionWindowInDays": True}, "deletionWindowInDays", "a whole number"),
        (KEY, {"enableKeyRotation": 1}, "enableKeyRotation", "true or false"),
        (KEY, {"tags": {"a": 1}}, "tags.a", "must be a text"),
        (KEY, {"tags": ["a"]}, "tags", "must be an object"),
        (
            VAULT,
            {"resourceGroupName": "g", "properties": {"tenantId": "t", "sku": {"family": "A"}}},
            "properties.sku.name",
            "is missing",
        ),
        (
            VAULT,
            {
                "resourceGroupName": "g",
                "properties": {"tenantId": "t", "sku": {"family": "A", "name": "gold"}},
            },
            "properties.sku.name",
            "none of standard, premium",
        ),
    ],
)
def test_what_may_not_be(token: str, inputs: dict[str, Any], path: str, reason: str) -> None:
    found = faults(token, **inputs)
    assert list(found) == [path]
    assert reason in found[path]


def test_one_of_several_shapes_is_enough() -> None:
    role = "aws:iam/role:Role"
    document = {"version": "2012-10-17", "statements": []}
    assert faults(role, assumeRolePolicy="{}") == {}
    assert "assumeRolePolicy" in faults(role, assumeRolePolicy=3)
    assert not any("must be a text" in told for told in faults(role, assumeRolePolicy=document))


def test_the_same_place_gives_the_same_answer_and_another_one_another() -> None:
    assert outputs(KEY) == outputs(KEY)
    assert outputs(KEY)["arn"] != outputs(KEY, "other")["arn"]


def test_what_the_program_says_is_kept_and_no_protection_is_made_up() -> None:
    found = outputs("aws:s3/bucket:Bucket", bucket="kept", tags={"a": "b"})
    assert found["id"] == found["bucket"] == "kept"
    assert found["arn"] == "arn:aws:s3:::kept"
    assert found["tagsAll"] == {"a": "b"}
    assert found["serverSideEncryptionConfiguration"] == {}
    assert found["policy"] == ""
    assert found["objectLockEnabled"] is False


@pytest.mark.parametrize(
    ("token", "inputs", "starts"),
    [
        ("aws:ec2/subnet:Subnet", {}, "arn:aws:ec2:eu-central-1:123456789012:subnet/subnet-0"),
        ("aws:iam/role:Role", {"name": "r"}, "arn:aws:iam::123456789012:role/r"),
        (
            "aws:cloudwatch/logGroup:LogGroup",
            {"name": "/a/b"},
            "arn:aws:logs:eu-central-1:123456789012:log-group:/a/b",
        ),
        (
            "aws:rds/instance:Instance",
            {"identifier": "db", "region": "cn-north-1"},
            "arn:aws-cn:rds:cn-north-1:123456789012:db:db",
        ),
        (
            KEY,
            {"settings": {"region": "eu-west-1", "allowedAccountIds": '["111122223333"]'}},
            "arn:aws:kms:eu-west-1:111122223333:key/",
        ),
    ],
)
def test_arns(token: str, inputs: dict[str, Any], starts: str) -> None:
    assert outputs(token, **inputs)["arn"].startswith(starts)


@pytest.mark.parametrize(
    ("token", "inputs", "ends"),
    [
        (VAULT, {"vaultName": "v"}, "rg/providers/Microsoft.KeyVault/vaults/v"),
        (
            "azure-native:keyvault:Key",
            {"vaultName": "v", "keyName": "k"},
            "Microsoft.KeyVault/vaults/v/keys/k",
        ),
        (
            "azure-native:network:Subnet",
            {"virtualNetworkName": "n", "subnetName": "s"},
            "Microsoft.Network/virtualNetworks/n/subnets/s",
        ),
        (
            "azure-native:containerservice:AgentPool",
            {"resourceName": "c", "agentPoolName": "p"},
            "Microsoft.ContainerService/managedClusters/c/agentPools/p",
        ),
        (
            "azure-native:storage:StorageAccount",
            {"accountName": "a"},
            "Microsoft.Storage/storageAccounts/a",
        ),
    ],
)
def test_ids_of_azure(token: str, inputs: dict[str, Any], ends: str) -> None:
    found = outputs(token, resourceGroupName="rg", settings={"subscriptionId": "s-1"}, **inputs)
    assert found["id"].startswith("/subscriptions/s-1/resourceGroups/rg/providers/")
    assert found["id"].endswith(ends)
    assert found["name"] == ends.rpartition("/")[2]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(
    ("token", "inputs"),
    [
        ("aws:eks/cluster:Cluster", {"roleArn": "r", "vpcConfig": {"subnetIds": ["s"]}}),
        ("aws:rds/instance:Instance", {"instanceClass": "c"}),
        ("aws:lb/loadBalancer:LoadBalancer", {}),
        ("azure-native:containerservice:ManagedCluster", {"resourceGroupName": "g"}),
        ("azure-native:storage:StorageAccount", {"resourceGroupName": "g", "accountName": "a"}),
    ],
)
def test_nothing_made_up_can_be_reached(token: str, inputs: dict[str, Any]) -> None:
    for text in _texts(outputs(token, **inputs)):
        if text.startswith("https://"):
            assert text.split("/")[2].endswith(".invalid"), text
        parts = text.split(".")
        if len(parts) == 4 and all(part.isdigit() for part in parts):
            assert text.startswith("192.0.2."), text


def test_two_classes_of_one_name_are_not_taken_for_each_other() -> None:
    """Read at the same time, as an engine asks; in a process that has read neither."""
    program = """
import sys, threading
from infra.offline.recording import sdk
tokens = ["storage:StorageAccount", "containerregistry:Registry", "operationalinsights:Cluster"]
wall, found = threading.Barrier(len(tokens)), {}

def record(fields):
    for field in fields.values():
        name = getattr(field.shape, "name", "")
        if name == "KeyVaultPropertiesArgs":
            return field.shape
        if name == "EncryptionArgs" or name == "EncryptionPropertyArgs":
            return record(field.shape.fields)

def read(token):
    wall.wait()
    shape = sdk.resource("pulumi_azure_native", f"azure-native:{token}")
    found[token] = sorted(record(shape.inputs).fields)

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=read, args=[token]) for token in tokens]
for one in threads: one.start()
for one in threads: one.join()
print([found[token] for token in tokens])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(
        [
            ["keyName", "keyVaultUri", "keyVersion"],
            ["identity", "keyIdentifier"],
            ["keyName", "keyRsaSize", "keyVaultUri", "keyVersion"],
        ]
    )
