"""Kills and restarts under load: every acknowledged push is stored, and exactly once."""
import os
import signal
import time

import psycopg2
import pytest

import product
from client import Load, push_body, query_rows
from cluster import wait_until
from conftest import Database

ROWS = 50


@pytest.fixture
def load(server, credentials):
    with Load(server.port, server.ca_file, credentials, ROWS) as running:
        wait_until(lambda: running.count() >= 20, 20, "20 acknowledged pushes")
        yield running


def assert_exactly_once(server, credentials, load):
    """assert_exactly_once ends the load: every push is acknowledged, stored whole and stored once."""
    load.stop()
    stored = server.rows_by_push(credentials)
    acknowledged = set(load.acknowledged)
    assert stored.keys() == acknowledged
    assert set(stored.values()) == {ROWS}
    assert server.ledger(credentials) == (len(acknowledged), ROWS * len(acknowledged))
    assert server.db.value(
        "SELECT count(*) FROM pganalytics.push_ledger WHERE collector_id = %s",
        credentials.collector_id) == server.db.value(
        "SELECT count(DISTINCT push_key) FROM pganalytics.push_ledger WHERE collector_id = %s",
        credentials.collector_id)
    duplicates = sum(duplicate for _, duplicate in load.acknowledged.values())
    print(f"{len(acknowledged)} pushes, {len(load.failures)} tries failed, "
          f"{duplicates} retries found the first receipt")


def test_gateway_killed(server, credentials, load):
    """Sessions are not affected; the first new acknowledgement comes within a second."""
    bystanders = [Database(server.cluster.dsn(product.DATABASE)) for _ in range(5)]
    pids = [one.value("SELECT pg_backend_pid()") for one in bystanders]
    started = server.db.value("SELECT pg_postmaster_start_time()")
    workers = [pid for pid, in server.workers("pid")]
    slowest = 0.0
    for round_number in range(7):  # each dies young
        victims = [gateway for _, gateway in server.workers()]
        assert None not in victims
        killed_at = time.monotonic()
        for victim in victims:  # both at once: no other gateway hides the gap
            os.kill(victim, signal.SIGKILL)
        first = wait_until(lambda: load.first_acknowledgement_after(killed_at + 0.001), 10,
                           "acknowledgement after the kill")
        slowest = max(slowest, first - killed_at)
        wait_until(lambda: server._gateways_differ_from(set(victims)), 10, "new gateways")
    assert slowest < 1.0
    assert server.workers("last_error") == [(None,), (None,)], "what is over is not shown"
    assert all(at is not None for at, in server.workers("last_error_at"))
    assert [one.value("SELECT pg_backend_pid()") for one in bystanders] == pids
    assert server.db.value("SELECT pg_postmaster_start_time()") == started
    assert [pid for pid, in server.workers("pid")] == workers
    for one in bystanders:
        one.close()
    assert_exactly_once(server, credentials, load)
    print(f"{round_number + 1} rounds, slowest first acknowledgement {slowest * 1000:.0f} ms")


@pytest.mark.parametrize("how", ["pg_terminate_backend", "SIGTERM"])
def test_worker_terminated(server, credentials, load, how):
    """A terminated worker ends within two seconds with its gateway, and another one replaces it."""
    slowest = 0.0
    for round_number in range(3):
        server.cluster.wait_until_running()
        worker, gateway = server.workers()[round_number % 2]
        began = time.monotonic()
        if how == "SIGTERM":
            os.kill(worker, signal.SIGTERM)
        else:
            assert server.db.value("SELECT pg_terminate_backend(%s)", worker)
        wait_until(lambda: not server.db.rows(
            "SELECT FROM pg_stat_activity WHERE pid = %s", worker), 10, "exit of the worker")
        slowest = max(slowest, time.monotonic() - began)
        wait_until(lambda: not is_running(gateway), 5, "exit of its gateway")
        wait_until(lambda: worker not in [pid for pid, _ in server.workers()], 10, "a new worker")
    assert slowest < 2.0
    assert_exactly_once(server, credentials, load)
    print(f"{round_number + 1} rounds, slowest exit {slowest * 1000:.0f} ms")


def test_workers_terminated_again_and_again(server, credentials, load):
    """Whoever is told to end does not wait for a back-off, however young it is."""
    slowest = 0.0
    for round_number in range(6):
        server.cluster.wait_until_running()
        victims = [worker for worker, _ in server.workers()]
        began = time.monotonic()
        for victim in victims:  # all at once: no other worker hides the gap
            os.kill(victim, signal.SIGTERM)
        wait_until(lambda: not set(victims) & {pid for pid, _ in server.workers()}, 10, "new workers")
        gone_at = time.monotonic()
        first = wait_until(lambda: load.first_acknowledgement_after(gone_at), 10,
                           "an acknowledgement of a new worker")
        slowest = max(slowest, first - began)
    assert slowest < 2.0
    assert_exactly_once(server, credentials, load)
    print(f"{round_number + 1} rounds, slowest acknowledgement {slowest * 1000:.0f} ms")


def is_running(pid):
    """is_running is false for a zombie whose parent has not reaped it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_server_restarted(server, credentials, load):
    for _ in range(2):
        before = load.count()
        gateways = [gateway for _, gateway in server.workers()]
        began = time.monotonic()
        server.cluster.stop()
        stopped = time.monotonic() - began
        assert stopped < 5.0
        assert not any(is_running(gateway) for gateway in gateways)
        server.cluster.start().wait_until_running()
        wait_until(lambda: load.count() > before + 10, 20, "acknowledgements after the restart")
    assert_exactly_once(server, credentials, load)
    print(f"last fast shutdown took {stopped:.2f} s")


@pytest.mark.crashes
def test_postmaster_killed(server, credentials, load):
    """A crash loses no acknowledged push, although pushes were in every state at that moment."""
    for _ in range(3):
        before = load.count()
        gateways = [gateway for _, gateway in server.workers()]
        server.cluster.stop(signal.SIGKILL)
        wait_until(lambda: not any(is_running(gateway) for gateway in gateways), 5,
                   "exit of the gateways")
        server.cluster.restart().wait_until_running()
        wait_until(lambda: load.count() > before + 10, 20, "acknowledgements after the crash")
    assert_exactly_once(server, credentials, load)


@pytest.mark.crashes
def test_what_a_crash_leaves_is_whole(server, credentials):
    """Before any retry every acknowledged push is stored, and no push is stored in part."""
    load = Load(server.port, server.ca_file, credentials, ROWS, give_up_after=0)
    with load:
        wait_until(lambda: load.count() >= 40, 20, "40 acknowledged pushes")
        server.cluster.stop(signal.SIGKILL)
    server.cluster.restart().wait_until_running()
    stored = server.rows_by_push(credentials)
    assert set(load.acknowledged) <= stored.keys()
    assert set(stored.values()) == {ROWS}
    assert server.ledger(credentials) == (len(stored), ROWS * len(stored))
    print(f"{len(load.acknowledged)} acknowledged, {len(stored)} stored")


def test_extension_dropped_and_created_under_load(make_server):
    """Workers neither block DROP EXTENSION nor fail for ever afterwards."""
    own = make_server("dropped")
    credentials = own.collector()
    slowest = 0.0
    slowest_start = 0.0
    offset = len(own.cluster.log_text())
    rounds = 7  # with a back-off the last would take half a minute
    for i in range(rounds):
        load = Load(own.port, own.ca_file, credentials, ROWS, give_up_after=0)
        with load:
            wait_until(lambda: load.count() >= 10, 30, "10 acknowledged pushes")
            began = time.monotonic()
            own.db.execute("DROP EXTENSION pganalytics CASCADE")
            slowest = max(slowest, time.monotonic() - began)
        # A dump keeps the partitions, because they are no members of the extension: drop them by
        # hand.
        own.db.execute("DROP SCHEMA IF EXISTS pganalytics CASCADE")
        began = time.monotonic()
        own.db.execute("CREATE EXTENSION pganalytics")
        own.cluster.wait_until_running()
        slowest_start = max(slowest_start, time.monotonic() - began)
        credentials = own.collector()
    assert slowest < 5.0
    assert slowest_start < 8.0
    lines = [line for line in own.cluster.log_text()[offset:].splitlines()
             if " ERROR: " in line or " WARNING: " in line or " FATAL: " in line]
    print(f"{rounds} rounds, slowest DROP EXTENSION {slowest * 1000:.0f} ms, "
          f"slowest start {slowest_start * 1000:.0f} ms, {len(lines)} warnings and errors in the log")
    assert len(lines) < 20 * rounds, lines[:10]


def test_other_database_dropped_under_load(server, credentials, load):
    """DROP DATABASE waits until every process has taken part in a barrier: ours must do so quickly."""
    slowest = 0.0
    for i in range(5):
        server.db.execute(f"CREATE DATABASE other_{i}")
        began = time.monotonic()
        server.db.execute(f"DROP DATABASE other_{i}")
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < 1.0
    assert_exactly_once(server, credentials, load)
    print(f"5 databases dropped, slowest {slowest * 1000:.0f} ms")


def test_long_lock_on_the_target(server, credentials, load):
    """While the table is locked pushes soon get 503, and the collector keeps its data."""
    holder = psycopg2.connect(server.cluster.dsn(product.DATABASE))
    with holder.cursor() as cursor:
        cursor.execute("LOCK TABLE pganalytics.query_samples IN ACCESS EXCLUSIVE MODE")
        refused = lambda: any("503" in what for _, _, what in load.failures)  # noqa: E731
        wait_until(refused, 10, "a push refused with 503")
        wait_until(lambda: any("could not store a push" in (error or "")
                               for error, in server.workers("last_error")), 5, "the error in the row")
    holder.rollback()
    holder.close()
    before = load.count()
    wait_until(lambda: load.count() > before + 10, 20, "acknowledgements after the lock")
    wait_until(lambda: server.workers("last_error") == [(None,), (None,)], 10, "no error any more")
    assert_exactly_once(server, credentials, load)


def test_acknowledgement_is_durable_with_synchronous_commit_off(server, credentials):
    """synchronous_commit = off for the database does not affect the ingest workers."""
    server.db.execute(f"ALTER DATABASE {product.DATABASE} SET synchronous_commit = off")
    try:
        before = {worker for worker, _ in server.workers()}
        for worker in before:
            server.db.value("SELECT pg_terminate_backend(%s)", worker)
        wait_until(lambda: not before & {pid for pid, _ in server.workers()}, 10, "new workers")
        server.cluster.wait_until_running()
        with server.client(credentials) as client:
            for i in range(20):
                answer = client.push(push_body(credentials.collector_id, query_rows(5, i)),
                                     f"3:{i}")
                assert answer.status == 200, answer
                flushed = server.db.value("SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn",
                                          answer.receipt["commit_lsn"])
                assert flushed
    finally:
        server.db.execute(f"ALTER DATABASE {product.DATABASE} RESET synchronous_commit")
