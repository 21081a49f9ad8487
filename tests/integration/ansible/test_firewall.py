"""The rules that the role base writes for a machine with the database, rendered by Ansible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.paths import REPOSITORY

ROLE = REPOSITORY / "ansible" / "roles" / "base"
MACHINES = {
    "control-plane": ("10.71.0.10", ["control_plane", "kubernetes"]),
    "worker": ("10.71.0.11", ["workers", "kubernetes"]),
    "vault": ("10.71.0.12", ["vault"]),
}


def rendered(folder: Path, *, database: str | None) -> dict[str, list[str]]:
    """Lines of each machine's rules, by machine."""
    for name in ("files", "templates"):
        if (ROLE / name).is_dir():
            (folder / name).symlink_to(ROLE / name)
    groups: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for name, (_, of) in MACHINES.items():
        for group in [*of, *(["database"] if name == database else [])]:
            groups.setdefault(group, {"hosts": {}})["hosts"][name] = {}
    hosts = {
        name: {"ansible_connection": "local", "lab_address": address}
        for name, (address, _) in MACHINES.items()
    }
    inventory = folder / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts, "children": groups}}))
    tasks = [
        {"ansible.builtin.include_vars": str(ROLE / kind / "main.yml")}
        for kind in ("defaults", "vars")
    ]
    written = {
        "dest": "{{ playbook_dir }}/{{ inventory_hostname }}.nft",
        "content": "{{ lookup('ansible.builtin.template', 'firewall.nft.j2') }}",
    }
    play = {"hosts": "all", "gather_facts": False, "tasks": [*tasks, {"copy": written}]}
    (folder / "playbook.yml").write_text(yaml.safe_dump([play]))
    variables = {
        "ansible_python_interpreter": sys.executable,
        "lab_gateway": "10.71.0.1",
        "lab_machines_cidr": "10.71.0.0/24",
        "lab_pods_cidr": "10.72.0.0/16",
    }
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory)),
            *(str(folder / "playbook.yml"), "-e", json.dumps(variables)),
        ],
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible" / "ansible.cfg"),
            "ANSIBLE_HOME": str(folder / "ansible"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        name: [line.strip() for line in (folder / f"{name}.nft").read_text().splitlines()]
        for name in MACHINES
    }


def opened(lines: list[str], port: int) -> list[str]:
    """Who may reach a port: the left part of every rule that accepts it."""
    return [
        line.partition(" tcp dport ")[0]
        for line in lines
        if f"{port}" in line.partition("tcp dport {")[2].partition("}")[0].replace(",", " ").split()
    ]


@pytest.mark.parametrize("database", ["vault", None])
def test_nodes_reach_the_database_and_nobody_else(tmp_path: Path, database: str | None) -> None:
    rules = rendered(tmp_path, database=database)
    expected: dict[str, list[str]] = {name: [] for name in MACHINES} | (
        {"vault": ["ip saddr { 10.71.0.10, 10.71.0.11 }"]} if database else {}
    )
    assert {name: opened(lines, 5432) for name, lines in rules.items()} == expected
    # The control: the same look at a port that others may reach.
    assert opened(rules["vault"], 8200) == ["ip saddr { 10.71.0.0/24, 10.71.0.1 }"]


def test_pods_are_stopped_before_any_rule_lets_them_in(tmp_path: Path) -> None:
    """They come as the node that they run on, or not at all."""
    lines = rendered(tmp_path, database="vault")["vault"]
    stopped = lines.index("ip saddr 10.72.0.0/16 drop")
    assert stopped < next(number for number, line in enumerate(lines) if "5432" in line)
