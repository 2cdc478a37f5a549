"""Fixtures: one analytics server and one monitored server for the session, a collector per test."""
import contextlib
import datetime
import itertools
import os
import pathlib
import re
import shutil
import sys

import psycopg2
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

import cluster  # noqa: E402
import product  # noqa: E402
from client import Client  # noqa: E402

_collector_names = itertools.count(1)
# All tests come from one address: rate limits are counted, and only tests of limits reach them.
NO_RATE_LIMITS = {f"rate_limit_{name}": 1000000 for name in (
    "address", "address_burst", "collector", "collector_burst")}


class Database:
    """Database is an autocommit connection that reconnects after a restart of the server."""

    def __init__(self, dsn):
        self.dsn = dsn
        self.connection = None

    def _run(self, sql, arguments, fetch):
        for last_try in (False, True):
            try:
                if self.connection is None:
                    self.connection = psycopg2.connect(self.dsn)
                    self.connection.autocommit = True
                with self.connection.cursor() as cursor:
                    cursor.execute(sql, arguments or None)
                    return cursor.fetchall() if fetch else None
            except psycopg2.OperationalError:
                # A connection from before a restart fails at its first use.
                if last_try or self.connection is None or not self.connection.closed:
                    raise
                self.connection = None

    def execute(self, sql, *arguments):
        self._run(sql, arguments, False)

    def rows(self, sql, *arguments):
        return self._run(sql, arguments, True)

    def row(self, sql, *arguments):
        rows = self.rows(sql, *arguments)
        assert len(rows) == 1, f"{len(rows)} rows instead of one"
        return rows[0]

    def value(self, sql, *arguments):
        return self.row(sql, *arguments)[0]

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Server:
    """Server is an analytics cluster with the helpers of the tests."""

    def __init__(self, analytics):
        self.cluster = analytics
        self.db = Database(analytics.dsn(product.DATABASE))

    @property
    def port(self):
        return self.cluster.https_port

    @property
    def ca_file(self):
        return self.cluster.root / f"{self.cluster.name}-ca.pem"

    def collector(self):
        return self.cluster.create_collector(f"test-{next(_collector_names)}")

    def client(self, credentials, **options):
        token = credentials.token if credentials is not None else None
        return Client(self.port, self.ca_file, token, **options)

    def configure(self, **settings):
        """configure changes pganalytics.* settings and waits until workers and gateways work with them."""
        before = self.db.value("SELECT clock_timestamp()")
        self.cluster.configure({f"pganalytics.{name}": value for name, value in settings.items()})
        self.cluster.reload()
        cluster.wait_until(lambda: all(at > before for at, in self.workers("reloaded_at")), 15,
                           "the settings in force")

    def _gateways_differ_from(self, before):
        now = {pid for pid, in self.workers("gateway_pid")}
        return len(now) == len(before) and None not in now and not now & before

    def workers(self, columns="pid, gateway_pid"):
        return self.db.rows(f"SELECT {columns} FROM pganalytics.workers "
                            "WHERE kind = 'ingest' ORDER BY number")

    def ledger(self, credentials):
        """ledger gives (pushes, rows stored) according to the accounts."""
        return self.db.row("SELECT count(*)::int, coalesce(sum(stored), 0)::int "
                           "FROM pganalytics.push_ledger WHERE collector_id = %s",
                           credentials.collector_id)

    def pushes(self, credentials, name):
        """pushes counts the stored pushes of one of a collector's servers."""
        return self.db.value("SELECT count(*) FROM pganalytics.push_ledger l JOIN pganalytics.servers s"
                             " USING (server_id) WHERE s.collector_id = %s AND s.name = %s",
                             credentials.collector_id, name)

    def samples(self, credentials):
        """samples counts the rows in the table."""
        return self.db.value("SELECT count(*)::int FROM pganalytics.query_samples "
                             "JOIN pganalytics.servers USING (server_id) WHERE collector_id = %s",
                             credentials.collector_id)

    def rows_by_push(self, credentials):
        """rows_by_push maps the number of each push of a Load to its number of stored rows."""
        return {calls - 1: count for calls, count in self.db.rows(
            "SELECT calls, count(*) FROM pganalytics.query_samples "
            "JOIN pganalytics.servers USING (server_id) WHERE collector_id = %s GROUP BY calls",
            credentials.collector_id)}

    def log_since(self, offset):
        return self.cluster.log_text()[offset:]


@pytest.fixture(scope="session")
def root():
    path = cluster.make_root()
    yield path
    if "PGANALYTICS_KEEP" in os.environ:
        print(f"logs are in {path}")
    else:
        shutil.rmtree(path)


@contextlib.contextmanager
def servers(root):
    """servers gives make_server(), and removes the servers at the end."""
    made = []

    def make(name, create=True, postgres=None, **settings):
        settings = {**NO_RATE_LIMITS, **settings}
        analytics = product.Analytics(root, name, {
            **{f"pganalytics.{key}" if "__" not in key else key.replace("__", "."): value
               for key, value in settings.items()},
            **(postgres or {})})
        assert not analytics.log.exists(), f"another server is called {name}"
        made.append(analytics)
        analytics.init().start()
        if create:
            analytics.create()
            analytics.write_certificate()
        return Server(analytics)

    yield make
    for analytics in reversed(made):
        analytics.remove()
        shutil.rmtree(analytics.data)


@pytest.fixture(scope="module")
def make_server(root):
    """make_server starts another analytics server; all are removed after the last test of the file.

    `settings` are those of pganalytics; `postgres` holds others by their full names.
    """
    with servers(root) as make:
        yield make


@pytest.fixture(scope="session")
def server(root):
    # Tests compare what is stored with what was sent. ingest/test_query_texts.py is about masking.
    with servers(root) as make:
        yield make("analytics", query_texts="as_sent")


@pytest.fixture(scope="session")
def people_server(root):
    """people_server is the server for the files that import people.py."""
    # Tests of their own limit guesses. passwordcheck stands for a server that checks new passwords,
    # pg_stat_statements for one that keeps statements. There are as many worker processes as
    # docs/reference/settings.md says; one of them is PostgreSQL's own, for logical replication.
    with servers(root) as make:
        yield make("people", login_failures=10000, ingest_workers=1, postgres={
            "max_worker_processes": 1 + 5 + 1,
            "shared_preload_libraries": "pganalytics,passwordcheck,pg_stat_statements"})


@pytest.fixture(scope="session")
def monitored(root):
    one = product.Monitored(root)
    one.init().start().create()
    yield one
    one.remove()


@pytest.fixture
def today():
    """today is the first second of this UTC day, so that samples can lie on either side of midnight."""
    return datetime.datetime.now(datetime.timezone.utc).replace(
        hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def credentials(server):
    return server.collector()


@pytest.fixture
def client(server, credentials):
    with server.client(credentials) as one:
        yield one


@pytest.fixture(autouse=True)
def no_crash(request):
    """no_crash fails a test during which a signal killed a server process, unless the test allows it."""
    if "server" not in request.fixturenames or request.node.get_closest_marker("crashes"):
        yield
        return
    server = request.getfixturevalue("server")
    offset = len(server.cluster.log_text())
    yield
    crashed = re.findall(r".* postmaster .*\(PID \d+\) was terminated by signal.*|.*PANIC:.*",
                         server.log_since(offset))
    assert not crashed, crashed
