"""The policy pack's answers: which rules were asked at all, and how little it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from unittest import mock

import grpc
from pulumi.runtime.proto import analyzer_pb2 as proto

from infra.paths import REPOSITORY
from policies.pack import Pack
from policies.properties import Properties
from policies.registry import all_rules
from policies.relations import Relations
from policies.rule import Level

CONTEXT = mock.Mock(spec=grpc.ServicerContext)
KEY = "aws:kms/key:Key"
ROTATE = "aws-keys-rotate"


def about(type_: str, **properties: Any) -> proto.AnalyzeRequest:
    request = proto.AnalyzeRequest(type=type_)
    request.properties.update(properties)
    return request


def others(answer: proto.AnalyzeResponse | proto.RemediateResponse) -> set[str]:
    return {one.policy_name for one in answer.not_applicable}


def asked(type_: str) -> set[str]:
    """Rules about resources of a type."""
    return {
        id_
        for id_, rule in all_rules().items()
        if isinstance(rule.preview, Properties) and type_ in rule.preview.types
    }


def pack(**levels: proto.EnforcementLevel.ValueType) -> Pack:
    made = Pack(all_rules().values())
    request = proto.ConfigureAnalyzerRequest()
    for id_, level in levels.items():
        request.policyConfig[id_.replace("_", "-")].enforcementLevel = level
    made.Configure(request, CONTEXT)
    return made


def test_rules_that_were_not_asked_are_not_passed() -> None:
    """Else the engine calls each of them passed, for each resource of a program."""
    info = pack().GetAnalyzerInfo(mock.Mock(), CONTEXT)
    single = {one.name for one in info.policies if one.policy_type == proto.POLICY_TYPE_RESOURCE}
    for _ in range(2):  # made, and remembered
        assert others(pack().Analyze(about(KEY), CONTEXT)) == single - asked(KEY)
        assert others(pack().Analyze(about("random:index:Pet"), CONTEXT)) == single
    assert ROTATE in asked(KEY)


def test_an_answer_about_one_resource_is_not_one_about_the_next() -> None:
    found = pack()
    assert found.Analyze(about(KEY, enableKeyRotation=False), CONTEXT).diagnostics
    right = {"enableKeyRotation": True, "rotationPeriodInDays": 365, "deletionWindowInDays": 30}
    said = found.Analyze(about(KEY, **right), CONTEXT).diagnostics
    assert ROTATE not in {one.policyName for one in said}


def test_a_rule_that_is_switched_off_is_not_asked() -> None:
    found = pack()
    assert ROTATE not in others(found.Analyze(about(KEY), CONTEXT))
    request = proto.ConfigureAnalyzerRequest()
    request.policyConfig[ROTATE].enforcementLevel = proto.DISABLED
    found.Configure(request, CONTEXT)
    assert found.level(all_rules()[ROTATE]) is Level.DISABLED
    assert ROTATE in others(found.Analyze(about(KEY), CONTEXT))


def test_only_who_corrects_is_asked_to() -> None:
    key = about(KEY, enableKeyRotation=False)
    assert ROTATE in others(pack().Remediate(key, CONTEXT))
    answer = pack(aws_keys_rotate=proto.REMEDIATE).Remediate(key, CONTEXT)
    assert [one.policyName for one in answer.remediations] == [ROTATE]
    assert ROTATE not in others(answer)
    assert "aws-volumes-encrypted" in others(answer)


def test_rules_of_whole_stacks_are_asked_where_they_are_about_something() -> None:
    related = {id_ for id_, rule in all_rules().items() if isinstance(rule.preview, Relations)}
    empty = pack().AnalyzeStack(proto.AnalyzeStackRequest(), CONTEXT)
    assert others(empty) == related
    network = proto.AnalyzerResource(type="aws:ec2/vpc:Vpc", name="n", urn="urn:n")
    answer = pack().AnalyzeStack(proto.AnalyzeStackRequest(resources=[network]), CONTEXT)
    told = {one.policyName for one in answer.diagnostics}
    assert "aws-flow-logs" in told
    assert others(answer) & told == set()
    assert "azure-flow-logs" in others(answer)


def loaded(program: str) -> list[str]:
    """Modules of Pulumi's SDK that a program has loaded in the end."""
    show = "import json, sys; print(json.dumps([m for m in sys.modules if m.startswith('pulumi')]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{show}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout))


def test_the_pack_loads_pulumis_messages_and_nothing_else_of_it() -> None:
    lean = "from policies.lean import start_lean; start_lean()\n"
    use = "from policies import pack, registry; pack.Pack(registry.all_rules().values())"
    found = loaded(lean + use)
    assert "pulumi.runtime.proto.analyzer_pb2" in found
    rest = {one for one in found if not one.startswith("pulumi.runtime.proto")}
    assert rest == {"pulumi", "pulumi.runtime"}
    # The control: without it, all of the SDK.
    assert "pulumi.automation" in loaded(use)


def test_once_it_serves_garbage_is_collected() -> None:
    """What is loaded is left alone; a long operation must not fill the memory."""
    program = (
        "import gc\nfrom policies.lean import start_lean, started\nstart_lean()\n"
        "assert not gc.isenabled()\nstarted()\nassert gc.isenabled() and gc.get_freeze_count()\n"
    )
    assert loaded(program) == ["pulumi", "pulumi.runtime"]


def test_it_is_for_processes_that_do_not_use_pulumi() -> None:
    program = "import pulumi\nfrom policies.lean import start_lean\nstart_lean()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "has been imported already" in done.stderr
