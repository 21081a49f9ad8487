"""The only public address on AWS is that of the lab's tunnel."""

from collections.abc import Iterator

from policies.clouds import is_narrow
from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import added, changed, without
from policies.values import value

_ADDRESS = "aws:ec2/eip:Eip"
_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
_CARD = "aws:ec2/networkInterface:NetworkInterface"
_ROUTE = "aws:ec2/route:Route"


def _check(stack: Stack) -> Iterator[Fault]:
    addresses = stack.of_type(_ADDRESS)
    for one in addresses[1:]:
        yield Fault("a lab has one public address at most, for its tunnel", one)
    for one in addresses:
        cards = [card for card in stack.named_by(one, "networkInterface") if card.type == _CARD]
        # Only what hands on packets of others is a gateway.
        if not any(value(card.properties, "sourceDestCheck") is False for card in cards):
            yield Fault("the address is on no gateway (a card without sourceDestCheck)", one)
    for gateway in stack.of_type(_GATEWAY):
        if not addresses:
            yield Fault("nothing of the lab has an address that it could serve", gateway)
        for route in stack.naming(gateway, "gatewayId", _ROUTE):
            to = value(route.properties, "destinationCidrBlock")
            if not is_narrow(to):
                yield Fault(f"{to} is reached through it, not only the tunnel's end", route)


RULE = Rule(
    id="aws-one-public-address",
    title="The only public address of a lab on AWS is that of its tunnel to the other ground.",
    reason="Each further address is a way in and out that no tunnel encrypts and nobody watches.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "SATRE-2.2.11", "CYB-8.2c", "CYB-8.3b"),
    preview=Relations(
        about=(_ADDRESS, _GATEWAY),
        reads=(_CARD, _ROUTE),
        check=_check,
        broken=(
            added(_ADDRESS, domain="vpc"),
            changed(_ADDRESS, "networkInterface", "eni-of-a-node"),
            changed(_CARD, "sourceDestCheck", True),
            changed(_CARD, "sourceDestCheck", None),
            without(_ADDRESS),
            changed(_ROUTE, "destinationCidrBlock", "0.0.0.0/0"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Reach it through the institution's network or the tunnel.",
)
