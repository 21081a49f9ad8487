"""Private endpoints on AWS take over their service's name and say who may use them for what."""

from policies.properties import Properties, must_be, must_be_set, only_if
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-service-endpoints-bound",
    title="Every private endpoint has a policy, a security group and its service's name.",
    reason="An endpoint without a policy carries data to buckets and accounts of others; without "
    "the name, clients look for the service on the internet.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.09", "SATRE-3.1.12", "CYB-8.3b", "EUDPR-46"),
    preview=Properties(
        {
            "aws:ec2/vpcEndpoint:VpcEndpoint": (
                must_be_set("policy"),
                only_if("vpcEndpointType", "Interface", then=must_be("privateDnsEnabled", True)),
                only_if("vpcEndpointType", "Interface", then=must_be_set("securityGroupIds")),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `policy`, `private_dns_enabled` and `security_group_ids`.",
)
