"""The Pulumi program: reads the configuration and picks the composition for its ground."""

from infra import config
from stacks import local

_COMPOSITIONS = {"local": local.compose}

_lab = config.from_pulumi()
_COMPOSITIONS[_lab.ground](_lab)
