"""Pods mount only kinds of volumes that end at the pod."""

from policies.admission import Admission, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

#: Everything that could be a volume of a node or of somebody else's server is left out.
REFUSED = (
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
)
_NONE = " && ".join(f"!has(v.{kind})" for kind in REFUSED)


def _volume(**source: object) -> list[dict[str, object]]:
    return [{"name": "data", **source}]


RULE = Rule(
    id="volume-types-allowed",
    title="Pods of tenants mount claims, secrets, settings and scratch space, and nothing else.",
    reason="A path of the node, or a server that the pod names itself, is storage that nobody "
    "encrypts, counts or separates by sandbox.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.2.12", "SATRE-2.8.01"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.TENANTS,
        validations=(
            Validation(
                f"!has(variables.pod.volumes) || variables.pod.volumes.all(v, {_NONE})",
                "a volume is of a kind that reaches beyond the pod's own storage.",
            ),
        ),
        passes=(
            pod(volumes=_volume(emptyDir={})),
            pod(volumes=_volume(persistentVolumeClaim={"claimName": "data"})),
            pod(volumes=_volume(configMap={"name": "settings", "optional": True})),
        ),
        fails=(
            pod(volumes=_volume(hostPath={"path": "/"})),
            pod(volumes=_volume(nfs={"server": "192.0.2.1", "path": "/"})),
            pod(volumes=_volume(iscsi={"targetPortal": "192.0.2.1", "iqn": "iqn.a", "lun": 0})),
        ),
    ),
    live=ByAdmission(),
    remedy="Use emptyDir for scratch space and a PersistentVolumeClaim for what must last.",
)
