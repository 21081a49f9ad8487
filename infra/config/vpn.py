"""The tunnel between the grounds of a hybrid lab: one WireGuard gateway on each."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import Field

from infra.config.model import Model, Name

#: A Curve25519 public key as WireGuard writes it: 32 bytes in base64.
WireGuardKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]
#: IANA has no port for WireGuard; this is the one that its own pages use.
PORT = 51820


class Gateway(Model):
    """A ground's end of the tunnel.

    On machines of one's own it is a machine that is there already; in a cloud it is made, in a
    subnet of its own with a way to the other ends and nowhere else.
    """

    name: Name = "gateway"
    #: Its address inside the ground
    address: IPv4Address
    #: UDP port on which it listens
    port: int = Field(default=PORT, ge=1, le=65535)
    #: Where the other ends find it: machines of one's own only, a cloud allocates an address
    endpoint: IPv4Address | None = None
    #: Clouds only: the subnet that is made for it
    subnet: IPv4Network | None = None
    #: Clouds only: the public key that it made; docs/runbooks/hybrid.md says how to read it
    public_key: WireGuardKey | None = None


def require_complete(gateway: Gateway, kind: str) -> None:
    """Refuses a gateway that says too little for its kind of ground, or what it cannot know.

    Raises:
        ValueError: naming the key.
    """
    if kind == "onprem":
        if gateway.endpoint is None:
            raise ValueError("gateway.endpoint: say where the other grounds find this gateway")
        if gateway.subnet is not None:
            raise ValueError("gateway.subnet: the network of one's own machines is there already")
        if gateway.public_key is not None:
            raise ValueError("gateway.public_key: it is read from the machine, not configured")
        return
    if gateway.endpoint is not None:
        raise ValueError("gateway.endpoint: the cloud allocates it, it cannot be chosen")
    if gateway.subnet is None:
        raise ValueError("gateway.subnet: say which subnet is made for the gateway")
    if gateway.address not in gateway.subnet:
        raise ValueError(f"gateway.address ({gateway.address}) is not in gateway.subnet")
