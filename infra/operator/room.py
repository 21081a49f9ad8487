"""How many sandboxes live at the same time, and whether there is room for one more. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from infra.operator.life import Done, Limits, Told
from infra.sandbox.resource import Phase, Sandbox

#: From when it is approved until nothing is left of it.
LIVING = frozenset(
    {Phase.APPROVED, Phase.PROVISIONING, Phase.READY, Phase.SUSPENDED, Phase.EXPIRING}
)


def lack(sandbox: Sandbox, others: Iterable[Sandbox], limits: Limits) -> Told | None:
    """Why there is no room for it now; None if there is.

    Args:
        sandbox: that nobody has made yet.
        others: all that there are; `sandbox` itself may be among them.
        limits: what the lab's configuration says.
    """
    living = [one for one in others if one.uid != sandbox.uid and one.status.phase in LIVING]
    requester = sandbox.spec.requester
    own = sum(one.spec.requester == requester for one in living)
    if limits.per_requester is not None and own >= limits.per_requester:
        return Told(
            Done.QUOTA_EXCEEDED,
            True,
            "PerRequester",
            f"{requester} has {limits.per_requester} sandboxes, which is the most at one time: "
            "it is made when one of them has ended; `./lab sandbox destroy` ends one.",
        )
    if limits.total is not None and len(living) >= limits.total:
        return Told(
            Done.QUOTA_EXCEEDED,
            True,
            "Total",
            f"{limits.total} sandboxes live in this lab, which is the most at one time: "
            "it is made when one of them has ended.",
        )
    return None
