"""The provider's resources as a Pulumi program writes them.

Durations are whole seconds. Keys inside `options`, `config` and `parameters` are Vault's own
(https://developer.hashicorp.com/vault/api-docs), and so are their values; everything else is
named in Python's manner here and in Pulumi's (camelCase) in state and previews.
Nothing here takes a secret: secrets are named by the path of the file that holds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import pulumi

from infra.provider import tokens


class _Resource(pulumi.CustomResource):
    """A resource of ours: properties keep Pulumi's names, attributes have Python's."""

    def __init__(
        self,
        token: str,
        resource_name: str,
        inputs: Mapping[str, Any],
        outputs: Sequence[str],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        given = {key: value for key, value in inputs.items() if value is not None}
        super().__init__(token, resource_name, {**dict.fromkeys(outputs), **given}, opts)

    def _output(self, name: str) -> pulumi.Output[Any]:
        return cast("pulumi.Output[Any]", self.__dict__[name])


class Machine(_Resource):
    """A machine of the local ground: made, booted, and answering over SSH as root.

    `network` is the lab's machine network (CIDR), `home` the lab's folder on this host.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        lab: pulumi.Input[str],
        machine_name: pulumi.Input[str],
        role: pulumi.Input[str],
        address: pulumi.Input[str],
        network: pulumi.Input[str],
        home: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "lab": lab,
            "name": machine_name,
            "role": role,
            "address": address,
            "network": network,
            "home": home,
        }
        super().__init__(
            tokens.MACHINE, resource_name, inputs, ("instance", "sshKey", "knownHosts"), opts
        )

    @property
    def address(self) -> pulumi.Output[str]:
        return self._output("address")

    @property
    def instance(self) -> pulumi.Output[str]:
        """Changes when the machine is made anew."""
        return self._output("instance")

    @property
    def ssh_key(self) -> pulumi.Output[str]:
        """Path of the private key."""
        return self._output("sshKey")

    @property
    def known_hosts(self) -> pulumi.Output[str]:
        """Path of the file with the machine's host key."""
        return self._output("knownHosts")


@dataclass(frozen=True, slots=True)
class Host:
    """One host of a playbook's inventory. A change of `instance` runs the playbook again."""

    name: pulumi.Input[str]
    address: pulumi.Input[str]
    groups: Sequence[pulumi.Input[str]]
    instance: pulumi.Input[str] = ""
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SshConnection:
    """How a playbook reaches its hosts: paths on this host."""

    ssh_key: pulumi.Input[str]
    known_hosts: pulumi.Input[str]
    #: Folder that gets the runs' logs.
    logs: pulumi.Input[str]
    #: Anybody but root needs sudo without a password.
    user: pulumi.Input[str] = "root"
    port: pulumi.Input[int] = 22


class Playbook(_Resource):
    """A run of ansible/playbooks/`playbook`.yml; run again when anything that it reads changes.

    That is: the inventory, the variables, the triggers, and the content of the playbook, its
    roles and ansible.cfg. With `check_on_refresh` a `pulumi refresh` runs the playbook in
    check mode and reports what it would change (`drift`); else a refresh runs nothing.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        playbook: pulumi.Input[str],
        hosts: Sequence[Host],
        connection: SshConnection,
        variables: Mapping[str, Any] | None = None,
        triggers: Mapping[str, Any] | None = None,
        timeout_seconds: int | None = None,
        check_on_refresh: bool | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {
            "playbook": playbook,
            "hosts": [
                {
                    "name": host.name,
                    "address": host.address,
                    "groups": list(host.groups),
                    "instance": host.instance,
                    "variables": dict(host.variables),
                }
                for host in hosts
            ],
            "connection": {
                "user": connection.user,
                "port": connection.port,
                "sshKey": connection.ssh_key,
                "knownHosts": connection.known_hosts,
                "logs": connection.logs,
            },
            "variables": dict(variables or {}),
            "triggers": dict(triggers or {}),
            "timeoutSeconds": timeout_seconds,
            "checkOnRefresh": check_on_refresh,
        }
        outputs = ("digest", "facts", "notApplied", "drift")
        super().__init__(tokens.PLAYBOOK, resource_name, inputs, outputs, opts)

    @property
    def facts(self) -> pulumi.Output[Mapping[str, Any]]:
        """What the playbook's `set_stats` recorded under `facts`; public values only."""
        return self._output("facts")

    @property
    def not_applied(self) -> pulumi.Output[Mapping[str, str]]:
        """Roles that a machine cannot have, as HOST/ROLE to the reason."""
        return self._output("notApplied")

    @property
    def drift(self) -> pulumi.Output[Sequence[str]]:
        """What the last refresh found changed by others, as "HOST: TASK"."""
        return self._output("drift")


class IssuerKeys(_Resource):
    """Who signs the service account tokens of a cluster, asked of its API server.

    `kubeconfig` is the path of one, or its content if that holds no secret (a cloud's).
    """

    def __init__(
        self,
        resource_name: str,
        *,
        kubeconfig: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        inputs = {"kubeconfig": kubeconfig}
        super().__init__(tokens.ISSUER_KEYS, resource_name, inputs, ("issuer", "keys"), opts)

    @property
    def issuer(self) -> pulumi.Output[str]:
        """URL."""
        return self._output("issuer")

    @property
    def keys(self) -> pulumi.Output[Sequence[str]]:
        """PEM public keys."""
        return self._output("keys")


@dataclass(frozen=True, slots=True)
class VaultConnection:
    """The way into Vault: `ca_certificate` and `credentials` are paths on this host.

    `credentials` is a JSON file (mode 0600) with an AppRole's role_id and secret_id.
    """

    address: pulumi.Input[str]
    ca_certificate: pulumi.Input[str]
    credentials: pulumi.Input[str]


class _VaultResource(_Resource):
    _outputs: ClassVar[Sequence[str]] = ()

    def __init__(
        self,
        token: str,
        resource_name: str,
        connection: VaultConnection,
        inputs: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None,
    ) -> None:
        way_in = {
            "address": connection.address,
            "caCertificate": connection.ca_certificate,
            "credentials": connection.credentials,
        }
        super().__init__(
            token, resource_name, {"connection": way_in, **inputs}, self._outputs, opts
        )


class _Mount(_VaultResource):
    """What secrets engines and auth methods have in common: a type at a path, tuned."""

    @property
    def path(self) -> pulumi.Output[str]:
        return self._output("path")


class SecretsEngine(_Mount):
    """A secrets engine (`kv`, `transit`, `pki`, ...) mounted at `path`.

    Deleting it deletes every secret below it.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        connection: VaultConnection,
        path: pulumi.Input[str],
        engine: pulumi.Input[str],
        description: pulumi.Input[str] | None = None,
        options: Mapping[str, pulumi.Input[str]] | None = None,
        default_lease_ttl: pulumi.Input[int] | None = None,
        max_lease_ttl: pulumi.Input[int] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        mount = {
            "path": path,
            "type": engine,
            "description": description,
            "options": None if options is None else dict(options),
            "defaultLeaseTtl": default_lease_ttl,
            "maxLeaseTtl": max_lease_ttl,
        }
        super().__init__(tokens.SECRETS_ENGINE, resource_name, connection, mount, opts)


class AuthMethod(_Mount):
    """An auth method (`approle`, `cert`, `jwt`) mounted at `path`.

    `config` is written to auth/PATH/config, for example jwt_validation_pubkeys and bound_issuer.
    """

    _outputs = ("accessor",)

    def __init__(
        self,
        resource_name: str,
        *,
        connection: VaultConnection,
        path: pulumi.Input[str],
        method: pulumi.Input[str],
        description: pulumi.Input[str] | None = None,
        default_lease_ttl: pulumi.Input[int] | None = None,
        max_lease_ttl: pulumi.Input[int] | None = None,
        config: Mapping[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        mount = {
            "path": path,
            "type": method,
            "description": description,
            "defaultLeaseTtl": default_lease_ttl,
            "maxLeaseTtl": max_lease_ttl,
            "config": None if config is None else dict(config),
        }
        super().__init__(tokens.AUTH_METHOD, resource_name, connection, mount, opts)

    @property
    def accessor(self) -> pulumi.Output[str]:
        """As what Vault knows this very method; policies name it."""
        return self._output("accessor")


class _Named(_VaultResource):
    """What is known by its name."""

    @property
    def vault_name(self) -> pulumi.Output[str]:
        """The name in Vault (Pulumi's own name of the resource is another)."""
        return self._output("name")


class Policy(_Named):
    """An ACL policy; `rules` is HCL."""

    def __init__(
        self,
        resource_name: str,
        *,
        connection: VaultConnection,
        name: pulumi.Input[str],
        rules: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        policy = {"name": name, "rules": rules}
        super().__init__(tokens.POLICY, resource_name, connection, policy, opts)


class TransitKey(_Named):
    """An encryption key that never leaves Vault: not exportable, no plaintext backup.

    Deleting it makes everything encrypted with it unreadable for ever (crypto-shredding).
    """

    def __init__(
        self,
        resource_name: str,
        *,
        connection: VaultConnection,
        name: pulumi.Input[str],
        mount: pulumi.Input[str] = "transit",
        key_type: pulumi.Input[str] | None = None,
        auto_rotate_period: pulumi.Input[int] | None = None,
        min_decryption_version: pulumi.Input[int] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        key = {
            "mount": mount,
            "name": name,
            "type": key_type,
            "autoRotatePeriod": auto_rotate_period,
            "minDecryptionVersion": min_decryption_version,
        }
        super().__init__(tokens.TRANSIT_KEY, resource_name, connection, key, opts)


class _Role(_Named):
    """What roles have in common: a name below a mount, and Vault's own parameters."""

    _token: ClassVar[str]

    def __init__(
        self,
        resource_name: str,
        *,
        connection: VaultConnection,
        mount: pulumi.Input[str],
        name: pulumi.Input[str],
        parameters: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        role = {"mount": mount, "name": name, "parameters": dict(parameters)}
        super().__init__(self._token, resource_name, connection, role, opts)


class Role(_Role):
    """A role of an auth method; `mount` is the method's path, e.g. `jwt`."""

    _token = tokens.ROLE


class PkiAuthority(_VaultResource):
    """The root authority of a PKI secrets engine; its key never leaves Vault.

    `ttl` is in seconds. Another name or ttl makes another authority, and whatever the one before
    signed is trusted no more.
    """

    _outputs = ("certificate",)

    def __init__(
        self,
        resource_name: str,
        *,
        connection: VaultConnection,
        mount: pulumi.Input[str],
        common_name: pulumi.Input[str],
        ttl: pulumi.Input[int],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        authority = {"mount": mount, "commonName": common_name, "ttl": ttl}
        super().__init__(tokens.PKI_AUTHORITY, resource_name, connection, authority, opts)

    @property
    def certificate(self) -> pulumi.Output[str]:
        """PEM; public."""
        return self._output("certificate")


class PkiRole(_Role):
    """A role of a PKI secrets engine: what certificates may be asked for."""

    _token = tokens.PKI_ROLE


class AuditDevice(_VaultResource):
    """An audit device; `options` are Vault's, e.g. file_path."""

    def __init__(
        self,
        resource_name: str,
        *,
        connection: VaultConnection,
        path: pulumi.Input[str],
        options: Mapping[str, pulumi.Input[str]],
        device: pulumi.Input[str] = "file",
        description: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        audit = {
            "path": path,
            "type": device,
            "description": description,
            "options": dict(options),
        }
        super().__init__(tokens.AUDIT_DEVICE, resource_name, connection, audit, opts)
