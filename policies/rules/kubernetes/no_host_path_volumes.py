"""No volume is a folder of a node."""

from policies.admission import Admission, Scope, Validation
from policies.examples import wide
from policies.kinds import VOLUME
from policies.rule import ByAdmission, Rule, Severity


def _volume(**source: object) -> dict[str, object]:
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], **source}
    return wide("PersistentVolume", spec=spec)


RULE = Rule(
    id="no-host-path-volumes",
    title="No volume of the cluster is a folder of a node.",
    reason="A claim on such a volume reads the node's own files, whatever the pod itself may "
    "mount.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.1.9", "CIS-K8S-5.2.12"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=(VOLUME,),
        scope=Scope.CLUSTER,
        validations=(Validation("!has(object.spec.hostPath)", "hostPath is a folder of a node."),),
        passes=(_volume(nfs={"server": "192.0.2.1", "path": "/data"}),),
        fails=(_volume(hostPath={"path": "/etc"}),),
    ),
    live=ByAdmission(),
    remedy="Use a storage class.",
)
