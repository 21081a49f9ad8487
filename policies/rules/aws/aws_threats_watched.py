"""Somebody looks for attacks in what a lab on AWS does."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_CLUSTER = "aws:eks/cluster:Cluster"
_DETECTOR = "aws:guardduty/detector:Detector"
_FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
_ANALYZER = "aws:accessanalyzer/analyzer:Analyzer"
_ADDON = "aws:eks/addon:Addon"
_AGENT = "aws-guardduty-agent"
_WANTED = ("EKS_AUDIT_LOGS", "RDS_LOGIN_EVENTS", "RUNTIME_MONITORING", "S3_DATA_EVENTS")


def _check(stack: Stack) -> Iterator[Fault]:
    detectors = stack.of_type(_DETECTOR)
    if not any(value(one.properties, "enable") is True for one in detectors):
        yield Fault("GuardDuty is off, or nobody says that it is on")
    on = {
        value(one.properties, "name")
        for one in stack.of_type(_FEATURE)
        if value(one.properties, "status") == "ENABLED"
    }
    for name in _WANTED:
        if name not in on:
            yield Fault(f"GuardDuty does not look at {name}")
    if _AGENT not in {value(one.properties, "addonName") for one in stack.of_type(_ADDON)}:
        yield Fault("GuardDuty has no agent on the nodes")
    kinds = {value(one.properties, "type") for one in stack.of_type(_ANALYZER)}
    if not kinds & {"ACCOUNT", "ORGANIZATION"}:
        yield Fault("nobody is told when something becomes open to other accounts")


RULE = Rule(
    id="aws-threats-watched",
    title="GuardDuty looks at the cluster, its nodes, the database and the buckets, and Access "
    "Analyzer at what is open to others.",
    reason="An attack that nobody looks for is found by its damage.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.12", "SATRE-2.7.01", "CYB-8.2n", "CYB-8.3f", "EUDPR-33.1b"),
    preview=Relations(
        about=(_CLUSTER,),
        reads=(_ADDON, _ANALYZER, _DETECTOR, _FEATURE),
        check=_check,
        broken=(
            without(_ADDON),
            without(_ANALYZER),
            without(_DETECTOR),
            without(_FEATURE),
            changed(_ADDON, "addonName", "another"),
            changed(_ANALYZER, "type", "ACCOUNT_UNUSED_ACCESS"),
            changed(_DETECTOR, "enable", False),
            changed(_DETECTOR, "enable", None),
            changed(_FEATURE, "status", "DISABLED"),
            changed(_FEATURE, "name", "LAMBDA_NETWORK_LOGS"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make a detector with these features and an analyzer for the account.",
)
