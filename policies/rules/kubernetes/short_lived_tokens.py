"""Tokens that a pod asks for are for somebody, and not for long."""

from policies.admission import Admission, Scope, Validation
from policies.examples import pod
from policies.kinds import WORKLOADS
from policies.rule import ByAdmission, Rule, Severity

_EACH = (
    "!has(variables.pod.volumes) || variables.pod.volumes.all(v, !has(v.projected) || "
    "!has(v.projected.sources) || v.projected.sources.all(s, !has(s.serviceAccountToken) || "
    "({what})))"
)


def _token(**fields: object) -> list[dict[str, object]]:
    source = {"serviceAccountToken": {"path": "token", **fields}}
    return [{"name": "token", "projected": {"sources": [source]}}]


RULE = Rule(
    id="short-lived-tokens",
    title="Tokens in pods of sandboxes say for whom they are, and end within the hour.",
    reason="A token that leaks is a login until it ends, at everybody who accepts it.",
    severity=Severity.HIGH,
    controls=("CIS-K8S-5.1.6", "CYB-8.2h", "CYB-8.3b"),
    preview=ByAdmission(),
    admission=Admission(
        kinds=WORKLOADS,
        scope=Scope.SANDBOXES,
        validations=(
            Validation(
                # Nothing said is an hour.
                _EACH.format(
                    what="!has(s.serviceAccountToken.expirationSeconds) || "
                    "s.serviceAccountToken.expirationSeconds <= 3600"
                ),
                "a projected token lives for more than 3600 seconds.",
            ),
            Validation(
                _EACH.format(
                    what="has(s.serviceAccountToken.audience) && "
                    "s.serviceAccountToken.audience != ''"
                ),
                "a projected token does not say for whom it is (audience).",
            ),
        ),
        passes=(
            pod(),
            pod(volumes=_token(audience="vault", expirationSeconds=600)),
            pod(volumes=_token(audience="vault")),
        ),
        fails=(
            pod(volumes=_token(audience="vault", expirationSeconds=86400)),
            pod(volumes=_token(expirationSeconds=600)),
        ),
    ),
    live=ByAdmission(),
    remedy="Set audience, and expirationSeconds to 3600 or less.",
)
