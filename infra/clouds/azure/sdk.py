"""The packages of pulumi_azure_native that the lab uses, loaded when they are first used.

`from pulumi_azure_native import network` leaves a package unloaded until something of it is
asked for; all of these together take three seconds to load. Type checkers see through it: they
are told of each package by itself, because the SDK's root imports all 260 of them.
"""

# ruff: noqa: PLR0402 - an import from the root would not be followed by type checkers

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pulumi_azure_native.authorization as authorization
    import pulumi_azure_native.compute as compute
    import pulumi_azure_native.consumption as consumption
    import pulumi_azure_native.containerregistry as containerregistry
    import pulumi_azure_native.containerservice as containerservice
    import pulumi_azure_native.dbforpostgresql as dbforpostgresql
    import pulumi_azure_native.keyvault as keyvault
    import pulumi_azure_native.managedidentity as managedidentity
    import pulumi_azure_native.monitor as monitor
    import pulumi_azure_native.network as network
    import pulumi_azure_native.operationalinsights as operationalinsights
    import pulumi_azure_native.privatedns as privatedns
    import pulumi_azure_native.resources as resources
    import pulumi_azure_native.security as security
    import pulumi_azure_native.storage as storage
    from pulumi_azure_native.provider import Provider
else:
    from pulumi_azure_native import (
        Provider,
        authorization,
        compute,
        consumption,
        containerregistry,
        containerservice,
        dbforpostgresql,
        keyvault,
        managedidentity,
        monitor,
        network,
        operationalinsights,
        privatedns,
        resources,
        security,
        storage,
    )

__all__ = [
    "Provider",
    "authorization",
    "compute",
    "consumption",
    "containerregistry",
    "containerservice",
    "dbforpostgresql",
    "keyvault",
    "managedidentity",
    "monitor",
    "network",
    "operationalinsights",
    "privatedns",
    "resources",
    "security",
    "storage",
]
