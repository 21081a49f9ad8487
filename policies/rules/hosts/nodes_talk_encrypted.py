"""What pods on different nodes say to each other is encrypted on the way."""

from policies.rule import NO_OBJECT, NOT_DECLARED, Rule, Severity, Verified

RULE = Rule(
    id="nodes-talk-encrypted",
    title="What pods on different nodes say to each other is encrypted on the way.",
    reason="Somebody on the network between two nodes would read it.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.03", "EUDPR-33.1a-transit", "CYB-8.2j"),
    preview=NOT_DECLARED,
    admission=NO_OBJECT,
    live=Verified(("hosts.wireguard*",)),
    remedy="Run the lab's roles again: they switch WireGuard on in Cilium.",
)
