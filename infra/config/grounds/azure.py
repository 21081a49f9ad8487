"""Azure: an account's network, cluster, keys and stores."""

from __future__ import annotations

from typing import Literal

from infra.config.grounds.cloud import CloudSite
from infra.config.lab import Lab


class AzureSite(CloudSite):
    """What one lab has on Azure."""

    ground: Literal["azure"]


class AzureLab(Lab, AzureSite):
    """A whole lab on Azure."""
