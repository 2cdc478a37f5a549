"""What strangers and roles without rights can put into the two logs: few lines an hour, and exact counts.

Every class of attack runs at the same time, as fast as it can. LOG_VOLUME_SECONDS says for how long.
"""
import collections
import contextlib
import os
import re
import socket
import threading
import time
import uuid

import psycopg2
import pytest

from api_client import ApiClient
from audit_view import assert_unbroken, last_id, store_counts
from client import Client, push_body, query_rows, tls_context

SECONDS = int(os.environ.get("LOG_VOLUME_SECONDS", "180"))
MOST_AN_HOUR = 1000
DENIED = """DO $$ BEGIN FOR i IN 1 .. 1000 LOOP
    BEGIN
        EXECUTE format('SELECT FROM closed.t%s', i % 100);
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END;
END LOOP; END $$"""
FAILED = """DO $$ BEGIN FOR i IN 1 .. 1000 LOOP
    BEGIN
        EXECUTE format('DROP TABLE nothing_%s', i % 100);
    EXCEPTION WHEN undefined_table THEN NULL;
    END;
END LOOP; END $$"""
# Class of attack -> what selects its rows of the audit log.
ROWS = {
    "denials in SQL": "event = 'access.denied' AND source = 'session'",
    "statements that fail": "event = 'ddl.executed' AND outcome = 'failed'",
    "failed logins": "event = 'auth.login_failed' AND source = 'session'",
    "wrong passwords": "event IN ('auth.login_failed', 'security.rate_limited') AND source = 'api' "
                       "AND details->>'reason' NOT LIKE 'a refresh%%'",
    "bad refresh tokens": "event = 'auth.login_failed' AND details->>'reason' LIKE 'a refresh%%'",
    "bad tokens": "event = 'security.bypass_attempt' AND source = 'collectors'",
}


@pytest.fixture(scope="module")
def server(make_server):
    one = make_server("volume", ingest_workers=2, login_failures=10000, max_connections=20, postgres={
        "max_connections": 60, "max_worker_processes": 16})
    one.cluster.query("CREATE SCHEMA closed; CREATE ROLE bad LOGIN; GRANT USAGE ON SCHEMA closed TO bad;" +
                      "".join(f"CREATE TABLE closed.t{n} ();" for n in range(100)))
    return one


class Attackers:
    """Attackers has a loop for each class, which counts what it has caused."""

    def __init__(self, server):
        self.server = server
        self.credentials = server.collector()
        self.stop = threading.Event()
        self.counts = collections.Counter()
        self.errors = []

    def sql(self, name, statement, each):
        with psycopg2.connect(self.server.cluster.dsn("analytics", "bad")) as session:
            session.autocommit = True
            while not self.stop.is_set():
                session.cursor().execute(statement)
                self.counts[name] += each
        session.close()

    def denials(self):
        self.sql("denials in SQL", DENIED, 1000)

    def failures(self):
        self.sql("statements that fail", FAILED, 1000)

    def logins(self):
        while not self.stop.is_set():
            with pytest.raises(psycopg2.OperationalError):
                psycopg2.connect(self.server.cluster.dsn("analytics", f"nobody_{uuid.uuid4().hex[:12]}"))
            self.counts["failed logins"] += 1

    def passwords(self):
        with ApiClient(self.server) as client:
            while not self.stop.is_set():
                status = client.log_in(f"nobody_{uuid.uuid4().hex[:12]}", "wrong").status
                assert status in (401, 429), status
                self.counts["wrong passwords"] += 1

    def refreshes(self):
        with ApiClient(self.server) as client:
            while not self.stop.is_set():
                assert client.refresh("pgs_" + uuid.uuid4().hex * 3).status == 401
                self.counts["bad refresh tokens"] += 1

    def tokens(self):
        with Client(self.server.port, self.server.ca_file, None) as client:
            while not self.stop.is_set():
                assert client.request("GET", "/api/v1/metrics/health", headers={
                    "Authorization": f"Bearer pga_{uuid.uuid4().hex}"}).status == 403
                self.counts["bad tokens"] += 1

    def pushes(self):
        """pushes sends bodies of an enrolled collector that are refused as wrong."""
        with self.server.client(self.credentials) as client:
            for number in range(1 << 60):
                if self.stop.is_set():
                    return
                body = push_body(self.credentials.collector_id, query_rows(3, number))
                body["metrics"][0]["queries"][number % 3]["calls"] = "many"
                assert client.push(body).status == 422
                self.counts["bad pushes"] += 1

    def tls(self):
        """tls sends what is no TLS, and opens more connections than the gateways take."""
        while not self.stop.is_set():
            with contextlib.suppress(OSError), contextlib.ExitStack() as held:
                for number in range(30):
                    # From another address: of one address the gateway would close the oldest, which
                    # are those of the other attacks.
                    plain = held.enter_context(socket.create_connection(
                        ("127.0.0.1", self.server.port), timeout=5, source_address=("127.0.0.2", 0)))
                    plain.sendall(b"GET / HTTP/1.1\r\n\r\n" if number % 2 else os.urandom(200))
                    self.counts["bad TLS"] += 1

    def http(self):
        heads = [b"\x00\x01\x02\r\n\r\n", b"GET /api/v1/health HTTP/1.1\r\nHost: a b\r\n\r\n",
                 b"POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"]
        context = tls_context(self.server.ca_file)
        for number in range(1 << 60):
            if self.stop.is_set():
                return
            port = self.server.port if number % 2 else self.server.cluster.api_port
            with contextlib.suppress(OSError), \
                    socket.create_connection(("127.0.0.1", port), timeout=5) as plain, \
                    context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(heads[number % len(heads)])
                tls.recv(1000)
                self.counts["bad HTTP"] += 1

    def run(self, attack):
        try:
            attack()
        except BaseException as error:  # pylint: disable=broad-except
            self.errors.append((attack.__name__, error))

    def for_seconds(self, seconds):
        attacks = (self.denials, self.failures, self.logins, self.passwords, self.refreshes, self.tokens,
                   self.pushes, self.tls, self.http)
        threads = [threading.Thread(target=self.run, args=(attack,)) for attack in attacks]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.stop.set()
        for thread in threads:
            thread.join()
        assert not self.errors, self.errors


def test_lines_of_an_attack(server):
    before, offset = last_id(server), len(server.cluster.log_text())
    attackers = Attackers(server)
    attackers.for_seconds(SECONDS)
    # Counts that are not due yet: they belong to the sums, and are no rows of the attack's hour.
    rows = {name: server.db.value(
                f"SELECT count(*) FROM pganalytics.audit_log WHERE id > %s AND {which}", before)
            for name, which in ROWS.items()}
    for pid, in server.db.rows("SELECT pid FROM pganalytics.workers WHERE kind IN ('ingest', 'api')"):
        server.db.execute("SELECT pg_terminate_backend(%s)", pid)
    server.cluster.wait_until_running()
    store_counts(server)
    ours = [re.sub(r"\d+", "N", line.split("] ", 1)[1])
            for line in server.log_since(offset).splitlines() if re.search(r"\] pganalytics ", line)]
    lines = collections.Counter(ours)
    for name in sorted(attackers.counts):
        print(f"{name}: {attackers.counts[name]} in {SECONDS} s, {rows.get(name, 0)} rows of the audit log")
    print(f"{len(ours)} lines of the server log are ours:")
    for line, count in lines.most_common(8):
        print(f"  {count} {line[:110]}")
    for name, which in ROWS.items():
        counted = server.db.value(
            "SELECT coalesce(sum(coalesce((details->>'count')::bigint, 1)), 0) FROM pganalytics.audit_log "
            f"WHERE id > %s AND {which}", before)
        assert counted == attackers.counts[name] > 0, name
        # The waits grow, so an hour has less than the first minutes promise.
        assert rows[name] < MOST_AN_HOUR, name
    assert lines.most_common(1)[0][1] * 3600 / SECONDS < MOST_AN_HOUR
    assert not server.db.rows("SELECT FROM pganalytics.audit_log "
                              "WHERE event = 'audit.gap' AND id > %s", before)
    assert_unbroken(server)
