"""An image is named by what is in it."""

from policies.admission import Admission, Scope, Validation
from policies.examples import IMAGE, pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

RULE = Rule(
    id="images-by-digest",
    title="Images in sandboxes are named by their digest, or never pulled.",
    reason="A tag can be moved: what was tested and what runs would be two things of one name.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.5.1", "CYB-8.3g", "AIA-IV.1c"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "variables.containers.all(c, c.image.matches('@sha256:[0-9a-f]{64}$') || "
                "(has(c.imagePullPolicy) && c.imagePullPolicy == 'Never'))",
                "an image is named by a tag and may be pulled.",
            ),
        ),
        passes=(
            pod(),
            # The lab itself put it onto the nodes: docs/adr/0002-images-without-a-registry.md.
            pod(container={"image": "lab.local/probe:1", "imagePullPolicy": "Never"}),
        ),
        fails=(
            pod(container={"image": "registry.k8s.io/pause:3.10", "imagePullPolicy": "Always"}),
            pod(container={"image": "registry.k8s.io/pause:latest"}),
            pod(container={"image": f"{IMAGE}0"}),
        ),
    ),
    live=ByAdmission(),
    remedy="Write IMAGE@sha256:DIGEST; `crane digest IMAGE` tells the digest.",
)
