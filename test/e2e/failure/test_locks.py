"""Locks that other sessions hold: they cost only what needs the locked table, and some cost nothing."""
import contextlib
import time

import psycopg2
import pytest

import lock_trial
import product
from client import push_body, query_rows


@contextlib.contextmanager
def guest(server):
    """guest is a session of a role without any privilege but that to connect."""
    server.db.execute("DROP ROLE IF EXISTS guest")
    server.db.execute("CREATE ROLE guest LOGIN")
    session = psycopg2.connect(server.cluster.dsn(product.DATABASE) + " user=guest")
    session.autocommit = True
    try:
        yield session.cursor()
    finally:
        session.close()
        server.db.execute("DROP ROLE guest")


def test_lock_on_a_target(server):
    """Short form of long/test_locks.py: only pushes that need the table are refused, and at once."""
    waits = lock_trial.run(server, seconds=4, pushers=8)
    # A worker waits once for lock_timeout. The limits leave room for a busy machine.
    assert waits["locked"][-1] < 1.0
    assert waits["locked"][len(waits["locked"]) // 2] < 0.3
    assert waits["others"][int(len(waits["others"]) * 0.9)] < 0.3


@pytest.mark.parametrize("table", ["collectors", "push_ledger", "query_series"])
def test_lock_on_a_table_of_all_pushes(server, credentials, table):
    """What every push needs is refused at once, too, and stored once the lock is gone."""
    with server.client(credentials) as client:
        body = push_body(credentials.collector_id, query_rows(3, 1))
        assert client.push(body, "1:0").status == 200
        with lock_trial.locked(server, table):
            for i in range(6):  # more than there are workers
                answer = client.push(body, f"1:{i + 1}")
                assert answer.status == 503, answer
                assert answer.headers["retry-after"] == "1"
            assert f'"{table}" is locked' in answer.json["detail"]
            if table == "collectors":  # every request of a collector needs it
                answer = client.request("GET", "/api/v1/metrics/health",
                                        headers={"Authorization": f"Bearer {credentials.token}"})
                assert answer.status == 503 and f'"{table}" is locked' in answer.json["detail"]
        for i in range(6):
            answer = client.push(body, f"1:{i + 1}")
            assert answer.status == 200 and not answer.receipt["duplicate"], answer
    assert server.ledger(credentials) == (7, 21)


def test_lock_on_a_row(server, credentials):
    """A worker cannot know which pushes need a row, so after one wait it waits a short time only."""
    with server.client(credentials) as client:
        body = push_body(credentials.collector_id, query_rows(3, 1))
        assert client.push(body, "1:0").status == 200
        holder = psycopg2.connect(server.cluster.dsn(product.DATABASE))
        holder.cursor().execute("SELECT FROM pganalytics.servers WHERE collector_id = %s FOR UPDATE",
                                (credentials.collector_id,))
        body["version"] = "3.0.1"  # the worker writes it into the row
        waits = []
        for i in range(8):
            began = time.monotonic()
            answer = client.push(body, f"1:{i + 1}")
            waits.append(time.monotonic() - began)
            assert answer.status == 503, answer
        assert sum(wait > 0.3 for wait in waits) <= 2, waits  # there are two workers
        holder.rollback()
        assert client.push(body, "1:1").status == 200
        holder.close()


def test_advisory_locks_of_a_guest_stop_no_push(server, credentials):
    """Any role may take advisory locks, so no push waits for one."""
    log = {"type": "pg_log", "database": "app", "entries": [
        {"timestamp": "2026-01-01T00:00:00Z", "level": "ERROR", "message": "one"}]}
    extensions = {"type": "pg_extensions", "databases": {"app": {"extensions": [
        {"name": "hstore", "version": "1.8", "owner": "o", "schema": "s", "relocatable": True}]}}}
    with server.client(credentials) as client, guest(server) as cursor:
        body = push_body(credentials.collector_id, query_rows(3, 1))
        for metric in (log, extensions):
            body["metrics"].append({**metric, "timestamp": body["timestamp"]})
        body["metrics_count"] = 3
        assert client.push(body, "1:1").status == 200
        server_id = server.db.value("SELECT server_id FROM pganalytics.servers "
                                    "WHERE collector_id = %s", credentials.collector_id)
        # The keys that workers used: the bytes "pg" with the number of the metric, and the server.
        cursor.execute("SELECT pg_advisory_lock((x'70670000'::int | m), %s) FROM generate_series(0, 63) m",
                       (server_id,))
        body["metrics"][1]["entries"][0]["message"] = "two"
        body["metrics"][2]["databases"]["app"]["extensions"][0]["version"] = "1.9"
        answer = client.push(body, "1:2")
        assert answer.status == 200, answer
        assert answer.receipt["stored"] == 5
        assert not server.db.rows("SELECT FROM pg_locks l JOIN pg_stat_activity USING (pid) "
                                  "WHERE locktype = 'advisory' AND backend_type LIKE 'pganalytics%%'")
