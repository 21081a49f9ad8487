"""What a lab may be. Read once, validated whole; no other module reads `pulumi.Config`."""

from infra.config.grounds.aws import AwsLab, AwsSite
from infra.config.grounds.azure import AzureLab, AzureSite
from infra.config.grounds.hybrid import HybridLab, Member
from infra.config.grounds.local import LocalLab
from infra.config.grounds.machines import DatabaseSpec, MachineSite, MachineSpec
from infra.config.grounds.onprem import OnPremLab, OnPremSite
from infra.config.lab import Lab, QueueSpec, RegistrySpec
from infra.config.loading import (
    CONFIG_KEY,
    PROJECT,
    AnyLab,
    from_pulumi,
    load,
    load_file,
    load_local,
    parse,
    stack_file,
    stacks,
)
from infra.config.model import CLASSIFICATIONS, Classification, Model, Name
from infra.config.network import Network
from infra.config.requests import Airlock, Approvals, People, SandboxProfile, SandboxService
from infra.config.sandboxes import LINK_LOCAL, EgressRule, Quota, SandboxSpec, require_outside
from infra.config.site import Site
from infra.config.ssh import SshAccess
from infra.config.vault import VaultSpec
from infra.config.vpn import Gateway

__all__ = [
    "CLASSIFICATIONS",
    "CONFIG_KEY",
    "LINK_LOCAL",
    "PROJECT",
    "Airlock",
    "AnyLab",
    "Approvals",
    "AwsLab",
    "AwsSite",
    "AzureLab",
    "AzureSite",
    "Classification",
    "DatabaseSpec",
    "EgressRule",
    "Gateway",
    "HybridLab",
    "Lab",
    "LocalLab",
    "MachineSite",
    "MachineSpec",
    "Member",
    "Model",
    "Name",
    "Network",
    "OnPremLab",
    "OnPremSite",
    "People",
    "QueueSpec",
    "Quota",
    "RegistrySpec",
    "SandboxProfile",
    "SandboxService",
    "SandboxSpec",
    "Site",
    "SshAccess",
    "VaultSpec",
    "from_pulumi",
    "load",
    "load_file",
    "load_local",
    "parse",
    "require_outside",
    "stack_file",
    "stacks",
]
