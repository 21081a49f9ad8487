"""What the operator and whoever deploys it must agree on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: Files of the ConfigMap.
CONFIGURATION: Final = Path("/etc/ai-lab/operator/configuration.json")
VAULT_AUTHORITY: Final = CONFIGURATION.with_name("vault-ca.crt")
DATABASE_AUTHORITY: Final = CONFIGURATION.with_name("database-ca.crt")
#: Its token for Vault, which the kubelet replaces.
VAULT_TOKEN: Final = Path("/var/run/secrets/ai-lab/vault/token")
#: In memory: the key of its certificate for the database.
KEYS: Final = Path("/run/ai-lab/keys")
#: Paths and port of HTTP.
METRICS: Final = "/metrics"
HEALTH: Final = "/healthz"
PORT: Final = 8080
