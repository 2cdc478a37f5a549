"""Every metric in its table: what is stored of each push, and what is known to be stored already."""
import concurrent.futures
import datetime
import gzip
import json
import os
import pathlib
import signal

import pytest

from client import query_rows, rfc3339
from cluster import wait_until

FIXTURE = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "v3-collector-push.json.gz"
UTC = datetime.timezone.utc
# Where each relation's rows stand in the body of a v3 collector: type, then the way to the rows; "*"
# is every member of an object.
PLACES = {
    "query_samples": ("pg_query_stats", "queries"),
    "database_samples": ("pg_stats",),
    "table_samples": ("pg_stats", "tables"),
    "index_samples": ("pg_stats", "indexes"),
    "host_samples": ("sysstat",),
    "disk_io_samples": ("sysstat", "disk_io"),
    "filesystem_samples": ("disk_usage", "filesystems"),
    "log_lines": ("pg_log", "entries"),
    "replication_slot_samples": ("pg_replication", "replication_slots"),
    "replication_samples": ("pg_replication", "replication_status"),
    "wal_samples": ("pg_replication", "wal_status"),
    "wraparound_samples": ("pg_replication", "wraparound_risk"),
    "subscription_samples": ("pg_replication", "logical_subscriptions"),
    "collection_error_samples": ("pg_replication", "collection_errors"),
    "schema_samples": ("pg_schema", "databases", "*", "*"),
    "lock_samples": ("pg_locks", "databases", "*", "active_locks"),
    "lock_wait_samples": ("pg_locks", "databases", "*", "lock_wait_chains"),
    "blocking_query_samples": ("pg_locks", "databases", "*", "blocking_queries"),
    "table_bloat_samples": ("pg_bloat", "databases", "*", "table_bloat"),
    "index_bloat_samples": ("pg_bloat", "databases", "*", "index_bloat"),
    "table_cache_samples": ("pg_cache", "databases", "*", "table_cache_hit"),
    "index_cache_samples": ("pg_cache", "databases", "*", "index_cache_hit"),
    "connection_samples": ("pg_connections", "databases", "*", "connection_stats", "by_state"),
    "connection_total_samples": ("pg_connections", "databases", "*", "connection_stats"),
    "long_transaction_samples": ("pg_connections", "databases", "*", "long_running_transactions"),
    "idle_transaction_samples": ("pg_connections", "databases", "*", "idle_transactions"),
    "extension_samples": ("pg_extensions", "databases", "*", "extensions"),
    "statements_info_samples": ("pg_stat_statements_info",),
    "unknown_metric_samples": ("pg_of_tomorrow",),
}
CHANGES = ("extension_samples", "schema_samples")


def rows_at(value, path, names=()):
    """rows_at gives (names of the members passed, row) for each row at the end of a path."""
    if not path:
        return [(names, row) for row in value] if isinstance(value, list) else [(names, value)]
    if path[0] == "*":
        return [found for name, member in value.items()
                for found in rows_at(member, path[1:], names + (name,))]
    return rows_at(value[path[0]], path[1:], names) if path[0] in value else []


def rows_of(document, relation):
    """rows_of gives (database, time, names, row as JSON) for each row of a relation."""
    kind, *path = PLACES[relation]
    return [(metric.get("database"), metric["timestamp"], names, json.dumps(row, sort_keys=True))
            for metric in document["metrics"] if metric["type"] == kind
            for names, row in rows_at(metric, path)]


def observed_rows(document):
    return {relation: len(rows_of(document, relation)) for relation in PLACES}


def stored_rows(document):
    """stored_rows says how many rows of each relation a first push of the document leaves."""
    expected = {}
    for relation in PLACES:
        rows = rows_of(document, relation)
        if relation == "query_samples":
            # Rows of one identity and time are merged.
            rows = {(database, when, json.loads(row)["hash"]) for database, when, _, row in rows}
        elif relation == "log_lines":
            rows = {(database, *(json.loads(row)[key] for key in ("level", "message")))
                    for database, _, _, row in rows}
        elif relation in CHANGES:
            # The fixture's samples are all alike.
            rows = {(names, row) for _, _, names, row in rows}
        expected[relation] = len(rows)
    return expected


def counts(server, credentials):
    """counts gives the rows that are really there, by relation."""
    union = " UNION ALL ".join(
        f"SELECT '{relation}', count(*)::int FROM pganalytics.{relation} WHERE server_id = ANY(%s)"
        for relation in PLACES)
    return dict(server.db.rows(union, *[server_ids(server, credentials)] * len(PLACES)))


def server_ids(server, credentials):
    return [i for i, in server.db.rows(
        "SELECT server_id FROM pganalytics.servers WHERE collector_id = %s",
        credentials.collector_id)]


def push_of(credentials, *metrics):
    return {"collector_id": credentials.collector_id, "hostname": "db-host-01", "version": "3.0.0",
            "timestamp": rfc3339(datetime.datetime.now(UTC)), "metrics_count": len(metrics),
            "metrics": list(metrics)}


def minutes_ago(minutes):
    return datetime.datetime.now(UTC).replace(microsecond=0) - datetime.timedelta(minutes=minutes)




def more_metrics(when):
    """more_metrics has a row of each relation of which the recorded push has few or none."""
    at = {"timestamp": rfc3339(when)}
    started = rfc3339(when - datetime.timedelta(hours=1))
    session = {"pid": 4711, "username": "änn", "database": "app", "state": "active",
               "query": "SELECT '💡'", "query_start": started, "application_name": "psql",
               "client_address": "10.0.0.7", "backend_start": started, "duration_seconds": 2.5}
    table = {"schema": "public", "table": "t", "dead_tuples": 1, "live_tuples": 2,
             "dead_ratio_percent": 33.3, "table_size": "8192 bytes", "space_wasted_percent": 1.5,
             "last_vacuum": started, "vacuum_count": 3, "autovacuum_count": 0}
    return [
        {"type": "pg_log", "database": "app", **at, "entries": [
            {"timestamp": started, "level": "ERROR", "message": "relation \"ü\" does not exist"},
            {"timestamp": started, "level": "LOG", "message": ""}]},
        {"type": "pg_replication", **at, "replication_slots": [
            {"slot_name": "s1", "slot_type": "physical", "active": True,
             "restart_lsn": "16/B374D848", "confirmed_flush_lsn": "FFFFFFFF/FFFFFFFF",
             "wal_retained_mb": 1.5, "plugin_active": False, "backend_pid": 7,
             "bytes_retained": 1 << 40}],
         "replication_status": [
             {"server_pid": 9, "usename": "rep", "application_name": "standby",
              "client_addr": "10.0.0.8", "state": "streaming", "sync_state": "async",
              "write_lsn": "0/1", "flush_lsn": "0/0", "replay_lsn": "0/0", "write_lag_ms": 0.25,
              "flush_lag_ms": 0, "replay_lag_ms": 1, "behind_by_mb": 0, "backend_start": started}],
         "wraparound_risk": [{"database": "app", "relfrozenxid": 700, "current_xid": 4000000000,
                              "xid_until_wraparound": 1, "percent_until_wraparound": 0.5,
                              "at_risk": False, "tables_needing_vacuum": 0,
                              "oldest_table_age": 5}],
         "logical_subscriptions": [{"name": "sub", "enabled": True, "slots": ["a", {"b": None}]}],
         "collection_errors": ["could not read \"pg_stat_wal\"", {"code": 1.50}]},
        {"type": "pg_locks", **at, "databases": {"app": {
            "active_locks": [{"pid": 1, "usesysid": 10, "username": "u", "locktype": "relation",
                              "mode": "AccessShareLock", "granted": True, "database": 5,
                              "relation": 1259, "lock_age_seconds": 0.5, "state": "active",
                              "query": "SELECT 1"}],
            "lock_wait_chains": [{"blocked_pid": 1, "blocked_user": "a", "blocking_pid": 2,
                                  "blocking_user": "b", "blocked_query": "x",
                                  "blocking_query": "y", "blocked_application": "",
                                  "blocking_application": "z", "wait_time_seconds": 9.75}],
            "blocking_queries": [session]}}},
        {"type": "pg_bloat", **at, "databases": {"app": {
            "table_bloat": [table],
            "index_bloat": [{"schema": "public", "table": "t", "index_name": "t_pkey", "scans": 0,
                             "tuples_read": 0, "tuples_fetched": 0, "index_size": "16 kB",
                             "usage_status": "UNUSED", "recommendation": "drop it"}]}}},
        {"type": "pg_connections", **at, "databases": {"app": {
            "long_running_transactions": [session], "idle_transactions": [session]}}},
        {"type": "pg_stat_statements_info", **at, "statements": 999, "max": 5000, "dealloc": 3,
         "stats_reset": started},
        {"type": "pg_of_tomorrow", **at, "deep": {"list": [1, 2.50, "ü", None, {}]}},
    ]


@pytest.fixture(scope="module")
def today():
    """today is the first second of this UTC day: samples may lie on either side of it."""
    return datetime.datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def at(day, seconds):
    return day + datetime.timedelta(seconds=seconds)


def whole_push(credentials, when):
    """whole_push is the recorded push, as this collector would have sent it then, and more."""
    text = gzip.decompress(FIXTURE.read_bytes()).decode()
    document = json.loads(text.replace("2026-11-22T08:54:", when.strftime("%Y-%m-%dT%H:%M:")))
    document["collector_id"] = credentials.collector_id
    document["metrics"] += more_metrics(when)
    document["metrics_count"] = len(document["metrics"])
    assert all(observed_rows(document).values()), observed_rows(document)
    return document


def check_accounts(server, credentials):
    """check_accounts holds the ledger to the rows by database, and each to the equation."""
    ids = server_ids(server, credentials)
    columns = ("observed", "stored", "unchanged", "merged", "discarded_too_old",
               "discarded_in_future", "discarded_too_large")
    sums = ", ".join(f"sum({name})::int" for name in columns)
    ledger = server.db.row(
        f"SELECT {sums} FROM pganalytics.push_ledger WHERE server_id = ANY(%s)", ids)
    accounts = server.db.row(
        f"SELECT {sums} FROM pganalytics.push_accounts WHERE server_id = ANY(%s)", ids)
    assert ledger == accounts
    assert ledger[0] == sum(ledger[1:])
    assert ledger[1] == sum(counts(server, credentials).values())
    return dict(zip(columns, ledger))


def test_fixture_and_more_are_stored_completely(server, client, credentials, today):
    document = whole_push(credentials, at(today, -7200))
    answer = client.push(document)
    assert answer.status == 200, answer
    assert counts(server, credentials) == stored_rows(document)
    assert answer.receipt["observed"] == sum(observed_rows(document).values())
    assert answer.receipt["discarded"] == {"too_old": 0, "in_future": 0, "too_large": 0}
    check_accounts(server, credentials)
    # What every push repeats is not stored again; a sample of another minute is.
    again = whole_push(credentials, at(today, -3600))
    assert client.push(again).status == 200
    expected = {relation: n if relation in CHANGES + ("log_lines",) else 2 * n
                for relation, n in stored_rows(document).items()}
    assert counts(server, credentials) == expected
    check_accounts(server, credentials)


def test_values_of_every_type_arrive(server, client, credentials):
    when = minutes_ago(3)
    assert client.push(push_of(credentials, *more_metrics(when))).status == 200
    ids = server_ids(server, credentials)

    def row(columns, relation, condition="true"):
        return server.db.row(f"SELECT {columns} FROM pganalytics.{relation} "
                             f"WHERE server_id = ANY(%s) AND {condition}", ids)

    assert row("restart_lsn::text, confirmed_flush_lsn::text, bytes_retained, active",
               "replication_slot_samples") == (
        "16/B374D848", "FFFFFFFF/FFFFFFFF", 1 << 40, True)
    assert row("write_lsn::text, flush_lsn::text, write_lag_ms", "replication_samples") == (
        "0/1", "0/0", 0.25)
    # JSON as it came: neither the order of members nor the digits of numbers have changed.
    assert row("metric ->> 'deep'", "unknown_metric_samples")[0].replace(" ", "") == (
        '{"list":[1,2.5,"\\u00fc",null,{}]}')
    assert row("type", "unknown_metric_samples") == ("pg_of_tomorrow",)
    assert row("subscription ->> 'slots'", "subscription_samples")[0].replace(" ", "") == (
        '["a",{"b":null}]')
    assert row("username, query, duration_seconds, query_start", "long_transaction_samples") == (
        "änn", "SELECT '💡'", 2.5, when - datetime.timedelta(hours=1))
    assert row("level, message, sampled_at", "log_lines", "level = 'ERROR'") == (
        "ERROR", 'relation "ü" does not exist', when)
    # An absent text is NULL, an empty one is empty.
    assert row("message", "log_lines", "level = 'LOG'") == ("",)
    assert row("last_autovacuum", "table_bloat_samples") == (None,)
    assert row("vacuum_count, autovacuum_count", "table_bloat_samples") == (3, None)
    # The hash is what its comment says, so that SQL can look for a line.
    assert row("content_hash = ('x' || encode(substr(sha256(convert_to(level, 'UTF8') || '\\x00' "
               "|| convert_to(message, 'UTF8') || '\\x00'), 1, 8), 'hex'))::bit(64)::bigint",
               "log_lines", "level = 'ERROR'") == (True,)
    labels = server.db.rows(
        "SELECT m.labels, d.name, m.label_hash = encode(substr(sha256(convert_to('public', 'UTF8') "
        "|| '\\x00' || convert_to('t', 'UTF8') || '\\x00'), 1, 16), 'hex')::uuid "
        "FROM pganalytics.metric_series m JOIN pganalytics.databases d USING (database_id) "
        "WHERE m.server_id = ANY(%s) AND m.relation = 'table_bloat_samples'", ids)
    assert labels == [(["public", "t"], "app", True)]


def dump(server, credentials):
    """dump gives every row of every relation with its labels in place of numbers."""
    ids = server_ids(server, credentials)
    tables = {}
    for relation in PLACES:
        series = "query_series" if relation == "query_samples" else "metric_series"
        names = ("q.queryid::text, q.username" if relation == "query_samples"
                 else "q.labels::text, q.relation")
        tables[relation] = server.db.rows(
            f"SELECT {names}, d.name, (to_jsonb(s) - 'series_id' - 'server_id')::text "
            f"FROM pganalytics.{relation} s JOIN pganalytics.{series} q USING (server_id, series_id) "
            "LEFT JOIN pganalytics.databases d USING (database_id) "
            "WHERE s.server_id = ANY(%s) ORDER BY 1, 2, 3, 4", ids)
    return tables


def test_all_ways_of_inserting_store_the_same(server):
    dumps = []
    when = minutes_ago(5)
    for path in ("direct", "copy", "spi"):
        credentials = server.collector()
        server.configure(ingest_path=path)
        try:
            document = whole_push(credentials, when)
            with server.client(credentials) as client:
                assert client.push(document).status == 200
        finally:
            server.configure(ingest_path="auto")
        assert counts(server, credentials) == stored_rows(document)
        dumps.append(dump(server, credentials))
    assert sum(map(len, dumps[0].values())) > 400
    for relation in PLACES:
        assert dumps[0][relation] == dumps[1][relation] == dumps[2][relation], relation


def extensions(when, **databases):
    """extensions is a pg_extensions metric: for each database the versions by name."""
    return {"type": "pg_extensions", "timestamp": rfc3339(when), "databases": {
        database: {"extensions": [{"name": name, "version": version, "owner": "postgres",
                                   "schema": "public", "relocatable": True}
                                  for name, version in versions.items()]}
        for database, versions in databases.items()}}


class Extensions:
    """Extensions pushes samples of one collector and says what is stored of them."""

    def __init__(self, server, client, credentials):
        self.server, self.client, self.credentials = server, client, credentials

    def push(self, *metrics):
        answer = self.client.push(push_of(self.credentials, *metrics))
        assert answer.status == 200, answer
        check_accounts(self.server, self.credentials)
        return answer.receipt["stored"], answer.receipt["unchanged"]

    def stored(self):
        return self.server.db.rows(
            "SELECT m.labels[1], s.version, s.sampled_at FROM pganalytics.extension_samples s "
            "JOIN pganalytics.metric_series m USING (server_id, series_id) "
            "WHERE s.server_id = ANY(%s) ORDER BY 3, 1, 2",
            server_ids(self.server, self.credentials))

    def gone(self):
        return dict(self.server.db.rows(
            "SELECT labels[1], gone_at FROM pganalytics.metric_series "
            "WHERE server_id = ANY(%s) AND gone_at IS NOT NULL",
            server_ids(self.server, self.credentials)))


@pytest.fixture
def watched(server, client, credentials):
    return Extensions(server, client, credentials)


def test_extensions_are_stored_when_they_change(watched, today):
    assert watched.push(extensions(at(today, 1), app={"a": "1", "b": "1"})) == (2, 0)
    assert watched.push(extensions(at(today, 2), app={"a": "1", "b": "1"})) == (0, 2)
    # One changes, one is new, one vanishes.
    assert watched.push(extensions(at(today, 3), app={"a": "2", "c": "1"})) == (2, 0)
    assert watched.gone() == {"b": at(today, 3)}
    assert watched.push(extensions(at(today, 4), app={"a": "2", "c": "1"})) == (0, 2)
    assert watched.gone() == {"b": at(today, 3)}
    # It comes back as it was, and is stored.
    assert watched.push(extensions(at(today, 5), app={"a": "2", "b": "1", "c": "1"})) == (1, 2)
    assert watched.gone() == {}
    assert watched.push(extensions(at(today, 6), app={"a": "2", "b": "1", "c": "1"})) == (0, 3)
    assert watched.stored() == [
        ("a", "1", at(today, 1)), ("b", "1", at(today, 1)), ("a", "2", at(today, 3)),
        ("c", "1", at(today, 3)), ("b", "1", at(today, 5))]


def test_changes_within_one_push(watched, today):
    """An old collector sends some hundred samples in a push, in any order, and each about twice."""
    samples = [extensions(at(today, second), app={"a": "1"} if second < 4 else {"a": "2", "b": "1"})
               for second in (3, 1, 1, 2, 6, 4, 5, 5)]
    assert watched.push(*samples) == (3, 9)
    assert watched.stored() == [("a", "1", at(today, 1)), ("a", "2", at(today, 4)),
                                ("b", "1", at(today, 4))]
    # Gone since the first sample without it, however many follow.
    assert watched.push(extensions(at(today, 7), app={"a": "2", "b": "1"}),
                        extensions(at(today, 9), app={"a": "2"}),
                        extensions(at(today, 8), app={"a": "2"})) == (0, 4)
    assert watched.gone() == {"b": at(today, 8)}


def test_other_databases_are_not_gone(watched, today):
    assert watched.push(extensions(at(today, 1), app={"a": "1"}, shop={"a": "1", "b": "1"})) == (3, 0)
    assert watched.push(extensions(at(today, 2), app={"a": "1"})) == (0, 1)
    assert watched.gone() == {}
    assert watched.push(extensions(at(today, 3), app={"a": "1"}, shop={"a": "1"})) == (0, 2)
    assert watched.gone() == {"b": at(today, 3)}


def test_first_sample_of_a_day_is_stored(watched, today):
    """Each day stands for itself: the day before may have been dropped."""
    assert watched.push(extensions(at(today, -20), app={"a": "1"}),
                        extensions(at(today, -10), app={"a": "1"})) == (1, 1)
    assert watched.push(extensions(at(today, 0), app={"a": "1"})) == (1, 0)
    assert watched.push(extensions(at(today, 10), app={"a": "1"})) == (0, 1)
    assert watched.stored() == [("a", "1", at(today, -20)), ("a", "1", at(today, 0))]


def test_late_retry_does_not_turn_time_back(watched, today):
    assert watched.push(extensions(at(today, 10), app={"a": "2", "b": "1"})) == (2, 0)
    # An older sample said something else of one, and nothing of the other.
    assert watched.push(extensions(at(today, 5), app={"a": "1"})) == (1, 0)
    assert watched.gone() == {}
    assert watched.push(extensions(at(today, 6), app={"a": "2", "b": "1"})) == (0, 2)
    # The newest is still known.
    assert watched.push(extensions(at(today, 11), app={"a": "2", "b": "1"})) == (0, 2)
    assert watched.push(extensions(at(today, 12), app={"a": "2"})) == (0, 1)
    assert watched.push(extensions(at(today, 11), app={"a": "2", "b": "1"})) == (1, 1)
    assert watched.gone() == {"b": at(today, 12)}
    assert watched.stored() == [
        ("a", "1", at(today, 5)), ("a", "2", at(today, 10)), ("b", "1", at(today, 10)),
        ("b", "1", at(today, 11))]


def test_rows_of_one_series_are_a_set(server, client, credentials, today):
    """Triggers of one name and several events have one series: their rows are compared together."""
    def schema(seconds, *definitions):
        return push_of(credentials, {
            "type": "pg_schema", "timestamp": rfc3339(at(today, seconds)), "databases": {"app": {
                "triggers": [{"schema": "public", "table": "t", "name": "g", "event": event}
                             for event in definitions]}}})

    def push(*arguments):
        answer = client.push(schema(*arguments))
        assert answer.status == 200, answer
        return answer.receipt["stored"], answer.receipt["unchanged"]

    assert push(1, "INSERT", "UPDATE") == (2, 0)
    assert push(2, "UPDATE", "INSERT", "UPDATE") == (0, 3)
    assert push(3, "UPDATE", "DELETE") == (2, 0)
    assert push(4, "DELETE") == (1, 0)
    assert push(5, "DELETE", "DELETE") == (0, 2)
    check_accounts(server, credentials)


def test_one_change_seen_by_two_workers_is_stored_once(server, credentials, today):
    """Each client has its own connection, which the kernel deals to either worker's socket."""
    senders = 8
    clients = [server.client(credentials) for _ in range(senders)]
    try:
        with concurrent.futures.ThreadPoolExecutor(senders) as executor:
            for version in range(10):
                # All of one time: whoever comes first stores it.
                body = extensions(at(today, version + 1), app={
                    f"e{n}": str(version) for n in range(5)}, shop={"a": str(version)})
                answers = list(executor.map(
                    lambda c, b=body: c.push(push_of(credentials, b), f"21:{id(c)}:{version}"),
                    clients))
                assert {a.status for a in answers} == {200}, answers
                assert sum(a.receipt["stored"] for a in answers) == 6
                assert sum(a.receipt["unchanged"] for a in answers) == 6 * (senders - 1)
    finally:
        for client in clients:
            client.close()
    check_accounts(server, credentials)
    assert counts(server, credentials)["extension_samples"] == 60


def log(when, lines, database="app"):
    return {"type": "pg_log", "timestamp": rfc3339(when), "database": database,
            "entries": [{"timestamp": "2026-01-01T00:00:00Z", "level": "LOG", "message": line}
                        for line in lines]}


def test_repeated_log_lines_are_stored_once(server, client, credentials):
    when = minutes_ago(10)

    def push(one, *metrics):
        answer = one.push(push_of(credentials, *metrics))
        assert answer.status == 200, answer
        return answer.receipt["stored"], answer.receipt["unchanged"]

    lines = [f"line {i}" for i in range(100)]
    # Within a push, and in the pushes that follow.
    assert push(client, *(log(at(when, i), lines) for i in range(20))) == (100, 1900)
    assert push(client, log(at(when, 30), lines)) == (0, 100)
    assert push(client, log(at(when, 31), lines[1:] + ["line 100"])) == (1, 99)
    # Of another database it is another line.
    assert push(client, log(at(when, 32), lines[:3], "shop")) == (3, 0)
    # Both workers know it, not only the one that has stored it.
    pushed = {pid: 0 for pid, _ in server.workers("pid, pushes")}
    for _ in range(40):
        before = dict(server.workers("pid, pushes"))
        with server.client(credentials) as other:
            assert push(other, log(at(when, 33), lines)) == (0, 100)
        wait_until(lambda b=before: dict(server.workers("pid, pushes")) != b, 5, "a counted push")
        for pid, count in server.workers("pid, pushes"):
            pushed[pid] += count - before[pid]
        if all(pushed.values()):
            break
    assert all(pushed.values()), pushed
    assert counts(server, credentials)["log_lines"] == 104
    assert server.db.value(
        "SELECT count(DISTINCT (series_id, content_hash))::int FROM pganalytics.log_lines "
        "WHERE server_id = ANY(%s)", server_ids(server, credentials)) == 104
    check_accounts(server, credentials)


def test_one_line_seen_by_two_workers_is_stored_once(server, credentials):
    senders = 8
    when = minutes_ago(10)
    clients = [server.client(credentials) for _ in range(senders)]
    try:
        with concurrent.futures.ThreadPoolExecutor(senders) as executor:
            for turn in range(12):
                lines = [f"turn {turn}, line {i}" for i in range(50)]
                answers = list(executor.map(
                    lambda n, x=lines, t=turn: clients[n].push(
                        push_of(credentials, log(at(when, n), x if n % 2 else x[::-1])),
                        f"22:{n}:{t}"),
                    range(senders)))
                assert {a.status for a in answers} == {200}, answers
                assert sum(a.receipt["stored"] for a in answers) == 50
    finally:
        for client in clients:
            client.close()
    assert counts(server, credentials)["log_lines"] == 600
    check_accounts(server, credentials)


def test_line_is_stored_again_when_the_first_has_expired(server, client, credentials):
    """A quiet server's log is sent for weeks: what retention has dropped comes back."""
    old = datetime.datetime.now(UTC) - datetime.timedelta(days=3)
    assert client.push(push_of(credentials, log(old, ["a", "b"]))).receipt["stored"] == 2
    again = push_of(credentials, log(minutes_ago(1), ["a"]))
    assert client.push(again).receipt["unchanged"] == 1
    server.configure(retention_logs="2")
    try:
        with server.client(credentials) as other:
            assert other.push(push_of(credentials, log(minutes_ago(1), ["a", "b"]))).receipt[
                "stored"] == 2
    finally:
        server.configure(retention_logs="7")


def test_windows_are_those_of_the_settings(server, client, credentials):
    """Each family has its own: rows outside are discarded, counted, by database."""
    def metrics(days):
        when = datetime.datetime.now(UTC) - datetime.timedelta(days=days)
        return [log(when, [f"{days}"]), extensions(when, app={f"e{days}": "1"}),
                {"type": "pg_query_stats", "timestamp": rfc3339(when), "database": "app",
                 "queries": query_rows(1, 1)}]

    for days, discarded in ((6.9, 0), (7.1, 1), (13.9, 1), (14.1, 2), (29.9, 2), (30.1, 3)):
        answer = client.push(push_of(credentials, *metrics(days)))
        assert answer.status == 200, answer
        assert answer.receipt["discarded"]["too_old"] == discarded, days
        assert answer.receipt["stored"] == 3 - discarded
    answer = client.push(push_of(credentials, *metrics(-1.1), *metrics(-0.9)))
    assert answer.receipt["discarded"]["in_future"] == 3
    assert answer.receipt["stored"] == 3
    sums = check_accounts(server, credentials)
    assert (sums["discarded_too_old"], sums["discarded_in_future"]) == (9, 3)


def test_what_an_aborted_transaction_added_is_forgotten(server, client, credentials):
    """The series and the lines of a push that failed are not taken for stored."""
    leaf = server.db.value("SELECT format('pganalytics.log_lines_p%s', "
                           "to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD'))")
    when = datetime.datetime.now(UTC)
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


def test_limit_of_queries_travels_with_the_receipt(server, client, credentials):
    def push(number):
        body = {**push_of(credentials, {
            "type": "pg_query_stats", "timestamp": rfc3339(at(when, number)), "database": "app",
            "queries": query_rows(20, number)}), "timestamp": rfc3339(when)}
        answer = client.push(body, f"23:{number}")
        assert answer.status == 200, answer
        return answer.receipt["duplicate"], answer.receipt["stored"], answer.receipt["merged"]

    def limit(queries):
        server.db.execute("UPDATE pganalytics.collectors SET max_queries_per_db = %s "
                          "WHERE collector_id = %s", queries, credentials.collector_id)

    when = minutes_ago(10)
    # The gateway learns a collector's limit with its token, then from each receipt.
    limit(15)
    assert push(1) == (False, 16, 4)
    limit(12)
    assert push(2) == (False, 16, 4)
    assert push(3) == (False, 13, 7)
    # That of a duplicate tells it too; no limit of its own is that of all.
    limit(None)
    assert push(3) == (True, 13, 7)
    assert push(4) == (False, 20, 0)
    check_accounts(server, credentials)


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

    def push(n, turn):
        # PostgreSQL can hold no name of 64 bytes: an error that only the tables can find.
        rows = [{**row, "user": "u" * 64 if n == bad and turn > 0 else "u"}
                for row in query_rows(5, n + 1, 1 + 5 * n)]
        return clients[n].push(push_of(
            credentials, log(minutes_ago(1), [f"{turn}/{n}"]),
            {"type": "pg_query_stats", "timestamp": rfc3339(minutes_ago(1)), "database": "app",
             "queries": rows}), f"24:{turn}:{n}")

    def activity():
        return server.db.value("SELECT query FROM pg_stat_activity WHERE pid = %s", worker)

    try:
        with concurrent.futures.ThreadPoolExecutor(64) as executor:
            # Each connection has shown its token: what follows needs no word of the worker.
            assert {a.status for a in executor.map(lambda n: push(n, 0), range(64))} == {200}
            for turn in range(1, 9):
                os.kill(worker, signal.SIGSTOP)
                try:
                    answers = [executor.submit(push, n, turn) for n in range(64)]
                    wait_until(lambda: unread_bytes(server.port) == 0, 10, "a gateway that has read")
                finally:
                    os.kill(worker, signal.SIGCONT)
                answers = [answer.result() for answer in answers]
                assert [n for n, a in enumerate(answers) if a.status != 200] == [bad]
                assert answers[bad].status == 422, answers[bad]
                assert answers[bad].json["sqlstate"] == "22001"
                assert all(a.receipt["stored"] == 6 for n, a in enumerate(answers) if n != bad)
                assert server.ledger(credentials) == (64 + 63 * turn, 6 * (64 + 63 * turn))
                assert counts(server, credentials)["log_lines"] == 64 + 63 * turn
                # What the gateway had still in hand may have come a turn later: then once more.
                if activity() == "storing 64 pushes":
                    break
            assert activity() == "storing 64 pushes"
    finally:
        for client in clients:
            client.close()
    check_accounts(server, credentials)
    print(f"{turn} turns until 64 pushes made one group")
