"""The Pulumi program: reads the configuration and picks the composition for its ground."""

from typing import assert_never

from infra import config
from stacks import aws, azure, hybrid, local, onprem, sandbox_service

found = config.from_pulumi()
# Before anything is declared: what cannot be must not leave a half-made lab.
sandbox_service.require_place(found)
match found:
    case config.LocalLab() as lab:
        local.compose(lab)
    case config.OnPremLab() as lab:
        onprem.compose(lab)
    case config.AwsLab() as lab:
        aws.compose(lab)
    case config.AzureLab() as lab:
        azure.compose(lab)
    case config.HybridLab() as lab:
        hybrid.compose(lab)
    case other:
        assert_never(other)
