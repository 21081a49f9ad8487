"""The Pulumi policy pack: `pulumi preview --policy-pack policies`."""

import sys
from pathlib import Path

# Pulumi runs this folder as a program; its modules are those of the package.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from policies.lean import start_lean, started  # noqa: E402

start_lean()

from policies import pack, registry  # noqa: E402

rules = registry.all_rules().values()
started()
pack.serve(rules)
