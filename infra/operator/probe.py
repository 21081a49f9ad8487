"""Looks from inside a sandbox whether its walls hold, before anybody is let in.

A pod of the sandbox tries everything at once and writes what came of it where the API server shows
it. What must be open is the control: without it, silence would prove nothing. Whatever is
unexpected counts as a wall that does not hold.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from infra import naming
from infra.cluster.manifests import Manifest
from infra.errors import KubernetesNotReady
from infra.operator.cluster import Cluster
from infra.operator.configuration import ProbeSettings, TargetSettings

NAME = "isolation-probe"
#: Seconds: within a cluster an answer takes a thousandth of that; a dropped packet has none.
CLOSED_AFTER = 0.5
#: Tries of what must be open, each of so many seconds: it may come too early, or lose a packet.
OPEN_TRIES, OPEN_AFTER = 3, 1
#: Where the kubelet reads a container's last words; at most 4096 bytes.
_LAST_WORDS = "/dev/termination-log"
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Verdict:
    """What each target was found to be, and what of that must not be."""

    found: Mapping[str, str]
    faults: tuple[str, ...]

    @property
    def isolated(self) -> bool:
        return not self.faults


class Prober(Protocol):
    """Looks at one sandbox."""

    def look(self, namespace: str) -> Verdict:
        """What is open and closed from there.

        Raises:
            KubernetesNotReady: nobody could look; it may be tried again.
        """


@dataclass(frozen=True, slots=True)
class PodProber:
    """Looks with a pod."""

    cluster: Cluster
    settings: ProbeSettings

    def look(self, namespace: str) -> Verdict:
        pods = self.cluster.collection("v1", "Pod", namespace)
        # One of an operator that was killed.
        self.cluster.delete(f"{pods}/{NAME}", grace=0)
        self.cluster.until_gone(
            pods, patience=self.settings.patience, fields=f"metadata.name={NAME}"
        )
        answer = self.cluster.api.request("POST", pods, body=pod(namespace, self.settings))
        if not answer.ok:
            raise answer.refused(f"the probe of {namespace}")
        try:
            return verdict(self.settings.targets, self._last_words(pods, answer.body))
        finally:
            self.cluster.delete(f"{pods}/{NAME}", grace=0)

    def _last_words(self, pods: str, made: Mapping[str, Any]) -> str:
        """What the container said in the end."""
        end = time.monotonic() + self.settings.patience
        version, why = str(made["metadata"]["resourceVersion"]), "it was not started"
        while (left := end - time.monotonic()) > 0:
            params = {
                "fieldSelector": f"metadata.name={NAME}",
                "resourceVersion": version,
                "timeoutSeconds": str(max(1, round(left))),
            }
            for event in self.cluster.api.watch(pods, params):
                item = event["object"]
                version = str(item["metadata"]["resourceVersion"])
                ended = terminated(item)
                if ended is not None:
                    return ended
                if event["type"] == "DELETED":
                    raise self._nobody(pods, "somebody deleted it")
                why = _why(item)
        raise self._nobody(pods, why)

    def _nobody(self, pods: str, why: str) -> KubernetesNotReady:
        return KubernetesNotReady(
            f"the probe {pods}/{NAME} did not end in time: {why}.",
            next_step="see that nodes have room and the probe's image; it is tried again.",
        )


def verdict(targets: Sequence[TargetSettings], last_words: str) -> Verdict:
    """What the pod's last words mean; words that are not understood are a fault of every target."""
    try:
        said = json.loads(last_words)
    except ValueError:
        said = None
    found = said if isinstance(said, dict) else {}
    faults = [
        f"{target.id} is {found.get(target.id, 'unknown')}, not {target.must_be}"
        for target in targets
        if found.get(target.id) != target.must_be
    ]
    if not any(target.must_be == "open" for target in targets):
        faults.append("nothing is tried that must be open, so that nothing is proven")
    known = {target.id: str(found.get(target.id, "unknown"))[:20] for target in targets}
    return Verdict(known, tuple(faults))


def terminated(pod_: Mapping[str, Any]) -> str | None:
    """Last words of the container; None while it has not ended."""
    status = pod_.get("status") or {}
    for container in status.get("containerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated")
        if ended is not None:
            return str(ended.get("message") or "")
    # Evicted, or its node went away: it ended without a word.
    return "" if status.get("phase") in ("Failed", "Succeeded") else None


def _why(pod_: Mapping[str, Any]) -> str:
    status = pod_.get("status") or {}
    waiting = [
        (container.get("state") or {}).get("waiting") or {}
        for container in status.get("containerStatuses") or []
    ]
    told = [f"{one.get('reason')} {one.get('message', '')}".strip() for one in waiting if one]
    told += [
        str(condition.get("message"))
        for condition in status.get("conditions") or []
        if condition.get("status") == "False" and condition.get("message")
    ]
    return "; ".join(told) or f"its phase is {status.get('phase', 'unknown')}"


def pod(namespace: str, settings: ProbeSettings) -> Manifest:
    """The pod. It has no token of any kind and nothing to write to, and ends by itself."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": NAME,
            "namespace": namespace,
            "labels": {
                naming.LABEL_SANDBOX: namespace.removeprefix(naming.sandbox_namespace("")),
                # Vault must be open for those who say so: a control.
                naming.LABEL_SECRET_STORE: "client",
            },
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": round(settings.patience),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "serviceAccountName": naming.SANDBOX_SERVICE_ACCOUNT,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "runAsGroup": _NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "probe",
                    "image": settings.image,
                    "imagePullPolicy": settings.pull,
                    "command": ["sh", "-c", script(settings.targets)],
                    "terminationMessagePath": _LAST_WORDS,
                    "terminationMessagePolicy": "File",
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "resources": {
                        "requests": {
                            "cpu": "10m",
                            "memory": "16Mi",
                            "ephemeral-storage": "1Mi",
                        },
                        # All attempts begin at once.
                        "limits": {
                            "cpu": "500m",
                            "memory": "32Mi",
                            "ephemeral-storage": "8Mi",
                        },
                    },
                }
            ],
        },
    }


def script(targets: Sequence[TargetSettings], last_words: str = _LAST_WORDS) -> str:
    """A shell script for busybox that tries all targets at once.

    `nc -e true` ends with 0 as soon as it is connected, and is killed (143) if nobody answers.
    `refused` means that the packet arrived: the way there is open, although nobody listens.
    """
    tries = "\n".join(f"try {_words(target)} &" for target in targets)
    return f"""\
tell() {{
  case "$2" in
    0) found=open ;;
    143) found=closed ;;
    *) case "$3" in
         *refused*) found=refused ;;
         *nreachable*|*"No route"*|*"not permitted"*|*"timed out"*) found=closed ;;
         *) found=unclear ;;
       esac ;;
  esac
  echo "\\"$1\\":\\"$found\\""
}}
try() {{
  id=$1; left=$2; shift 2
  while :; do
    left=$((left - 1))
    out=$("$@" 2>&1); status=$?
    [ $status = 0 ] || [ $left -le 0 ] || continue
    break
  done
  tell "$id" "$status" "$out"
}}
all=$({{
{tries}
wait
}} | tr '\\n' ',')
printf '{{%s}}' "${{all%,}}" > {last_words}
"""


def _words(target: TargetSettings) -> str:
    """Arguments of the script's `try`: id, number of tries, command."""
    opens = target.must_be == "open"
    tries, seconds = (OPEN_TRIES, OPEN_AFTER) if opens else (1, CLOSED_AFTER)
    command = (
        f"nslookup -type=a {target.to}"
        if target.kind == "dns"
        else f"nc {target.to} {target.port} -e true"
    )
    return f"{target.id} {tries} timeout {seconds} {command}"
