"""The environment in which `pulumi` works on one lab, for us and for whoever types it by hand."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from infra import offline, paths, toolchain
from infra.config import LocalLab
from infra.engine.target import Target
from infra.paths import Home

#: In the environment of everything that an operation starts; its value is the lab's folder.
#: Recovery finds by it what a killed operation left running.
OPERATION = "LAB_OPERATION"


def environment(stack: str) -> dict[str, str]:
    """Variables for plain `pulumi up`, `preview`, `refresh` and `destroy` in the checkout.

    Secrets are never in it, only the paths of the files (mode 0600) that hold them.

    Raises:
        StackNotFound, ConfigError: the stack's configuration is missing or wrong.
        ToolMissing: there is no Pulumi CLI yet.
    """
    return variables(Target.of(stack))


def variables(target: Target) -> dict[str, str]:
    """The same for a target whose state may lie elsewhere."""
    # The way into the lab, wherever the state of this operation is kept.
    own = Home(target.lab.name)
    return {
        "PATH": _path(target),
        "PULUMI_BACKEND_URL": f"file://{target.home.state}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(target.home.passphrase),
        # Without the salt in the configuration file the one in the state is taken: the file is
        # in the repository, the salt belongs to one lab on one host.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_HOME": str(target.pulumi_home),
        "PULUMI_PYTHON_CMD": str(Path(sys.prefix) / "bin" / "python"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "KUBECONFIG": str(own.kubeconfig),
        **_vault(target, own),
        "PULUMI_STACK": target.stack,
        "LAB_STACK": target.stack,
        "LAB_HOME": str(paths.data()),
        "LAB_CACHE": str(paths.cache()),
    }


def _vault(target: Target, own: Home) -> dict[str, str]:
    if not isinstance(target.lab, LocalLab):
        return {}
    return {"VAULT_ADDR": vault_address(target.lab), "VAULT_CACERT": str(own.ca_certificate)}


def operation_environment(target: Target) -> dict[str, str]:
    """The whole environment of an operation that we start ourselves."""
    return {
        **_with_bytecode(target.inherited()),
        **variables(target),
        # Makes `--event-log` known to the CLI.
        "PULUMI_DEBUG_COMMANDS": "true",
        OPERATION: str(target.home.root),
        # A program that formats an unknown value into a string must fail, not deploy it.
        "PULUMI_ERROR_OUTPUT_STRING": "true",
    }


def _with_bytecode(inherited: dict[str, str]) -> dict[str, str]:
    """Compiling the SDKs of clouds takes longer than a preview: who wants no bytecode beside the
    sources gets it in the cache.
    """
    if inherited.pop("PYTHONDONTWRITEBYTECODE", None) is None:
        return inherited
    return {"PYTHONPYCACHEPREFIX": str(paths.cache() / "bytecode"), **inherited}


def vault_address(lab: LocalLab) -> str:
    """URL of the lab's Vault."""
    return f"https://{lab.with_role('vault')[0].address}:8200"


def api_address(lab: LocalLab) -> str:
    """URL of the lab's Kubernetes API."""
    return f"https://{lab.with_role('control-plane')[0].address}:6443"


def make_private_files(home: Home) -> None:
    """Makes the folders and the passphrase that an operation expects, once."""
    home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.state.mkdir(mode=0o700, exist_ok=True)
    if not home.passphrase.exists():
        # Written whole or not at all: a half-written passphrase would lock the state for good.
        new = home.passphrase.with_suffix(".new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        new.rename(home.passphrase)


#: Programs for whoever works on a lab by hand, and the binaries that they are.
PROGRAMS = {"helm": "helm", "kubectl": "kubernetes", "vault": "vault"}


def link_programs(home: Home) -> None:
    """Makes PROGRAMS available in the lab's own folder; `environment` puts it on PATH.

    Raises:
        ToolMissing: one of them has not been built.
    """
    folder = _programs(home)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, binary in PROGRAMS.items():
        link, target = folder / name, toolchain.binary(binary)
        if not link.is_symlink() or link.readlink() != target:
            link.unlink(missing_ok=True)
            link.symlink_to(target)


def linked_programs() -> list[Path]:
    """The binaries that labs on this host have links to."""
    links = paths.data().glob("*/bin/*")
    return [link.resolve() for link in links if link.is_symlink()]


def _programs(home: Home) -> Path:
    return home.root / "bin"


def stand_in_notice(stack: str) -> str | None:
    """What the user should know if not all of Pulumi's own plugins are there; None if they are."""
    return notice(Target.of(stack))


def notice(target: Target) -> str | None:
    """The same for a target."""
    search_path = os.pathsep.join(_entries(target))
    return offline.notice(
        "" if target.offline else search_path, target.pulumi_home, clouds=target.clouds
    )


def recorded(target: Target) -> list[str]:
    """Providers of clouds that are stood in for, so that nothing can be deployed with them."""
    if target.offline:
        return list(target.clouds)
    search_path = os.pathsep.join(_entries(target))
    return offline.recorded(search_path, target.pulumi_home, clouds=target.clouds)


def _entries(target: Target) -> list[str]:
    own = [
        str(Path(sys.prefix) / "bin"),
        str(toolchain.binary("pulumi").parent),
        str(paths.REPOSITORY / "infra" / "provider" / "bin"),
    ]
    host = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return list(dict.fromkeys([*own, *host, str(_programs(Home(target.lab.name)))]))


def _path(target: Target) -> str:
    """The search path; the stand-ins for Pulumi's plugins come last, so official ones win."""
    entries = _entries(target)
    if target.offline:
        first = [str(folder) for folder in offline.path_entries("", clouds=target.clouds)]
        return os.pathsep.join(dict.fromkeys([*first, *entries]))
    folders = offline.path_entries(
        os.pathsep.join(entries), target.pulumi_home, clouds=target.clouds
    )
    return os.pathsep.join(dict.fromkeys([*entries, *(str(folder) for folder in folders)]))
