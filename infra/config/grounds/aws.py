"""AWS: an account's network, cluster, keys and stores."""

from __future__ import annotations

from typing import Literal

from infra.config.grounds.cloud import CloudSite
from infra.config.lab import Lab


class AwsSite(CloudSite):
    """What one lab has on AWS."""

    ground: Literal["aws"]


class AwsLab(Lab, AwsSite):
    """A whole lab on AWS."""
