"""The lab's registry: tags that never move, every image scanned, encrypted with the lab's key."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi

from infra import contracts
from infra.clouds.aws.keys import CustomerKey
from infra.clouds.aws.place import Part, Place
from infra.clouds.aws.sdk import ecr

#: Days after which an image without a tag is gone.
_UNTAGGED = 30


class Registry(Part):
    """Repositories below the lab's name."""

    def __init__(
        self,
        place: Place,
        *,
        repositories: Sequence[str],
        key: CustomerKey,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("Registry", place, opts)
        self.contract = contracts.Registry(
            f"{place.account}.dkr.ecr.{place.region}.amazonaws.com/{place.lab}"
        )
        ecr.RegistryScanningConfiguration(
            place.name("scanning"),
            scan_type="ENHANCED",
            rules=[
                {
                    "scan_frequency": "CONTINUOUS_SCAN",
                    "repository_filters": [{"filter": "*", "filter_type": "WILDCARD"}],
                }
            ],
            opts=self.made(),
        )
        for name in repositories:
            repository = ecr.Repository(
                place.name(name),
                name=f"{place.lab}/{name}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration={"scan_on_push": True},
                encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}],
                force_delete=False,
                tags=place.tags(f"{place.lab}/{name}"),
                opts=self.kept(),
            )
            ecr.LifecyclePolicy(
                place.name(name),
                repository=repository.name,
                policy=json.dumps(_FORGET),
                opts=self.made(),
            )
        self.register_outputs({})


_FORGET = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "Images that no tag names any more",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": _UNTAGGED,
            },
            "action": {"type": "expire"},
        }
    ]
}
