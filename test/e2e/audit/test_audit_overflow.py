"""A full buffer of the audit log: lost records are counted, or operations are refused."""
import os
import signal
import time

import psycopg2
import pytest

import cluster
from audit_sessions import Sessions, code_of, refused
from audit_view import FILL, Audit

# A buffer of 64 kB holds fewer records than this.
MORE_THAN_FIT = 64


@pytest.fixture(scope="module")
def server(make_server):
    one = make_server("full", ingest_workers=1, audit_buffer="64kB", audit_wait="1ms")
    one.cluster.query("CREATE ROLE ann LOGIN; CREATE TABLE own (a int)")
    return one


@pytest.fixture
def sessions(server):
    with Sessions(server) as opened:
        yield opened


@pytest.fixture
def audit(server):
    return Audit(server)


class Stopped:
    """Stopped stops the audit worker during a with block.

    It stops the worker where it waits for records, not where it writes and holds locks that others
    need.
    """

    def __init__(self, server):
        self.server = server
        self.pid = server.db.value("SELECT pid FROM pganalytics.workers WHERE kind = 'audit'")

    def _stops_asleep(self):
        os.kill(self.pid, signal.SIGSTOP)
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            stopped = stat.read().split(") ")[1][0] == "T"
        if stopped and self.server.db.value(
                "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = %s",
                self.pid):
            return True
        os.kill(self.pid, signal.SIGCONT)
        return False

    def _last(self):
        return self.server.db.value("SELECT max(id) FROM pganalytics.audit_log")

    def __enter__(self):
        self.before = self._last()
        cluster.wait_until(self._stops_asleep, what="the worker's stop")
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGCONT)
        # Each block loses records. After the row for the gap there is room again, also for marks.
        cluster.wait_until(lambda: self.server.db.rows(
            "SELECT FROM pganalytics.audit_log WHERE id > %s AND event = 'audit.gap'",
            self.before), what="the gap")


def overflow(server, how):
    server.cluster.configure({"pganalytics.audit_overflow": how})
    loaded = server.db.value("SELECT pg_conf_load_time()")
    server.cluster.reload()
    cluster.wait_until(lambda: server.db.value("SELECT pg_conf_load_time()") > loaded, what="reload")


def gaps(audit):
    return sum(e.details.get("lost", 0) for e in audit.events("audit.gap"))


def test_lost_records_are_counted(server, sessions, audit):
    admin = sessions.open("postgres")
    audit.mark()
    with Stopped(server):
        begin = time.monotonic()
        admin.execute(FILL.format(MORE_THAN_FIT))
        # A session waits audit_wait for each record, not for ever.
        assert time.monotonic() - begin < 10
    stored = len(audit.events("audit.change_refused"))
    assert 0 < stored < MORE_THAN_FIT
    cluster.wait_until(lambda: stored + gaps(audit) >= MORE_THAN_FIT, what="the gap")
    assert stored + gaps(audit) == MORE_THAN_FIT


def test_login_and_ddl_are_counted_too(server, sessions, audit):
    admin = sessions.open("postgres")
    audit.mark()
    with Stopped(server):
        admin.execute(FILL.format(MORE_THAN_FIT))
        psycopg2.connect(sessions.dsn("ann")).close()
        admin.execute("CREATE TABLE counted (a int)")
    events = audit.events("audit.change_refused", "auth.login", "ddl.executed")
    cluster.wait_until(lambda: len(events) + gaps(audit) >= MORE_THAN_FIT + 2, what="the gap")
    assert len(events) + gaps(audit) == MORE_THAN_FIT + 2
    admin.execute("DROP TABLE counted")


def test_refusal(server, sessions, audit):
    """With audit_overflow = refuse, logins and changes of rights and objects fail; queries go on."""
    overflow(server, "refuse")
    try:
        admin = sessions.open("postgres")
        admin.execute("SELECT 1")
        audit.mark()
        with Stopped(server):
            admin.execute(FILL.format(MORE_THAN_FIT))
            assert "buffer of the audit log is full" in refused(sessions.dsn("ann"))
            assert "buffer of the audit log is full" in refused(sessions.dsn("postgres"))
            for sql in ("CREATE TABLE refused_too (a int)", "CREATE ROLE refused_too",
                        "ALTER ROLE ann PASSWORD 'x'", "GRANT ann TO postgres",
                        "REVOKE SELECT ON own FROM PUBLIC", "ALTER SYSTEM SET work_mem = '5MB'",
                        "COPY (SELECT 1) TO PROGRAM 'cat >/dev/null'", "DROP TABLE own"):
                assert code_of(admin, sql) == "53000", sql
            admin.execute("SELECT count(*) FROM own")
            admin.execute("INSERT INTO own VALUES (1)")
            admin.execute("SET work_mem = '5MB'")
        cluster.wait_until(lambda: code_of(admin, "CREATE TABLE taken (a int)") is None,
                           what="room in the buffer")
        sessions.open("ann")
        assert server.db.value("SELECT to_regclass('refused_too') IS NULL AND "
                               "to_regclass('own') IS NOT NULL AND "
                               "to_regrole('refused_too') IS NULL")
        admin.execute("DROP TABLE taken")
    finally:
        overflow(server, "count")


def test_the_way_out(server, sessions, audit):
    """An administrator without a session frees the server by a reload, as the manual describes."""
    overflow(server, "refuse")
    admin = sessions.open("postgres")
    with Stopped(server):
        admin.execute(FILL.format(MORE_THAN_FIT))
        assert "full" in refused(sessions.dsn("postgres"))
        overflow(server, "count")
        cluster.wait_until(lambda: psycopg2.connect(sessions.dsn("postgres")).close() is None,
                           what="a login")
    assert audit.events("auth.login")


def test_nobody_is_refused_before_the_log_is_served(make_server):
    """Without the extension nobody empties the buffer: losses are counted, and everybody can log in."""
    server = make_server("unserved", create=False, ingest_workers=1, audit_buffer="64kB",
                         audit_wait="0", audit_overflow="refuse")
    dsn = server.cluster.dsn("postgres")
    for number in range(MORE_THAN_FIT):
        with psycopg2.connect(dsn) as session:
            session.cursor().execute(f"CREATE TABLE t{number} (a int)")
        session.close()
    server.cluster.create()
    server.cluster.wait_until_running()
    lost = server.db.value("SELECT (details->>'lost')::int FROM pganalytics.audit_log "
                           "WHERE event = 'audit.gap' AND details ? 'lost' ORDER BY id LIMIT 1")
    assert lost > 2 * MORE_THAN_FIT - 64
    # After DROP EXTENSION nobody empties it either, as the worker notices within a second.
    server.db.execute("DROP EXTENSION pganalytics CASCADE")
    cluster.wait_until(lambda: all(can_log_in(dsn) for _ in range(2 * MORE_THAN_FIT)),
                       what="logins that all succeed")


def can_log_in(dsn):
    try:
        psycopg2.connect(dsn).close()
    except psycopg2.OperationalError:
        return False
    return True
