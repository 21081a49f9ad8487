"""Ansible module: everything that a role configures on a machine, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible.module_utils.ailab_system import STATE, CommandError, attempt, run, write

DOCUMENTATION = r"""
module: system_config
short_description: Bring packages, files, kernel settings and units into a wanted state
description:
  - One call does what would otherwise be a dozen of tasks, each with a round trip of its own.
  - An action that a changed file asks for is noted on disk before the file is written and
    crossed out when it is done, so a run that is killed in between is made good by the next.
    Ansible's own handlers are forgotten in that case.
options:
  packages:
    description: Debian packages that must be installed; apt is asked only for missing ones.
    type: list
    elements: str
    default: []
  files:
    description: Files to write.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Where., type: path, required: true}
      content: {description: The whole content., type: str, required: true}
      mode: {description: Octal mode., type: str, default: "0644"}
      then:
        description: Names of actions to run if the file changed.
        type: list
        elements: str
        default: []
  folders:
    description: Folders to make, path to octal mode.
    type: dict
    default: {}
  absent:
    description: Files that must not be there.
    type: list
    elements: path
    default: []
  sysctls:
    description:
      - Values that the running kernel must have now; a file makes them last.
      - A key with a leading C(-) may be missing, as in sysctl.d(5).
    type: dict
    default: {}
  actions:
    description: Commands by name, each a list of arguments. They run in this order.
    type: dict
    default: {}
  units:
    description: systemd units.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Full name of the unit., type: str, required: true}
      enabled: {description: Started at boot or not., type: bool}
      running: {description: Running now or not., type: bool}
      masked: {description: Cannot be started at all., type: bool, default: false}
author: [AI lab]
"""

EXAMPLES = r"""
- name: A service with its configuration
  system_config:
    files:
      - path: /etc/example.conf
        content: "{{ lookup('ansible.builtin.template', 'example.conf.j2') }}"
        then: [restart]
    actions:
      restart: [systemctl, restart, example.service]
    units:
      - {name: example.service, enabled: true, running: true}
"""

RETURN = r"""
did:
  description: What was changed, one line each.
  returned: always
  type: list
  elements: str
"""

_PENDING = STATE / "pending"
_UNIT_FOLDER = Path("/etc/systemd")
_RELOAD = "daemon-reload"


class Config:
    """Applies one set of parameters; `did` collects what it changed."""

    def __init__(self, params: dict[str, Any], *, check: bool) -> None:
        self.params = params
        self.check = check
        self.did: list[str] = []

    def apply(self) -> None:
        self._packages()
        for path, mode in self.params["folders"].items():
            self._folder(Path(path), int(str(mode), 8))
        for file in self.params["files"]:
            self._file(file)
        for path in self.params["absent"]:
            self._absent(Path(path))
        self._sysctls()
        self._actions()
        self._units()

    def _packages(self) -> None:
        wanted = self.params["packages"]
        if not wanted:
            return
        listed = attempt(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted])
        installed = {
            line.split()[0] for line in listed.output.splitlines() if line.endswith(" installed")
        }
        missing = sorted(set(wanted) - installed)
        if not missing:
            return
        self.did.append(f"installed {', '.join(missing)}")
        if self.check:
            return
        install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
        apt = ["env", "DEBIAN_FRONTEND=noninteractive", *install]
        if attempt(apt, timeout=900).status != 0:
            run(["apt-get", "update"], timeout=300)
            run(apt, timeout=900)

    def _folder(self, path: Path, mode: int) -> None:
        if path.is_dir() and path.stat().st_mode & 0o7777 == mode:
            return
        self.did.append(f"folder {path}")
        if not self.check:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(mode)

    def _file(self, file: dict[str, Any]) -> None:
        path, mode = Path(file["path"]), int(file["mode"], 8)
        content = file["content"].encode()
        if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
            if path.stat().st_mode & 0o7777 != mode:
                self.did.append(f"mode of {path}")
                if not self.check:
                    path.chmod(mode)
            return
        self.did.append(f"wrote {path}")
        if self.check:
            return
        names = list(file["then"])
        if path.is_relative_to(_UNIT_FOLDER):
            names.append(_RELOAD)
        self._note(names)
        write(path, content, mode)

    def _absent(self, path: Path) -> None:
        if path.exists() or path.is_symlink():
            self.did.append(f"removed {path}")
            if not self.check:
                if path.is_relative_to(_UNIT_FOLDER):
                    self._note([_RELOAD])
                path.unlink()

    def _sysctls(self) -> None:
        for key, value in self.params["sysctls"].items():
            path = Path("/proc/sys") / key.removeprefix("-").replace(".", "/")
            wanted = str(value).split()
            if key.startswith("-") and not path.exists():
                continue
            if path.read_text().split() == wanted:
                continue
            self.did.append(f"sysctl {key}")
            if not self.check:
                path.write_text(" ".join(wanted))

    def _note(self, names: Iterable[str]) -> None:
        _PENDING.mkdir(parents=True, exist_ok=True)
        for name in names:
            (_PENDING / name).touch()

    def _actions(self) -> None:
        if self.check:
            return
        known = {_RELOAD: ["systemctl", "daemon-reload"], **self.params["actions"]}
        for name, command in known.items():
            note = _PENDING / name
            if note.exists():
                run([str(part) for part in command])
                self.did.append(f"ran {name}")
                note.unlink()

    def _units(self) -> None:
        units = self.params["units"]
        if not units:
            return
        states = unit_states([unit["name"] for unit in units])
        changes: dict[tuple[str, ...], list[str]] = {}
        for unit in units:
            state = states[unit["name"]]
            for change in unit_changes(unit, state):
                changes.setdefault(change, []).append(unit["name"])
        for change, names in changes.items():
            self.did.append(f"{change[0]} {', '.join(names)}")
            if not self.check:
                run(["systemctl", "--quiet", *change, *names])


def unit_states(names: list[str]) -> dict[str, dict[str, str]]:
    """LoadState, UnitFileState and ActiveState of units, by one call of systemctl."""
    output = run(
        ["systemctl", "show", "-p", "LoadState", "-p", "UnitFileState", "-p", "ActiveState", *names]
    )
    blocks = output.strip().split("\n\n")
    return {
        name: dict(line.split("=", 1) for line in block.splitlines())
        for name, block in zip(names, blocks, strict=True)
    }


def unit_changes(unit: dict[str, Any], state: dict[str, str]) -> list[tuple[str, ...]]:
    """The systemctl verbs that bring a unit from `state` to what is wanted, in order."""
    changes: list[tuple[str, ...]] = []
    active = state["ActiveState"] in {"active", "activating", "reloading"}
    if unit["masked"]:
        # A unit that does not exist cannot be started either.
        if state["LoadState"] not in {"masked", "not-found"}:
            changes.append(("mask", "--now"))
        return changes
    if state["LoadState"] == "masked":
        changes.append(("unmask",))
    enabled = state["UnitFileState"] in {"enabled", "static", "enabled-runtime", "alias"}
    if unit["enabled"] is True and not enabled:
        changes.append(("enable",))
    if unit["enabled"] is False and state["UnitFileState"] == "enabled":
        changes.append(("disable",))
    if unit["running"] is True and not active:
        changes.append(("start",))
    if unit["running"] is False and active:
        changes.append(("stop",))
    return changes


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str", "required": True},
                    "mode": {"type": "str", "default": "0644"},
                    "then": {"type": "list", "elements": "str", "default": []},
                },
            },
            "folders": {"type": "dict", "default": {}},
            "absent": {"type": "list", "elements": "path", "default": []},
            "sysctls": {"type": "dict", "default": {}},
            "actions": {"type": "dict", "default": {}},
            "units": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "enabled": {"type": "bool"},
                    "running": {"type": "bool"},
                    "masked": {"type": "bool", "default": False},
                },
            },
        },
        supports_check_mode=True,
    )
    config = Config(module.params, check=module.check_mode)
    try:
        config.apply()
    except (CommandError, OSError) as error:
        module.fail_json(msg=str(error), did=config.did)
    module.exit_json(changed=bool(config.did), did=config.did)


if __name__ == "__main__":
    main()
