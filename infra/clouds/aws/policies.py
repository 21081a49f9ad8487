"""IAM policy documents as plain data: whom, what, where. Nothing allows a wildcard action.

The language: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
Actions and their conditions: https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Statement = dict[str, Any]
Condition = Mapping[str, Mapping[str, str | Sequence[str]]]

#: Everything that using a key takes, and nothing that changes it.
KEY_USE = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


def document(*statements: Statement) -> str:
    """A policy as IAM takes it."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    principal: Any = None,
    condition: Condition | None = None,
) -> Statement:
    """What may be done; with a principal it is a statement of a resource's own policy."""
    return _statement({"Effect": "Allow", "Sid": sid}, actions, resources, principal, condition)


def deny(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    *,
    principal: Any = None,
    condition: Condition | None = None,
) -> Statement:
    """What nobody may do, whatever else allows it."""
    return _statement({"Effect": "Deny", "Sid": sid}, actions, resources, principal, condition)


def trust(service: str, *, account: str | None = None, actions: Sequence[str] = ()) -> str:
    """Lets a service take a role; `account` keeps it from doing so on behalf of another one.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    statement: Statement = {
        "Sid": "TakeTheRole",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": list(actions) or ["sts:AssumeRole"],
    }
    if account:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return document(statement)


def trust_pods() -> str:
    """Lets pods of the cluster take a role through EKS Pod Identity."""
    return trust("pods.eks.amazonaws.com", actions=["sts:AssumeRole", "sts:TagSession"])


def _statement(
    head: Statement,
    actions: Sequence[str],
    resources: Sequence[str],
    principal: Any,
    condition: Condition | None,
) -> Statement:
    found = {**head, "Action": list(actions), "Resource": list(resources)}
    if principal is not None:
        found["Principal"] = principal
    if condition is not None:
        found["Condition"] = condition
    return found
