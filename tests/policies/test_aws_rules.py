"""The rules of AWS: mutants that other tests made, values that are not known yet, and what no
stack of ours has.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from infra.config import AwsLab
from policies import preview
from policies.admission import Settings
from policies.properties import Properties
from policies.registry import all_rules
from policies.relations import Relations
from policies.values import UNKNOWN, Undecided
from tests.harness import aws_lab
from tests.harness.deploy import Deployment
from tests.policies import captured, deployed
from tests.unit.clouds.aws.expected import MUST_BE
from tests.unit.clouds.aws.faults import takes_tags
from tests.unit.clouds.aws.test_security import MUTANTS, Mutation, assign

RULES = {key: rule for key, rule in all_rules().items() if key.startswith("aws-")}
#: What holds of our composition only, and is no rule for every lab: by the assertion of
#: tests/unit/clouds/aws, which mutants of it (all: None).
OURS: dict[str, set[int]] = {
    # Which range engineers sit in, and which roles and names there are.
    "rules_open_one_port_each": {2},
    "only_vaults_role_opens_vault": {0, 1, 2},
    "only_named_roles_administer_the_cluster": {0, 1},
    "no_other_name_is_answered": {1, 2},
    # Whose it is exactly, how much it may cost, and which image its nodes run.
    "every_resource_says_whose_it_is": {1},
    "the_owner_is_told_before_too_much_is_spent": {1},
    "nodes_are_for_what_they_are_made_for": {1},
}
#: The same by type: paths that are a choice, or safe by AWS's own default (with that value).
CHOSEN: dict[str, dict[str, tuple[Any, ...]]] = {
    "aws:ec2/instance:Instance": {
        "associatePublicIpAddress": (None,),
        "disableApiTermination": (False, None),
        "monitoring": (False, None),
    },
    "aws:ec2/launchTemplate:LaunchTemplate": {
        "blockDeviceMappings.*.ebs.volumeType": ("other", None),
        "monitoring.enabled": (False, None),
    },
    "aws:ecr/repository:Repository": {"forceDelete": (None,)},
    "aws:rds/instance:Instance": {"performanceInsightsEnabled": (False, None)},
    "aws:s3/bucket:Bucket": {"forceDestroy": (None,)},
}


@pytest.fixture(scope="module")
def lab() -> AwsLab:
    return aws_lab.load(aws_lab.FULL)


@pytest.fixture(scope="module")
def made(lab: AwsLab) -> Deployment:
    with pytest.MonkeyPatch.context() as patch:
        return aws_lab.deploy_aws(patch, lab)


@pytest.fixture
def deployment(made: Deployment) -> Deployment:
    return copy.deepcopy(made)


def test_policies_as_texts_are_read_as_well(deployment: Deployment) -> None:
    """As an engine hands them over; the inventories hold them as maps."""
    assert isinstance(deployment.of_type("aws:kms/key:Key")[0].inputs["policy"], str)
    assert deployed.findings(deployment, "aws-") == []


@pytest.mark.parametrize(
    ("assertion", "number", "mutate"),
    [
        pytest.param(name, number, mutate, id=f"{name}-{number}")
        for name, mutations in MUTANTS.items()
        for number, mutate in enumerate(mutations)
    ],
)
def test_a_mutant_of_the_clouds_own_tests_is_denied(
    deployment: Deployment, assertion: str, number: int, mutate: Mutation
) -> None:
    mutate(deployment)
    assert bool(deployed.denied(deployment, "aws-")) != (number in OURS.get(assertion, ()))


@pytest.mark.parametrize("type_", MUST_BE)
def test_a_value_that_does_not_protect_is_denied(made: Deployment, type_: str) -> None:
    for path, wanted in MUST_BE[type_].items():
        flipped = (
            (not wanted) if isinstance(wanted, bool) else ["other"] if wanted == [] else "other"
        )
        for value in (flipped, None) if wanted is not None else (flipped,):
            deployment = copy.deepcopy(made)
            assign(deployment.of_type(type_)[-1].inputs, path, value)
            passes = value in CHOSEN.get(type_, {}).get(path, ())
            assert bool(deployed.denied(deployment, "aws-")) != passes, (path, value)


def test_everything_of_ours_that_takes_tags_is_asked_for_them() -> None:
    check = RULES["aws-owner-tags"].preview
    assert isinstance(check, Properties)
    ours = {
        one.type
        for name in captured.names()
        for one in captured.stack(name).resources
        if one.type.startswith("aws:")
    }
    assert {type_ for type_ in ours if takes_tags(type_)} <= set(check.types)


def denials(rule: str, type_: str, properties: dict[str, Any]) -> list[str]:
    return list(preview.of_resource(RULES[rule], type_, properties, Settings()))


KEY = "arn:aws:kms:eu-west-3:123456789012:key/some"
LISTENER = "aws:lb/listener:Listener"
MACHINE = "aws:ec2/instance:Instance"
POOL = "aws:eks/nodeGroup:NodeGroup"
GROUP = "aws:rds/parameterGroup:ParameterGroup"


def test_more_disks_of_a_machine() -> None:
    machine: dict[str, Any] = {"rootBlockDevice": {"encrypted": True, "kmsKeyId": KEY}}
    assert denials("aws-volumes-encrypted", MACHINE, machine) == []
    machine["ebsBlockDevices"] = [{"encrypted": True}, {"deviceName": "/dev/sdb"}]
    assert denials("aws-volumes-encrypted", MACHINE, machine)


def test_a_listener_that_ends_tls() -> None:
    for protocol in ("HTTPS", "TLS"):
        modern = {"protocol": protocol, "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"}
        assert denials("aws-load-balancers-tls", LISTENER, modern) == []
        assert denials("aws-load-balancers-tls", LISTENER, {"protocol": protocol})
        old = modern | {"sslPolicy": "ELBSecurityPolicy-TLS13-1-0-2021-06"}
        assert denials("aws-load-balancers-tls", LISTENER, old)


def test_parameters_of_other_engines() -> None:
    on = [{"name": "require_secure_transport", "value": "ON"}]
    assert denials("aws-databases-tls-only", GROUP, {"family": "mysql8.4", "parameters": on}) == []
    assert denials("aws-databases-tls-only", GROUP, {"family": "mysql8.4", "parameters": []})
    assert denials("aws-databases-tls-only", GROUP, {"family": "oracle-ee-19", "parameters": on})
    with pytest.raises(Undecided):
        denials("aws-databases-tls-only", GROUP, {"family": UNKNOWN, "parameters": on})


def test_looking_and_logging_in_need_no_named_resource() -> None:
    for actions in (
        ["ecr:GetAuthorizationToken"],
        ["ec2:DescribeInstances", "s3:ListAllMyBuckets"],
    ):
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        policy = {"policy": json.dumps({"Statement": statement})}
        assert denials("aws-iam-named-resources", "aws:iam/rolePolicy:RolePolicy", policy) == []


def test_a_role_for_workloads_of_another_issuer_says_which() -> None:
    provider = "arn:aws:iam::123456789012:oidc-provider/id.example"
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider},
        "Condition": {"StringEquals": {"id.example:sub": "system:serviceaccount:a:b"}},
    }
    role = {"assumeRolePolicy": {"Statement": [statement]}}
    assert denials("aws-iam-trust-bound", "aws:iam/role:Role", role) == []
    statement["Condition"] = {"StringLike": {"id.example:sub": "*"}}
    assert denials("aws-iam-trust-bound", "aws:iam/role:Role", role)


def test_a_gpu_pool_is_known_by_its_image_or_its_labels() -> None:
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}
    for pool in ({"amiType": "AL2023_x86_64_NVIDIA"}, {"labels": {"ai-lab.eu/gpu": "h100"}}):
        assert denials("aws-gpu-nodes-tainted", POOL, pool)
        assert denials("aws-gpu-nodes-tainted", POOL, pool | {"taints": [taint]}) == []
    with pytest.raises(Undecided):
        denials("aws-gpu-nodes-tainted", POOL, {"amiType": UNKNOWN})


def test_nothing_is_decided_without_the_labs_own_account() -> None:
    check = RULES["aws-own-account-only"].preview
    assert isinstance(check, Relations)
    stack = captured.stack("aws-least")
    stack = type(stack)([one for one in stack.resources if not one.type.startswith("pulumi:")])
    with pytest.raises(Undecided):
        list(check.faults(stack))
