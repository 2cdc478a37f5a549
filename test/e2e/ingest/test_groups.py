"""Pushes that share a transaction: a failing push costs the others nothing."""
import datetime
import os
import pathlib
import signal

import pytest

from client import query_rows, rfc3339
from cluster import wait_until
from metric_pushes import UTC, check_accounts, counts, log, minutes_ago, push_of, server_ids


def test_what_an_aborted_transaction_added_is_forgotten(server, client, credentials):
    """The series and the lines of a push that failed are not taken for stored."""
    when = datetime.datetime.now(UTC)
    leaf = f"pganalytics.log_lines_p{when:%Y%m%d}"
    rows = [{"schema": "public", "name": f"t{i}", "live_tuples": i} for i in range(30)]
    tables = {"type": "pg_stats", "timestamp": rfc3339(when), "database": "app", "size_bytes": 1,
              "tables": rows}
    # Makes the day's partition.
    assert client.push(push_of(credentials, log(when, ["first"]))).status == 200
    server.db.execute(f"ALTER TABLE {leaf} ADD CONSTRAINT no_bad CHECK (message <> 'bad')")
    try:
        refused = client.push(push_of(credentials, tables, log(when, ["good", "bad"])))
        assert refused.status == 422, refused
        assert refused.json["sqlstate"] == "23514"
        assert counts(server, credentials)["table_samples"] == 0
        # On the same connection, and so by the same worker with the same caches.
        answer = client.push(push_of(credentials, tables, log(when, ["good"])))
        assert answer.status == 200, answer
        assert (answer.receipt["stored"], answer.receipt["unchanged"]) == (32, 0)
    finally:
        server.db.execute(f"ALTER TABLE {leaf} DROP CONSTRAINT no_bad")
    named = server.db.rows(
        "SELECT m.labels[2] FROM pganalytics.table_samples s "
        "JOIN pganalytics.metric_series m USING (server_id, series_id) WHERE s.server_id = ANY(%s)",
        server_ids(server, credentials))
    assert sorted(named) == sorted((row["name"],) for row in rows)
    check_accounts(server, credentials)


@pytest.mark.parametrize("code, status", [("P0001", 503), ("23514", 422)])
def test_texts_of_errors(server, client, credentials, code, status):
    """A sender reads the text of an ERROR, cut, only if its push is at fault; of others our own words."""
    when = datetime.datetime.now(UTC)
    leaf = f"pganalytics.log_lines_p{when:%Y%m%d}"
    assert client.push(push_of(credentials, log(when, ["first"]))).status == 200
    gateways = server.workers("gateway_pid")
    server.db.execute(f"""
        CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION '/srv/secret %', repeat('x', 2000000) USING ERRCODE = '{code}',
                DETAIL = repeat('/srv/secret', 200000); END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON {leaf} FOR EACH ROW
            EXECUTE FUNCTION public.refuse()""")
    try:
        refused = client.push(push_of(credentials, log(when, ["second"])))
    finally:
        server.db.execute(f"DROP TRIGGER refuse ON {leaf}; DROP FUNCTION public.refuse()")
    assert (refused.status, refused.json["sqlstate"]) == (status, code)
    assert (b"/srv/secret" in refused.raw) == (status == 422) and len(refused.raw) < 5000
    if status == 503:
        assert f"SQLSTATE {code}" in refused.json["detail"]
        wait_until(lambda: "could not store a push: P0001: /srv/secret" in server.cluster.log_text(),
                   what="the text in the log")
    # The answer had a size that a gateway takes.
    assert client.push(push_of(credentials, log(when, ["third"]))).status == 200
    assert server.workers("gateway_pid") == gateways


@pytest.fixture(scope="module")
def one_worker(make_server):
    return make_server("one-worker", ingest_workers="1", batch_size="64")


def unread_bytes(port):
    """unread_bytes gives what waits in the sockets of a port of this machine, either way."""
    waiting = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            _, local, remote, _, queues, *_ = line.split()
            if port in (int(local.split(":")[1], 16), int(remote.split(":")[1], 16)):
                waiting += sum(int(part, 16) for part in queues.split(":"))
    return waiting


def test_bad_push_among_64_costs_only_itself(one_worker):
    """The worker is held until all 64 wait for it, so that they share a group and its commit."""
    server = one_worker
    credentials = server.collector()
    (worker, _), = server.workers()
    clients = [server.client(credentials) for _ in range(64)]
    bad = 37

    def send(n, turn):
        # A user name of 64 bytes is too long for PostgreSQL, which only the INSERT notices.
        rows = [{**row, "user": "u" * 64 if n == bad and turn > 0 else "u"}
                for row in query_rows(5, n + 1, 1 + 5 * n)]
        clients[n].send_push(push_of(
            credentials, log(minutes_ago(1), [f"{turn}/{n}"]),
            {"type": "pg_query_stats", "timestamp": rfc3339(minutes_ago(1)), "database": "app",
             "queries": rows}), f"24:{turn}:{n}")

    def activity():
        return server.db.value("SELECT query FROM pg_stat_activity WHERE pid = %s", worker)

    try:
        # Each connection shows its token first: later pushes need no check by the worker.
        for n in range(64):
            send(n, 0)
            assert clients[n].receive().status == 200
        for turn in range(1, 9):
            os.kill(worker, signal.SIGSTOP)
            try:
                for n in range(64):
                    send(n, turn)
                wait_until(lambda: unread_bytes(server.port) == 0, 10, "a gateway that has read")
            finally:
                os.kill(worker, signal.SIGCONT)
            answers = [client.receive() for client in clients]
            assert [n for n, a in enumerate(answers) if a.status != 200] == [bad]
            assert answers[bad].status == 422, answers[bad]
            assert answers[bad].json["sqlstate"] == "22001"
            assert all(a.receipt["stored"] == 6 for n, a in enumerate(answers) if n != bad)
            assert server.ledger(credentials) == (64 + 63 * turn, 6 * (64 + 63 * turn))
            assert counts(server, credentials)["log_lines"] == 64 + 63 * turn
            # If some frames came too late for the group, try once more.
            if activity() == "storing 64 pushes":
                break
        assert activity() == "storing 64 pushes"
    finally:
        for client in clients:
            client.close()
    check_accounts(server, credentials)
    print(f"{turn} turns until 64 pushes made one group")
