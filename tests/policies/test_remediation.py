"""What the level `remediate` corrects: enough for the rule, and nothing that is not the rule's."""

from __future__ import annotations

import copy
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import grpc
import pulumi_aws
import pytest
from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2 as proto

from policies import preview
from policies.admission import Admission, Settings
from policies.examples import NAMESPACE, deployment, pod
from policies.kinds import CHANGEABLE, WORKLOADS, Kind
from policies.pack import Pack
from policies.properties import Must, Properties, must_be, replaced
from policies.registry import all_rules
from policies.remediation import remedied, safe_values
from policies.rule import ByAdmission, Level, Rule
from policies.values import UNKNOWN
from tests.policies import captured

RULES = all_rules()
CORRECTING = {id_: rule for id_, rule in RULES.items() if list(safe_values(rule))}
OF_PROPERTIES = {
    id_: rule for id_, rule in CORRECTING.items() if isinstance(rule.preview, Properties)
}
OF_OBJECTS = {id_: rule for id_, rule in CORRECTING.items() if id_ not in OF_PROPERTIES}
#: As the engine marks a secret.
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
#: How the documentation of a property says so.
REPLACES = re.compile(r"forces? (a )?(new|replacement|re-?creation)|new resource", re.I)
#: What the providers cannot change in place, or what makes something reachable or lost when it is
#: set: a correction of it would replace the resource. From the documentation of the resources.
NEVER = {
    "aws:ebs/volume:Volume": ("encrypted", "kmsKeyId"),
    "aws:ec2/instance:Instance": ("associatePublicIpAddress", "rootBlockDevice.encrypted"),
    "aws:ecr/repository:Repository": ("encryptionConfigurations.*.encryptionType",),
    "aws:efs/fileSystem:FileSystem": ("encrypted",),
    "aws:eks/cluster:Cluster": ("accessConfig.bootstrapClusterCreatorAdminPermissions",),
    "aws:lb/loadBalancer:LoadBalancer": ("internal",),
    "aws:lb/targetGroup:TargetGroup": ("protocol",),
    "aws:rds/cluster:Cluster": ("storageEncrypted", "kmsKeyId"),
    "aws:rds/instance:Instance": ("storageEncrypted", "kmsKeyId", "multiAz"),
    # Less would be deleted at once.
    "aws:cloudwatch/logGroup:LogGroup": ("retentionInDays",),
    "aws:sagemaker/notebookInstance:NotebookInstance": ("directInternetAccess",),
    "azure-native:compute:VirtualMachine": (
        "osProfile.linuxConfiguration.disablePasswordAuthentication",
        "securityProfile.securityType",
    ),
    "azure-native:containerservice:AgentPool": ("enableNodePublicIP", "enableEncryptionAtHost"),
    "azure-native:containerservice:ManagedCluster": (
        "apiServerAccessProfile.enablePrivateCluster",
        "enableRBAC",
        "networkProfile.outboundType",
    ),
    "azure-native:keyvault:Key": ("properties.kty", "properties.keySize"),
    # Whoever has a role in Azure would get in.
    "azure-native:keyvault:Vault": (
        "properties.enableRbacAuthorization",
        "properties.softDeleteRetentionInDays",
    ),
    "azure-native:storage:StorageAccount": ("encryption.requireInfrastructureEncryption",),
}


def cases(rule: Rule) -> Iterator[tuple[str, Must, dict[str, Any], bool]]:
    """Resources, each with one thing wrong that can be corrected, and whether the rest of it is
    right: those of our own stacks or, of types that no stack of ours has, one that says nothing.
    """
    assert isinstance(rule.preview, Properties)
    for type_, musts in rule.preview.must.items():
        found = [one.properties for _, one in captured.of_types(frozenset((type_,)))]
        for must in musts:
            if must.safe is None:
                continue
            ours = [one for one in found if must.applies(one)]
            for properties in ours or [_as_asked(must)]:
                for bad in (*must.broken, *(() if must.optional else (None,))):
                    yield type_, must, replaced(properties, must.path, bad), bool(ours)


def _as_asked(must: Must) -> dict[str, Any]:
    """The least resource that is asked."""
    return {} if must.when is None else replaced({}, must.when[0], must.when[1][0])


def faults(must: Must, properties: Mapping[str, Any]) -> list[str]:
    return list(must.faults(properties))


@pytest.mark.parametrize("rule", OF_PROPERTIES.values(), ids=OF_PROPERTIES)
def test_what_is_corrected_passes_and_nothing_else_is_touched(rule: Rule) -> None:
    tried = 0
    for type_, must, mutant, right in cases(rule):
        tried += 1
        before = copy.deepcopy(mutant)
        assert faults(must, mutant)
        changed = remedied(rule, type_, mutant, Settings())
        assert changed is not None, f"{type_} {must.path} is not corrected"
        assert mutant == before, "the engine's own properties were changed"
        assert faults(must, changed) == []
        assert isinstance(rule.preview, Properties)
        own = {one.path for one in rule.preview.must[type_] if one.safe is not None}
        assert set(differing(mutant, changed)) <= own
        assert remedied(rule, type_, changed, Settings()) is None, "it never ends"
        if right:
            assert denials(rule, type_, changed) == [], "something else of it was broken"
    assert tried


def denials(rule: Rule, type_: str, properties: Mapping[str, Any]) -> list[str]:
    return list(preview.of_resource(rule, type_, properties, Settings()))


def differing(one: Any, other: Any, before: str = "") -> Iterator[str]:
    """Paths at which two resources differ; what is set for the first time, by its whole path."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in {*one, *other}:
            yield from differing(one.get(key), other.get(key), f"{before}{key}.")
    elif one is None and isinstance(other, Mapping):
        for key in other:
            yield from differing(None, other[key], f"{before}{key}.")
    elif one != other:
        yield before.rstrip(".")


@pytest.mark.parametrize("example", captured.names())
def test_what_we_declare_is_left_alone(example: str) -> None:
    for one in captured.stack(example).resources:
        for rule in CORRECTING.values():
            if one.type in preview.types_of(rule):
                assert remedied(rule, one.type, one.properties, Settings()) is None


@pytest.mark.parametrize("type_", NEVER)
def test_what_would_replace_lose_or_open_is_refused_instead(type_: str) -> None:
    corrected = {
        path for rule in OF_PROPERTIES.values() for of, path, _ in safe_values(rule) if of == type_
    }
    asked = {
        must.path
        for rule in RULES.values()
        if isinstance(rule.preview, Properties)
        for must in rule.preview.must.get(type_, ())
    }
    assert set(NEVER[type_]) <= asked, "a rule no longer speaks of it"
    assert not set(NEVER[type_]) & corrected


def test_no_property_says_that_it_replaces_its_resource() -> None:
    """As far as the documentation of pulumi-aws tells."""
    for rule in OF_PROPERTIES.values():
        for type_, path, _ in safe_values(rule):
            if not type_.startswith("aws:"):
                continue
            name = re.sub(r"(?<!^)(?=[A-Z])", "_", path.split(".")[0]).lower()
            told = vars(_class(type_))[name].__doc__ or ""
            assert not REPLACES.search(told), f"{type_} {path}: {told}"


def _class(type_: str) -> Any:
    _, module, name = type_.split(":")
    folder = module.split("/")[0]
    assert (Path(pulumi_aws.__file__).parent / folder).is_dir(), type_
    return getattr(importlib.import_module(f"pulumi_aws.{folder}"), name)


def test_a_replacing_property_would_be_found() -> None:
    """Seeded: a property of the rules that is not corrected, since it makes a new resource."""
    told = vars(_class("aws:ec2/vpcEndpoint:VpcEndpoint"))["private_dns_enabled"].__doc__
    assert REPLACES.search(told)


# Objects of Kubernetes.


def declared(kind: Kind, spec: dict[str, Any]) -> dict[str, Any]:
    """A workload as a program declares it."""
    whole = deployment()
    whole |= {"apiVersion": kind.api_version, "kind": kind.name}
    whole["spec"]["template"]["spec"] = spec
    if kind.name == "CronJob":
        whole["spec"] = {"schedule": "0 0 * * *", "jobTemplate": {"spec": whole["spec"]}}
    return whole


def wrong(rule: Rule) -> Iterator[tuple[str, dict[str, Any]]]:
    """The failing examples of a rule, as workloads that may change, or as they are."""
    assert isinstance(rule.admission, Admission)
    for manifest in rule.admission.fails:
        kind = rule.admission.kind_of(manifest)
        assert kind is not None
        if kind not in WORKLOADS:
            yield kind.pulumi_type, dict(manifest)
            continue
        spec = manifest["spec"] if kind.name == "Pod" else manifest["spec"]["template"]["spec"]
        for workload in CHANGEABLE:
            yield workload.pulumi_type, declared(workload, copy.deepcopy(spec))


@pytest.mark.parametrize("rule", OF_OBJECTS.values(), ids=OF_OBJECTS)
def test_an_object_is_corrected(rule: Rule) -> None:
    assert isinstance(rule.admission, Admission)
    passed = 0
    used: set[str] = set()
    for type_, manifest in wrong(rule):
        before = copy.deepcopy(manifest)
        changed = remedied(rule, type_, manifest, Settings())
        assert manifest == before
        if changed is None:
            continue
        touched = set(differing(_flat(manifest), _flat(changed)))
        allowed = {one.path.replace("*", r"\d+") for one in rule.admission.corrections}
        for path in touched:
            found = [one for one in allowed if re.search(rf"(^|\.){one}$", path)]
            assert found, f"{path} is not the rule's"
            used |= set(found)
        passed += not denials(rule, type_, changed)
    assert passed, "no failing example passes after its correction"
    of_containers = {one for one in allowed if one.startswith("containers")}
    assert of_containers <= used, "a correction that no example needs"


def _flat(value: Any) -> Any:
    """Lists as maps of their indices, but for lists of texts."""
    if isinstance(value, dict):
        return {key: _flat(item) for key, item in value.items()}
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return {str(index): _flat(item) for index, item in enumerate(value)}
    return value


@pytest.mark.parametrize("kind", ["Pod", "Job", "ReplicaSet"])
def test_what_would_be_made_anew_is_not_corrected(kind: str) -> None:
    rule = RULES["api-tokens-not-mounted"]
    workload = next(one for one in WORKLOADS if one.name == kind)
    spec = pod(automountServiceAccountToken=True)["spec"]
    manifest = pod(automountServiceAccountToken=True)
    if kind != "Pod":
        manifest = declared(workload, spec)
    assert denials(rule, workload.pulumi_type, manifest)
    assert remedied(rule, workload.pulumi_type, manifest, Settings()) is None


def test_what_somebody_asks_for_by_name_is_refused_and_not_taken_away() -> None:
    for id_ in ("no-privileged-containers", "no-host-access", "volume-types-allowed"):
        assert id_ not in CORRECTING
    rule = RULES["capabilities-dropped"]
    spec = pod(container={"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}})["spec"]
    manifest = declared(CHANGEABLE[0], spec)
    changed = remedied(rule, CHANGEABLE[0].pulumi_type, manifest, Settings())
    assert changed is not None
    capabilities = changed["spec"]["template"]["spec"]["containers"][0]["securityContext"]
    assert capabilities == {"capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]}}
    assert denials(rule, CHANGEABLE[0].pulumi_type, changed)


def test_other_namespaces_are_none_of_its_business() -> None:
    rule = RULES["api-tokens-not-mounted"]
    manifest = declared(CHANGEABLE[0], pod(automountServiceAccountToken=True)["spec"])
    manifest["metadata"]["namespace"] = "kube-system"
    assert NAMESPACE != "kube-system"
    assert remedied(rule, CHANGEABLE[0].pulumi_type, manifest, Settings()) is None


# What the engine sends.


def asked(
    properties: dict[str, Any], *levels: tuple[str, Level], type_: str = "aws:kms/key:Key"
) -> proto.RemediateResponse:
    pack = Pack(RULES.values())
    numbers = {Level.REMEDIATE: proto.REMEDIATE, Level.MANDATORY: proto.MANDATORY}
    request = proto.ConfigureAnalyzerRequest()
    for id_, level in levels:
        request.policyConfig[id_].enforcementLevel = numbers[level]
    context = mock.Mock(spec=grpc.ServicerContext)
    pack.Configure(request, context)
    about = proto.AnalyzeRequest(type=type_)
    about.properties.update(properties)
    return pack.Remediate(about, context)


def test_only_at_this_level() -> None:
    key = {"enableKeyRotation": False}
    assert not asked(key).remediations
    assert not asked(key, ("aws-keys-rotate", Level.MANDATORY)).remediations
    (said,) = asked(key, ("aws-keys-rotate", Level.REMEDIATE)).remediations
    assert said.policyName == "aws-keys-rotate"
    assert said.properties["enableKeyRotation"] is True
    assert not said.diagnostic


def test_a_rule_with_nothing_to_correct_says_nothing() -> None:
    """An answer without properties would take all of them away."""
    assert not asked({"tags": {}}, ("aws-owner-tags", Level.REMEDIATE)).remediations


def test_secrets_stay_secrets_and_unknown_values_stay_unknown() -> None:
    secret = {**SECRET, "value": "x"}
    properties = {
        "enableKeyRotation": UNKNOWN,
        "deletionWindowInDays": 7,
        "rotationPeriodInDays": {**SECRET, "value": 365},
        "description": secret,
    }
    (said,) = asked(properties, ("aws-keys-rotate", Level.REMEDIATE)).remediations
    changed = json_format.MessageToDict(said.properties)
    assert changed == {**properties, "deletionWindowInDays": 30}


def test_what_is_secret_is_not_entered() -> None:
    """A map that is a secret as a whole: the rule refuses it, and nothing is written into it."""
    options = {**SECRET, "value": {"httpTokens": "optional"}}
    level = ("aws-metadata-service-v2", Level.REMEDIATE)
    answer = asked({"metadataOptions": options}, level, type_="aws:ec2/instance:Instance")
    assert not answer.remediations


def test_a_correction_that_the_rule_itself_refuses_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="no correction"):
        must_be("encrypted", True, safe="yes")
    with pytest.raises(ValueError, match="lists"):
        must_be("disks.*.encrypted", True, safe=True)


def test_a_rule_without_places_to_correct_has_none() -> None:
    kinds = {type(rule.preview) for rule in CORRECTING.values()}
    assert kinds == {Properties, ByAdmission}
