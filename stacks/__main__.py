"""The Pulumi program: reads the configuration and picks the composition for its ground."""

from infra import config
from infra.errors import WrongGround
from stacks import aws, local, onprem

match config.from_pulumi():
    case config.LocalLab() as lab:
        local.compose(lab)
    case config.OnPremLab() as lab:
        onprem.compose(lab)
    case config.AwsLab() as lab:
        aws.compose(lab)
    case other:
        raise WrongGround(
            f"there is no program for the ground {other.ground!r} yet.",
            next_step="use the ground `local` or `onprem`.",
        )
