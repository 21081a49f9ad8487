"""Stacks as the mocks of tests/harness/deploy.py declare them: with policies as texts, and with
the mutants that the clouds' own tests have.
"""

from __future__ import annotations

import re

from policies import preview
from policies.registry import all_rules
from policies.relations import Resource, Stack
from tests.harness.deploy import Deployment


def stack(deployment: Deployment) -> Stack:
    """What was declared; the mocks' ids are `NAME-id`, and tell what a property comes from."""
    urns: dict[str, list[str]] = {}
    for one in deployment.resources:
        urns.setdefault(f"{one.name}-id", []).append(one.urn)
    ids = re.compile("|".join(map(re.escape, sorted(urns, key=len, reverse=True))))
    return Stack(
        [
            Resource(
                type=one.type,
                name=one.name,
                urn=one.urn,
                properties=one.inputs,
                parent=one.parent,
                protect=one.protect,
                property_dependencies={
                    key: [urn for id_ in ids.findall(text) for urn in urns[id_]]
                    for key, text in ((key, str(value)) for key, value in one.inputs.items())
                    if "-id" in text
                },
            )
            for one in deployment.resources
        ]
    )


def findings(deployment: Deployment, prefix: str) -> list[str]:
    """What the rules of a cloud deny of it, and what they cannot decide."""
    rules = [rule for rule in all_rules().values() if rule.id.startswith(prefix)]
    return [
        f"{one.rule.id}: {one.verdict}: {one.message} ({one.urn.rpartition('::')[2]})"
        for one in preview.of_stack(rules, stack(deployment))
    ]


def denied(deployment: Deployment, prefix: str) -> set[str]:
    """Ids of the rules of a cloud that deny something of it."""
    found = (one.split(": ") for one in findings(deployment, prefix))
    return {id_ for id_, verdict, *_ in found if verdict == preview.Verdict.DENIED}
