"""The plugin's program: `python -m infra.provider`, started as pulumi-resource-ailab."""

from __future__ import annotations

from infra.plugins.server import serve
from infra.provider import tokens, vault
from infra.provider.issuer_keys import IssuerKeys
from infra.provider.machine import MachineResource
from infra.provider.playbook import Playbook

if __name__ == "__main__":
    serve(
        tokens.NAME,
        tokens.VERSION,
        [MachineResource(), Playbook(), IssuerKeys(), *(type_() for type_ in vault.TYPES)],
    )
