"""How Ansible comes to machines on AWS, and the addresses that their roles must know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

from infra import contracts, paths
from infra.config.grounds.aws import AwsNetwork
from infra.hosts.plan import Delivery, HostsArgs, Ranges
from infra.provider import sdk

#: Debian's images log in as somebody who may become root.
_USER = "admin"
#: Amazon's time, within every VPC and the only one that can be reached there
#: (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/set-time.html).
_TIME = "169.254.169.123"


def hosts_args(
    lab: str,
    machines: Sequence[contracts.Machine],
    *,
    home: paths.Home,
    delivery: Delivery,
    network: AwsNetwork,
    subnet: IPv4Network,
    vault: str,
    variables: Mapping[str, Any] | None = None,
) -> HostsArgs:
    """`home` has the keys of the lab's owner; `subnet` is the range that the machines share.

    Engineers alone administer the machines, whatever `variables` say.
    """
    engineers = str(network.engineers)
    return HostsArgs(
        lab=lab,
        machines=machines,
        connection=sdk.SshConnection(
            ssh_key=str(home.ssh_key),
            known_hosts=str(home.known_hosts),
            logs=str(home.logs),
            user=_USER,
        ),
        delivery=delivery,
        ranges=Ranges(
            machines=subnet,
            pods=network.vpc,
            services=network.services,
            cluster_dns=network.services[10],
            controller=engineers,
        ),
        vault=vault,
        variables={
            **(variables or {}),
            "base_administration_sources": [engineers],
            "base_time_servers": [_TIME],
        },
    )
