"""Load balancers on AWS take no plain HTTP and no old TLS."""

from policies.properties import Properties, must_be, must_match, only_if
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-load-balancers-tls",
    title="Load balancers take TLS 1.2 or newer, or hand on what is encrypted for others.",
    reason="What a listener takes as plain HTTP crosses the network readable, tokens included.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.02", "SATRE-2.8.04", "EUDPR-33.1a-transit", "CYB-8.2j"),
    preview=Properties(
        {
            "aws:lb/listener:Listener": (
                # TCP hands on what the machines behind it encrypt themselves, as Vault's do.
                must_be("protocol", "TLS", "HTTPS", "TCP", broken=("HTTP", "UDP", "TCP_UDP")),
                *(
                    only_if(
                        "protocol",
                        protocol,
                        then=must_match(
                            "sslPolicy",
                            r"ELBSecurityPolicy-TLS13-1-[23]-.*",
                            "a policy of TLS 1.2 or newer (ELBSecurityPolicy-TLS13-1-2-...)",
                            broken=("ELBSecurityPolicy-2016-08", ""),
                            safe="ELBSecurityPolicy-TLS13-1-2-2021-06",
                        ),
                    )
                    for protocol in ("TLS", "HTTPS")
                ),
            ),
            "aws:lb/targetGroup:TargetGroup": (
                must_be("protocol", "TLS", "HTTPS", "TCP", broken=("HTTP", "UDP")),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Use the protocol TLS or HTTPS with `ssl_policy` ELBSecurityPolicy-TLS13-1-2-2021-06.",
)
