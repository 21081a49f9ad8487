"""What an operation works on: a stack, the lab that it describes, and where its state is kept."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from infra import config
from infra.config.loading import AnyLab
from infra.paths import Home

#: Pulumi's provider of a cloud, by the ground that needs it.
_PROVIDERS = {"aws": "aws", "azure": "azure-native"}


@dataclass(frozen=True, slots=True)
class Target:
    """One stack.

    `home` holds the state; it is the lab's own folder, or a temporary one for a preview of what
    was never deployed. `offline` prefers the lab's own plugins to Pulumi's, and takes nothing
    of the caller's accounts: the same plan comes out everywhere.
    """

    stack: str
    file: Path
    lab: AnyLab
    home: Home
    offline: bool = False

    @classmethod
    def of(cls, stack: str) -> Target:
        """A stack of this checkout.

        Raises:
            StackNotFound, ConfigError: its configuration is missing or wrong.
        """
        lab = config.load(stack)
        return cls(stack, config.stack_file(stack), lab, Home(lab.name))

    @property
    def temporary(self) -> bool:
        """Whether nothing of the operation is there afterwards, not even its log."""
        return self.home.base is not None

    @property
    def clouds(self) -> tuple[str, ...]:
        """Pulumi's providers of the clouds that the lab lies on."""
        grounds = {site.ground for site in self.lab.sites.values()}
        return tuple(name for ground, name in _PROVIDERS.items() if ground in grounds)

    @property
    def pulumi_home(self) -> Path:
        """Where Pulumi keeps what it downloads."""
        return self.home.root / "pulumi"

    def inherited(self) -> dict[str, str]:
        """The caller's environment, as far as an operation may see it."""
        if not self.offline:
            return dict(os.environ)
        accounts = ("AWS_", "ARM_", "AZURE_")
        return {name: value for name, value in os.environ.items() if not name.startswith(accounts)}
