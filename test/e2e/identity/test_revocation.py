"""A revocation counts from its COMMIT: within a second, on open connections, and after a restart."""
import concurrent.futures
import os
import signal
import subprocess
import time

import psycopg2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import pki
from bad_certificates import show
from cluster import wait_until
from hostile import Hostile, Stored, attempt
from identities import REFRESH, RENEW, ask_enrollment, authority_of, enroll
from raw_tls import TLS12, TLS13

VERSIONS = [TLS12, TLS13]
SOON = 1.0  # seconds from the COMMIT


@pytest.fixture(scope="module")
def server(make_server):
    one = make_server("revocation", ingest_workers=2)
    one.cluster.configure({"max_prepared_transactions": 4})
    one.cluster.restart()
    one.cluster.wait_until_running()
    return one


@pytest.fixture
def one(server, request):
    return enroll(server, request.node.name)


def revoke(server, enrolled, reason="keyCompromise"):
    server.db.execute("SELECT pganalytics.revoke_certificate(%s, %s)", enrolled.serial, reason)
    return time.monotonic()


def push(server, enrolled, version=TLS13, **options):
    return attempt(server.port, enrolled.presented, version, enrolled.collector_id, **options)


def assert_locked_out(server, enrolled, stored):
    """assert_locked_out checks that every request with the certificate is refused, even with a good token.

    The worker refuses from the COMMIT on; soon after, the gateway refuses in the handshake.
    """
    for version in VERSIONS:
        for token in (None, enrolled.token):
            outcome = push(server, enrolled, version, token=token)
            assert outcome.status in (None, 403), outcome
    # The kernel picks the gateway, and each gateway hears of the revocation by itself.
    for version in VERSIONS:
        wait_until(lambda: push(server, enrolled, version).end == "certificate_revoked", SOON,
                   "the alert")
        wait_until(lambda: push(server, enrolled, version, token=enrolled.token).status is None, SOON,
                   "the alert beside a good token")
    stored.nothing()


def crl_of(server):
    with Hostile(server.port) as hostile:
        outcome = hostile.request("GET", "/api/v1/pki/crl")
    assert outcome.status == 200 and outcome.headers["content-type"] == "application/pkix-crl"
    return x509.load_der_x509_crl(outcome.body)


def number_of(crl):
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


@pytest.mark.parametrize("version", VERSIONS)
def test_live_connection(server, one, version):
    """The next request on an open connection is refused, and the connection ends."""
    stored = Stored(server)
    with Hostile(server.port, one.presented, version) as busy:
        assert busy.push(one.collector_id).status == 200
        stored.something()
        began = revoke(server, one)
        outcome = busy.push(one.collector_id)
        refused = time.monotonic() - began
        # The gateway may have closed the connection before the request came.
        assert outcome.status == 403 or outcome.end, outcome
        assert busy.is_closed()
        closed = time.monotonic() - began
        print(f"\na live connection of {version}: refused {1000 * refused:.1f} ms after COMMIT, "
              f"closed after {1000 * closed:.1f} ms")
        assert closed < SOON
    assert_locked_out(server, one, stored)


@pytest.mark.parametrize("version", VERSIONS)
def test_idle_connection(server, one, version):
    """Every gateway also closes idle connections with the certificate."""
    idle = [Hostile(server.port, one.presented, version) for _ in range(8)]
    other = enroll(server, f"{one.name} beside")
    with Hostile(server.port, other.presented, version) as innocent:
        for hostile in (*idle, innocent):
            assert hostile.request("GET", "/api/v1/health").status == 200
        began = revoke(server, one)
        assert all(hostile.is_closed() for hostile in idle)
        seconds = time.monotonic() - began
        print(f"\n8 idle connections of {version} closed {1000 * seconds:.0f} ms after COMMIT")
        assert seconds < SOON
        assert innocent.push(other.collector_id).status == 200


def test_push_that_waits_for_the_worker(server, one):
    """A push admitted before the COMMIT whose transaction begins after it stores nothing."""
    stored = Stored(server)
    with psycopg2.connect(server.cluster.dsn("analytics")) as blocker, blocker.cursor() as cursor, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        cursor.execute("LOCK TABLE pganalytics.collectors IN ACCESS EXCLUSIVE MODE")
        waiting = pool.submit(push, server, one)
        wait_until(lambda: server.db.value(
            "SELECT count(*) FROM pg_locks WHERE NOT granted "
            "AND relation = 'pganalytics.collectors'::regclass"), 5, "a worker that waits")
        cursor.execute("SELECT pganalytics.revoke_certificate(%s, 'superseded')", (one.serial,))
        blocker.commit()
        outcome = waiting.result()
    assert outcome.status in (403, 503) or outcome.end, outcome
    assert_locked_out(server, one, stored)


def test_certificate_is_good_for_nothing(server, one):
    """A revoked certificate cannot renew or get a token, and a token bound to it is refused."""
    bound = one.signed_token(with_certificate=True)
    revoke(server, one)
    stored = Stored(server)
    for path in (RENEW, REFRESH, "/api/v1/collectors/enroll"):
        outcome = ask_enrollment(server, None, pki.new_key(), path, one.presented)
        # The worker refuses from the COMMIT on (403), the handshake fails milliseconds later
        # (None).
        assert outcome.status in (403, None), outcome
    assert attempt(server.port, collector_id=one.collector_id,
                   headers=[("Authorization", f"Bearer {bound}")]).status == 403
    stored.nothing()
    # The collector itself is not locked out: its opaque token and a new certificate are accepted.
    assert attempt(server.port, collector_id=one.collector_id, token=one.token).status == 200
    assert push(server, enroll(server, one.name, with_token=False)).status == 200


def test_disabled_collector(server, one):
    """A disabled collector is refused, on open connections too, and served again when it is enabled."""
    stored = Stored(server)
    with Hostile(server.port, one.presented) as hostile:
        assert hostile.push(one.collector_id).status == 200
        stored.something()
        server.db.execute("SELECT pganalytics.set_collector_enabled(%s, false)", one.name)
        outcome = hostile.push(one.collector_id)
        assert outcome.status == 403 or outcome.end, outcome
    assert push(server, one).status == 403
    stored.nothing()
    server.db.execute("SELECT pganalytics.set_collector_enabled(%s, true)", one.name)
    assert push(server, one).status == 200


def test_rolled_back(server, one):
    """A revocation that is rolled back, by ROLLBACK or to a savepoint, has no effect."""
    with Hostile(server.port, one.presented) as hostile:
        for before, after in ((("BEGIN",), ("ROLLBACK",)),
                              (("BEGIN", "SAVEPOINT s"), ("ROLLBACK TO s", "COMMIT"))):
            for statement in before:
                server.db.execute(statement)
            revoke(server, one)
            assert hostile.push(one.collector_id).status == 200
            for statement in after:
                server.db.execute(statement)
            assert hostile.push(one.collector_id).status == 200
            assert push(server, one).status == 200
    number = number_of(crl_of(server))
    assert crl_of(server).get_revoked_certificate_by_serial_number(one.holder.serial) is None
    assert number_of(crl_of(server)) == number


def test_prepared(server, one):
    """PREPARE TRANSACTION fails: COMMIT PREPARED may come from another session, which would notify nobody."""
    server.db.execute("BEGIN")
    try:
        revoke(server, one)
        with pytest.raises(psycopg2.errors.FeatureNotSupported):
            server.db.execute("PREPARE TRANSACTION 'revocation'")
    finally:
        server.db.execute("ROLLBACK")
    assert push(server, one).status == 200


def test_twice_and_unknown(server, one):
    revoke(server, one)
    for serial in (one.serial, "deadbeef", "", "x", None):
        with pytest.raises(psycopg2.Error) as error:
            server.db.execute("SELECT pganalytics.revoke_certificate(%s, 'superseded')", serial)
        assert error.value.diag.message_primary


def test_first_connection_after_a_restart(server, one):
    """The first handshake after a restart already refuses: a later set of revocations would let some in."""
    stored = Stored(server)
    assert push(server, one).status == 200
    stored.something()
    revoke(server, one)
    other = enroll(server, f"{one.name} beside")
    server.cluster.stop()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        good = []

        def storm():
            refused = 0
            while not good:
                try:
                    outcome = push(server, one)
                    assert outcome.status is None, outcome
                    refused += outcome.end == "certificate_revoked"
                except ConnectionRefusedError:
                    continue
            return refused

        storms = [pool.submit(storm) for _ in range(3)]
        server.cluster.start()
        try:
            wait_until(lambda: _pushes(server, other), 20, "a good push")
        finally:
            good.append(True)
        refused = sum(future.result() for future in storms)
    print(f"\n{refused} handshakes refused while the server started")
    assert_locked_out(server, one, Stored(server))
    assert server.db.value("SELECT count(*) FROM pganalytics.push_ledger WHERE collector_id = %s",
                           one.collector_id) == 1


def _pushes(server, enrolled):
    try:
        return push(server, enrolled).status == 200
    except ConnectionRefusedError:
        return False


def test_after_a_gateway_was_killed(server, one):
    stored = Stored(server)
    other = enroll(server, f"{one.name} beside")
    revoke(server, one)
    before = {pid for pid, in server.workers("gateway_pid")}
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    # These are the first connections to the new gateways.
    for _ in range(10):
        outcome = push(server, one)
        assert outcome.status is None, outcome
    stored.nothing()
    wait_until(lambda: _pushes(server, other), 10, "a good push")
    assert not before & {pid for pid, in server.workers("gateway_pid")}


def test_certificate_that_was_never_issued(server, one):
    """A certificate signed with the authority's own key, but not on record, is refused."""
    stored = Stored(server)
    authority = authority_of(server)
    stolen = authority.leaf(one.collector_id)
    for version in VERSIONS:
        for token in (None, one.token):
            with Hostile(server.port, show(stolen), version) as hostile:
                assert hostile.push(one.collector_id, token).status == 403
    stored.nothing()
    # Once on record the same certificate is accepted, so it had no other fault.
    record(server, authority, stolen, one.collector_id)
    with Hostile(server.port, show(stolen)) as hostile:
        assert hostile.push(one.collector_id).status == 200
        stored.something()
        # The record is changed to another collector, and then deleted.
        other = enroll(server, f"{one.name} beside")
        for change, arguments in (
                ("UPDATE pganalytics.certificates SET collector_id = %s WHERE sha256 = %s",
                 (other.collector_id, pki.sha256(stolen.certificate))),
                ("DELETE FROM pganalytics.certificates WHERE sha256 = %s",
                 (pki.sha256(stolen.certificate),))):
            server.db.execute(change, *arguments)
            outcome = hostile.push(one.collector_id)
            assert outcome.status == 403 or outcome.end, outcome
            for collector in (one, other):
                outcome = attempt(server.port, show(stolen),
                                  collector_id=collector.collector_id)
                assert outcome.status == 403, outcome
    stored.nothing()


def record(server, authority, holder, collector_id):
    server.db.execute(
        "INSERT INTO pganalytics.certificates (serial, issuer, sha256, spki_sha256, kind, "
        "collector_id, subject, not_before, not_after, pem) VALUES (%s, %s, %s, %s, 'collector', "
        "%s, 'CN=collector', now() - interval '1 day', now() + interval '1 day', %s)",
        f"{holder.serial:x}", pki.key_id(authority.key).hex(), pki.sha256(holder.certificate),
        pki.sha256(pki.spki(holder.key)), collector_id, pki.pem(holder.certificate))


def test_revocation_list(server, root):
    """The list holds exactly the revoked certificates, its number grows, and openssl accepts it."""
    kept, gone = enroll(server, "kept"), enroll(server, "gone")
    before = crl_of(server)
    began = revoke(server, gone)
    wait_until(lambda: crl_of(server).get_revoked_certificate_by_serial_number(
        gone.holder.serial), 5, "a list with the certificate")
    print(f"\nin the list {1000 * (time.monotonic() - began):.0f} ms after COMMIT")
    crl = crl_of(server)
    assert number_of(crl) > number_of(before)
    entry = crl.get_revoked_certificate_by_serial_number(gone.holder.serial)
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.key_compromise
    assert crl.get_revoked_certificate_by_serial_number(kept.holder.serial) is None
    assert crl.next_update > crl.last_update

    ca, chain = root / "crl-ca.pem", root / "crl-leaf.pem"
    ca.write_text((server.cluster.data / "pganalytics_ca.crt").read_text() +
                  crl.public_bytes(serialization.Encoding.PEM).decode())
    for enrolled, expected in ((kept, 0), (gone, 2)):
        chain.write_text(pki.pem(enrolled.holder.certificate))
        done = subprocess.run(["openssl", "verify", "-x509_strict", "-crl_check", "-purpose",
                               "sslclient", "-CAfile", str(ca), str(chain)], capture_output=True,
                              text=True, check=False)
        assert done.returncode == expected, done
        assert (enrolled is gone) == ("certificate revoked" in done.stderr), done
    file = x509.load_pem_x509_crl((server.cluster.data / "pganalytics_crl.pem").read_bytes())
    assert number_of(file) >= number_of(crl)


def test_numbers_of_lists_grow_under_concurrent_revocations(server):
    many = [enroll(server, f"many {i}", with_token=False) for i in range(8)]

    def revoke_one(enrolled):
        with psycopg2.connect(server.cluster.dsn("analytics")) as session, \
                session.cursor() as cursor:
            cursor.execute("SELECT pganalytics.revoke_certificate(%s, 'superseded')",
                           (enrolled.serial,))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(revoke_one, many))
    wait_until(lambda: all(crl_of(server).get_revoked_certificate_by_serial_number(m.holder.serial)
                           for m in many), 5, "a list with all")
    numbers = [number for number, in server.db.rows(
        "SELECT crl_number FROM pganalytics.revocation_lists ORDER BY this_update, crl_number")]
    assert numbers == sorted(set(numbers)), numbers
