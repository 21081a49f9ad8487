"""Images come from the lab's own registries."""

from policies.admission import Admission, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

_DIGEST = f"@sha256:{'0' * 64}"

RULE = Rule(
    id="image-registries-allowed",
    title="Images in sandboxes come from the registries that the lab allows.",
    reason="Anybody may put anything into a public registry, under a name that looks familiar.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.5.1", "SATRE-2.1.13", "CYB-8.2m", "AIA-15.5"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                "variables.containers.all(c, "
                "variables.settings.registries.exists(r, c.image.startsWith(r + '/')))",
                "an image comes from a registry that the lab does not allow.",
            ),
        ),
        passes=(
            pod(),
            pod(container={"image": "lab.local/probe:1", "imagePullPolicy": "Never"}),
        ),
        fails=(
            pod(container={"image": f"docker.io/library/busybox{_DIGEST}"}),
            pod(container={"image": f"busybox{_DIGEST}"}),
            pod(container={"image": f"registry.k8s.io.example.org/pause{_DIGEST}"}),
        ),
    ),
    live=ByAdmission(),
    remedy="Copy the image to an allowed registry, and name it there.",
)
