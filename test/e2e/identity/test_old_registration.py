"""Registration of unmodified v3 collectors: their four requests in order, as libcurl sends them."""
import concurrent.futures
import datetime
import json
import uuid

import psycopg2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import pki
import product
from client import PUSH, push_body, query_rows
from hostile import Hostile, attempt
from identities import decided
from raw_tls import TLS12, TLS13, Presented
from test_old_collectors import CONFIG, EXPECT_WAIT, curl, refresh  # noqa: F401

REGISTER = "/api/v1/collectors/register"


@pytest.fixture(scope="module")
def secret(server):
    return server.db.value("SELECT secret FROM pganalytics.create_registration_secret("
                           "'old collectors', 1000, interval '1 hour')")


@pytest.fixture
def hostname():
    return f"db-{uuid.uuid4().hex[:12]}.example.com"


def register(curl, secret, hostname, *options):  # noqa: F811
    """register sends the request of a v3 collector: without Authorization and without certificate."""
    body = json.dumps({"hostname": hostname, "name": hostname, "version": "3.0.0"},
                      separators=(",", ":")).encode()
    header = ["-H", f"X-Registration-Secret: {secret}"] if secret is not None else []
    reply = curl(REGISTER, *header, "-H", "Content-Type: application/json", "--data-binary", "@-",
                 *options, data=body)
    assert not any(line.startswith("Authorization") for line in reply.lines)
    assert f"Content-Length: {len(body)}" in reply.lines
    return reply


def test_the_four_requests(server, secret, hostname, root, curl):  # noqa: F811
    """Register, refresh, push and pull, with the files that the collector makes of the answer."""
    reply = register(curl, secret, hostname)
    assert reply.status in (200, 201), reply
    answer = reply.json
    # v3 collectors accept these only as JSON strings.
    assert isinstance(answer["collector_id"], str) and isinstance(answer["token"], str)
    assert str(uuid.UUID(answer["collector_id"])) == answer["collector_id"]
    ends = datetime.datetime.strptime(answer["expires_at"], "%Y-%m-%dT%H:%M:%SZ")
    # v3 collectors cannot renew: after a certificate of 30 days they would be shut out.
    lives = ends - datetime.datetime.utcnow()
    assert datetime.timedelta(days=824) < lives <= datetime.timedelta(days=825)
    assert server.db.value("SELECT name FROM pganalytics.collectors WHERE collector_id = %s",
                           answer["collector_id"]) == hostname

    # The collector writes these files and presents them in every later request if both exist.
    leaf = x509.load_pem_x509_certificate(answer["certificate"].encode())
    key = serialization.load_pem_private_key(answer["private_key"].encode(), None)
    assert pki.spki(key) == leaf.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    files = root / f"{hostname}.crt", root / f"{hostname}.key"
    for file, text in zip(files, (answer["certificate"], answer["private_key"])):
        file.write_text(text)
    shown = ("--cert", str(files[0]), "--key", str(files[1]))

    token = answer["token"]
    for number in range(2):
        refreshed = refresh(curl, token, b"", *shown)
        assert refreshed.status in (200, 201), refreshed
        assert isinstance(refreshed.json["token"], str) and refreshed.json["expires_at"]
        token = refreshed.json["token"]
        body = json.dumps(push_body(answer["collector_id"], query_rows(3, number + 1))).encode()
        pushed = curl(PUSH, "-H", "Content-Type: application/json", "--data-binary", "@-", *shown,
                      token=token, data=body)
        assert pushed.status in (200, 201), pushed
        pulled = curl(CONFIG, "-H", "Accept: text/plain", *shown, token=token)
        assert (pulled.status, pulled.body) == (200, b"")
        for one in (refreshed, pushed, pulled):
            assert one.seconds < EXPECT_WAIT * 0.9
    # A restarted collector has the token of its registration, and perhaps no certificate.
    refreshed = refresh(curl, answer["token"])
    assert refreshed.status in (200, 201), refreshed
    assert attempt(server.port, collector_id=answer["collector_id"],
                   token=refreshed.json["token"]).status == 200
    assert attempt(server.port, collector_id=answer["collector_id"],
                   token=answer["token"]).status == 200


def test_certificate_of_the_old_server(server, secret, hostname, root, curl):  # noqa: F811
    """A collector that still shows its old server's self-signed certificate registers, and nothing more."""
    key = pki.new_key()
    old = pki.Authority("collector", key=key).leaf(str(uuid.uuid4()), key=key,
                                                   subject=pki.name("collector"))
    files = root / f"{hostname}-old.crt", root / f"{hostname}-old.key"
    files[0].write_text(pki.pem(old.certificate))
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                           serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    shown = ("--cert", str(files[0]), "--key", str(files[1]))
    reply = register(curl, secret, hostname, *shown)
    assert reply.status in (200, 201), reply
    body = json.dumps(push_body(reply.json["collector_id"], query_rows(1, 1))).encode()

    def push(*options):
        return curl(PUSH, "-H", "Content-Type: application/json", "--data-binary", "@-", *options,
                    token=reply.json["token"], data=body)

    refused = push(*shown)
    assert refused.status == 403 and "not issued" in refused.json["detail"], refused
    assert push().status == 200


def test_key_is_kept_nowhere(server, secret, hostname, curl):  # noqa: F811
    """The private key that the server makes for a v3 collector is in no table, log or file."""
    answer = register(curl, secret, hostname).json
    lines = [line for line in answer["private_key"].splitlines() if len(line) == 64]
    assert lines
    server.db.execute("CHECKPOINT")
    for path in server.cluster.root.rglob("*"):
        if path.is_file() and path.name not in (f"{hostname}.key",):
            content = path.read_bytes()
            assert lines[0].encode() not in content, path
            assert answer["token"].encode() not in content, path
            assert secret.encode() not in content, path


@pytest.mark.parametrize("wrong", [None, "", "x", "0" * 64, "pgr_" + "0" * 64, "Bearer x"])
def test_wrong_secret(server, hostname, curl, wrong):  # noqa: F811
    reply = register(curl, wrong, hostname)
    assert reply.status == 403, reply
    assert_not_registered(server, hostname)


def assert_not_registered(server, hostname):
    assert server.db.value("SELECT count(*) FROM pganalytics.collectors WHERE name = %s",
                           hostname) == 0


@pytest.mark.parametrize("spoil", [
    "SELECT pganalytics.revoke_registration_secret('spoilt')",
    "UPDATE pganalytics.registration_secrets SET expires_at = now() WHERE name = 'spoilt'",
    "UPDATE pganalytics.registration_secrets SET uses_left = 0 WHERE name = 'spoilt'",
    "DELETE FROM pganalytics.registration_secrets WHERE name = 'spoilt'"],
    ids=["revoked", "expired", "used up", "deleted"])
def test_spoilt_secret(server, hostname, curl, spoil):  # noqa: F811
    server.db.execute("DELETE FROM pganalytics.registration_secrets WHERE name = 'spoilt'")
    one = server.db.value("SELECT secret FROM pganalytics.create_registration_secret("
                          "'spoilt', 5, interval '1 hour')")
    assert register(curl, one, "good-" + hostname).status in (200, 201)
    server.db.execute(spoil)
    assert register(curl, one, hostname).status == 403
    assert_not_registered(server, hostname)


def test_uses_are_counted_under_concurrency(server, hostname, curl):  # noqa: F811
    one = server.db.value("SELECT secret FROM pganalytics.create_registration_secret("
                          "%s, 3, interval '1 hour')", hostname)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda i: decided(lambda: register(curl, one, f"{i}-{hostname}")),
                                range(10)))
    assert sorted(r.status // 100 for r in replies) == [2] * 3 + [4] * 7, replies
    assert server.db.value("SELECT count(*) FROM pganalytics.collectors WHERE name LIKE %s",
                           f"%-{hostname}") == 3


def test_locked_secret(server, hostname, curl):  # noqa: F811
    """A registration that waits for a lock in vain is answered 503 and uses nothing up."""
    one = server.db.value("SELECT secret FROM pganalytics.create_registration_secret("
                          "%s, 1, interval '1 hour')", hostname)
    holder = psycopg2.connect(server.cluster.dsn(product.DATABASE))
    holder.cursor().execute("SELECT FROM pganalytics.registration_secrets WHERE name = %s FOR UPDATE",
                            (hostname,))
    reply = register(curl, one, hostname)
    assert reply.status == 503 and "retry-after" in reply.headers, reply
    assert_not_registered(server, hostname)
    holder.close()
    assert decided(lambda: register(curl, one, hostname)).status in (200, 201)


def test_name_that_is_taken(server, secret, hostname, curl):  # noqa: F811
    """A client that knows the secret must not get another collector's id and history."""
    first = register(curl, secret, hostname).json
    again = register(curl, secret, hostname)
    assert again.status in (403, 409), again
    assert first["collector_id"].encode() not in again.body
    assert attempt(server.port, collector_id=first["collector_id"],
                   token=first["token"]).status == 200


@pytest.mark.parametrize("body", [
    b"", b"{}", b"[]", b"x", b'{"hostname":"h","version":"3.0.0"}', b'{"name":""}',
    b'{"name":1,"hostname":"h","version":"3"}', b'{"name":"a\\u0000b","hostname":"h"}',
    b'{"name":"' + b"n" * 100_000 + b'"}', b'{"name":"a","name":"b","hostname":"h"}',
    b'{"name":"\xff"}', b"[" * 10_000])
def test_bad_body(server, secret, curl, body):  # noqa: F811
    before = server.db.value("SELECT count(*) FROM pganalytics.collectors")
    reply = curl(REGISTER, "-H", f"X-Registration-Secret: {secret}", "-H",
                 "Content-Type: application/json", "--data-binary", "@-", data=body)
    assert reply.status in (400, 413, 422), reply
    assert server.db.value("SELECT count(*) FROM pganalytics.collectors") == before


def test_log_and_tables_hold_no_secret(server, secret, hostname, curl):  # noqa: F811
    """Secrets are neither in the log, even with every statement logged, nor in pg_stat_statements."""
    log = len(server.cluster.log_text())
    server.db.execute("ALTER SYSTEM SET log_statement = 'all'")
    server.db.execute("SELECT pg_reload_conf()")
    try:
        answer = register(curl, secret, hostname).json
        assert refresh(curl, answer["token"]).status == 200
    finally:
        server.db.execute("ALTER SYSTEM RESET log_statement")
        server.db.execute("SELECT pg_reload_conf()")
    text = server.log_since(log)
    for value in (secret, answer["token"], answer["private_key"].splitlines()[1]):
        assert value not in text


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_made_certificate_is_like_any_other(server, secret, hostname, curl, version):  # noqa: F811
    """A registered certificate is on record, names its collector, and can be revoked like any other."""
    answer = register(curl, secret, hostname).json
    key = serialization.load_pem_private_key(answer["private_key"].encode(), None)
    holder = pki.Holder(key, *pki.from_pem(answer["certificate"])[:1])
    shown = Presented(holder.sent, holder.key)
    assert attempt(server.port, shown, version, answer["collector_id"]).status == 200
    server.db.execute("SELECT pganalytics.revoke_certificate(%s, 'keyCompromise')",
                      f"{holder.serial:x}")
    with Hostile(server.port, shown, version) as hostile:
        # The worker refuses from the COMMIT on (403), the handshake fails milliseconds later
        # (None).
        assert hostile.push(answer["collector_id"], answer["token"]).status in (403, None)
