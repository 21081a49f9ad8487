"""Everything on AWS says whose it is."""

from policies.clouds import must_have_tags
from policies.properties import Must, Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

_TAGS = ("owner", "cost-center", "managed-by", "ai-lab.eu/lab", "ai-lab.eu/classification")
#: What a lab is made of, and what comes often to one. A test asks pulumi-aws whether anything of
#: our stacks that takes tags is missing here.
_TYPES = (
    "aws:accessanalyzer/analyzer:Analyzer",
    "aws:backup/plan:Plan",
    "aws:backup/vault:Vault",
    "aws:budgets/budget:Budget",
    "aws:cloudtrail/trail:Trail",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:dynamodb/table:Table",
    "aws:ebs/snapshot:Snapshot",
    "aws:ebs/volume:Volume",
    "aws:ec2/customerGateway:CustomerGateway",
    "aws:ec2/defaultRouteTable:DefaultRouteTable",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/eip:Eip",
    "aws:ec2/flowLog:FlowLog",
    "aws:ec2/instance:Instance",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/keyPair:KeyPair",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/networkAcl:NetworkAcl",
    "aws:ec2/networkInterface:NetworkInterface",
    "aws:ec2/placementGroup:PlacementGroup",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
    "aws:ec2/vpnConnection:VpnConnection",
    "aws:ec2/vpnGateway:VpnGateway",
    "aws:ec2transitgateway/transitGateway:TransitGateway",
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
    "aws:ecr/repository:Repository",
    "aws:efs/accessPoint:AccessPoint",
    "aws:efs/fileSystem:FileSystem",
    "aws:eks/accessEntry:AccessEntry",
    "aws:eks/addon:Addon",
    "aws:eks/cluster:Cluster",
    "aws:eks/fargateProfile:FargateProfile",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    "aws:fsx/lustreFileSystem:LustreFileSystem",
    "aws:guardduty/detector:Detector",
    "aws:iam/instanceProfile:InstanceProfile",
    "aws:iam/policy:Policy",
    "aws:iam/role:Role",
    "aws:kms/key:Key",
    "aws:lambda/function:Function",
    "aws:lb/listener:Listener",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:rds/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:rds/subnetGroup:SubnetGroup",
    "aws:route53/resolverEndpoint:ResolverEndpoint",
    "aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList",
    "aws:route53/resolverFirewallRuleGroup:ResolverFirewallRuleGroup",
    "aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation",
    "aws:route53/resolverQueryLogConfig:ResolverQueryLogConfig",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
    "aws:sagemaker/domain:Domain",
    "aws:sagemaker/notebookInstance:NotebookInstance",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
    "aws:sqs/queue:Queue",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)
_OWN = (must_have_tags("tags", *_TAGS),)
#: Where what a resource makes itself gets its tags from.
_OF_PARTS: dict[str, tuple[Must, ...]] = {
    "aws:ec2/launchTemplate:LaunchTemplate": (must_have_tags("tagSpecifications.*.tags", *_TAGS),),
}

RULE = Rule(
    id="aws-owner-tags",
    title="Everything that takes tags says which lab it belongs to, whose it is, who pays, and "
    "what it may hold.",
    reason="What nobody owns is patched, paid for and deleted by nobody; costs of a lab are the "
    "sum of its tags.",
    severity=Severity.MEDIUM,
    controls=("SATRE-4.4.02", "SATRE-2.2.15", "CYB-8.2g", "CYB-6.2"),
    preview=Properties({type_: (*_OWN, *_OF_PARTS.get(type_, ())) for type_ in _TYPES}),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Take the tags from `Place.tags` of infra/clouds/aws/place.py.",
)
