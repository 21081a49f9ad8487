"""Previews of clouds by the real engine, over the providers that only record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra.engine.plan import Plan, read_plan
from tests.harness import data_loss, planned_inventory
from tests.harness.pulumi_project import Project

HEAD = """
import json, pulumi, pulumi_aws as aws, pulumi_azure_native as azure
provider = aws.Provider("aws", region="eu-west-1", allowed_account_ids=["111122223333"],
                        default_tags={"tags": {"lab": "x"}})
on_aws = pulumi.ResourceOptions(provider=provider)
on_azure = pulumi.ResourceOptions(provider=azure.Provider(
    "azure", subscription_id="11111111-2222-3333-4444-555555555555", location="westeurope"))
"""
KEY = 'key = aws.kms.Key("logs", enable_key_rotation=True, tags={"owner": "me"}, opts=on_aws)\n'
VAULT = """
group = azure.resources.ResourceGroup("group", resource_group_name="rg", opts=on_azure)
vault = azure.keyvault.Vault("vault", resource_group_name=group.name, vault_name="keys",
    properties={"tenant_id": "t", "sku": {"family": "A", "name": "premium"}}, opts=on_azure)
secret = azure.keyvault.Key("key", resource_group_name=group.name, vault_name=vault.name,
    key_name="disk", properties={"kty": "RSA-HSM"}, opts=on_azure)
"""


def preview(project: Project, *, ok: bool = True) -> str:
    return project.run("preview", "--json", "--show-sames", ok=ok).text


def outputs(project: Project) -> dict[str, Any]:
    """What the program exports; a preview prints it with its steps."""
    text = preview(project)
    steps = json.loads(text[text.index("\n{") :] if text[0] != "{" else text)["steps"]
    assert steps
    return dict(json.loads((project.folder / "seen.json").read_text()))


SEEN = """
def seen(values):
    open("seen.json", "w").write(json.dumps(values))
pulumi.Output.all(**outputs).apply(seen)
"""


def test_what_a_cloud_would_answer_is_known_and_always_the_same(offline_project: Project) -> None:
    program = (
        HEAD
        + KEY
        + VAULT
        + """
bucket = aws.s3.Bucket("evidence", opts=on_aws)
vpc = aws.ec2.Vpc("main", cidr_block="10.0.0.0/16", opts=on_aws)
subnet = aws.ec2.Subnet("a", vpc_id=vpc.id, cidr_block="10.0.0.0/24", opts=on_aws)
cluster = aws.eks.Cluster("lab", name="lab", role_arn="arn:aws:iam::111122223333:role/r",
    vpc_config={"subnet_ids": [subnet.id], "endpoint_private_access": True}, opts=on_aws)
outputs = {
    "key": key.arn, "tags": key.tags_all, "bucket": bucket.arn, "subnet": subnet.id,
    "cluster": cluster.arn, "endpoint": cluster.endpoint,
    "group": cluster.vpc_config.cluster_security_group_id,
    "issuer": cluster.identities[0].oidcs[0].issuer,
    "vault": vault.id, "uri": vault.properties.vault_uri, "secret": secret.id,
}
"""
        + SEEN
    )
    offline_project.program(program)
    seen = outputs(offline_project)
    assert seen["key"].startswith("arn:aws:kms:eu-west-1:111122223333:key/")
    assert seen["tags"] == {"lab": "x", "owner": "me"}
    assert seen["bucket"].startswith("arn:aws:s3:::evidence-")
    assert seen["subnet"].startswith("subnet-0")
    assert seen["cluster"] == "arn:aws:eks:eu-west-1:111122223333:cluster/lab"
    assert seen["endpoint"].rstrip("/").endswith(".invalid")
    assert seen["group"].startswith("sg-0")
    assert seen["issuer"].startswith("https://")
    group = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg"
    assert seen["vault"] == f"{group}/providers/Microsoft.KeyVault/vaults/keys"
    assert seen["secret"] == f"{seen['vault']}/keys/disk"
    assert seen["uri"] == "https://keys.vault.invalid/"
    assert outputs(offline_project) == seen


def test_nothing_can_be_deployed(offline_project: Project) -> None:
    offline_project.program(HEAD + KEY)
    done = offline_project.up(ok=False)
    assert done.status != 0
    assert "LAB-708 aws:kms/key:Key must be made" in done.text
    assert "logs" not in offline_project.resources()


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        (
            "aws.s3.BucketVersioning('v', bucket='b', versioning_configuration={}, opts=on_aws)",
            ("versioningConfiguration.status", "is missing"),
        ),
        (
            "aws.s3.BucketVersioning('v', bucket='b', opts=on_aws,"
            " versioning_configuration={'status': 'Enabled', 'mfa_deletion': 'x'})",
            ("versioningConfiguration.mfa_deletion", "is no property of"),
        ),
        (
            "aws.kms.Key('k', deletion_window_in_days='thirty', opts=on_aws)",
            ("deletionWindowInDays", "must be a whole number"),
        ),
        (
            "azure.keyvault.Vault('v', resource_group_name='g', opts=on_azure,"
            " properties={'sku': {'family': 'A', 'name': 'gold'}})",
            ("properties.tenantId", "is missing", "properties.sku.name", "'gold'"),
        ),
        (
            "aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider))",
            ("LAB-708", "asks a real account"),
        ),
        (
            "aws.Provider('odd', regoin='eu-west-1')",
            ("regoin",),
        ),
    ],
    ids=["nested-missing", "nested-unknown", "type", "azure", "function", "provider"],
)
def test_what_cannot_be_right_is_named(
    offline_project: Project, declared: str, told: tuple[str, ...]
) -> None:
    offline_project.program(f"{HEAD}\n{declared}\n")
    done = offline_project.run("preview", ok=False)
    assert done.status != 0
    for text in told:
        assert text in done.text


def test_what_is_looked_up_is_taken_to_be_there(offline_project: Project) -> None:
    offline_project.program(
        HEAD
        + """
found = aws.ec2.Vpc.get("theirs", "vpc-0123456789abcdef0", opts=on_aws)
outputs = {"id": found.id}
"""
        + SEEN
    )
    assert outputs(offline_project) == {"id": "vpc-0123456789abcdef0"}


STORE = """
class Store(pulumi.ComponentResource):
    def __init__(self, name, child, opts=None, child_opts=None):
        super().__init__("lab:Store", name, {}, opts)
        own = pulumi.ResourceOptions(parent=self, provider=provider)
        aws.s3.Bucket(child, bucket="kept", opts=pulumi.ResourceOptions.merge(own, child_opts))
"""
BEFORE = STORE + 'Store("store", "evidence")\n'


def plan(project: Project, deployed: Mapping[str, Any] | None = None) -> Plan:
    if deployed is not None:
        file = project.folder / "state.json"
        file.write_text(json.dumps({"version": 3, "deployment": deployed}))
        project.run("stack", "import", "--file", str(file))
    return read_plan(preview(project), [], changes={}, seconds=0)


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (BEFORE, False),
        (STORE + 'Store("store", "proofs")', True),
        (
            STORE + 'Store("store", "proofs", child_opts=pulumi.ResourceOptions('
            'aliases=[pulumi.Alias(name="evidence")]))',
            False,
        ),
        (STORE + 'Store("vault", "evidence")', False),
        ('aws.s3.Bucket("evidence", bucket="kept", opts=on_aws)', True),
        (
            'aws.s3.Bucket("evidence", bucket="kept", opts=pulumi.ResourceOptions.merge(on_aws,'
            " pulumi.ResourceOptions(aliases=["
            'f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}'
            '::lab:Store$aws:s3/bucket:Bucket::evidence"])))',
            False,
        ),
        (STORE, True),
    ],
    ids=[
        "unchanged",
        "renamed",
        "renamed-with-an-alias",
        "its-parent-renamed",
        "moved",
        "moved-with-an-alias",
        "left-out",
    ],
)
def test_data_is_not_given_up_by_a_change_of_names(
    offline_project: Project, after: str, lost: bool
) -> None:
    offline_project.program(HEAD + BEFORE)
    accepted = planned_inventory.read(planned_inventory.render(plan(offline_project)))
    offline_project.program(HEAD + after + "\n" + KEY)
    found = data_loss.losses(
        accepted, plan(offline_project), lambda state: plan(offline_project, state)
    )
    assert bool(found) is lost
    if lost:
        assert "aws:s3/bucket:Bucket evidence is given up" in found[0]
        assert "::lab:Store$aws:s3/bucket:Bucket::evidence" in found[0]
