"""The way to machines: paths of keys, never keys."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from infra.config.ssh import SshAccess, expanded


def test_root_at_port_22_unless_said_otherwise() -> None:
    access = SshAccess(private_key="~/.ssh/lab", known_hosts="/etc/lab/known_hosts")
    assert (access.user, access.port) == ("root", 22)
    assert expanded(access.private_key).endswith("/.ssh/lab")
    assert not expanded(access.private_key).startswith("~")


@pytest.mark.parametrize(
    "key",
    ["-----BEGIN OPENSSH PRIVATE KEY-----", "keys/lab", "/keys/lab\nmore", "/keys/my lab", ""],
)
def test_a_key_is_named_by_its_path(key: str) -> None:
    with pytest.raises(ValidationError, match="private_key"):
        SshAccess(private_key=key, known_hosts="/etc/lab/known_hosts")
