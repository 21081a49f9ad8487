"""The Pulumi policy pack: `pulumi preview --policy-pack policies`."""

import sys
from pathlib import Path

# Pulumi runs this folder as a program; its modules are those of the package.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from policies import pack, registry  # noqa: E402

pack.serve(registry.all_rules().values())
