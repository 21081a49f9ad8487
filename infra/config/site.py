"""What carries a lab, or a part of a hybrid one: what every kind of ground can say of itself."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network

from infra.config.model import Model


class Site(Model):
    """A ground with its addresses."""

    ground: str

    @property
    def ranges(self) -> Mapping[str, IPv4Network]:
        """Every address range that the ground takes, by its path in the configuration.

        Grounds that are joined by a tunnel must not share an address.
        """
        raise NotImplementedError

    @property
    def exception(self) -> str | None:
        """The owner's reason for work that this kind of ground does not carry otherwise."""
        return None

    @property
    def closed(self) -> Mapping[IPv4Network, str]:
        """What no sandbox may be let out to (pods, services, nodes), with what is there."""
        raise NotImplementedError
