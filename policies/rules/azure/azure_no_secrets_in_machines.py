"""No secret is in what a machine on Azure starts with."""

from policies.clouds import must_hold_no_secret
from policies.properties import Properties
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-no-secrets-in-machines",
    title="What a machine is started with holds no key and no token.",
    reason="User data is readable for every process on the machine and for everybody who may look "
    "at it in the subscription.",
    severity=Severity.CRITICAL,
    controls=("SATRE-2.8.05", "SATRE-1.5.05", "CYB-8.2h"),
    preview=Properties(
        {
            "azure-native:compute:VirtualMachine": (
                must_hold_no_secret("userData"),
                must_hold_no_secret("osProfile.customData"),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Let the machine fetch it from Vault with its own identity.",
)
