"""Secrets of Kubernetes are encrypted in etcd with a key of the lab's own."""

from policies.clouds import must_be_own_key
from policies.properties import Properties, must_contain
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-cluster-secrets-encrypted",
    title="Secrets of a cluster on EKS are encrypted with a key of the lab's own.",
    reason="Who gets at a copy of etcd otherwise reads the credentials of every sandbox.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest", "CYB-8.3d", "CIS-K8S-1.2.27"),
    preview=Properties(
        {
            "aws:eks/cluster:Cluster": (
                must_contain("encryptionConfig.resources", "secrets"),
                must_be_own_key("encryptionConfig.provider.keyArn"),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `encryption_config` with the resource `secrets` and a key of the lab.",
)
