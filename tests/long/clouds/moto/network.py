"""Networks, groups, endpoints and balancers made in moto. Runs in moto's environment."""

from __future__ import annotations

from typing import Any

from tests.long.clouds.moto.account import (
    GROUP,
    SUBNET,
    VPC,
    Account,
    Inputs,
    labelled,
    makes,
    tags,
)


@makes(VPC)
def vpc(account: Account, name: str, inputs: Inputs) -> str:
    made = account.client("ec2").create_vpc(
        CidrBlock=inputs["cidrBlock"], TagSpecifications=labelled("vpc", inputs)
    )
    return str(made["Vpc"]["VpcId"])


@makes(SUBNET)
def subnet(account: Account, name: str, inputs: Inputs) -> str:
    ec2 = account.client("ec2")
    id_ = ec2.create_subnet(
        VpcId=account.id(VPC, inputs["vpcId"]),
        CidrBlock=inputs["cidrBlock"],
        AvailabilityZone=inputs["availabilityZone"],
        TagSpecifications=labelled("subnet", inputs),
    )["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(
        SubnetId=id_, MapPublicIpOnLaunch={"Value": inputs["mapPublicIpOnLaunch"]}
    )
    return str(id_)


@makes("aws:ec2/routeTable:RouteTable")
def route_table(account: Account, name: str, inputs: Inputs) -> str:
    made = account.client("ec2").create_route_table(
        VpcId=account.id(VPC, inputs["vpcId"]),
        TagSpecifications=labelled("route-table", inputs),
    )
    return str(made["RouteTable"]["RouteTableId"])


@makes("aws:ec2/routeTableAssociation:RouteTableAssociation")
def association(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").associate_route_table(
        SubnetId=account.id(SUBNET, inputs["subnetId"]),
        RouteTableId=account.id("aws:ec2/routeTable:RouteTable", inputs["routeTableId"]),
    )


@makes("aws:ec2/defaultRouteTable:DefaultRouteTable")
def default_route_table(account: Account, name: str, inputs: Inputs) -> None:
    """It is there, and leads nowhere: there is nothing to remove."""


@makes("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
def default_group(account: Account, name: str, inputs: Inputs) -> None:
    ec2 = account.client("ec2")
    filters = [
        {"Name": "vpc-id", "Values": [account.id(VPC, inputs["vpcId"])]},
        {"Name": "group-name", "Values": ["default"]},
    ]
    (group,) = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    _close(ec2, group)


def _close(ec2: Any, group: dict[str, Any]) -> None:
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(
            GroupId=group["GroupId"], IpPermissions=group["IpPermissions"]
        )
    if group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(
            GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"]
        )


@makes(GROUP)
def group(account: Account, name: str, inputs: Inputs) -> str:
    """Closed both ways: the provider, too, removes the rule that lets everything out."""
    ec2 = account.client("ec2")
    id_ = ec2.create_security_group(
        GroupName=inputs["name"],
        Description=inputs["description"],
        VpcId=account.id(VPC, inputs["vpcId"]),
        TagSpecifications=labelled("security-group", inputs),
    )["GroupId"]
    _close(ec2, ec2.describe_security_groups(GroupIds=[id_])["SecurityGroups"][0])
    return str(id_)


def _permission(account: Account, inputs: Inputs) -> dict[str, Any]:
    peer: dict[str, Any] = (
        {"IpRanges": [{"CidrIp": inputs["cidrIpv4"]}]}
        if "cidrIpv4" in inputs
        else {
            "UserIdGroupPairs": [
                {"GroupId": account.id(GROUP, inputs["referencedSecurityGroupId"])}
            ]
        }
    )
    return {
        "IpProtocol": inputs["ipProtocol"],
        "FromPort": inputs["fromPort"],
        "ToPort": inputs["toPort"],
        **peer,
    }


@makes("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
def ingress(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").authorize_security_group_ingress(
        GroupId=account.id(GROUP, inputs["securityGroupId"]),
        IpPermissions=[_permission(account, inputs)],
    )


@makes("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
def egress(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").authorize_security_group_egress(
        GroupId=account.id(GROUP, inputs["securityGroupId"]),
        IpPermissions=[_permission(account, inputs)],
    )


@makes("aws:ec2/vpcEndpoint:VpcEndpoint")
def endpoint(account: Account, name: str, inputs: Inputs) -> None:
    gateway = inputs["vpcEndpointType"] == "Gateway"
    tables = [
        account.id("aws:ec2/routeTable:RouteTable", one) for one in inputs.get("routeTableIds", [])
    ]
    subnets = [account.id(SUBNET, one) for one in inputs.get("subnetIds", [])]
    groups = [account.id(GROUP, one) for one in inputs.get("securityGroupIds", [])]
    where: Inputs = (
        {"RouteTableIds": tables}
        if gateway
        else {"SubnetIds": subnets, "SecurityGroupIds": groups, "PrivateDnsEnabled": True}
    )
    account.client("ec2").create_vpc_endpoint(
        VpcId=account.id(VPC, inputs["vpcId"]),
        VpcEndpointType=inputs["vpcEndpointType"],
        ServiceName=inputs["serviceName"],
        PolicyDocument=inputs["policy"],
        TagSpecifications=labelled("vpc-endpoint", inputs),
        **where,
    )


@makes("aws:ec2/flowLog:FlowLog")
def flow_log(account: Account, name: str, inputs: Inputs) -> None:
    account.client("ec2").create_flow_logs(
        ResourceIds=[account.id(VPC, inputs["vpcId"])],
        ResourceType="VPC",
        TrafficType=inputs["trafficType"],
        LogDestinationType=inputs["logDestinationType"],
        LogGroupName=inputs["tags"]["Name"],
        DeliverLogsPermissionArn=inputs["iamRoleArn"],
        MaxAggregationInterval=inputs["maxAggregationInterval"],
    )


@makes("aws:lb/loadBalancer:LoadBalancer")
def balancer(account: Account, name: str, inputs: Inputs) -> None:
    elb = account.client("elbv2")
    arn = elb.create_load_balancer(
        Name=inputs["name"],
        Type=inputs["loadBalancerType"],
        Scheme="internal" if inputs["internal"] else "internet-facing",
        Subnets=[account.id(SUBNET, one) for one in inputs["subnets"]],
        SecurityGroups=[account.id(GROUP, one) for one in inputs["securityGroups"]],
        Tags=tags(inputs),
    )["LoadBalancers"][0]["LoadBalancerArn"]
    protected = str(inputs["enableDeletionProtection"]).lower()
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn,
        Attributes=[{"Key": "deletion_protection.enabled", "Value": protected}],
    )
    account.arns[
        f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/net/{name}"
    ] = arn


@makes("aws:lb/targetGroup:TargetGroup")
def targets(account: Account, name: str, inputs: Inputs) -> None:
    arn = account.client("elbv2").create_target_group(
        Name=inputs["name"],
        Protocol=inputs["protocol"],
        Port=inputs["port"],
        VpcId=account.id(VPC, inputs["vpcId"]),
        TargetType=inputs["targetType"],
        HealthCheckProtocol=inputs["healthCheck"]["protocol"],
        HealthCheckPath=inputs["healthCheck"]["path"],
    )["TargetGroups"][0]["TargetGroupArn"]
    account.arns[f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:{name}"] = arn


@makes("aws:lb/listener:Listener")
def listener(account: Account, name: str, inputs: Inputs) -> None:
    (action,) = inputs["defaultActions"]
    account.client("elbv2").create_listener(
        LoadBalancerArn=inputs["loadBalancerArn"],
        Protocol=inputs["protocol"],
        Port=inputs["port"],
        DefaultActions=[{"Type": action["type"], "TargetGroupArn": action["targetGroupArn"]}],
    )


@makes("aws:route53/zone:Zone")
def zone(account: Account, name: str, inputs: Inputs) -> None:
    (vpc_,) = inputs["vpcs"]
    account.client("route53").create_hosted_zone(
        Name=inputs["name"],
        CallerReference=name,
        VPC={
            "VPCId": account.id(VPC, vpc_["vpcId"]),
            "VPCRegion": vpc_["vpcRegion"],
        },
        HostedZoneConfig={"PrivateZone": True, "Comment": inputs["comment"]},
    )
