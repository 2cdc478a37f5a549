"""Pushes with every metric, the rows that they must leave, and the rows that they left."""
import datetime
import gzip
import json
import pathlib

from client import rfc3339

FIXTURE = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "v3-collector-push.json.gz"
UTC = datetime.timezone.utc
# Where each relation's rows stand in the body of a v3 collector: type, then the path to the rows;
# "*" means every member of an object.
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
    """rows_at gives (names of the members on the path, row) for each row at the end of a path."""
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
    """stored_rows gives the number of rows of each relation that the first push of a document must leave."""
    expected = {}
    for relation in PLACES:
        rows = rows_of(document, relation)
        if relation == "query_samples":
            # Rows with the same identity and time are merged.
            rows = {(database, when, json.loads(row)["hash"]) for database, when, _, row in rows}
        elif relation == "log_lines":
            rows = {(database, *(json.loads(row)[key] for key in ("level", "message")))
                    for database, _, _, row in rows}
        elif relation in CHANGES:
            # All samples in the fixture are equal, and equal samples are stored once.
            rows = {(names, row) for _, _, names, row in rows}
        expected[relation] = len(rows)
    return expected


def server_ids(server, credentials):
    return [i for i, in server.db.rows(
        "SELECT server_id FROM pganalytics.servers WHERE collector_id = %s",
        credentials.collector_id)]


def counts(server, credentials):
    """counts counts the rows in the tables, by relation."""
    union = " UNION ALL ".join(
        f"SELECT '{relation}', count(*)::int FROM pganalytics.{relation} WHERE server_id = ANY(%s)"
        for relation in PLACES)
    return dict(server.db.rows(union, *[server_ids(server, credentials)] * len(PLACES)))


def push_of(credentials, *metrics):
    return {"collector_id": credentials.collector_id, "hostname": "db-host-01", "version": "3.0.0",
            "timestamp": rfc3339(datetime.datetime.now(UTC)), "metrics_count": len(metrics),
            "metrics": list(metrics)}


def minutes_ago(minutes):
    return datetime.datetime.now(UTC).replace(microsecond=0) - datetime.timedelta(minutes=minutes)


def at(day, seconds):
    return day + datetime.timedelta(seconds=seconds)


def more_metrics(when):
    """more_metrics has a row for each relation that the recorded push has few or no rows of."""
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


def whole_push(credentials, when):
    """whole_push is the recorded push as this collector would have sent it then, and more_metrics()."""
    text = gzip.decompress(FIXTURE.read_bytes()).decode()
    document = json.loads(text.replace("2026-11-22T08:54:", when.strftime("%Y-%m-%dT%H:%M:")))
    document["collector_id"] = credentials.collector_id
    document["metrics"] += more_metrics(when)
    document["metrics_count"] = len(document["metrics"])
    assert all(observed_rows(document).values()), observed_rows(document)
    return document


def check_accounts(server, credentials):
    """check_accounts checks the ledger against the rows by database, and both against the equation."""
    ids = server_ids(server, credentials)
    columns = ("observed", "stored", "unchanged", "merged", "discarded_too_old",
               "discarded_in_future", "discarded_too_large", "discarded_over_quota")
    sums = ", ".join(f"sum({name})::int" for name in columns)
    ledger = server.db.row(
        f"SELECT {sums} FROM pganalytics.push_ledger WHERE server_id = ANY(%s)", ids)
    accounts = server.db.row(
        f"SELECT {sums} FROM pganalytics.push_accounts WHERE server_id = ANY(%s)", ids)
    assert ledger == accounts
    assert ledger[0] == sum(ledger[1:])
    assert ledger[1] == sum(counts(server, credentials).values())
    return dict(zip(columns, ledger))


def log(when, lines, database="app"):
    return {"type": "pg_log", "timestamp": rfc3339(when), "database": database,
            "entries": [{"timestamp": "2026-01-01T00:00:00Z", "level": "LOG", "message": line}
                        for line in lines]}


def extensions(when, **databases):
    """extensions is a pg_extensions metric: for each database the versions by name."""
    return {"type": "pg_extensions", "timestamp": rfc3339(when), "databases": {
        database: {"extensions": [{"name": name, "version": version, "owner": "postgres",
                                   "schema": "public", "relocatable": True}
                                  for name, version in versions.items()]}
        for database, versions in databases.items()}}
