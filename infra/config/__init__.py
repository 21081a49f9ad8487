"""What a lab may be. Read once, validated whole; no other module reads `pulumi.Config`."""

from infra.config.grounds.aws import AwsLab, AwsSite
from infra.config.grounds.azure import AzureLab, AzureSite
from infra.config.grounds.hybrid import HybridLab, Member
from infra.config.grounds.local import LocalLab
from infra.config.grounds.machines import MachineSite, MachineSpec
from infra.config.grounds.onprem import OnPremLab, OnPremSite
from infra.config.lab import Lab, RegistrySpec
from infra.config.loading import (
    CONFIG_KEY,
    PROJECT,
    AnyLab,
    from_pulumi,
    load,
    load_local,
    parse,
    stack_file,
    stacks,
)
from infra.config.model import CLASSIFICATIONS, Classification, Model, Name
from infra.config.network import Network
from infra.config.sandboxes import EgressRule, Quota, SandboxSpec
from infra.config.vault import VaultSpec

__all__ = [
    "CLASSIFICATIONS",
    "CONFIG_KEY",
    "PROJECT",
    "AnyLab",
    "AwsLab",
    "AwsSite",
    "AzureLab",
    "AzureSite",
    "Classification",
    "EgressRule",
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
    "Quota",
    "RegistrySpec",
    "SandboxSpec",
    "VaultSpec",
    "from_pulumi",
    "load",
    "load_local",
    "parse",
    "stack_file",
    "stacks",
]
