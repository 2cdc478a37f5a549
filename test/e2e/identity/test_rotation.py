"""Everything is replaced three times, under load and with the clock moved, without a failed request.

Server certificate, authority (two roots for a while), collectors' certificates, token signing key.
"""
import datetime
import json
import os
import signal
import subprocess
import sys
import time

import psycopg2
import pytest
from cryptography import x509

import identities
import pki
import product
from authority_view import issue, lists_in, number_of, revoke, run_job
from cluster import wait_until
from conftest import Server
from shifted import HERE, ShiftedClock, shift

DAY = 86400
ROTATIONS = 3
COLLECTORS = 4
# By then two thirds of 30 days have passed, jitter included, and a key of 22 days is on its last
# day.
STEP_DAYS = 21
WAIT_OF_A_KEY = 11


class Load:
    """Load is rotation_load.py in its own process, which runs by the moved clock."""

    def __init__(self, root, server, clock, count):
        directory = root / "rotation-load"
        directory.mkdir()
        collectors = []
        for number in range(count):
            collector_id, token = identities.enrollment_token(server, f"collector-{number}")
            key = pki.new_key()
            outcome = identities.ask_enrollment(server, token, key)
            assert outcome.status == 200, outcome
            collectors.append({
                "name": f"collector-{number}", "collector_id": collector_id, "hasty": number == 0,
                "certificate": outcome.json["certificate"], "trust": outcome.json["trust"],
                "key": pki.key_pem(key)})
        state = directory / "state.json"
        state.write_text(json.dumps({"port": server.port, "directory": str(directory),
                                     "collectors": collectors}))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "rotation_load.py"), str(state)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, **clock.environment, "PYTHONDONTWRITEBYTECODE": "1",
                 "PYTHONPATH": os.pathsep.join(sys.path)})

    def ask(self, command="report"):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        reports = json.loads(self.process.stdout.readline())
        assert not any(one["failures"] for one in reports), \
            [failure for one in reports for failure in one["failures"]][:5]
        return reports

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def moved(root):
    """moved is a server whose clock can be moved, together with the clock."""
    clock = ShiftedClock(root)
    analytics = product.Analytics(root, "rotation", {
        "pganalytics.ingest_workers": 2, "pganalytics.server_cert_days": 30,
        "pganalytics.cert_rotation_days": 30, "pganalytics.token_key_rotation_days": 22,
        "pganalytics.retention_query_samples": 400, "pganalytics.retention_metrics": 400,
        "pganalytics.retention_logs": 400, "pganalytics.retention_ledger": 400,
        "pganalytics.rate_limit_address": 0, "pganalytics.rate_limit_collector": 0})
    shift(analytics, clock)
    try:
        analytics.init().start().create()
        server = Server(analytics)
        yield server, clock
        server.db.close()
    finally:
        analytics.remove()


@pytest.fixture
def site(root, moved):
    server, clock = moved
    load = Load(root, server, clock, COLLECTORS)
    yield server, clock, load
    load.stop()


def facts(server):
    """facts are the server's certificate, the trusted authorities and the newest signing key."""
    return server.db.row(
        "SELECT (SELECT serial FROM pganalytics.certificates WHERE kind = 'server' "
        "ORDER BY issued_at DESC LIMIT 1), "
        "(SELECT array_agg(DISTINCT serial) FROM pganalytics.certificate_expiry "
        "WHERE kind = 'authority'), "
        "(SELECT kid FROM pganalytics.token_keys ORDER BY created_at DESC LIMIT 1)")


def test_three_rotations_of_everything(site):
    server, clock, load = site
    refused = "SELECT sum(refused), sum(handshakes_failed) FROM pganalytics.workers"
    wait_until(lambda: all(one["pushes"] > 10 for one in load.ask()), 20, "pushes of all")
    before = server.db.row(refused)

    def pass_days(days):
        # The jump leaves the worker no time to make partitions ahead, so make them here.
        server.db.execute(
            "SELECT pganalytics.make_partition(relation, current_date + day) "
            "FROM unnest(ARRAY['query_samples', 'push_ledger', 'push_accounts']) AS relation, "
            "generate_series(%s, %s) AS day", days - 1, days + 5)
        jump(days * DAY)

    def jump(seconds):
        """jump moves the clock between two requests: days must not pass within a request."""
        load.ask("pause")
        clock.advance(seconds)
        load.ask("resume")

    def everybody(condition, what):
        wait_until(lambda: all(condition(one) for one in load.ask()), 30, what, 0.1)

    def goes_on(what):
        at = [one["pushes"] for one in load.ask()]
        wait_until(lambda: all(one["pushes"] > then + 10 for one, then in zip(load.ask(), at)), 20,
                   f"pushes after {what}", 0.05)

    for rotation in range(1, ROTATIONS + 1):
        certificate, authorities, kid = facts(server)
        assert len(authorities) == 1
        version = max(one["trust"] for one in load.ask())
        # There are two roots, and every collector knows the second one before it is used.
        server.db.execute("SELECT pganalytics.rotate_ca()")
        wait_until(lambda: len(facts(server)[1]) == 2, 10, "a second authority")
        everybody(lambda one: one["trust"] > version, "the new trust")
        goes_on("the second authority")
        # Server certificate, collectors' certificates and signing key become due.
        pass_days(STEP_DAYS)
        wait_until(lambda: facts(server)[0] != certificate, 20, "another server certificate")
        wait_until(lambda: facts(server)[2] != kid, 20, "another key of tokens")
        everybody(lambda one: one["renewals"] >= rotation, "renewals")
        # The new key signs after every gateway has known it for a while.
        jump(WAIT_OF_A_KEY)
        everybody(lambda one: facts(server)[2] in one["kid"], "tokens of the new key")
        everybody(lambda one: len(one["server"]) > rotation, "the new server certificate")
        goes_on("the renewals")
        # Remove the old root.
        server.db.execute("SELECT pganalytics.finish_ca_rotation()")
        wait_until(lambda: len(facts(server)[1]) == 1, 10, "one authority")
        assert facts(server)[1] != authorities
        goes_on("the old authority")

    reports = load.ask("end")
    pushes = sum(one["pushes"] for one in reports)
    print(f"\n{ROTATIONS} rotations of everything in {clock.seconds // DAY} days, {pushes} pushes "
          f"of {COLLECTORS} collectors, 0 failed; each saw {[len(r['server']) for r in reports]} "
          f"server certificates, {[len(r['kid']) for r in reports]} keys, "
          f"{[r['renewals'] for r in reports]} renewals")
    assert server.db.value("SELECT count(*) FROM pganalytics.push_ledger") == pushes
    # Certificates of each new authority; the hasty collector also had one of the first authority.
    assert [len(one["issuer"]) - one["hasty"] for one in reports] == [ROTATIONS] * COLLECTORS
    after = server.db.row(refused)
    assert after == before, "requests refused, handshakes failed"


def test_list_is_made_again_at_two_thirds(moved):
    """A list of seven days is replaced after 4 2/3 days by a list with a greater number."""
    server, clock = moved
    newest = "SELECT max(crl_number), max(this_update) > now() - interval '1 min', sum(entries) " \
             "FROM pganalytics.revocation_lists"
    entries = server.db.row(newest)[2]
    revoke(server, issue(server, "gone"))
    wait_until(lambda: server.db.row(newest)[2] > entries, 10, "a list of now")
    number, of_now, _ = server.db.row(newest)
    assert of_now

    def tended():
        """tended waits until the worker has checked everything after the move; gives the newest list."""
        run_job(server, "rotate_token_key()")
        return server.db.row(newest)[:2]
    clock.advance(4.5 * DAY)
    assert tended() == (number, False)
    clock.advance(0.2 * DAY)
    assert tended() == (number + 1, True)
    served, = lists_in(server)
    assert number_of(served) == number + 1 and len(served) == 1
    assert served.next_update - served.last_update == datetime.timedelta(days=7)


def pins_of(server):
    return server.db.value("SELECT pins FROM pganalytics.trust ORDER BY version DESC LIMIT 1")


def test_one_worker_is_late(make_server):
    """While a gateway shows the old certificate, its pin stays and no certificate is issued."""
    server = make_server("late", ingest_workers=2)
    before = pins_of(server)
    late, = server.workers("pid")[0]
    os.kill(late, signal.SIGSTOP)
    try:
        run_job(server, "rotate_server_certificate()")
        served = pins_of(server)
        assert served[0] == before[1] and before[0] == served[2] and len(served) == 3
        # Other gateways already show the new certificate, but the pin still stays.
        wait_until(lambda: before[1] in {pin_served(server) for _ in range(8)}, 10, "the new key")
        server.db.execute("INSERT INTO pganalytics.collectors (name) VALUES ('early')")
        request = server.db.value("SELECT pganalytics.issue_certificate('early', %s)",
                                  pki.signing_request(pki.new_key()))
        run_job(server, "rotate_token_key()")
        assert pins_of(server) == served
        with pytest.raises(psycopg2.Error, match="is not decided yet"):
            server.db.value("SELECT pganalytics.issued_certificate(%s, '0 s')", request)
    finally:
        os.kill(late, signal.SIGCONT)
    began = time.monotonic()
    assert server.db.value("SELECT pganalytics.issued_certificate(%s)", request)
    wait_until(lambda: pins_of(server) == served[:2], 10, "the end of the old pin")
    milliseconds = 1000 * (time.monotonic() - began)
    print(f"\nthe old pin went {milliseconds:.0f} ms after the last worker came back")
    assert {pin_served(server) for _ in range(8)} == {before[1]}


def pin_served(server):
    with server.client(None).raw_connection() as connection:
        certificate = x509.load_der_x509_certificate(connection.getpeercert(True))
    return pki.pin(certificate.public_key())
