"""Azure: a subscription's network, cluster, keys and stores."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from infra.config.grounds.cloud import CloudSite
from infra.config.lab import Lab
from infra.config.model import Model
from infra.config.network import require_apart
from infra.config.ssh import SshAccess

#: Regions inside the European Union with availability zones; data never leaves this list.
Location = Literal[
    "westeurope",
    "northeurope",
    "francecentral",
    "germanywestcentral",
    "italynorth",
    "polandcentral",
    "spaincentral",
    "swedencentral",
]
#: Where Azure keeps the second copy of a region's backups, as far as anybody may use that region.
PAIRED: Mapping[Location, Location] = {
    "westeurope": "northeurope",
    "northeurope": "westeurope",
}
#: What the GPUs of a machine size are, and how many it has
#: (https://learn.microsoft.com/azure/virtual-machines/sizes/overview#gpu-accelerated).
GPU_SIZES: Mapping[str, tuple[str, int]] = {
    "Standard_NC4as_T4_v3": ("t4", 1),
    "Standard_NC64as_T4_v3": ("t4", 4),
    "Standard_NV36ads_A10_v5": ("a10", 1),
    "Standard_NV72ads_A10_v5": ("a10", 2),
    "Standard_NC24ads_A100_v4": ("a100", 1),
    "Standard_NC48ads_A100_v4": ("a100", 2),
    "Standard_NC96ads_A100_v4": ("a100", 4),
    "Standard_NC40ads_H100_v5": ("h100", 1),
    "Standard_NC80adis_H100_v5": ("h100", 2),
    "Standard_ND96isr_H100_v5": ("h100", 8),
}

VmSize = Annotated[str, Field(pattern=r"^Standard_[A-Z][A-Za-z0-9_]{1,40}$")]
_CIDR_OF_A_NETWORK = range(16, 23)


class AzureNetwork(Model):
    """Address ranges (IPv4); they must not overlap.

    The network of machines is cut into subnets of fixed shares: a quarter for nodes, a sixteenth
    each for Vault, private endpoints, the API server, and the gateway of a hybrid lab.
    """

    #: Nodes, Vault's machines, private endpoints, the API server; a /16 to /22
    vnet: IPv4Network = IPv4Network("10.81.0.0/20")
    #: Pods have addresses of an overlay
    pods: IPv4Network = IPv4Network("10.82.0.0/16")
    services: IPv4Network = IPv4Network("10.83.0.0/16")

    @model_validator(mode="after")
    def _ranges_fit(self) -> Self:
        require_apart({f"network.{name}": range_ for name, range_ in self.all.items()})
        if self.vnet.prefixlen not in _CIDR_OF_A_NETWORK:
            raise ValueError(f"network.vnet ({self.vnet}) is not a /16 to /22")
        for name, least in (("pods", 20), ("services", 24)):
            if self.all[name].prefixlen > least:
                raise ValueError(f"network.{name} ({self.all[name]}) is smaller than a /{least}")
        for name, range_ in self.all.items():
            if not range_.is_private:
                raise ValueError(f"network.{name} ({range_}) is not a private range (RFC 1918)")
        return self

    @property
    def all(self) -> Mapping[str, IPv4Network]:
        return {"vnet": self.vnet, "pods": self.pods, "services": self.services}

    @property
    def nodes(self) -> IPv4Network:
        return next(self.vnet.subnets(prefixlen_diff=2))

    @property
    def vault(self) -> IPv4Network:
        return self._share(4)

    @property
    def endpoints(self) -> IPv4Network:
        return self._share(5)

    @property
    def api_server(self) -> IPv4Network:
        return self._share(6)

    @property
    def gateway(self) -> IPv4Network:
        return self._share(7)

    @property
    def gateway_address(self) -> IPv4Address:
        """The gateway's own; Azure keeps the first four of a subnet."""
        return self.gateway[10]

    @property
    def cluster_dns(self) -> IPv4Address:
        return self.services[10]

    def _share(self, number: int) -> IPv4Network:
        """One of the sixteen shares; the first four are the nodes'."""
        return list(self.vnet.subnets(prefixlen_diff=4))[number]


class AzurePool(Model):
    """Nodes of one kind. `max_nodes` is what the autoscaler may never pass."""

    #: AKS allows twelve letters and digits
    name: str = Field(pattern=r"^[a-z][a-z0-9]{0,11}$")
    #: `system` carries the cluster's own pods and nothing else, `gpu` only what asks for GPUs
    kind: Literal["system", "cpu", "gpu"]
    vm_size: VmSize
    min_nodes: int = Field(ge=0, le=1000)
    max_nodes: int = Field(ge=1, le=1000)
    #: GiB
    disk_size: int = Field(default=128, ge=64, le=2048)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.min_nodes > self.max_nodes:
            raise ValueError(f"min_nodes ({self.min_nodes}) is larger than max_nodes")
        if self.kind == "system" and self.min_nodes < 1:
            raise ValueError("min_nodes: a system pool keeps at least one node")
        if self.kind == "gpu" and self.vm_size not in GPU_SIZES:
            raise ValueError(
                f"vm_size: the GPUs of {self.vm_size} are not known; known are "
                f"{', '.join(sorted(GPU_SIZES))}"
            )
        if self.kind != "gpu" and self.vm_size.startswith("Standard_N"):
            raise ValueError(f"vm_size: {self.vm_size} has GPUs, which only a pool of kind gpu has")
        return self

    @property
    def gpu(self) -> tuple[str, int] | None:
        """Product and number of a node's GPUs."""
        return GPU_SIZES[self.vm_size] if self.kind == "gpu" else None


class AzureCluster(Model):
    """The managed Kubernetes cluster (AKS)."""

    kubernetes_version: str = Field(pattern=r"^1\.3[2-9](\.[0-9]{1,2})?$")
    pools: tuple[AzurePool, ...]
    #: Object ids of the Entra ID groups whose members administer the cluster
    admin_groups: tuple[UUID, ...] = Field(min_length=1)
    #: Day on which nodes may be renewed with a new image, from two in the morning UTC
    maintenance_day: Literal[
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
    ] = "Sunday"

    @model_validator(mode="after")
    def _pools_fit(self) -> Self:
        names = [pool.name for pool in self.pools]
        if len(names) != len(set(names)):
            raise ValueError("pools: a name is used twice")
        if not any(pool.kind == "system" for pool in self.pools):
            raise ValueError("pools: a pool of kind system is needed")
        if not any(pool.kind == "cpu" for pool in self.pools):
            raise ValueError("pools: a pool of kind cpu is needed; a system pool carries no work")
        return self


class AzureImage(Model):
    """An image by its exact version: the same configuration makes the same machine.

    Either one of the marketplace (`version`), or one of the institution's own in a gallery. The
    machines have no way to Debian's packages, so what the roles need has to be in the image.
    """

    publisher: str = Field(default="Debian", pattern=r"^[A-Za-z0-9._-]+$")
    offer: str = Field(default="debian-12", pattern=r"^[A-Za-z0-9._-]+$")
    #: Of the second generation, for secure boot
    sku: str = Field(default="12-gen2", pattern=r"^[A-Za-z0-9._-]*gen2[A-Za-z0-9._-]*$")
    version: str | None = Field(default=None, pattern=r"^[0-9]+(\.[0-9]+)+$")
    #: Azure's id of an image version in a compute gallery
    gallery_version: str | None = Field(
        default=None,
        pattern=r"^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/Microsoft\.Compute"
        r"/galleries/[^/]+/images/[^/]+/versions/[0-9]+(\.[0-9]+){2}$",
    )

    @model_validator(mode="after")
    def _one_image(self) -> Self:
        if (self.version is None) == (self.gallery_version is None):
            raise ValueError("either version or gallery_version is needed, and not both")
        return self


class AzureVaultMachines(Model):
    """Three machines, one a zone, that carry Vault. A key of theirs in Key Vault opens it."""

    vm_size: VmSize = "Standard_D2ads_v5"
    image: AzureImage
    ssh: SshAccess
    #: Line of the public key that belongs to ssh.private_key
    ssh_public_key: str = Field(pattern=r"^(ssh-ed25519|ssh-rsa) [A-Za-z0-9+/]+=*( \S+)?$")

    @model_validator(mode="after")
    def _user_is_not_root(self) -> Self:
        if self.ssh.user == "root":
            raise ValueError("ssh.user: Azure makes no machine whose administrator is root")
        return self


class AzureDatabase(Model):
    """PostgreSQL. Nobody logs in with a password, only Entra ID identities do."""

    version: Literal["15", "16", "17"] = "16"
    sku: str = Field(default="Standard_D2ds_v5", pattern=r"^Standard_[DE][A-Za-z0-9_]+$")
    #: GiB
    storage_size: Literal[32, 64, 128, 256, 512, 1024, 2048, 4096] = 64
    #: Days
    backup_retention: int = Field(default=35, ge=7, le=35)
    #: A copy in the paired region, encrypted with a key there
    geo_backup: bool = False
    #: A second server in another zone that takes over
    high_availability: bool = False
    #: Object id and name of the Entra ID group that administers the server
    admin_group: UUID
    admin_group_name: str = Field(min_length=1, max_length=256)


class AzureStorage(Model):
    """Object storage of the lab, and of its evidence."""

    #: Days in which deleted artifacts come back
    soft_delete: int = Field(default=30, ge=7, le=365)
    #: Days in which no evidence can be changed or deleted, by anybody
    evidence_retention: int = Field(default=1825, ge=365, le=146000)
    #: Makes that rule irrevocable. Azure takes this only after the first deployment
    evidence_locked: bool = False
    #: Days in which flow logs are kept
    flow_log_retention: int = Field(default=90, ge=30, le=365)


class AzureLogs(Model):
    """Log Analytics."""

    #: Days
    retention: int = Field(default=365, ge=90, le=730)
    #: A key of one's own needs a dedicated cluster, which is paid for 100 GB a day. A reason
    #: here goes without (Microsoft's key encrypts then), and is a tag of the workspace
    platform_key_because: str | None = Field(default=None, min_length=20, max_length=200)


def unique(kind: str, *, lab: str, subscription: str) -> str:
    """Name of a resource that must be unique among all of Azure's customers: at most 24 lower case
    letters and digits, which every such resource takes. The same lab in the same subscription
    always gets the same.
    """
    digest = hashlib.sha256(f"{subscription}/{lab}/{kind}".encode()).hexdigest()
    return f"{kind}{digest[:12]}"[:24]


class AzureSite(CloudSite):
    """What one lab has on Azure. The subscription is the lab's own: what watches it is set there.

    Nothing has a public address or a way to the internet.
    """

    ground: Literal["azure"]
    tenant_id: UUID
    subscription_id: UUID
    location: Location
    network: AzureNetwork = AzureNetwork()
    #: From where engineers come (VPN); they reach the API server and Vault's machines
    administration: tuple[IPv4Network, ...] = Field(min_length=1)
    #: Azure's id of the institution's network with the VPN; it is joined to the lab's. Its owner
    #: makes the other half
    hub: str | None = Field(
        default=None,
        pattern=r"^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/]+/providers/Microsoft\.Network"
        r"/virtualNetworks/[^/]+$",
    )
    cluster: AzureCluster
    vault_machines: AzureVaultMachines
    database: AzureDatabase
    storage: AzureStorage = AzureStorage()
    logs: AzureLogs = AzureLogs()
    #: Month from which the budget counts (YYYY-MM)
    budget_from: str = Field(pattern=r"^20[2-9][0-9]-(0[1-9]|1[0-2])$")
    #: The resource group of the region's network watcher, which Azure makes by itself
    network_watcher_group: str = Field(default="NetworkWatcherRG", pattern=r"^[\w.()-]{1,90}$")

    def image_registry(self, lab: str) -> str:
        """Where the images of a lab of this name are, before the names of repositories. Known
        before it is made, because names on Azure are.
        """
        return f"{unique('registry', lab=lab, subscription=str(self.subscription_id))}.azurecr.io"

    @property
    def ranges(self) -> Mapping[str, IPv4Network]:
        return {f"network.{name}": range_ for name, range_ in self.network.all.items()}

    @property
    def closed(self) -> Mapping[IPv4Network, str]:
        return {
            self.network.pods: "the pods of every namespace",
            self.network.services: "the services of every namespace and the API server",
            self.network.nodes: "the nodes of the cluster",
            self.network.api_server: "the API server",
        }

    @model_validator(mode="after")
    def _site_fits(self) -> Self:
        administration = {
            f"administration.{number}": range_
            for number, range_ in enumerate(self.administration, start=1)
        }
        require_apart({**self.ranges, **administration})
        for path, range_ in administration.items():
            if not range_.is_private:
                raise ValueError(f"{path}: {range_} is not private; engineers come by a VPN")
        if self.database.geo_backup and self.location not in PAIRED:
            raise ValueError(
                f"database.geo_backup: {self.location} has no paired region in the European Union "
                f"that everybody may use; these have one: {', '.join(PAIRED)}"
            )
        return self


class AzureLab(Lab, AzureSite):
    """A whole lab on Azure."""

    @model_validator(mode="after")
    def _vault_is_opened_by_key_vault(self) -> Self:
        if self.vault.seal != "shamir" or self.vault.seal_settings:
            raise ValueError(
                "vault.seal: on Azure a key of the lab's own in Key Vault opens Vault; leave "
                "seal and seal_settings out"
            )
        return self
