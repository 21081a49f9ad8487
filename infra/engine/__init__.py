"""Drives Pulumi for one lab: environment, operations with progress, recovery after a crash."""

from infra.engine.environment import environment, operation_environment
from infra.engine.events import Diagnostic, Phase, ResourceEvent, Timeline
from infra.engine.lock import exclusive
from infra.engine.stack import Operation, Result, Stack

__all__ = [
    "Diagnostic",
    "Operation",
    "Phase",
    "ResourceEvent",
    "Result",
    "Stack",
    "Timeline",
    "environment",
    "exclusive",
    "operation_environment",
]
