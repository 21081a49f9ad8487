from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.errors import PlaybookInvalid
from infra.hosts.playbook_digest import digest

PLAY = """
- hosts: all
  roles: [one, {role: two}]
  tasks:
    - ansible.builtin.import_role: {name: three}
    - block:
        - include_role: {name: four}
    - ansible.builtin.debug: {msg: !unsafe "{{ x }}"}
      vars: {roles: [not_a_role], secret: !vault [1], map: !vault {a: 1}}
- ansible.builtin.import_playbook: other.yml
"""


def write(root: Path, name: str, content: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "playbooks/site.yml", PLAY)
    write(tmp_path, "playbooks/other.yml", "- hosts: all\n  roles: [six]\n")
    write(tmp_path, "playbooks/unrelated.yml", "[]")
    for role in ("one", "two", "three", "four", "five", "six", "seven", "unrelated"):
        write(tmp_path, f"roles/{role}/tasks/main.yml", "[]")
    write(tmp_path, "roles/one/meta/main.yml", "dependencies: [{role: five}]")
    write(tmp_path, "roles/two/handlers/main.yml", "- import_role: {name: seven}")
    write(tmp_path, "roles/two/templates/x.yml", "roles: [{{ this is no yaml")
    write(tmp_path, "roles/two/files/blob", "1")
    write(tmp_path, "library/module.py", "1")
    write(tmp_path, "ansible.cfg", "[defaults]")
    return tmp_path


USED = [
    "playbooks/site.yml",
    "playbooks/other.yml",
    "roles/one/tasks/main.yml",
    "roles/two/templates/x.yml",
    "roles/two/files/blob",
    "roles/three/tasks/main.yml",
    "roles/four/tasks/main.yml",
    "roles/five/tasks/main.yml",
    "roles/six/tasks/main.yml",
    "roles/seven/tasks/main.yml",
    "library/module.py",
    "ansible.cfg",
]


@pytest.mark.parametrize("used", USED)
def test_a_change_of_what_is_used_shows(root: Path, used: str) -> None:
    before = digest("site", root=root)
    file = root / used
    file.write_text(file.read_text() + "\n# changed\n")
    assert digest("site", root=root) != before


@pytest.mark.parametrize("change", ["add", "remove", "rename"])
def test_a_file_that_comes_goes_or_moves_shows(root: Path, change: str) -> None:
    before = digest("site", root=root)
    blob = root / "roles/two/files/blob"
    actions: dict[str, Callable[[], object]] = {
        "add": lambda: write(root, "roles/two/files/other", ""),
        "remove": blob.unlink,
        "rename": lambda: blob.rename(blob.with_name("renamed")),
    }
    actions[change]()
    assert digest("site", root=root) != before


def test_what_is_not_used_does_not_show(root: Path) -> None:
    before = digest("site", root=root)
    write(root, "roles/unrelated/tasks/main.yml", "- changed: true")
    write(root, "playbooks/unrelated.yml", "- hosts: all")
    write(root, "roles/one/__pycache__/x.pyc", "changed")
    assert digest("site", root=root) == before


def test_where_the_checkout_is_does_not_show(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moved = tmp_path_factory.mktemp("elsewhere") / "ansible"
    before = digest("site", root=root)
    root.rename(moved)
    assert digest("site", root=moved) == before


def test_without_a_configuration_file(root: Path) -> None:
    before = digest("site", root=root)
    (root / "ansible.cfg").unlink()
    assert digest("site", root=root) != before


@pytest.mark.parametrize(
    ("play", "complaint"),
    [
        ("- hosts: all\n  roles: [absent]", "uses 'absent', which is not there"),
        ("- import_playbook: absent.yml", r"uses 'absent\.yml', which is not there"),
        ("- hosts: all\n  tasks: [{include_role: {name: '{{ x }}'}}]", "cannot be known"),
        ("- hosts: [", "is not YAML"),
    ],
)
def test_what_cannot_be_digested(root: Path, play: str, complaint: str) -> None:
    write(root, "playbooks/site.yml", play)
    with pytest.raises(PlaybookInvalid, match=complaint):
        digest("site", root=root)


def test_no_such_playbook(root: Path) -> None:
    with pytest.raises(PlaybookInvalid, match="no playbook 'absent'") as caught:
        digest("absent", root=root)
    assert "other, site, unrelated" in caught.value.next_step
