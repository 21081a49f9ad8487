"""What a playbook says, as one digest: a change of it or of anything that it uses shows.

Covered are the playbook, the playbooks and roles that it names (and the roles that those name,
by `dependencies`, `import_role` or `include_role`), the modules and plugins that all of them
share, and ansible.cfg.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from infra.errors import PlaybookInvalid
from infra.hosts.playbooks import ROOT, playbook_file

#: Folders beside `roles` whose content every playbook may use.
_SHARED = (
    "action_plugins",
    "callback_plugins",
    "filter_plugins",
    "group_vars",
    "library",
    "module_utils",
    "tasks",
    "templates",
    "vars",
)
_NAMES_A_ROLE = frozenset({"import_role", "include_role"})
_NAMES_A_PLAYBOOK = frozenset({"import_playbook"})
_PREFIX = "ansible.builtin."


class _Loader(yaml.SafeLoader):
    """Reads Ansible's own tags (!unsafe, !vault) as what they hold: only names matter here."""


def _any_tag(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_multi_constructor("!", _any_tag)


def digest(playbook: str, *, root: Path = ROOT) -> str:
    """sha256 (hexadecimal) over every file that a run of the playbook may read.

    Raises:
        PlaybookInvalid: the playbook or one of its roles is not there, is not YAML, or is named
            by a variable, so that nobody can say beforehand what would run.
    """
    start = playbook_file(playbook, root=root)
    files = {root / "ansible.cfg"} if (root / "ansible.cfg").is_file() else set()
    for folder in _SHARED:
        files.update(_files_below(root / folder))
    pending, seen = [start], {start}
    while pending:
        current = pending.pop()
        found = list(_files_below(current)) if current.is_dir() else [current]
        files.update(found)
        for used in _used_by(current, found, root):
            if used not in seen:
                seen.add(used)
                pending.append(used)
    total = hashlib.sha256()
    for file in sorted(files):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(root)} {content}\n".encode())
    return total.hexdigest()


def _used_by(current: Path, files: list[Path], root: Path) -> Iterator[Path]:
    """The playbooks and role folders that `files` (a playbook, or all of one role) name."""
    for file in files:
        if file.suffix not in {".yml", ".yaml"} or "templates" in file.relative_to(root).parts:
            continue
        document = _load(file)
        for kind, name in _names(document, in_meta=file.parent.name == "meta"):
            if kind == "role":
                yield _existing(root / "roles" / name, name, file, root)
            else:
                yield _existing(current.parent / name, name, file, root)


def _existing(path: Path, name: str, file: Path, root: Path) -> Path:
    where = file.relative_to(root)
    if "{{" in name:
        raise PlaybookInvalid(
            f"{where} names {name!r}: which one that is cannot be known beforehand.",
            next_step="name roles and playbooks outright; use `when` to choose between them.",
        )
    if not path.exists():
        raise PlaybookInvalid(
            f"{where} uses {name!r}, which is not there.",
            next_step=f"correct the name, or add {path.relative_to(root)}.",
        )
    return path


def _load(file: Path) -> Any:
    try:
        return yaml.load(file.read_text(), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise PlaybookInvalid(
            f"{file.name} is not YAML: {error}", next_step="correct the file."
        ) from error


def _names(node: Any, *, in_meta: bool) -> Iterator[tuple[str, str]]:
    """Every role and playbook named anywhere in a document, as (kind, name)."""
    if isinstance(node, list):
        for item in node:
            yield from _names(item, in_meta=in_meta)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        word = str(key).removeprefix(_PREFIX)
        if word in _NAMES_A_PLAYBOOK:
            yield "playbook", str(value)
        elif word in _NAMES_A_ROLE:
            yield "role", _role_name(value)
        elif isinstance(value, list) and _lists_roles(word, node, in_meta=in_meta):
            yield from (("role", _role_name(item)) for item in value)
        else:
            yield from _names(value, in_meta=in_meta)


def _lists_roles(word: str, node: dict[Any, Any], *, in_meta: bool) -> bool:
    """`roles` means roles in a play only, `dependencies` in a role's meta only."""
    return word == "dependencies" if in_meta else word == "roles" and "hosts" in node


def _role_name(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("role") or value.get("name"))
    return str(value)


def _files_below(folder: Path) -> Iterator[Path]:
    """Every file that means something; caches of Python do not."""
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
