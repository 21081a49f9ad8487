"""Images in ECR are encrypted with a key of the lab's own."""

from policies.clouds import must_be_own_key
from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-images-encrypted",
    title="Images in ECR are encrypted with a key of the lab's own.",
    reason="Images hold code and often weights; the choice is made once, when a repository is "
    "made, and cannot be corrected later.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest"),
    preview=Properties(
        {
            "aws:ecr/repository:Repository": (
                must_be(
                    "encryptionConfigurations.*.encryptionType",
                    "KMS",
                    "KMS_DSSE",
                    broken=("AES256",),
                ),
                must_be_own_key("encryptionConfigurations.*.kmsKey"),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `encryption_configurations` to KMS with a key of the lab.",
)
