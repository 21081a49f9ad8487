"""Names that resources had in earlier versions of the SDK, which no lab of ours was made with."""

from __future__ import annotations

import copy

import pulumi


def without_those_of_the_sdk(
    args: pulumi.ResourceTransformationArgs,
) -> pulumi.ResourceTransformationResult | None:
    """Takes the SDK's own aliases off a resource: its type in each of Azure's API versions.

    There are some twenty of them for every resource, and a program spends more time on them than
    on everything else. Aliases of ours (another name, another parent) stay. Whoever raises the SDK
    to a version that renames a type has to leave this out for the first `up` after it.
    """
    given = args.opts.aliases
    if not args.type_.startswith("azure-native:") or not given:
        return None
    opts = copy.copy(args.opts)
    opts.aliases = [alias for alias in given if not _is_a_type(alias)]
    return pulumi.ResourceTransformationResult(args.props, opts)


def _is_a_type(alias: object) -> bool:
    """Whether it says that only the type was another."""
    return (
        isinstance(alias, pulumi.Alias)
        and isinstance(alias.type_, str)
        and not isinstance(alias.name, str)
        and not isinstance(alias.parent, (str, pulumi.Resource, pulumi.Output))
    )
