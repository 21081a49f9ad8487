"""What makes a policy pack start in half of the time: it speaks Pulumi's protocol, and uses nothing
else of its SDK, which imports hundreds of modules with its first name.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

#: Packages on the way to the messages (pulumi.runtime.proto), whose own modules are left out.
_SKIPPED: Final = ("pulumi", "pulumi.runtime")


def start_lean() -> None:
    """Before anything of Pulumi's is imported, in a process that does not use its SDK: from here on
    its messages can be imported, and nothing is collected until `started`.

    Raises:
        ModuleNotFoundError: Pulumi's SDK is not installed.
        RuntimeError: it has been imported already.
    """
    if "pulumi" in sys.modules:
        raise RuntimeError("Pulumi's SDK has been imported already")
    spec = importlib.util.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("Pulumi's SDK is not installed")
    root = Path(spec.submodule_search_locations[0])
    for name in _SKIPPED:
        module = ModuleType(name)
        module.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = module
    gc.disable()


def started() -> None:
    """When everything is loaded, which stays: only what comes later is collected."""
    gc.freeze()
    gc.enable()
