"""The only public address on Azure is that of the lab's tunnel."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import added, changed, without
from policies.values import value

_ADDRESS = "azure-native:network:PublicIPAddress"
_CARD = "azure-native:network:NetworkInterface"
_GATEWAY = "azure-native:network:VirtualNetworkGateway"


def _check(stack: Stack) -> Iterator[Fault]:
    addresses = stack.of_type(_ADDRESS)
    for one in addresses[1:]:
        yield Fault("a lab has one public address at most, for its tunnel", one)
    for one in addresses:
        cards = stack.naming(one, "ipConfigurations", _CARD)
        gateways = stack.naming(one, "ipConfigurations", _GATEWAY)
        if any(value(card.properties, "enableIPForwarding") is not True for card in cards):
            yield Fault("a machine that is no gateway has it (enableIPForwarding)", one)
        if not cards and not gateways:
            yield Fault("it is on no gateway", one)


RULE = Rule(
    id="azure-one-public-address",
    title="The only public address of a lab on Azure is that of its tunnel to the other ground.",
    reason="Each further address is a way in and out that no tunnel encrypts and nobody watches.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "SATRE-2.2.11", "CYB-8.2c", "CYB-8.3b"),
    preview=Relations(
        about=(_ADDRESS,),
        reads=(_CARD, _GATEWAY),
        check=_check,
        broken=(
            added(_ADDRESS),
            without(_CARD),
            changed(_CARD, "enableIPForwarding", False),
            changed(_CARD, "ipConfigurations", []),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Reach it through the institution's network or the tunnel.",
)
