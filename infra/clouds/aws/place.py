"""Where a lab lies on AWS, and how its things are called there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi

from infra import naming

#: AWS's commercial partition; the European regions of the configuration all lie in it.
PARTITION = "aws"


@dataclass(frozen=True, slots=True)
class Place:
    """A lab's account and region. Names are fixed, so that policies can name what is not made yet.

    `owner`, `cost_center` and `ceiling` (the highest classification that may be here) are tags of
    every resource.
    """

    lab: str
    account: str
    region: str
    zones: Sequence[str]
    owner: str
    cost_center: str
    ceiling: str
    provider: pulumi.ProviderResource | None = field(default=None, compare=False)

    def name(self, part: str = "") -> str:
        """Name of a resource, in the program and in the account: two grounds may share both."""
        return f"{self.lab}-{part}" if part else self.lab

    def global_name(self, part: str) -> str:
        """Name of a bucket: unique among everybody's, at most 63 characters."""
        return f"{self.lab}-{part}-{self.account}"

    def arn(self, service: str, resource: str, *, region: bool = True) -> str:
        """ARN of a resource of this account; IAM's have no region."""
        where = self.region if region else ""
        return f"arn:{PARTITION}:{service}:{where}:{self.account}:{resource}"

    def role_arn(self, name: str) -> str:
        return self.arn("iam", f"role/{name}", region=False)

    @property
    def root(self) -> str:
        """The account as a principal: whom its own IAM policies allow."""
        return self.arn("iam", "root", region=False)

    def tags(self, name: str) -> dict[str, str]:
        return {
            "Name": name,
            naming.LABEL_LAB: self.lab,
            naming.LABEL_CLASSIFICATION: self.ceiling,
            "owner": self.owner,
            "cost-center": self.cost_center,
            "managed-by": "pulumi",
        }


class Part(pulumi.ComponentResource):
    """A part of the ground. `made` are the options of its resources, `kept` of those with data."""

    def __init__(
        self, kind: str, place: Place, opts: pulumi.ResourceOptions | None, name: str = ""
    ) -> None:
        super().__init__(f"ailab:aws:{kind}", place.name(name), {}, opts)
        self.place = place

    def made(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self, provider=self.place.provider, depends_on=list(after)
        )

    def kept(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """Destroying a lab leaves what holds data; docs/runbooks/aws.md says how to remove it."""
        return pulumi.ResourceOptions.merge(
            self.made(*after), pulumi.ResourceOptions(protect=True, retain_on_delete=True)
        )
