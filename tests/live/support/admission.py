"""What an API server's admission configuration says about pods that nobody else speaks of."""

from __future__ import annotations

from collections.abc import Sequence

import yaml


def faults(text: str, privileged: Sequence[str]) -> list[str]:
    """What a configuration leaves open by default; empty if that is nothing.

    Args:
        text: YAML of kind AdmissionConfiguration.
        privileged: namespaces that may be exempt.
    """
    plugins = (yaml.safe_load(text) or {}).get("plugins") or ()
    settings = next((p.get("configuration") for p in plugins if p["name"] == "PodSecurity"), None)
    if not settings:
        return ["it does not configure Pod Security"]
    found = []
    level = (settings.get("defaults") or {}).get("enforce")
    if level != "restricted":
        found.append(f"pods of a namespace without labels are held to {level or 'nothing'}")
    exempt = settings.get("exemptions") or {}
    allowed = {"namespaces": set(privileged), "usernames": set(), "runtimeClasses": set()}
    for kind, names in allowed.items():
        beyond = sorted(set(exempt.get(kind) or ()) - names)
        if beyond:
            found.append(f"{kind} {', '.join(beyond)} are exempt")
    return found
