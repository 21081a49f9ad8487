from __future__ import annotations

import pytest

from infra.paths import REPOSITORY
from tests.live.support import admission

TEMPLATE = REPOSITORY / "ansible/roles/control_plane/templates/admission.yaml.j2"


def configuration() -> str:
    """The role's own template with its one variable filled in."""
    names = "{{ control_plane_privileged_namespaces | to_json }}"
    text = TEMPLATE.read_text()
    assert names in text
    return text.replace(names, '["kube-system"]')


def test_the_roles_own_configuration_is_good() -> None:
    assert admission.faults(configuration(), ["kube-system"]) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("enforce: restricted", "enforce: baseline", "held to baseline"),
        ("enforce: restricted", "# enforce: restricted", "held to nothing"),
        ("name: PodSecurity", "name: Another", "does not configure"),
        ('["kube-system"]', '["kube-system", "default"]', "namespaces default are exempt"),
        ("usernames: []", "usernames: [eve]", "usernames eve are exempt"),
        ("runtimeClasses: []", "runtimeClasses: [fast]", "runtimeClasses fast are exempt"),
    ],
)
def test_what_is_open(old: str, new: str, fault: str) -> None:
    text = configuration()
    assert old in text
    (found,) = admission.faults(text.replace(old, new), ["kube-system"])
    assert fault in found


def test_an_empty_file() -> None:
    assert admission.faults("", []) == ["it does not configure Pod Security"]
