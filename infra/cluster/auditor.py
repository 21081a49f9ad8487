"""`PolicyAuditor`: the pure objects of `auditor_objects`, brought to life with Pulumi."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.auditor.told import Told
from infra.cluster import auditor_objects
from infra.cluster.auditor_objects import ApiServer
from infra.cluster.images import Image
from infra.cluster.kubernetes import Access

#: A Deployment with it is not waited for.
_DO_NOT_WAIT = "pulumi.com/skipAwait"


@dataclass(frozen=True, slots=True)
class Ground:
    """What an auditor must know of the ground that carries its cluster."""

    image: Image
    #: Of tokens for its API server; see `auditor_objects.objects`.
    audience: str = ""
    api_server: ApiServer | None = None
    #: Whether the image is there before the cluster is.
    image_is_there: bool = True


class PolicyAuditor(pulumi.ComponentResource):
    """Audits the cluster's policies from inside: walls and rights first, then the pod.

    Where the image can be sent to its registry only after the ground was made, nothing waits for
    the pod.
    """

    def __init__(
        self,
        name: str,
        *,
        lab: str,
        told: Told,
        ground: Ground,
        access: Access,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ailab:cluster:PolicyAuditor", name, {}, opts)
        mine = pulumi.ResourceOptions(parent=self)
        namespace, *others, deployment = auditor_objects.objects(
            lab, told, ground.image, audience=ground.audience, api_server=ground.api_server
        )
        if not ground.image_is_there:
            deployment["metadata"]["annotations"] = {_DO_NOT_WAIT: "true"}
        first = access.apply(namespace, mine)
        inside = pulumi.ResourceOptions.merge(mine, pulumi.ResourceOptions(depends_on=[first]))
        made = [access.apply(one, inside) for one in others]
        last = pulumi.ResourceOptions.merge(mine, pulumi.ResourceOptions(depends_on=made))
        access.apply(deployment, last)
        self.register_outputs({})
