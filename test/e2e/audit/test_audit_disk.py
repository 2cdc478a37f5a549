"""A full disk under the audit log: events wait in the buffer and are stored once there is room."""
import subprocess

import pytest

import cluster
from audit_sessions import Sessions
from audit_view import FILL, assert_unbroken, events


@pytest.fixture(scope="module")
def server(make_server):
    one = make_server("disk", ingest_workers=1, audit_wait="10s")
    return one


def worker(server):
    return server.db.row("SELECT pid, last_error FROM pganalytics.workers WHERE kind = 'audit'")


def stored(server):
    return len(events(server, "audit.change_refused"))


def refuse(server, count):
    with Sessions(server) as sessions:
        sessions.open("postgres").execute(FILL.format(count))


def limit_files(pid, size):
    """limit_files sets the maximum size of the files that a process writes."""
    subprocess.run(["prlimit", "--pid", str(pid), f"--fsize={size}:"], check=True,
                   **cluster.as_service_user())


def test_a_full_disk(server):
    """The worker's files may not grow, which to PostgreSQL is the same as a full disk."""
    size = ("SELECT max(pg_relation_size(inhrelid)) FROM pg_inherits "
            "WHERE inhparent = 'pganalytics.audit_log'::regclass")
    told = 0
    # The size limit is that of the log: it must exceed a WAL segment, because WAL is still written.
    while server.db.value(size) <= 16 << 20:
        refuse(server, 20000)
        told += 20000
        cluster.wait_until(lambda: stored(server) == told, 20, "all of them")
    pid, _ = worker(server)
    limit_files(pid, server.db.value(size))
    try:
        refuse(server, 1000)
        cluster.wait_until(lambda: "could not extend file" in (worker(server)[1] or ""), 10,
                           "the worker to say what is wrong")
        refuse(server, 100)
        assert stored(server) < told + 1100
    finally:
        limit_files(pid, "unlimited")
    cluster.wait_until(lambda: stored(server) == told + 1100, 20, "each event once")
    assert worker(server)[0] == pid
    assert events(server, "audit.gap") == []
    assert_unbroken(server)
