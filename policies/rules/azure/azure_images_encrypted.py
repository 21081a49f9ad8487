"""The registry on Azure is encrypted with a key of the lab's own."""

from policies.clouds import must_be_own_vault_key
from policies.properties import Properties, must_be
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-images-encrypted",
    title="The registry of images is encrypted with a key of the lab's own.",
    reason="Images hold code and often weights; the choice is made once, when a registry is made.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.01", "SATRE-2.8.05", "EUDPR-33.1a-rest"),
    preview=Properties(
        {
            "azure-native:containerregistry:Registry": (
                must_be("encryption.status", "enabled", broken=("disabled",)),
                must_be_own_vault_key("encryption.keyVaultProperties.keyIdentifier"),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `encryption` with a key of the lab; the registry must be Premium.",
)
