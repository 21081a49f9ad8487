"""The Pulumi policy pack: the engine's analyzer protocol over the registry.

pulumi_policy's own server converts each resource anew for each policy, which for this many rules
costs more than the preview itself (docs/adr/0016-policies.md); this one converts it once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto
from pulumi.runtime.proto import analyzer_pb2_grpc, plugin_pb2

from policies import preview
from policies.admission import Admission, Settings
from policies.preview import Finding, Verdict
from policies.relations import Relations, Resource, Stack
from policies.remediation import remedied
from policies.rule import Level, Rule, Severity
from policies.values import plain

NAME = "ai-lab"
VERSION = "0.1.0"
_LEVELS = {
    Level.ADVISORY: proto.ADVISORY,
    Level.MANDATORY: proto.MANDATORY,
    Level.REMEDIATE: proto.REMEDIATE,
    Level.DISABLED: proto.DISABLED,
}
_SEVERITIES = {
    Severity.LOW: proto.POLICY_SEVERITY_LOW,
    Severity.MEDIUM: proto.POLICY_SEVERITY_MEDIUM,
    Severity.HIGH: proto.POLICY_SEVERITY_HIGH,
    Severity.CRITICAL: proto.POLICY_SEVERITY_CRITICAL,
}
#: As large as the engine's own messages may be.
_MESSAGE = 400 * 1024**2


class Pack(analyzer_pb2_grpc.AnalyzerServicer):
    """Answers the engine about every resource and, at the end, about the whole stack."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._by_type: dict[str, list[Rule]] = {}
        self._relations: list[tuple[Rule, Relations]] = []
        for rule in rules:
            for type_ in preview.types_of(rule):
                self._by_type.setdefault(type_, []).append(rule)
            if isinstance(rule.preview, Relations):
                self._relations.append((rule, rule.preview))
        single = {rule.id for rules in self._by_type.values() for rule in rules}
        self._single = tuple(sorted(single))
        self._levels: dict[str, Level] = {}
        self._settings = Settings()
        self._said_nothing: dict[str, proto.AnalyzeResponse] = {}
        self._set_nothing = proto.RemediateResponse(not_applicable=_not_asked(self._single))

    def level(self, rule: Rule) -> Level:
        return self._levels.get(rule.id, rule.level)

    @property
    def _rules(self) -> dict[str, Rule]:
        found = {rule.id: rule for rules in self._by_type.values() for rule in rules}
        return dict(sorted((found | {rule.id: rule for rule, _ in self._relations}).items()))

    def GetAnalyzerInfo(  # noqa: N802 - names of the protocol
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> proto.AnalyzerInfo:
        return proto.AnalyzerInfo(
            name=NAME,
            version=VERSION,
            displayName="AI lab",
            description="What holds of every lab before it is deployed",
            supportsConfig=True,
            policies=[self._info(rule) for rule in self._rules.values()],
        )

    def _info(self, rule: Rule) -> proto.PolicyInfo:
        related = isinstance(rule.preview, Relations)
        info = proto.PolicyInfo(
            name=rule.id,
            displayName=rule.title,
            description=rule.reason,
            enforcementLevel=_LEVELS[rule.level],
            severity=_SEVERITIES[rule.severity],
            policy_type=proto.POLICY_TYPE_STACK if related else proto.POLICY_TYPE_RESOURCE,
            tags=list(rule.controls),
            remediation_steps=rule.remedy,
        )
        if isinstance(rule.admission, Admission) and rule.admission.uses_settings:
            info.configSchema.properties.update(
                {"registries": {"type": "array", "items": {"type": "string"}}}
            )
        return info

    def GetPluginInfo(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    def Handshake(  # noqa: N802
        self, request: proto.AnalyzerHandshakeRequest, context: grpc.ServicerContext
    ) -> proto.AnalyzerHandshakeResponse:
        return proto.AnalyzerHandshakeResponse()

    def Configure(  # noqa: N802
        self, request: proto.ConfigureAnalyzerRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        levels = {number: level for level, number in _LEVELS.items()}
        for name, config in request.policyConfig.items():
            self._levels[name] = levels[config.enforcementLevel]
            given = json_format.MessageToDict(config.properties)
            if "registries" in given:
                self._settings = Settings(registries=tuple(given["registries"]))
        self._said_nothing.clear()
        return empty_pb2.Empty()

    def ConfigureStack(  # noqa: N802
        self, request: proto.AnalyzerStackConfigureRequest, context: grpc.ServicerContext
    ) -> proto.AnalyzerStackConfigureResponse:
        return proto.AnalyzerStackConfigureResponse()

    def Cancel(  # noqa: N802
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Analyze(  # noqa: N802
        self, request: proto.AnalyzeRequest, context: grpc.ServicerContext
    ) -> proto.AnalyzeResponse:
        rules = self._active(request.type)
        if not rules:
            return self._nothing_about(request.type)
        response = proto.AnalyzeResponse()
        response.CopyFrom(self._nothing_about(request.type))
        properties = _read(request.properties)
        for rule in rules:
            found = preview.judged(rule, request.type, properties, self._settings)
            response.diagnostics.extend(map(self._said, found))
        return response

    def AnalyzeStack(  # noqa: N802
        self, request: proto.AnalyzeStackRequest, context: grpc.ServicerContext
    ) -> proto.AnalyzeResponse:
        active = [
            (rule, check)
            for rule, check in self._relations
            if self.level(rule) is not Level.DISABLED
        ]
        types = frozenset[str]().union(*(check.types for _, check in active))
        stack = Stack([_resource(one) for one in request.resources if one.type in types])
        found = (one for rule, _ in active for one in preview.related(rule, stack))
        there = {one.type for one in stack.resources}
        asked = {rule.id for rule, check in active if there.intersection(check.about)}
        others = [rule.id for rule, _ in self._relations if rule.id not in asked]
        return proto.AnalyzeResponse(
            diagnostics=map(self._said, found), not_applicable=_not_asked(others)
        )

    def Remediate(  # noqa: N802
        self, request: proto.AnalyzeRequest, context: grpc.ServicerContext
    ) -> proto.RemediateResponse:
        """Each rule corrects what the one before it has left; what is left in the end, and what is
        not known yet, `Analyze` is asked about.
        """
        rules = [r for r in self._active(request.type) if self.level(r) is Level.REMEDIATE]
        if not rules:
            return self._set_nothing
        asked = {rule.id for rule in rules}
        others = [id_ for id_ in self._single if id_ not in asked]
        response = proto.RemediateResponse(not_applicable=_not_asked(others))
        properties: Mapping[str, Any] = json_format.MessageToDict(request.properties)
        for rule in rules:
            changed = remedied(rule, request.type, properties, self._settings)
            if changed is None:
                continue
            properties = changed
            said = response.remediations.add(
                policyName=rule.id,
                policyPackName=NAME,
                policyPackVersion=VERSION,
                description=rule.title,
            )
            said.properties.update(changed)
        return response

    def _active(self, type_: str) -> list[Rule]:
        rules = self._by_type.get(type_, [])
        return [rule for rule in rules if self.level(rule) is not Level.DISABLED]

    def _nothing_about(self, type_: str) -> proto.AnalyzeResponse:
        """An answer that says nothing, but which rules were not asked: the engine takes all others
        for passed, and tells of each with every resource. It is made once for a type.
        """
        if type_ not in self._by_type:
            type_ = ""
        if type_ not in self._said_nothing:
            asked = {rule.id for rule in self._active(type_)}
            others = [id_ for id_ in self._single if id_ not in asked]
            self._said_nothing[type_] = proto.AnalyzeResponse(not_applicable=_not_asked(others))
        return self._said_nothing[type_]

    def _said(self, found: Finding) -> proto.AnalyzeDiagnostic:
        rule = found.rule
        if found.verdict is Verdict.UNDECIDED:
            # Told, and decided when the resource is made: then its values are known.
            text = f"Undecided: {found.message}; the rule decides at `pulumi up`."
            level = Level.ADVISORY
        else:
            text = found.message + (f"\n{rule.remedy}" if rule.remedy else "")
            level = self.level(rule)
            # What could not be corrected must be.
            level = Level.MANDATORY if level is Level.REMEDIATE else level
        return proto.AnalyzeDiagnostic(
            policyName=rule.id,
            policyPackName=NAME,
            policyPackVersion=VERSION,
            description=rule.reason,
            message=f"{rule.title}\n{text}",
            enforcementLevel=_LEVELS[level],
            severity=_SEVERITIES[rule.severity],
            urn=found.urn,
        )


def _not_asked(rules: Iterable[str]) -> list[proto.PolicyNotApplicable]:
    return [proto.PolicyNotApplicable(policy_name=id_) for id_ in rules]


def _read(properties: struct_pb2.Struct) -> dict[str, Any]:
    found: dict[str, Any] = plain(json_format.MessageToDict(properties))
    return found


def _resource(one: proto.AnalyzerResource) -> Resource:
    return Resource(
        type=one.type,
        name=one.name,
        urn=one.urn,
        properties=_read(one.properties),
        parent=one.parent,
        protect=one.options.protect,
        property_dependencies={
            key: list(found.urns) for key, found in one.propertyDependencies.items()
        },
    )


def serve(rules: Iterable[Rule]) -> None:
    """Serves until the engine ends this process; tells it the port on standard output."""
    options = [("grpc.max_receive_message_length", _MESSAGE)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=options)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Pack(rules), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
