"""What rules of both clouds share: ranges of addresses, keys, tags, budgets."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from policies.properties import Must
from policies.relations import Fault, Relations, Stack
from policies.spoiling import changed, unprotected, without
from policies.values import Undecided, known, unknown_paths, value

#: How private keys, tokens of Vault, keys of AWS and of storage accounts begin.
_SECRET: Final = re.compile(
    r"PRIVATE KEY-----|\bhvs\.|\b(AKIA|ASIA)[A-Z0-9]{12}|AccountKey=|secret_id|client-key-data"
)
#: Ranges that no route of the internet leads to (RFC 1918, 6598, 4193).
_PRIVATE: Final = tuple(
    ip_network(one)
    for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


def decided(properties: Mapping[str, Any], path: str) -> Any:
    """What lies at a path, with all that is in it and no marks on secrets.

    Raises:
        Undecided: some of it is not known yet.
    """
    found = value(properties, path)
    part = next(unknown_paths(found), None)
    if part is not None:
        raise Undecided(".".join((path, *part)))
    return known(found)


def is_narrow(range_: Any) -> bool:
    """Whether a range is private, or one address (that of a tunnel's other end)."""
    try:
        network = ip_network(range_)
    except ValueError:
        return False
    return network.num_addresses == 1 or any(_within(network, one) for one in _PRIVATE)


def _within(network: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    if isinstance(network, IPv4Network) and isinstance(other, IPv4Network):
        return network.subnet_of(other)
    if isinstance(network, IPv6Network) and isinstance(other, IPv6Network):
        return network.subnet_of(other)
    return False


def must_be_narrow(path: str) -> Must:
    """A range that is private or one address, if there is one."""
    broken = ("0.0.0.0/0", "8.0.0.0/7", "::/0", "2a00::/12")
    return Must(path, "a private range or one address", is_narrow, broken, optional=True)


def must_be_own_key(path: str) -> Must:
    """A key of the lab's own; those that AWS makes for a service are called alias/aws/SERVICE."""
    return Must(
        path,
        "a key of the lab's own",
        lambda found: isinstance(found, str) and found != "" and "alias/aws/" not in found,
        ("", "alias/aws/ebs"),
    )


def must_be_own_vault_key(path: str) -> Must:
    """A key in a vault of the lab's own, by its address or its id."""
    return Must(
        path,
        "a key of the lab's own",
        lambda found: isinstance(found, str) and found != "",
        ("",),
    )


def must_hold_no_secret(path: str) -> Must:
    """A text, plain or as base64, in which nothing looks like a key or a token."""
    key = "-----BEGIN PRIVATE KEY-----"
    encoded = base64.b64encode(key.encode()).decode()
    return Must(path, "free of keys and tokens", _is_innocent, (key, encoded, "hvs.CAESI"), True)


def _is_innocent(found: Any) -> bool:
    text = str(found)
    with contextlib.suppress(ValueError):  # it is plain
        text += base64.b64decode(text, validate=True).decode(errors="replace")
    return not _SECRET.search(text)


def must_have_tags(path: str, *wanted: str) -> Must:
    """A map with something at each of these keys."""

    def has_all(found: Any) -> bool:
        return isinstance(found, Mapping) and all(found.get(key) for key in wanted)

    short = dict.fromkeys(wanted[1:], "something")
    empty = dict.fromkeys(wanted, "")
    return Must(path, f"tags {', '.join(wanted)}", has_all, ({}, short, empty))


def protected(*types: str) -> Relations:
    """Nothing that Pulumi does deletes or replaces resources of these types."""

    def check(stack: Stack) -> Iterator[Fault]:
        for one in stack.of_type(*types):
            if not one.protect:
                yield Fault("a program may delete or replace it (protect)", one)

    return Relations(about=types, check=check, broken=(unprotected(*types),))


#: Per cent of a budget: who is told later is told too late.
MOST_OF_A_BUDGET: Final = 100


def budget_told(
    cluster: str,
    budget: str,
    *,
    limit: str,
    actual: str,
    forecast: str,
    heard: Callable[[Any], Iterable[str]],
    broken: Sequence[Any],
) -> Relations:
    """Who has a cluster has a budget, and somebody is told before it is spent and when it will be.

    Args:
        cluster: type of the cluster.
        budget: type of the budget.
        limit: the budget's property that says how much.
        actual: what a notification of what was spent is called.
        forecast: what one of what will be is called.
        heard: from the budget's `notifications` to the kinds that somebody gets in time.
        broken: `notifications` of which nobody hears, or too late.
    """

    def check(stack: Stack) -> Iterator[Fault]:
        budgets = stack.of_type(budget)
        if not budgets:
            yield Fault("nobody is told what the lab spends")
        for one in budgets:
            kinds = set(heard(decided(one.properties, "notifications")))
            if actual not in kinds:
                yield Fault(f"nobody is told before it is spent (notifications, {actual})", one)
            if forecast not in kinds:
                yield Fault(f"nobody is told that it will be (notifications, {forecast})", one)
            if not value(one.properties, limit):
                yield Fault("it has no limit", one)

    return Relations(
        about=(cluster,),
        reads=(budget,),
        check=check,
        broken=(
            without(budget),
            *(changed(budget, "notifications", notifications) for notifications in broken),
            changed(budget, limit, None),
        ),
    )
