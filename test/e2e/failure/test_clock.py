"""The wall clock is set, forwards and back, by a minute, hours and years, while pushes go on.

Ports open when their back-off ends, chores are neither delayed nor done twice, nothing is removed
because of an age that only the moved clock gives it, and pganalytics.workers shows the true state.
"""
import datetime
import gzip
import json
import os
import signal
import socket
import ssl
import threading
import time

import pytest

import client
import product
from authority_view import issue, run_job, serial_of
from cluster import wait_until
from conftest import NO_RATE_LIMITS, Server
from shifted import ShiftedClock, shift

MINUTE, HOUR, YEAR = 60, 3600, 365 * 86400
MOVES = [-MINUTE, HOUR, -HOUR, YEAR, -YEAR]
# The time that a gateway needs to start on a busy machine, besides its back-off.
START = 4
LONGEST_GATEWAY_BACKOFF = 5


class MovedLoad(client.Load):
    """MovedLoad sends by the moved clock. It accepts any certificate, as its own clock finds none valid."""

    def __init__(self, server, clock, credentials):
        super().__init__(server.port, server.ca_file, credentials, rows=5, threads=2, give_up_after=60)
        self.clock = clock
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def body(self, number):
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.clock.seconds)
        return gzip.compress(json.dumps(client.push_body(
            self.credentials.collector_id, client.query_rows(self.rows, number + 1), moment)).encode(), 1)

    def _run(self):
        with client.Client(self.port, self.ca_file, self.credentials.token, timeout=5) as one:
            one.context = self.context
            while not self.stopping.is_set():
                self._push_until_acknowledged(one, next(self.numbers))


class Truth:
    """Truth checks that a worker with the state running has a living gateway."""

    def __init__(self, server):
        self.db = Server(server.cluster).db
        self.stopping = threading.Event()
        self.lies = []
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.db.close()

    def watch(self):
        lying_since = None
        while not self.stopping.wait(0.02):
            state, gateway = self.db.row("SELECT state, gateway_pid FROM pganalytics.workers "
                                         "WHERE kind = 'ingest'")
            lies = state == "running" and (gateway is None or not os.path.exists(f"/proc/{gateway}"))
            if not lies:
                lying_since = None
            elif lying_since is None:
                lying_since = time.monotonic()
            elif time.monotonic() - lying_since > 1:
                self.lies.append((state, gateway))


@pytest.fixture(scope="module")
def moved(root):
    """moved is a server with a movable clock and one gateway, so that no other gateway hides its absence."""
    clock = ShiftedClock(root)
    analytics = product.Analytics(root, "clock", {
        "pganalytics.ingest_workers": 1, "pganalytics.api_port": 0, "pganalytics.alert_timeout": "2s",
        "pganalytics.alert_allowed_hosts": "localhost",
        **{f"pganalytics.{name}": value for name, value in NO_RATE_LIMITS.items()}})
    shift(analytics, clock)
    try:
        analytics.init().start().create()
        analytics.write_certificate()
        server = Server(analytics)
        yield server, clock
        server.db.close()
    finally:
        analytics.remove()


@pytest.fixture
def load(moved):
    server, clock = moved
    server.cluster.wait_until_running()
    with MovedLoad(server, clock, server.collector()) as running:
        wait_until(lambda: running.count() >= 5, 20, "5 acknowledged pushes")
        yield running
        running.stop()
        wait_until(lambda: server.db.value(
            "SELECT count(DISTINCT push_key) FROM pganalytics.push_ledger WHERE collector_id = %s",
            running.credentials.collector_id) == running.count(), 10, "every push in the ledger")


def gateway_of(server):
    return server.db.value("SELECT gateway_pid FROM pganalytics.workers WHERE kind = 'ingest'")


def kill_gateways(server, times):
    """kill_gateways makes each gateway crash as soon as it serves, so that the next back-off doubles."""
    for _ in range(times):
        gateway = wait_until(lambda: gateway_of(server), LONGEST_GATEWAY_BACKOFF + START, "a gateway")
        os.kill(gateway, signal.SIGABRT)  # after SIGKILL the back-off would stay short
        wait_until(lambda: gateway_of(server) != gateway, 5, "end of the gateway")


@pytest.mark.parametrize("seconds", MOVES)
def test_port_opens_when_the_back_off_says(moved, load, seconds):
    server, clock = moved
    with Truth(server) as truth:
        kill_gateways(server, 5)
        clock.advance(seconds)
        began = time.monotonic()
        first = wait_until(lambda: load.first_acknowledgement_after(began),
                           LONGEST_GATEWAY_BACKOFF + START, "a push after the clock was set")
        print(f"clock set by {seconds} s: first push after {first - began:.1f} s")
        wait_until(lambda: gateway_of(server) and server.db.value(
            "SELECT bool_and(state = 'running') FROM pganalytics.workers"), 10, "all running")
    assert not truth.lies, truth.lies[:3]


@pytest.mark.parametrize("seconds", [-HOUR, YEAR, -YEAR])
def test_worker_starts_again(moved, load, seconds):
    """A worker that ends while the clock is set is restarted in time."""
    server, clock = moved
    worker = "SELECT pid FROM pganalytics.workers WHERE kind = 'ingest'"
    pid = server.db.value(worker)
    assert server.db.value("SELECT pg_terminate_backend(%s)", pid)
    wait_until(lambda: server.db.value(worker) != pid, 10, "end of the worker")
    clock.advance(seconds)
    began = time.monotonic()
    wait_until(lambda: load.first_acknowledgement_after(began), 4 + 2 * START, "a push of another worker")


def partition_of(server, offset):
    """partition_of says whether the day this many days after the server's today has its partition."""
    return server.db.value(
        "SELECT EXISTS (SELECT FROM pganalytics.partitions WHERE relation = 'query_samples' "
        "AND day = (now() AT TIME ZONE 'UTC')::date + %s)", offset)


def evaluated(server):
    """evaluated is the time of the last evaluation of the rule, None if there was none."""
    return server.db.value("SELECT max(evaluated_at) FROM pganalytics.alert_rule_states "
                           "WHERE rule = 'gateway_restarting'")


def partitions(server):
    return {name for name, in server.db.rows("SELECT partition::text FROM pganalytics.partitions")}


@pytest.mark.parametrize("seconds", [HOUR, -2 * HOUR, YEAR, -2 * YEAR, YEAR + HOUR])
def test_chores(moved, load, seconds):
    """Partitions ahead are made at once, none is dropped, and a rule keeps its interval."""
    server, clock = moved
    server.db.execute("UPDATE pganalytics.alert_rules SET evaluate_every = '6 hours' "
                      "WHERE name = 'gateway_restarting'")
    before = wait_until(lambda: evaluated(server), 20, "the rule evaluated")
    there = partitions(server)
    starts = server.db.value("SELECT sum(restarts) FROM pganalytics.workers")
    clock.advance(seconds)
    wait_until(lambda: partition_of(server, 3), 20, "the partition of three days ahead")
    moved_to = before + datetime.timedelta(seconds=seconds)
    wait_until(lambda: abs(evaluated(server) - moved_to) < datetime.timedelta(seconds=1), 10,
               "the rule's last evaluation by the new clock")
    # After another event-loop iteration of every worker this still holds.
    count = load.count()
    wait_until(lambda: load.count() > count + 20, 20, "pushes")
    assert there <= partitions(server)
    assert abs(evaluated(server) - moved_to) < datetime.timedelta(seconds=1)
    assert server.db.value("SELECT sum(restarts) FROM pganalytics.workers") == starts
    direction = "forward" if seconds > 0 else "back"
    wait_until(lambda: f"the system clock was set {direction} by {abs(seconds)}.0 s"
               in server.cluster.log_text(), 5, "a line in the log")


@pytest.mark.parametrize("seconds", [-HOUR, YEAR, -YEAR])
def test_retries_of_notifications(moved, seconds):
    """A failed delivery is retried after its back-off, and is not given up early."""
    server, clock = moved
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server.db.execute("""INSERT INTO pganalytics.alert_channels (name, kind, url, matchers, authentication)
        VALUES ('nobody', 'webhook', %s, '[{"name": "alertname", "value": "none"}]', 'none')
        ON CONFLICT (name) DO UPDATE SET url = excluded.url""", f"https://localhost:{port}/")
    one = server.db.value("SELECT pganalytics.test_channel('nobody')")

    def attempts():
        return server.db.row("SELECT state, attempts FROM pganalytics.alert_outbox "
                             "WHERE notification_id = %s", one)

    wait_until(lambda: attempts()[1] >= 3, 30, "three attempts")  # the next attempt is due in 4 s
    state, before = attempts()
    clock.advance(seconds)
    wait_until(lambda: attempts()[1] > before, 15, "the next attempt")
    assert attempts()[0] == state == "waiting"
    server.db.execute("DELETE FROM pganalytics.alert_outbox WHERE notification_id = %s", one)


def end_worker(server, kind):
    """end_worker ends a worker and waits for the next one, which has not seen the clock being set."""
    worker = f"SELECT pid FROM pganalytics.workers WHERE kind = '{kind}'"
    pid = server.db.value(worker)
    assert server.db.value("SELECT pg_terminate_backend(%s)", pid)
    wait_until(lambda: server.db.value(worker) not in (pid, None), 10, f"another {kind} worker")


def crash(server):
    """crash kills a worker, so that the server ends all its processes and makes shared memory anew."""
    offset = len(server.cluster.log_text())
    os.kill(server.db.value("SELECT pid FROM pganalytics.workers WHERE kind = 'maintenance'"), signal.SIGKILL)
    wait_until(lambda: "database system is ready" in server.log_since(offset), 20, "the server after a crash")
    server.db.close()
    server.cluster.wait_until_running()


def tended(server):
    """tended returns when the maintenance worker has made a whole turn."""
    for _ in range(2):
        run_job(server, "rotate_token_key()")


class Kept:
    """Kept is what there was before the clock was a year ahead, and what of it was lost meanwhile."""

    def __init__(self, server):
        self.server = server
        self.partitions = partitions(server)
        self.serial = serial_of(issue(server, "with a certificate for a month"))
        self.sampled_at = server.db.value(
            "INSERT INTO pganalytics.self_samples (sampled_at, kind, number) VALUES (now(), 'ingest', 99) "
            "RETURNING sampled_at")
        self.lost = {}

    def look(self, when):
        samples, = self.server.db.row("SELECT count(*) FROM pganalytics.self_samples WHERE number = 99 "
                                      "AND sampled_at = %s", self.sampled_at)
        ended, = self.server.db.row("SELECT ended_alone FROM pganalytics.certificates WHERE serial = %s",
                                    self.serial)
        self.lost[when] = {"partitions": self.partitions - partitions(self.server),
                           "sample": samples == 0, "certificate": ended is not None}


@pytest.fixture(scope="module")
def kept(moved):
    """kept is behind a year ahead in which workers were ended and one crashed; the clock is right again."""
    server, clock = moved
    server.cluster.wait_until_running()
    found = Kept(server)
    offset = len(server.cluster.log_text())
    clock.advance(YEAR)
    wait_until(lambda: f"the system clock was set forward by {YEAR}.0 s" in server.log_since(offset), 5,
               "the launcher to see it")
    for kind in ("maintenance", "alerts"):
        end_worker(server, kind)
    wait_until(lambda: server.db.value("SELECT max(sampled_at) > %s + interval '300 days' "
                                       "FROM pganalytics.self_samples", found.sampled_at), 10,
               "a sample of the new alerts worker")
    tended(server)
    found.look("other workers")
    crash(server)
    tended(server)
    found.look("crash")
    clock.advance(-YEAR)
    return found


@pytest.mark.parametrize("when", ["other workers", "crash"])
@pytest.mark.parametrize("what", ["partitions", "sample", "certificate"])
def test_a_year_ahead_for_a_moment_costs_nothing(kept, what, when):
    """Workers that start meanwhile drop no day, remove no sample, and declare no certificate expired."""
    assert not kept.lost[when][what]


def test_a_client_that_verifies_after_a_year_ahead(kept):
    """The server's certificate of that time is not valid for a year: it is followed by one of now."""

    def verifies():
        try:
            with kept.server.client(None) as one:
                return one.request("GET", "/api/v1/metrics/health").status > 0
        except OSError:
            return False

    wait_until(verifies, 20, "a certificate that verifies")


def test_an_authority_that_is_not_valid_yet_stays(moved):
    """A clock that is behind says nothing against the authority, so it is shown and not replaced."""
    server, clock = moved
    authorities = "SELECT authority_ids, authorities FROM pganalytics.trust ORDER BY version DESC LIMIT 1"
    before = server.db.row(authorities)
    clock.advance(-2 * YEAR)
    wait_until(lambda: "the certificate authority is not valid yet" in server.db.value(
        "SELECT coalesce(last_error, '') FROM pganalytics.workers WHERE kind = 'maintenance'"), 15,
        "the trouble in pganalytics.workers")
    clock.advance(2 * YEAR)
    tended(server)
    assert server.db.row(authorities) == before
