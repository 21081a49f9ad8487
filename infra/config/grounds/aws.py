"""AWS: an account's network, cluster, keys and stores."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.config.grounds.cloud import CloudSite
from infra.config.lab import Lab
from infra.config.model import Model, Name
from infra.config.network import require_apart
from infra.regions import AWS_REGIONS

#: Regions in the European Union, but that of the European Sovereign Cloud: it is a partition of its
#: own, in which everything has other names.
EU_REGIONS = tuple(region for region in AWS_REGIONS if region.startswith("eu-"))
#: GPUs by the instance families that carry them (https://aws.amazon.com/ec2/instance-types/).
GPU_FAMILIES: dict[str, tuple[str, ...]] = {
    "t4": ("g4dn",),
    "a10g": ("g5",),
    "l4": ("g6", "gr6"),
    "l40s": ("g6e",),
    "a100": ("p4d", "p4de"),
    "h100": ("p5",),
    "h200": ("p5e", "p5en"),
}
Gpu = Literal["t4", "a10g", "l4", "l40s", "a100", "h100", "h200"]
#: What CloudWatch Logs can keep, from a year up (PutRetentionPolicy); in days.
LogRetention = Literal[365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]

AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
ImageId = Annotated[str, Field(pattern=r"^ami-[0-9a-f]{17}$")]
InstanceType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$")]
RoleArn = Annotated[str, Field(pattern=r"^arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$")]
AddonVersion = Annotated[str, Field(pattern=r"^v[0-9]+\.[0-9]+\.[0-9]+-eksbuild\.[0-9]+$")]


class AwsNetwork(Model):
    """The lab's VPC and what may come into it. The subnets of each zone are cut out of it."""

    vpc: IPv4Network = IPv4Network("10.80.0.0/16")
    services: IPv4Network = IPv4Network("10.81.0.0/16")
    #: Where engineers and the host that deploys come from, by VPN
    engineers: IPv4Network
    #: The institution's transit gateway, which carries that VPN; none where another way is there
    transit_gateway: str | None = Field(default=None, pattern=r"^tgw-[0-9a-f]{17}$")

    @model_validator(mode="after")
    def _ranges_fit(self) -> Self:
        require_apart(
            {
                "network.vpc": self.vpc,
                "network.services": self.services,
                "network.engineers": self.engineers,
            }
        )
        for name, range_, largest, smallest in (
            ("vpc", self.vpc, 16, 20),
            ("services", self.services, 12, 24),
        ):
            if not largest <= range_.prefixlen <= smallest:
                raise ValueError(
                    f"network.{name} ({range_}) is none from /{largest} to /{smallest}"
                )
        if not self.engineers.is_private:
            raise ValueError(f"network.engineers ({self.engineers}) is no private range")
        return self

    def subnets(self, use: Literal["nodes", "endpoints", "data", "vault"]) -> list[IPv4Network]:
        """Three, one a zone: nodes get a quarter of the VPC each, all else shares the last."""
        quarters = list(self.vpc.subnets(prefixlen_diff=2))
        if use == "nodes":
            return quarters[:3]
        index = ("endpoints", "data", "vault").index(use)
        zones = list(quarters[3].subnets(prefixlen_diff=2))[:3]
        return [list(zone.subnets(prefixlen_diff=2))[index] for zone in zones]

    def gateway_subnet(self) -> IPv4Network:
        """For the end of a tunnel to another ground; empty where there is none."""
        return list(self.vpc.subnets(prefixlen_diff=4))[15]

    def vault_addresses(self) -> list[IPv4Address]:
        """The machines that carry Vault, one a zone. AWS keeps the first four of a subnet."""
        return [subnet[10] for subnet in self.subnets("vault")]

    @property
    def api_service(self) -> IPv4Address:
        """The API server as pods reach it."""
        return self.services[1]


class NodePool(Model):
    """Nodes of one kind: an autoscaling group across the three zones."""

    name: Name
    purpose: Literal["system", "cpu", "gpu"]
    instance_type: InstanceType
    #: Needed where `purpose` is gpu, and must be what the instance type carries
    gpu: Gpu | None = None
    least: int = Field(ge=0, le=500)
    most: int = Field(ge=1, le=500)
    #: GiB
    disk: int = Field(default=100, ge=50, le=16384)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least ({self.least}) is more than most ({self.most})")
        if (self.gpu is None) == (self.purpose == "gpu"):
            raise ValueError("gpu: named if and only if purpose is gpu")
        family = self.instance_type.partition(".")[0]
        if self.gpu is not None and family not in GPU_FAMILIES[self.gpu]:
            raise ValueError(f"instance_type: {self.instance_type} carries no {self.gpu}")
        return self


class EksAddons(Model):
    """Versions of what AWS runs in the cluster (`aws eks describe-addon-versions`)."""

    vpc_cni: AddonVersion
    kube_proxy: AddonVersion
    coredns: AddonVersion
    pod_identity_agent: AddonVersion
    ebs_csi_driver: AddonVersion
    guardduty_agent: AddonVersion


class Eks(Model):
    """The Kubernetes cluster."""

    version: str = Field(pattern=r"^1\.[0-9]{2}$")
    #: Release of the node images (https://github.com/awslabs/amazon-eks-ami/releases)
    node_release: str = Field(pattern=r"^1\.[0-9]{2}\.[0-9]+-[0-9]{8}$")
    addons: EksAddons
    #: IAM roles that administer the cluster; nobody else gets in, its maker included
    administrators: tuple[RoleArn, ...] = Field(min_length=1)
    node_pools: tuple[NodePool, ...]

    @model_validator(mode="after")
    def _pools_fit(self) -> Self:
        names = [pool.name for pool in self.node_pools]
        if len(names) != len(set(names)):
            raise ValueError("node_pools: a name is used twice")
        system = [pool for pool in self.node_pools if pool.purpose == "system"]
        if not system or max(pool.least for pool in system) < 2:
            raise ValueError("node_pools: a system pool of at least 2 nodes is needed")
        if not self.node_release.startswith(f"{self.version}."):
            raise ValueError(f"node_release: {self.node_release} is not of {self.version}")
        return self


class AwsVaultMachines(Model):
    """The three machines that carry Vault."""

    #: Debian 12 with the packages that docs/runbooks/aws.md lists: there is no way out to a mirror
    image: ImageId
    instance_type: InstanceType = "m7i.large"
    #: GiB
    disk: int = Field(default=50, ge=20, le=1024)
    #: The lab's own key: `ssh/id_ed25519.pub` in its folder
    ssh_public_key: str = Field(pattern=r"^ssh-ed25519 [A-Za-z0-9+/=]{68}( \S+)?$")


class Database(Model):
    """PostgreSQL for tracking, pipelines and registries (RDS)."""

    version: str = Field(default="17.6", pattern=r"^1[5-9]\.[0-9]+$")
    instance_class: str = Field(default="db.m7g.large", pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")
    #: GiB at first, and at most
    storage: int = Field(default=100, ge=20, le=65536)
    storage_limit: int = Field(default=1000, ge=20, le=65536)
    #: Days
    backups: int = Field(default=35, ge=7, le=35)

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.storage_limit <= self.storage:
            raise ValueError("storage_limit is not more than storage")
        return self


class Retention(Model):
    """How long what was recorded is kept, in days."""

    logs: LogRetention = 365
    #: Nobody can delete or overwrite evidence before, not even the account's root
    evidence: int = Field(default=3650, ge=365, le=36500)
    trail: int = Field(default=3650, ge=365, le=36500)


class AwsSite(CloudSite):
    """What one lab has on AWS."""

    ground: Literal["aws"]
    #: An account of the lab's own: some protections are settings of a whole account
    account: AccountId
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")
    #: Why the lab may lie outside the European Union; without a reason it may not
    outside_eu_because: str | None = Field(default=None, min_length=20, max_length=400)
    zones: tuple[str, ...] = Field(min_length=3, max_length=3)
    network: AwsNetwork
    eks: Eks
    vault_machines: AwsVaultMachines
    database: Database = Database()
    retention: Retention = Retention()
    #: Accounts of AWS whose images nodes pull: EKS add-ons, and GuardDuty's agent of the region
    image_accounts: tuple[AccountId, ...] = ("602401143452",)
    #: Repositories of the lab's registry, below the lab's name
    repositories: tuple[Name, ...] = ("platform", "sandboxes")

    @model_validator(mode="after")
    def _place_fits(self) -> Self:
        if self.region not in EU_REGIONS and self.outside_eu_because is None:
            raise ValueError(
                f"region: {self.region} is not in the European Union "
                f"({', '.join(EU_REGIONS)}); outside_eu_because must say why it may be used"
            )
        if len(set(self.zones)) != len(self.zones):
            raise ValueError("zones: one is named twice")
        for zone in self.zones:
            if zone[:-1] != self.region or not zone[-1].isalpha():
                raise ValueError(f"zones: {zone} is not in {self.region}")
        for arn in self.eks.administrators:
            if arn.split(":")[4] != self.account:
                raise ValueError(f"eks.administrators: {arn} is not of account {self.account}")
        return self

    def image_registry(self, lab: str) -> str:
        """Where the images of a lab of this name are (ECR), before the names of repositories."""
        return f"{self.account}.dkr.ecr.{self.region}.amazonaws.com/{lab}"

    @property
    def ranges(self) -> dict[str, IPv4Network]:
        """Every address range that the ground occupies; pods have addresses of the VPC."""
        return {"network.vpc": self.network.vpc, "network.services": self.network.services}

    @property
    def closed(self) -> dict[IPv4Network, str]:
        """The database alone may be opened to a sandbox, by a rule of its own."""
        network = self.network
        return {
            network.services: "the services of every namespace and the API server",
            **dict.fromkeys(network.subnets("nodes"), "the pods and nodes of the cluster"),
            **dict.fromkeys(network.subnets("endpoints"), "the ways to AWS's own services"),
            **dict.fromkeys(network.subnets("vault"), "the machines that carry Vault"),
        }


class AwsLab(Lab, AwsSite):
    """A whole lab on AWS."""

    @model_validator(mode="after")
    def _the_ground_opens_vault(self) -> Self:
        if self.vault.seal != "shamir" or self.vault.seal_settings:
            raise ValueError("vault.seal: leave it out; AWS KMS opens Vault, with a key of its own")
        return self
