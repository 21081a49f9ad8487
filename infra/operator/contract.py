"""What the operator and whoever deploys it must agree on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: Where the ConfigMap is mounted, and its key.
CONFIGURATION: Final = Path("/etc/ai-lab/operator/configuration.json")
#: Paths and port of HTTP.
METRICS: Final = "/metrics"
HEALTH: Final = "/healthz"
PORT: Final = 8080
