"""Address ranges of a lab."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Self

from pydantic import model_validator

from infra.config.model import Model


def require_apart(ranges: Mapping[str, IPv4Network]) -> None:
    """Refuses ranges that overlap.

    Raises:
        ValueError: naming the two, by their keys.
    """
    names = list(ranges)
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            if ranges[one].overlaps(ranges[other]):
                raise ValueError(f"{one} ({ranges[one]}) overlaps {other} ({ranges[other]})")


class Network(Model):
    """Address ranges of one lab (IPv4); they must not overlap."""

    machines: IPv4Network = IPv4Network("10.71.0.0/24")
    pods: IPv4Network = IPv4Network("10.72.0.0/16")
    services: IPv4Network = IPv4Network("10.73.0.0/16")

    @model_validator(mode="after")
    def _ranges_are_apart(self) -> Self:
        ranges = {"machines": self.machines, "pods": self.pods, "services": self.services}
        require_apart({f"network.{name}": range_ for name, range_ in ranges.items()})
        for name, least in (("machines", 28), ("pods", 23), ("services", 24)):
            if ranges[name].prefixlen > least:
                raise ValueError(f"network.{name} ({ranges[name]}) is smaller than a /{least}")
        return self

    @property
    def gateway(self) -> IPv4Address:
        """The host's own address on the machines' network."""
        return self.machines[1]

    @property
    def cluster_dns(self) -> IPv4Address:
        return self.services[10]
