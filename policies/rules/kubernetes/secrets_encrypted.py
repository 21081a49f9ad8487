"""What the API server stores is encrypted with a key that is in Vault."""

from policies.rule import NO_OBJECT, NotHere, Rule, Severity, Verified

RULE = Rule(
    id="secrets-encrypted",
    title="Secrets and settings in the cluster are stored encrypted with a key that is in Vault.",
    reason="Else a copy of etcd's files is a copy of every secret.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest", "CYB-8.3d"),
    preview=NotHere("It is how the API server is started; no property of a resource says it."),
    admission=NO_OBJECT,
    live=Verified(
        ("cluster.encryption.at-rest*", "cluster.encryption.kms", "cluster.encryption.socket")
    ),
    remedy="Run the lab's roles again: they write the API server's encryption settings and the "
    "KMS plugin.",
)
