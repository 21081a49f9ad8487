"""Each PostgreSQL server on Azure says that it wants TLS, and logs who connects."""

from collections.abc import Iterator

from policies.relations import Fault, Relations, Stack
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.spoiling import changed, without
from policies.values import value

_SERVER = "azure-native:dbforpostgresql:Server"
_SETTING = "azure-native:dbforpostgresql:Configuration"
_WANTED = {
    "require_secure_transport": ("on", "ON"),
    "ssl_min_protocol_version": ("TLSv1.2", "TLSv1.3"),
    "log_connections": ("on", "ON"),
    "log_disconnections": ("on", "ON"),
}


def _check(stack: Stack) -> Iterator[Fault]:
    for server in stack.of_type(_SERVER):
        found = {
            value(one.properties, "configurationName") or value(one.properties, "name"): one
            for one in stack.parts(server, "serverName", "serverName", _SETTING)
        }
        for name, allowed in _WANTED.items():
            setting = found.get(name)
            if setting is None or value(setting.properties, "value") not in allowed:
                yield Fault(f"{name} is not {allowed[0]}", server)


RULE = Rule(
    id="azure-databases-set-up",
    title="Every database wants TLS 1.2 and logs who comes and goes.",
    reason="Azure's defaults may change; what the lab needs of a database, it says itself.",
    severity=Severity.HIGH,
    controls=("SATRE-2.8.03", "SATRE-2.2.14", "EUDPR-33.1a-transit", "CYB-8.2j", "AIA-4a.1c"),
    preview=Relations(
        about=(_SERVER,),
        reads=(_SETTING,),
        check=_check,
        broken=(
            without(_SETTING),
            changed(_SETTING, "value", "off"),
            changed(_SETTING, "value", None),
            changed(_SETTING, "serverName", "another"),
            changed(_SETTING, "configurationName", "another"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Make the four configurations for the server.",
)
