"""What the ground hands on, in which order it is made, and what its program says before that."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Network
from typing import Any

import pytest
from pulumi.output import Unknown

from infra import paths
from infra.config import AwsLab, EgressRule
from infra.config.grounds.aws import AwsNetwork
from infra.errors import ConfigError
from stacks import aws
from tests.harness.aws_lab import ISSUER, SIGNING_KEY, deploy_aws
from tests.harness.deploy import Deployment

NODES = "aws:eks/nodeGroup:NodeGroup"


def test_images_of_sandboxes_come_from_the_labs_registry(made: Deployment, lab: AwsLab) -> None:
    policies = made.of_type("kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy")
    (settings,) = {
        entry["expression"]
        for policy in policies
        for entry in policy.inputs["spec"].get("variables", [])
        if entry["name"] == "settings"
    }
    assert json.loads(settings)["registries"] == [made.exports["registry"]]
    assert made.exports["registry"] == lab.image_registry(lab.name), "the audit computes it"


def test_exports_say_what_users_need_to_know(made: Deployment) -> None:
    assert made.exports["endpoints"]["vault"] == "https://vault.evaluations.internal:8200"
    assert made.exports["registry"] == "123456789012.dkr.ecr.eu-west-3.amazonaws.com/evaluations"
    assert set(made.exports["sandboxes"]) == {"bias-audit", "red-team"}


def test_the_kubeconfig_holds_no_secret_and_is_no_path(made: Deployment) -> None:
    text = made.exports["kubeconfig"]
    assert "\n" in text
    (user,) = json.loads(text)["users"]
    assert user["user"].keys() == {"exec"}
    assert user["user"]["exec"]["args"][:2] == ["eks", "get-token"]


def test_nothing_computes_before_it_is_watched_and_has_its_ways(made: Deployment) -> None:
    before = made.waits_for(made.named("evaluations-system", NODES))
    assert {"evaluations-trail", "evaluations-detector", "evaluations-ecr.dkr"} <= before
    assert {"evaluations-vpc-cni", "evaluations-eks-pod-identity-agent"} <= before


def test_nothing_uses_the_cluster_before_it_works(made: Deployment) -> None:
    for provider in made.of_type("pulumi:providers:kubernetes"):
        before = made.waits_for(provider)
        assert {"evaluations-coredns", "evaluations-system"} <= before
        assert "evaluations-administrator-lab-administrators" in before


def test_logs_are_there_before_those_who_write_them(made: Deployment) -> None:
    assert "evaluations-control-plane" in made.waits_for(
        made.named("evaluations-cluster", "aws:eks/cluster:Cluster")
    )
    database = made.named("evaluations-database", "aws:rds/instance:Instance")
    assert "evaluations-database-postgresql" in made.waits_for(database)


def test_vault_trusts_the_clusters_keys_and_is_opened_by_kms(made: Deployment) -> None:
    assert made.named("jwt", "ailab:vault:AuthMethod").inputs["config"] == {
        "jwt_validation_pubkeys": [SIGNING_KEY],
        "bound_issuer": ISSUER,
    }
    variables = made.named("vault", "ailab:ansible:Playbook").inputs["variables"]
    assert variables["lab_vault_seal"] == "awskms"
    assert variables["lab_vault_seal_settings"] == {
        "kms_key_id": "alias/evaluations-vault",
        "region": "eu-west-3",
    }
    assert (variables["lab_vault_key_shares"], variables["lab_vault_key_threshold"]) == (5, 3)
    assert made.named("evaluations-key-vault", "aws:kms/alias:Alias").inputs["name"] == (
        "alias/evaluations-vault"
    )


def test_vaults_machines_are_one_a_zone_and_reached_as_no_root(made: Deployment) -> None:
    inputs = made.named("vault", "ailab:ansible:Playbook").inputs
    assert [host["address"] for host in inputs["hosts"]] == [
        "10.64.200.10",
        "10.64.216.10",
        "10.64.232.10",
    ]
    assert inputs["connection"]["user"] == "admin"
    assert inputs["variables"]["vault_server_client_ranges"] == ["10.200.0.0/22", "127.0.0.1/32"]


def test_the_clusters_own_key_service_is_not_vault(made: Deployment) -> None:
    """AWS KMS encrypts the API's secrets; a key in Vault would be one that nobody uses."""
    assert not [one for one in made.resources if one.name.startswith("kms-")]


def test_system_pods_reach_the_api_server_and_no_policy_needs_cilium(made: Deployment) -> None:
    assert not [one for one in made.resources if "CiliumNetworkPolicy" in one.type]
    dns = made.named("kube-system/networkpolicy/allow-dns-to-api-server").inputs["spec"]
    (egress,) = dns["egress"]
    assert {"ipBlock": {"cidr": "10.65.0.1/32"}} in egress["to"]
    assert egress["ports"] == [{"protocol": "TCP", "port": 443}]


def test_a_first_preview_declares_the_same(
    monkeypatch: pytest.MonkeyPatch, lab: AwsLab, made: Deployment
) -> None:
    preview = deploy_aws(monkeypatch, lab, preview=True)
    assert {one.urn for one in preview.resources} == {one.urn for one in made.resources}
    assert isinstance(preview.exports["kubeconfig"], Unknown)


def test_a_sandbox_may_be_let_out_to_the_database_only(lab: AwsLab) -> None:
    database, *others = (
        lab.network.subnets(use)[0] for use in ("data", "nodes", "endpoints", "vault")
    )
    closed = lab.closed
    assert not any(database.overlaps(range_) for range_ in closed)
    for range_ in (*others, lab.network.services):
        assert range_ in closed


def test_a_sandbox_that_may_not_be_leaves_nothing_half_made(
    monkeypatch: pytest.MonkeyPatch, lab: AwsLab
) -> None:
    rule = EgressRule(cidr=IPv4Network("10.64.0.0/24"), port=80, reason="to another sandbox")
    sandbox = lab.sandboxes[0].model_copy(update={"egress": (rule,)})
    declared: list[Any] = []
    monkeypatch.setattr(aws, "AwsGround", lambda *_, **__: declared.append("ground"))
    with pytest.raises(ConfigError, match="egress"):
        deploy_aws(monkeypatch, lab.model_copy(update={"sandboxes": (sandbox,)}))
    assert not declared


@pytest.mark.parametrize("range_", ["10.80.0.0/16", "10.80.0.0/20"])
def test_subnets_fill_their_part_of_the_network_and_no_other(range_: str) -> None:
    network = AwsNetwork.model_validate(
        {"vpc": range_, "services": "10.81.0.0/16", "engineers": "10.200.0.0/24"}
    )
    subnets = [
        subnet for use in ("nodes", "endpoints", "data", "vault") for subnet in network.subnets(use)
    ]
    subnets.append(network.gateway_subnet())
    for index, one in enumerate(subnets):
        assert one.subnet_of(network.vpc)
        assert one.prefixlen <= 28, "AWS makes none smaller"
        assert not any(one.overlaps(other) for other in subnets[index + 1 :])
    for address, subnet in zip(network.vault_addresses(), network.subnets("vault"), strict=True):
        assert address in subnet
        assert int(address) - int(subnet.network_address) > 3, "AWS keeps the first four"


def test_names_stay_within_what_aws_allows(monkeypatch: pytest.MonkeyPatch, lab: AwsLab) -> None:
    longest = lab.model_copy(update={"name": "a" * 20})
    limits = {
        "aws:iam/role:Role": 64,
        "aws:lb/loadBalancer:LoadBalancer": 32,
        "aws:lb/targetGroup:TargetGroup": 32,
        "aws:rds/instance:Instance": 63,
    }
    for one in deploy_aws(monkeypatch, longest).resources:
        name = one.inputs.get("name") or one.inputs.get("identifier") or one.inputs.get("bucket")
        if one.type in limits or one.type == "aws:s3/bucket:Bucket":
            assert len(str(name)) <= limits.get(one.type, 63), one.type


def test_every_type_is_listed_as_never_made_in_an_account(made: Deployment) -> None:
    page = (paths.REPOSITORY / "docs" / "limitations.md").read_text()
    listed = set(re.findall(r"[A-Za-z]+", page.partition("### On AWS")[2].partition("###")[0]))
    types = {one.type.rpartition(":")[2] for one in made.resources if one.type.startswith("aws:")}
    assert types <= listed
