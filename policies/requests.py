"""For rules about requests: who asks, and what was there before."""

from __future__ import annotations

from typing import Final

from policies.rule import NotHere, Verified

#: Why they are not checked before deployment.
NO_REQUEST: Final = NotHere(
    "It is about who asks for a change, or what was there before: only the API server knows."
)


def tried(rule: str) -> Verified:
    """The checks that send the rule's examples to the running API server."""
    return Verified((f"cluster.policies[{rule}]",))
