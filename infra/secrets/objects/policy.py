"""ACL policies: https://developer.hashicorp.com/vault/api-docs/system/policies."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import Annotated, Any, ClassVar

from pydantic.functional_validators import AfterValidator

from infra.secrets.client import Vault
from infra.secrets.objects.kind import FoldedName, Kind, Live, Spec


def normalise(rules: str) -> str:
    """HCL without what means nothing: common indentation, trailing spaces, outer blank lines."""
    lines = [line.rstrip() for line in dedent(rules.expandtabs(2)).strip().splitlines()]
    return "\n".join(lines) + "\n"


def _own(name: str) -> str:
    if name in {"root", "default"}:
        raise ValueError("belongs to Vault itself")
    return name


def _some_rules(rules: str) -> str:
    if not rules.strip():
        raise ValueError("is empty; a policy without rules allows nothing")
    return normalise(rules)


class PolicySpec(Spec):
    name: Annotated[FoldedName, AfterValidator(_own)]
    #: HCL.
    rules: Annotated[str, AfterValidator(_some_rules)]


class Policy(Kind[PolicySpec]):
    noun = "policy"
    replaces: ClassVar = frozenset({"name"})
    model = PolicySpec

    def identity(self, spec: PolicySpec) -> str:
        return spec.name

    def read(self, vault: Vault, spec: PolicySpec, known: Mapping[str, Any]) -> Live | None:
        answer = vault.find(lambda client: client.sys.read_acl_policy(spec.name))
        if answer is None:
            return None
        return Live({"name": spec.name, "rules": normalise(answer["data"]["policy"])})

    def delete(self, vault: Vault, spec: PolicySpec) -> None:
        vault.call(lambda client: client.sys.delete_acl_policy(spec.name))

    def _create(self, vault: Vault, spec: PolicySpec) -> None:
        vault.call(lambda client: client.sys.create_or_update_acl_policy(spec.name, spec.rules))

    def _update(self, vault: Vault, old: Mapping[str, Any], spec: PolicySpec) -> None:
        self._create(vault, spec)
