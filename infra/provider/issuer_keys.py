"""`ailab:kubernetes:IssuerKeys`: who signs a cluster's service account tokens, as a resource.

A managed control plane hands out no key files. What it signs with is read from the API server's
own discovery documents, with whatever login the kubeconfig names:
https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
A provider may turn its keys at any time (EKS: every seven days), so each diff looks anew.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import BaseModel, Field
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from infra.errors import KubernetesRefused, KubernetesUnreachable
from infra.plugins.diffing import compare
from infra.plugins.resource import Change, Checked, Created, Diff, Read, ResourceType
from infra.plugins.values import contains_unknown
from infra.provider import properties, tokens

#: Seconds that one request may take.
_REQUEST_TIMEOUT = 10.0
_CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
_NEXT = "reach the API server (on a cloud's private network: by its VPN) and run this again."


class IssuerKeysInputs(BaseModel, extra="forbid", frozen=True):
    #: Path or content of a kubeconfig.
    kubeconfig: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Issuer:
    """`keys` are PEM public keys (SubjectPublicKeyInfo), in the order of their identifiers."""

    url: str
    keys: tuple[str, ...]

    @property
    def outputs(self) -> dict[str, Any]:
        return {"issuer": self.url, "keys": list(self.keys)}


class IssuerKeys(ResourceType):
    """Input: kubeconfig (path or content). Outputs: issuer (URL) and keys (PEM public keys)."""

    token = tokens.ISSUER_KEYS
    #: A new control plane may still be on its way into DNS.
    default_timeout = 120.0

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> Checked:
        del olds
        return properties.check(IssuerKeysInputs, news)

    def diff(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
    ) -> Diff:
        del id_
        changes: dict[str, Change] = dict(compare(old_inputs, news))
        if changes or contains_unknown(news):
            return Diff(changes)
        now = read(news["kubeconfig"]).outputs
        live = frozenset(name for name in now if now[name] != old_outputs.get(name))
        return Diff(dict.fromkeys(sorted(live), "update"), live=live)

    def preview(self, news: dict[str, Any]) -> dict[str, Any]:
        return {**news, **properties.unknown_outputs("issuer", "keys")}

    def create(self, news: dict[str, Any], *, timeout: float) -> Created:
        outputs = self._outputs(news, timeout)
        return Created(outputs["issuer"], outputs)

    def read(self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> Read | None:
        del id_, outputs
        return Read(inputs, self._outputs(inputs, self.default_timeout))

    def update(
        self,
        id_: str,
        old_inputs: dict[str, Any],
        old_outputs: dict[str, Any],
        news: dict[str, Any],
        *,
        timeout: float,
    ) -> dict[str, Any]:
        del id_, old_inputs, old_outputs
        return self._outputs(news, timeout)

    def delete(
        self, id_: str, inputs: dict[str, Any], outputs: dict[str, Any], *, timeout: float
    ) -> None:
        """Nothing was made."""

    @staticmethod
    def _outputs(inputs: dict[str, Any], timeout: float) -> dict[str, Any]:
        for attempt in Retrying(
            retry=retry_if_exception_type(KubernetesUnreachable),
            stop=stop_after_delay(timeout),
            wait=wait_exponential(max=5),
            reraise=True,
        ):
            with attempt:
                return {**inputs, **read(inputs["kubeconfig"]).outputs}
        raise AssertionError("tenacity returns or raises")


def read(kubeconfig: str) -> Issuer:
    """Asks the API server.

    Raises:
        KubernetesUnreachable: nobody answers, or the login's own program failed.
        KubernetesRefused: somebody answers, but not with keys.
    """
    # Heavy, and most operations of the plugin need none of it.
    from kubernetes import client, config
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    inline = "\n" in kubeconfig
    connect: Any = config.new_client_from_config_dict if inline else config.new_client_from_config
    # Unparsed answers: the client would turn the documents into text that is not JSON.
    raw: Any = {"_request_timeout": _REQUEST_TIMEOUT, "_preload_content": False}
    try:
        with connect(yaml.safe_load(kubeconfig) if inline else kubeconfig) as api:
            well_known: Any = client.WellKnownApi(api)
            discovery = well_known.get_service_account_issuer_open_id_configuration(**raw)
            openid: Any = client.OpenidApi(api)
            keys = openid.get_service_account_issuer_open_id_keyset(**raw)
            return issuer(json.loads(discovery.data), json.loads(keys.data))
    except ApiException as error:
        raise KubernetesRefused(
            f"the API server does not show who signs its tokens: {error.status} {error.reason}.",
            next_step="run the kubeconfig's program for a token by hand, and log in as somebody "
            "who may read /openid/v1/jwks (cluster role system:service-account-issuer-discovery).",
        ) from error
    except (HTTPError, OSError, config.ConfigException, yaml.YAMLError) as error:
        raise KubernetesUnreachable(
            f"the API server does not say who signs its tokens: {error}.", next_step=_NEXT
        ) from error
    except ValueError as error:
        raise KubernetesRefused(
            f"the API server's keys cannot be read: {error}.", next_step=_NEXT
        ) from error


def issuer(discovery: Mapping[str, Any], jwks: Mapping[str, Any]) -> Issuer:
    """From the two documents (OpenID discovery, RFC 7517) to an issuer.

    Raises:
        ValueError: a document lacks what it must have, or a key is of no kind that we know.
    """
    if not discovery.get("issuer") or not jwks.get("keys"):
        raise ValueError("there is no issuer or there are no keys")
    keys = sorted(jwks["keys"], key=lambda key: str(key.get("kid", "")))
    return Issuer(str(discovery["issuer"]), tuple(_pem(key) for key in keys))


def _pem(key: Mapping[str, Any]) -> str:
    try:
        public = _public_key(key)
    except KeyError as error:
        raise ValueError(f"a key has no {error.args[0]!r}") from error
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def _public_key(key: Mapping[str, Any]) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    match key["kty"]:
        case "RSA":
            return rsa.RSAPublicNumbers(e=_number(key["e"]), n=_number(key["n"])).public_key()
        case "EC":
            curve = _CURVES[key["crv"]]
            return ec.EllipticCurvePublicNumbers(
                _number(key["x"]), _number(key["y"]), curve
            ).public_key()
        case other:
            raise ValueError(f"a key is of the kind {other!r}")


def _number(text: str) -> int:
    """Base64url without padding, big-endian (RFC 7518, 2)."""
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
