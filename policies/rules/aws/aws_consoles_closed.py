"""Nobody gets to machines on AWS past their network and their logs."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-consoles-closed",
    title="The account's serial consoles are off.",
    reason="A serial console is a way in that no security group, no flow log and no bastion sees.",
    severity=Severity.MEDIUM,
    controls=("SATRE-2.2.09", "CYB-8.2h", "CYB-8.3b"),
    preview=Properties(
        {
            "aws:ec2/serialConsoleAccess:SerialConsoleAccess": (
                must_be("enabled", False, safe=False),
            ),
        },
        forbidden={
            "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint": {
                "subnetId": "subnet-1"
            }
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `enabled` to false; use Session Manager, which logs.",
)
