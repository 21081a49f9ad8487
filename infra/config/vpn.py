"""The tunnel between the grounds of a hybrid lab: one WireGuard gateway on each."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from pydantic import Field

from infra.config.model import Model, Name

#: The port that WireGuard's own pages use; IANA has given it none.
PORT = 51820


class Gateway(Model):
    """A ground's end of the tunnel.

    On machines of one's own it is a machine that is there already, of its own and outside
    `machines`. In a cloud it is made, with the one public address of that ground, in a subnet of
    its own that leads to the other ends and nowhere else: name and port are all there is to say.
    """

    name: Name = "gateway"
    #: UDP port on which it listens
    port: int = Field(default=PORT, ge=1, le=65535)
    #: Its address inside the ground; machines of one's own only
    address: IPv4Address | None = None
    #: Public address at which the clouds find it; machines of one's own only
    endpoint: IPv4Address | None = None
    #: Counted up when the machine was installed anew; machines of one's own only
    installation: int = Field(default=1, ge=1)


@dataclass(frozen=True, slots=True)
class Hub:
    """The end to which all others open their tunnels; `address` is inside its ground."""

    address: IPv4Address
    endpoint: IPv4Address
    port: int


def require_complete(gateway: Gateway, kind: str) -> None:
    """Refuses a gateway that says too little for its kind of ground, or what is not its to say.

    Raises:
        ValueError: naming the key.
    """
    for key in ("address", "endpoint"):
        said = getattr(gateway, key) is not None
        if kind == "onprem" and not said:
            raise ValueError(f"gateway.{key}: needed, the machine is there already")
        if kind != "onprem" and said:
            raise ValueError(f"gateway.{key}: leave it out, it is chosen when the gateway is made")
