"""Services on Azure take TLS 1.2 or newer only."""

from policies.properties import Properties, must_be, only_if
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity

RULE = Rule(
    id="azure-transport-encrypted",
    title="Storage and databases take TLS 1.2 or newer only, and machines encrypt between hosts.",
    reason="A client that is set up wrongly would send data and tokens for everybody on the way to "
    "read, and nothing would fail.",
    severity=Severity.HIGH,
    controls=(
        "SATRE-2.8.02",
        "SATRE-2.8.03",
        "SATRE-2.8.04",
        "EUDPR-33.1a-transit",
        "EUDPR-36",
        "CYB-8.2j",
    ),
    preview=Properties(
        {
            "azure-native:dbforpostgresql:Configuration": (
                only_if(
                    "configurationName",
                    "require_secure_transport",
                    then=must_be("value", "on", "ON", broken=("off",), safe="on"),
                ),
                only_if(
                    "configurationName",
                    "ssl_min_protocol_version",
                    then=must_be(
                        "value", "TLSv1.2", "TLSv1.3", broken=("TLSv1", "TLSv1.1"), safe="TLSv1.2"
                    ),
                ),
            ),
            "azure-native:network:VirtualNetwork": (
                must_be("encryption.enabled", True, safe=True),
            ),
            "azure-native:redis:Redis": (
                must_be("minimumTlsVersion", "1.2", "1.3", safe="1.2"),
                must_be("enableNonSslPort", False, safe=False),
            ),
            "azure-native:storage:StorageAccount": (
                must_be("enableHttpsTrafficOnly", True, safe=True),
                must_be(
                    "minimumTlsVersion",
                    "TLS1_2",
                    "TLS1_3",
                    broken=("TLS1_0", "TLS1_1"),
                    safe="TLS1_2",
                ),
            ),
        }
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Set `minimum_tls_version` to TLS1_2 and `enable_https_traffic_only`.",
)
