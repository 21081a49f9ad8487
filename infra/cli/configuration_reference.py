"""Writes docs/reference/configuration.md from the models of `infra.config`; a test holds it to it.

Run `python -m infra.cli.configuration_reference` after a change.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from infra import config, paths
from infra.config.grounds import aws, azure, onprem

PAGE = paths.REPOSITORY / "docs" / "reference" / "configuration.md"

_HEAD = """\
# Configuration

A stack's configuration is one document, below `config: ai-lab:lab:` in
`stacks/config/Pulumi.STACK.yaml`. It is read once and checked whole before anything is done; a key
that is not listed here is refused (LAB-101), so that a misspelt protection is never silently off.
Examples that are tests as well: `examples/valid` and `tests/unit/config/valid`; what is refused,
with the reason in the first line of each: `examples/invalid` and `tests/unit/config/invalid`.

This page is made from `infra/config` by `python -m infra.cli.configuration_reference`.
"""

#: Where each model stands in the document, in reading order.
_SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("A lab on this host", config.LocalLab),
    ("A lab on machines of one's own", config.OnPremLab),
    ("A lab on AWS", config.AwsLab),
    ("A lab on Azure", config.AzureLab),
    ("A lab across grounds", config.HybridLab),
    ("members[]", config.Member),
    ("members[].gateway", config.Gateway),
    ("network", config.Network),
    ("machines[]", config.MachineSpec),
    ("machines[] of one's own", onprem.OnPremMachine),
    ("database on machines", config.DatabaseSpec),
    ("ssh", config.SshAccess),
    ("kubernetes_endpoint, vault_endpoint", onprem.Endpoint),
    ("tang[]", onprem.TangServer),
    ("backup", onprem.BackupSpec),
    ("network on AWS", aws.AwsNetwork),
    ("eks", aws.Eks),
    ("eks.addons", aws.EksAddons),
    ("eks.node_pools[]", aws.NodePool),
    ("vault_machines on AWS", aws.AwsVaultMachines),
    ("database on AWS", aws.Database),
    ("retention on AWS", aws.Retention),
    ("network on Azure", azure.AzureNetwork),
    ("cluster on Azure", azure.AzureCluster),
    ("cluster.pools[] on Azure", azure.AzurePool),
    ("vault_machines on Azure", azure.AzureVaultMachines),
    ("vault_machines.image on Azure", azure.AzureImage),
    ("database on Azure", azure.AzureDatabase),
    ("storage on Azure", azure.AzureStorage),
    ("logs on Azure", azure.AzureLogs),
    ("vault", config.VaultSpec),
    ("registry", config.RegistrySpec),
    ("queues[]", config.QueueSpec),
    ("sandboxes[]", config.SandboxSpec),
    ("sandboxes[].quota", config.Quota),
    ("sandboxes[].egress[]", config.EgressRule),
    ("sandbox_service", config.SandboxService),
    ("sandbox_service.requesters, approvers, security_officers", config.People),
    ("sandbox_service.profiles.NAME", config.SandboxProfile),
    ("sandbox_service.approvals", config.Approvals),
    ("sandbox_service.airlock", config.Airlock),
)


def page() -> str:
    """docs/reference/configuration.md."""
    parts = [_HEAD]
    for title, model in _SECTIONS:
        schema = model.model_json_schema()
        comments = _comments(model)
        parts.append(f"## {title}\n\n{inspect.cleandoc(model.__doc__ or '')}\n")
        parts.append("| key | value | default |\n|---|---|---|")
        required = schema.get("required", [])
        for key, field in schema["properties"].items():
            value = ". ".join(
                part for part in (_value(field, schema), comments.get(key, "")) if part
            )
            default = "required" if key in required else _default(field)
            parts.append(f"| `{key}` | {value} | {default} |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def _comments(model: type[BaseModel]) -> dict[str, str]:
    """What `#:` comments above fields say, by field."""
    found: dict[str, str] = {}
    said: list[str] = []
    sources = [
        inspect.getsource(base)
        for base in model.__mro__
        if base.__module__.startswith(config.__name__)
    ]
    for line in "\n".join(sources).splitlines():
        text = line.strip()
        if text.startswith("#:"):
            said.append(text.removeprefix("#:").strip())
        elif said:
            found[text.partition(":")[0]] = " ".join(said).rstrip(".")
            said = []
    return found


def _value(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """A field of a JSON schema in words."""
    if "$ref" in field:
        return _reference(field["$ref"], schema)
    if "anyOf" in field or "oneOf" in field:
        alternatives = field.get("anyOf") or field["oneOf"]
        options = [option for option in alternatives if option != {"type": "null"}]
        return " or ".join(_value(option, schema) for option in options)
    if "enum" in field or "const" in field:
        return ", ".join(f"`{choice}`" for choice in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list: {_value(field['items'], schema)}"
    if field.get("type") == "object":
        return _mapping(field, schema)
    return ", ".join([_kind(field), *_bounds(field)])


def _mapping(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """With keys of one's own, which may have to match a pattern, or with some that are known."""
    if "properties" in field:
        return f"mapping with {', '.join(f'`{key}`' for key in field['properties'])}"
    members = [field.get("additionalProperties"), *field.get("patternProperties", {}).values()]
    member = next(one for one in members if isinstance(one, dict))
    return f"mapping by name: {_value(member, schema)}"


def _reference(reference: str, schema: dict[str, Any]) -> str:
    """A section of its own is pointed to."""
    name = reference.rpartition("/")[2]
    # What a hybrid lab has on one ground is described with the lab on that ground alone.
    title = next(
        (title for title, model in _SECTIONS if name in {base.__name__ for base in model.__mro__}),
        "",
    )
    return f"see {title}" if title else _value(schema["$defs"][name], schema)


def _kind(field: dict[str, Any]) -> str:
    formats = {
        "ipv4network": "IPv4 range (CIDR)",
        "ipv4": "IPv4 address",
        "uuid": "UUID",
    }
    kinds = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
    }
    return formats.get(field.get("format", ""), kinds[field["type"]])


def _bounds(field: dict[str, Any]) -> Iterator[str]:
    words = {
        "minimum": "at least {}",
        "maximum": "at most {}",
        "minLength": "at least {} characters",
        "maxLength": "at most {} characters",
        "pattern": "matching `{}`",
    }
    for key, text in words.items():
        if key in field:
            yield text.format(str(field[key]).replace("|", "\\|"))


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value and isinstance(value, dict):
        return "its own"  # told in the table of its section
    return f"`{value}`" if value not in (None, [], {}) else "none"


def main() -> None:
    """Writes the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
