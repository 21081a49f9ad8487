"""The Python of ansible/library and ansible/module_utils, importable: Ansible ships it to the
machine under names of its own, so it is put there for tests as well."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

import ansible.module_utils
from infra.paths import REPOSITORY

_UTILITIES = str(REPOSITORY / "ansible" / "module_utils")
if _UTILITIES not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_UTILITIES)

if TYPE_CHECKING:
    from ansible.library import (
        artifact_install,
        cluster_ready,
        helm_release,
        image_import,
        kernel_features,
        kubeadm,
        preflight_checks,
        system_config,
    )
    from ansible.module_utils import ailab_kernel as kernel
    from ansible.module_utils import ailab_preflight as preflight
    from ansible.module_utils import ailab_system as system
else:
    system = importlib.import_module("ansible.module_utils.ailab_system")
    kernel = importlib.import_module("ansible.module_utils.ailab_kernel")
    preflight = importlib.import_module("ansible.module_utils.ailab_preflight")

    def _load(name):
        path = REPOSITORY / "ansible" / "library" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"lab_library_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    artifact_install = _load("artifact_install")
    cluster_ready = _load("cluster_ready")
    helm_release = _load("helm_release")
    image_import = _load("image_import")
    kernel_features = _load("kernel_features")
    kubeadm = _load("kubeadm")
    preflight_checks = _load("preflight_checks")
    system_config = _load("system_config")

__all__ = [
    "artifact_install",
    "cluster_ready",
    "helm_release",
    "image_import",
    "kernel",
    "kernel_features",
    "kubeadm",
    "preflight",
    "preflight_checks",
    "system",
    "system_config",
]
