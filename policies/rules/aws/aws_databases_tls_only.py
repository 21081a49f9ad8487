"""Databases on AWS speak TLS 1.2 or newer only."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.properties import Properties, must_match
from policies.rule import NO_OBJECT, Refreshed, Rule, Severity
from policies.values import value, values

#: By the start of the family that a group of parameters is for.
_WANTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "postgres": {
        "rds.force_ssl": ("1",),
        "ssl_min_protocol_version": ("TLSv1.2", "TLSv1.3"),
    },
    "aurora-postgresql": {
        "rds.force_ssl": ("1",),
        "ssl_min_protocol_version": ("TLSv1.2", "TLSv1.3"),
    },
    "mysql": {"require_secure_transport": ("1", "ON")},
    "mariadb": {"require_secure_transport": ("1", "ON")},
}


def _check(properties: Mapping[str, Any]) -> Iterator[str]:
    family = value(properties, "family")
    if family is None:
        return  # an instance, which names its group
    wanted = next((_WANTED[key] for key in _WANTED if str(family).startswith(key)), None)
    if wanted is None:
        yield f"family: nobody has said how {family} is made to speak TLS only"
        return
    names, found = (values(properties, f"parameters.*.{key}") for key in ("name", "value"))
    set_to = dict(zip(names, found, strict=True))
    for name, allowed in wanted.items():
        if str(set_to.get(name)) not in allowed:
            yield f"parameters: {name} is not {' or '.join(allowed)}"


def _no_parameters(properties: dict[str, Any]) -> None:
    if "family" in properties:
        properties["parameters"] = []
    else:
        properties["parameterGroupName"] = "default.postgres17"


def _other(name: str, told: str) -> Any:
    def spoil(properties: dict[str, Any]) -> None:
        _no_parameters(properties)
        if "family" in properties:
            given = {key: allowed[0] for key, allowed in _WANTED["postgres"].items()}
            given[name] = told
            properties["parameters"] = [{"name": key, "value": one} for key, one in given.items()]

    spoil.__name__ = f"{name} = {told}"
    return spoil


RULE = Rule(
    id="aws-databases-tls-only",
    title="Databases speak TLS 1.2 or newer only.",
    reason="The parameters that AWS gives by default let clients talk in plain text, passwords "
    "and rows included.",
    severity=Severity.HIGH,
    controls=(
        "SATRE-2.8.03",
        "SATRE-2.8.04",
        "EUDPR-33.1a-transit",
        "CYB-8.2j",
    ),
    preview=Properties(
        {
            "aws:rds/instance:Instance": (
                must_match(
                    "parameterGroupName",
                    r"(?!default\.).+",
                    "a parameter group of the lab's own",
                    broken=("default.postgres17", ""),
                ),
            ),
            "aws:rds/parameterGroup:ParameterGroup": (),
            "aws:rds/clusterParameterGroup:ClusterParameterGroup": (),
        },
        check=_check,
        broken=(
            _no_parameters,
            _other("rds.force_ssl", "0"),
            _other("ssl_min_protocol_version", "TLSv1.1"),
        ),
    ),
    admission=NO_OBJECT,
    live=Refreshed(),
    remedy="Use a parameter group with rds.force_ssl=1 and ssl_min_protocol_version=TLSv1.2.",
)
