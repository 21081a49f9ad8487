"""Only a machine itself gets its credentials from the metadata service."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-metadata-service-v2",
    title="Machines answer for their credentials with version 2 of the metadata service, one hop "
    "away at most.",
    reason="Over version 1, any request that a server can be tricked into brings the node's "
    "credentials; with more than one hop every pod on it may ask.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.1.14", "SATRE-1.5.03", "EUDPR-33.1b", "CYB-8.3b"),
    preview=Properties(
        {
            "aws:ec2/instance:Instance": (
                must_be(
                    "metadataOptions.httpTokens", "required", safe="required", broken=("optional",)
                ),
                must_be("metadataOptions.httpPutResponseHopLimit", 1, broken=(2,), safe=1),
            ),
            "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults": (
                must_be("httpTokens", "required", safe="required", broken=("optional",)),
                must_be("httpPutResponseHopLimit", 1, broken=(2,), safe=1),
            ),
            "aws:ec2/launchTemplate:LaunchTemplate": (
                must_be(
                    "metadataOptions.httpTokens", "required", safe="required", broken=("optional",)
                ),
                must_be("metadataOptions.httpPutResponseHopLimit", 1, broken=(2,), safe=1),
            ),
        },
        forbidden={
            "aws:ec2/launchConfiguration:LaunchConfiguration": {"imageId": "ami-1"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `http_tokens` to required and `http_put_response_hop_limit` to 1.",
)
