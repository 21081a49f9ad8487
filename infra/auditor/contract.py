"""What the auditor and the objects that run it must agree on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: Port that it answers on unless it is told another.
PORT: Final = 9464
METRICS: Final = "/metrics"
HEALTH: Final = "/healthz"
#: Where it finds what it is told.
CONFIGURATION: Final = Path("/etc/ai-lab/auditor.json")
