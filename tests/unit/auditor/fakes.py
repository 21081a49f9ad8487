"""An API that answers lists, and a rule that is about services."""

from __future__ import annotations

from typing import Any

from infra import naming
from infra.kubernetes.client import Answer
from policies.admission import Admission, Scope, Validation
from policies.examples import manifest
from policies.kinds import SECRET, SERVICE
from policies.rule import ByAdmission, NotHere, Rule, Severity

NAMESPACE = {
    "kind": "Namespace",
    "metadata": {"name": "sandbox-example", "labels": {naming.LABEL_SANDBOX: "example"}},
}
CLOSED = manifest("Service", spec={"type": "ClusterIP"})
OPEN = manifest("Service", spec={"type": "NodePort"})
SERVICES = Rule(
    id="services",
    title="Services stay inside.",
    reason="A port on a node is open to all.",
    severity=Severity.HIGH,
    controls=("SATRE-2.2.09",),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(SERVICE,),
        scope=Scope.SANDBOXES,
        validations=(Validation("object.spec.type == 'ClusterIP'", "it is not inside."),),
        passes=(CLOSED,),
        fails=(OPEN,),
    ),
    live=ByAdmission(),
)
SECRETS = Rule(
    id="secrets",
    title="Secrets are opaque.",
    reason="A token is a login.",
    severity=Severity.MEDIUM,
    controls=("CIS-K8S-5.1.6",),
    preview=NotHere("No program declares one."),
    admission=Admission(
        kinds=(SECRET,),
        scope=Scope.SANDBOXES,
        validations=(Validation("object.type == 'Opaque'", "it is no opaque one."),),
        passes=(manifest("Secret", type="Opaque"),),
        fails=(manifest("Secret", type="other"),),
    ),
    live=ByAdmission(),
)


class Lists:
    """Lists objects by the ends of their paths, in pages of one."""

    def __init__(self, *manifests: dict[str, Any]) -> None:
        self.manifests = list(manifests)
        self.status = 200
        self.asked: list[str] = []

    def request(self, method: str, path: str, *, params: Any) -> Answer:
        assert method == "GET"
        self.asked.append(path)
        if self.status != 200:
            return Answer(self.status, {"message": "no"})
        plural = path.rpartition("/")[2]
        items = [one for one in self.manifests if _plural(one["kind"]) == plural]
        if not items:
            return Answer(404, {})
        at = int(params["continue"] or 0)
        more = str(at + 1) if at + 1 < len(items) else ""
        page = [{k: v for k, v in items[at].items() if k not in ("kind", "apiVersion")}]
        return Answer(200, {"items": page, "metadata": {"continue": more}})


def _plural(kind: str) -> str:
    lower = kind.lower()
    return f"{lower[:-1]}ies" if lower.endswith("y") else f"{lower}s"
