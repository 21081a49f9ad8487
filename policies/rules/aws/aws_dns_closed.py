"""Names of others are not answered, and what is asked is recorded."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_NETWORK = "aws:ec2/vpc:Vpc"
_CONFIG = "aws:route53/resolverFirewallConfig:ResolverFirewallConfig"
_FIREWALL = "aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation"
_RULE = "aws:route53/resolverFirewallRule:ResolverFirewallRule"
_QUERIES = "aws:route53/resolverQueryLogConfigAssociation:ResolverQueryLogConfigAssociation"


def _check(stack: Stack) -> Iterator[Fault]:
    for network in stack.of_type(_NETWORK):
        if not stack.naming(network, "vpcId", _FIREWALL):
            yield Fault("its resolver answers every name of the internet", network)
        if not stack.naming(network, "resourceId", _QUERIES):
            yield Fault("nobody records which names are asked for", network)
        configs = stack.naming(network, "resourceId", _CONFIG)
        if not any(value(one.properties, "firewallFailOpen") == "DISABLED" for one in configs):
            yield Fault("its resolver answers everything when its firewall fails", network)
    for one in stack.of_type(_FIREWALL):
        if value(one.properties, "mutationProtection") != "ENABLED":
            yield Fault("anybody may take it away (mutationProtection)", one)
    actions = {value(one.properties, "action") for one in stack.of_type(_RULE)}
    if stack.of_type(_FIREWALL) and "BLOCK" not in actions:
        yield Fault("no rule of the resolver's firewall blocks anything")


RULE = Rule(
    id="aws-dns-closed",
    title="A network's resolver answers known names only, and records what it is asked.",
    reason="Names carry data out where every other way is closed: whoever owns a domain reads what "
    "its servers are asked.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.11", "SATRE-3.1.12", "CYB-8.2n", "CYB-8.3b", "AIA-4a.1d"),
    preview=Relations(
        about=(_NETWORK,),
        reads=(_CONFIG, _FIREWALL, _RULE, _QUERIES),
        check=_check,
        broken=(
            without(_CONFIG),
            without(_FIREWALL),
            without(_QUERIES),
            without(_RULE),
            changed(_CONFIG, "firewallFailOpen", "ENABLED"),
            changed(_CONFIG, "firewallFailOpen", None),
            changed(_CONFIG, "resourceId", "vpc-other"),
            changed(_FIREWALL, "vpcId", "vpc-other"),
            changed(_FIREWALL, "mutationProtection", "DISABLED"),
            changed(_QUERIES, "resourceId", "vpc-other"),
            changed(_RULE, "action", "ALERT"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Associate a Resolver DNS Firewall that blocks `*`, and a query log.",
)
