"""Nothing of a lab on AWS answers on the internet."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-no-public-endpoints",
    title="No API server, database or load balancer answers on the internet.",
    reason="What answers there is tried by everybody within minutes, and one flaw or one leaked "
    "credential is then enough.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.2.09", "SATRE-3.1.12", "CYB-8.2c", "CYB-8.3b", "AIA-59.1d"),
    preview=Properties(
        {
            "aws:eks/cluster:Cluster": (
                must_be("vpcConfig.endpointPublicAccess", False, safe=False),
                must_be("vpcConfig.endpointPrivateAccess", True),
            ),
            "aws:lb/loadBalancer:LoadBalancer": (must_be("internal", True),),
            "aws:rds/instance:Instance": (must_be("publiclyAccessible", False, safe=False),),
            "aws:rds/clusterInstance:ClusterInstance": (
                must_be("publiclyAccessible", False, safe=False),
            ),
            "aws:redshift/cluster:Cluster": (must_be("publiclyAccessible", False, safe=False),),
            "aws:sagemaker/domain:Domain": (must_be("appNetworkAccessType", "VpcOnly"),),
            "aws:sagemaker/notebookInstance:NotebookInstance": (
                must_be("directInternetAccess", "Disabled"),
            ),
        },
        forbidden={
            "aws:apigatewayv2/api:Api": {"protocolType": "HTTP"},
            "aws:cloudfront/distribution:Distribution": {"enabled": True},
            "aws:globalaccelerator/accelerator:Accelerator": {"enabled": True},
            "aws:lambda/functionUrl:FunctionUrl": {"authorizationType": "NONE"},
        },
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Reach it from the institution's network, through a private address.",
)
