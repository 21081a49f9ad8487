"""How a service account gets into the database, and how nobody else does, with real servers."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tenacity import Retrying, stop_after_delay, wait_fixed

from infra import naming
from infra.errors import HostUnfit, VaultRefused
from infra.evidence.postgresql import PostgresqlStore
from infra.evidence.store import Store
from infra.secrets import certificates
from infra.secrets.client import Vault
from tests.harness.evidence import ALICE, LIFE, MemorySigner, live
from tests.integration.database.conftest import WRITER, Ground
from tests.live.support import postgresql as wire


def said(conninfo: str, **changes: Any) -> str:
    """What the server, or this end, says to who comes this way; nothing if he gets in."""
    try:
        psycopg.connect(make_conninfo(conninfo, **changes), connect_timeout=10).close()
    except psycopg.OperationalError as error:
        return str(error)
    return ""


def refused(conninfo: str, **changes: Any) -> str:
    """Why nobody gets in this way."""
    told = said(conninfo, **changes)
    assert told, "somebody got in"
    return told


def test_the_operator_writes_and_reads_its_evidence(ground: Ground, writer: str) -> None:
    store: Store = PostgresqlStore(writer)
    try:
        live(store, MemorySigner())
        assert [one.sequence for one in store.read(ALICE.uid)] == list(range(len(LIFE)))
    finally:
        store.close()


def test_the_certificate_is_good_for_one_thing_for_a_day(ground: Ground, writer: str) -> None:
    file = Path(str(conninfo_to_dict(writer)["sslcert"]))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    assert [name.value for name in certificate.subject] == [WRITER]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)


def test_nothing_is_left_of_it(ground: Ground) -> None:
    with ground.certificate().kept(_unexpected) as conninfo:
        file = Path(str(conninfo_to_dict(conninfo)["sslkey"]))
        assert file.is_file()
    assert not file.parent.exists()


def test_what_a_killed_client_left_is_removed_by_the_next(ground: Ground) -> None:
    made = ground.certificate()
    made.file.parent.mkdir(mode=0o700)
    (made.file.parent / "old.pem").touch()
    with made.kept(_unexpected):
        assert [file.name for file in made.file.parent.iterdir()] == ["client.pem"]


def test_a_key_is_never_kept_on_a_disk(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    table = "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / /dev/shm rw shared:3 - tmpfs shm rw\n"
    mounts = ground.memory / "mounts"
    mounts.write_text(table)
    monkeypatch.setattr(certificates, "_MOUNTS", mounts)
    ground.certificate()
    mounts.write_text(table.replace("tmpfs", "ext4"))
    with pytest.raises(HostUnfit, match="lies on ext4"):
        ground.certificate()


# Vault: who gets which certificate.


def test_another_service_account_gets_no_certificate(ground: Ground) -> None:
    for namespace, account in (
        ("sandbox-demo", naming.SANDBOX_SERVICE_ACCOUNT),
        (naming.OPERATOR_NAMESPACE, "default"),
        ("sandbox-demo", naming.OPERATOR),
    ):
        with (
            pytest.raises(VaultRefused, match="refused the role"),
            ground.certificate(ground.connection(namespace, account)).kept(_unexpected),
        ):
            pytest.fail(f"{account} of {namespace} got in")


def _request(name: str) -> str:
    """A certificate request for whatever name."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("postgres")]), critical=False)
        .sign(ec.generate_private_key(ec.SECP256R1()), SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


#: What a taken-over operator might ask Vault for: path below the PKI engine, and body.
ASKED: dict[str, tuple[str, Mapping[str, Any]]] = {
    "the administrator's name": (f"sign/{WRITER}", {"common_name": "postgres"}),
    "the owner's name": (f"sign/{WRITER}", {"common_name": "evidence_owner"}),
    "a name below its own": (f"sign/{WRITER}", {"common_name": f"postgres.{WRITER}"}),
    "the name of the request": (f"sign/{WRITER}", {}),
    "another role": ("sign/postgres", {"common_name": "postgres"}),
    "a key made by Vault": (f"issue/{WRITER}", {"common_name": WRITER}),
    "a request signed as it is": ("sign-verbatim", {}),
    "an authority below": ("root/sign-intermediate", {"common_name": WRITER}),
    "a role of its own": ("roles/mine", {"allow_any_name": True}),
}


@pytest.mark.parametrize("what", ASKED)
def test_vault_signs_its_own_name_and_nothing_else(ground: Ground, what: str) -> None:
    path, body = ASKED[what]
    vault = Vault(ground.connection(), patience=5)
    try:
        with pytest.raises(VaultRefused):
            vault.write(
                f"{naming.VAULT_DATABASE_PKI}/{path}", {**body, "csr": _request("postgres")}
            )
    finally:
        vault.close()


def test_no_request_makes_a_certificate_live_longer(ground: Ground) -> None:
    """Nor gives it a second name: Vault shortens the one and leaves out the other."""
    vault = Vault(ground.connection(), patience=5)
    try:
        answer = vault.call(
            lambda client: client.secrets.pki.sign_certificate(
                WRITER,
                _request(WRITER),
                WRITER,
                extra_params={"ttl": "720h"},
                mount_point=naming.VAULT_DATABASE_PKI,
            )
        )
    finally:
        vault.close()
    certificate = x509.load_pem_x509_certificate(answer["data"]["certificate"].encode())
    assert certificate.not_valid_after_utc < datetime.now(UTC) + timedelta(hours=24, minutes=1)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [WRITER]


# PostgreSQL: who gets in with which certificate.


@pytest.fixture
def made(ground: Ground) -> Iterator[Path]:
    """A certificate with the writer's name that somebody signed himself: NAME.crt, NAME.key."""
    name = ground.memory / "own"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", f"/CN={WRITER}"),
            *("-keyout", f"{name}.key", "-out", f"{name}.crt"),
        ],
        check=True,
        capture_output=True,
    )
    yield name
    for suffix in (".crt", ".key"):
        name.with_suffix(suffix).unlink()


def test_without_a_certificate_nobody_gets_in(writer: str) -> None:
    assert "valid client certificate" in refused(writer, sslcert="/none", sslkey="/none")


def test_a_certificate_of_ones_own_gets_nobody_in(writer: str, made: Path) -> None:
    assert "unknown ca" in refused(writer, sslcert=f"{made}.crt", sslkey=f"{made}.key")


def test_the_certificate_of_a_machine_gets_nobody_in(ground: Ground, writer: str) -> None:
    """Not even that of the server itself: another authority signs for machines."""
    pki = ground.database.pki
    for name in ("client", "server"):
        key = ground.memory / f"{name}.key"
        key.write_bytes((pki / f"{name}.key").read_bytes())
        key.chmod(0o600)
        assert "unknown ca" in refused(writer, sslcert=str(pki / f"{name}.crt"), sslkey=str(key))


@pytest.mark.parametrize("user", ["postgres", "evidence_owner", "evidence_writer"])
def test_a_certificate_is_good_for_its_own_name_only(writer: str, user: str) -> None:
    assert "no pg_hba.conf entry" in refused(writer, user=user)


def test_no_other_database_is_open(writer: str) -> None:
    for name in ("postgres", "template1"):
        assert "no pg_hba.conf entry" in refused(writer, dbname=name)


def test_nothing_is_said_without_tls(writer: str) -> None:
    told = refused(writer, sslmode="disable", sslcertmode="disable")
    assert "no encryption" in told


def test_old_tls_is_refused(writer: str) -> None:
    told = refused(writer, ssl_max_protocol_version="TLSv1.2")
    assert "protocol version" in told


def test_a_server_with_another_certificate_is_not_talked_to(
    ground: Ground, writer: str, made: Path
) -> None:
    assert "verify failed" in refused(writer, sslrootcert=f"{made}.crt")
    # Signed by the right authority, but for another name.
    assert "does not match host name" in refused(writer, host="localhost")


def test_who_comes_from_elsewhere_is_refused(ground: Ground, writer: str) -> None:
    """The certificate alone is not enough; the control comes from where clients come from."""
    file = str(conninfo_to_dict(writer)["sslcert"])
    asked = {
        "host": "127.0.0.1",
        "port": ground.database.port,
        "user": WRITER,
        "database": "evidence",
        "certificate": file,
        "key": file,
    }
    sources = ("127.0.0.1", "127.0.0.9")
    allowed, other = wire.answers([{**asked, "source": source} for source in sources])
    assert allowed == "accepted"
    assert "no pg_hba.conf entry" in other


def _unexpected(error: Exception) -> None:
    pytest.fail(f"a renewal failed: {error}")


# The end of a certificate, and what comes before it.


@pytest.fixture
def short_lived(ground: Ground) -> Iterator[float]:
    """Certificates live for seconds; what the lab asks for is put back."""
    path = f"{naming.VAULT_DATABASE_PKI}/roles/{WRITER}"
    before = ground.vault.api("GET", path)["data"]
    ground.vault.api("POST", path, {**before, "ttl": "6s", "max_ttl": "6s"})
    yield 6.0
    ground.vault.api("POST", path, before)


def test_a_certificate_that_has_ended_gets_nobody_in(ground: Ground, short_lived: float) -> None:
    made = ground.certificate()
    made.file.parent.mkdir(mode=0o700)
    made.renew()
    psycopg.connect(made.conninfo).close()
    for attempt in Retrying(stop=stop_after_delay(30), wait=wait_fixed(0.2), reraise=True):
        with attempt:
            assert "expired" in said(made.conninfo)


def test_it_is_renewed_before_its_end_and_connections_stay(
    ground: Ground, short_lived: float
) -> None:
    with ground.certificate().kept(_unexpected) as conninfo:
        file = Path(str(conninfo_to_dict(conninfo)["sslcert"]))
        first = x509.load_pem_x509_certificate(file.read_bytes())
        with psycopg.connect(conninfo) as connection:
            for attempt in Retrying(stop=stop_after_delay(60), wait=wait_fixed(0.1), reraise=True):
                with attempt:
                    # Whenever one looks, there is a pair that gets in.
                    assert said(conninfo) == ""
                    assert datetime.now(UTC) > first.not_valid_after_utc + timedelta(seconds=1)
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_renewal_that_fails_is_told_and_tried_again(
    ground: Ground, short_lived: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "PAUSE", 0.2)
    told: list[Exception] = []
    connection = ground.connection()
    with ground.certificate(connection).kept(told.append) as conninfo:
        file = Path(str(conninfo_to_dict(conninfo)["sslcert"]))
        first = file.read_bytes()
        token = connection.credentials.token  # type: ignore[union-attr]
        kept = token.read_text()
        token.write_text("")
        for attempt in Retrying(stop=stop_after_delay(60), wait=wait_fixed(0.1), reraise=True):
            with attempt:
                assert len(told) >= 2
        token.write_text(kept)
        for attempt in Retrying(stop=stop_after_delay(60), wait=wait_fixed(0.1), reraise=True):
            with attempt:
                assert file.read_bytes() != first
    assert all("cannot be used: is empty" in str(error) for error in told)


def test_the_token_is_given_back(ground: Ground) -> None:
    """Nothing that could ask for more certificates outlives the request."""

    def tokens() -> set[str]:
        return set(ground.vault.api("LIST", "auth/token/accessors")["data"]["keys"])

    before = tokens()
    with ground.certificate().kept(_unexpected):
        assert tokens() == before
