"""A tag in ECR always means the same image, which has been scanned."""

from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="aws-images-immutable",
    title="A tag of an image never changes its meaning, and every image is scanned when it comes.",
    reason="Who may push could put another image under a name that the lab trusts already.",
    severity=Severity.HIGH,
    controls=(
        "SATRE-2.7.01",
        "EUDPR-33.1b-integrity",
        "CYB-8.2k",
        "CYB-8.2m",
        "CYB-8.3f",
        "AIA-15.5",
    ),
    preview=Properties(
        {
            "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": (
                must_be("scanType", "ENHANCED", broken=("BASIC",)),
                must_be(
                    "rules.*.scanFrequency",
                    "CONTINUOUS_SCAN",
                    "SCAN_ON_PUSH",
                    broken=("MANUAL",),
                ),
            ),
            "aws:ecr/repository:Repository": (
                must_be("imageScanningConfiguration.scanOnPush", True, safe=True),
                must_be("imageTagMutability", "IMMUTABLE", safe="IMMUTABLE", broken=("MUTABLE",)),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `image_tag_mutability` to IMMUTABLE and `scan_on_push`.",
)
