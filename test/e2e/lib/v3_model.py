"""What the tables must hold after a push in the format of v3 collectors.

The mapping of JSON to columns is written here a second time, by hand: a test that read the
product's own catalog would share its mistakes.
"""
import collections
import datetime
import json
import math

UTC = datetime.timezone.utc

# Kinds of columns. A zero is stored as NULL in a COUNT and in a COUNTER, which may have a fraction.
COUNT, COUNTER, INTEGER, NUMBER, FLAG, TEXT, TIME, LSN, ROW = range(9)

# relation -> (type, path of the rows, JSON keys of the labels, {column: (JSON key, kind)}).
# In a path, "*" is a member of any name and "[]" the elements of an array. The database is the
# field of the metric, or else the first "*".
RELATIONS = {}


def relation(name, json_type, path, labels="", **columns):
    RELATIONS[name] = (json_type, path.split(".") if path else [], labels.split(), columns)


def same(kind, names):
    """same gives columns whose JSON key equals their name."""
    return {name: (name, kind) for name in names.split()}


relation("database_samples", "pg_stats", "", size_bytes=("size_bytes", INTEGER),
         xact_commit=("transactions_committed", COUNT),
         xact_rollback=("transactions_rolledback", COUNT),
         **{f"tup_{what}": (f"tuples_{what}", COUNT)
            for what in ("returned", "fetched", "inserted", "updated", "deleted")})
relation("table_samples", "pg_stats", "tables.[]", "schema name", n_live_tup=("live_tuples", INTEGER),
         n_dead_tup=("dead_tuples", INTEGER),
         n_mod_since_analyze=("modified_since_analyze", INTEGER), **same(INTEGER, "size_bytes"),
         **same(TIME, "last_vacuum last_autovacuum last_analyze last_autoanalyze"),
         **same(COUNT, "vacuum_count autovacuum_count"))
relation("index_samples", "pg_stats", "indexes.[]", "schema table name", idx_scan=("scans", COUNT),
         idx_tup_read=("tuples_read", COUNT), idx_tup_fetch=("tuples_returned", COUNT),
         **same(INTEGER, "size_bytes"), **same(TEXT, "status"))
relation("table_bloat_samples", "pg_bloat", "databases.*.table_bloat.[]", "schema table",
         n_dead_tup=("dead_tuples", INTEGER), n_live_tup=("live_tuples", INTEGER),
         **same(NUMBER, "dead_ratio_percent space_wasted_percent"), **same(TEXT, "table_size"),
         **same(TIME, "last_vacuum last_autovacuum"), **same(COUNT, "vacuum_count autovacuum_count"))
relation("index_bloat_samples", "pg_bloat", "databases.*.index_bloat.[]", "schema table index_name",
         idx_scan=("scans", COUNT), idx_tup_read=("tuples_read", COUNT),
         idx_tup_fetch=("tuples_fetched", COUNT),
         **same(TEXT, "index_size usage_status recommendation"))
relation("table_cache_samples", "pg_cache", "databases.*.table_cache_hit.[]", "schema table",
         **same(COUNT, "heap_blks_hit heap_blks_read total_heap_blks idx_blks_hit idx_blks_read "
                       "total_idx_blks toast_blks_hit toast_blks_read tidx_blks_hit tidx_blks_read"),
         **same(NUMBER, "heap_cache_hit_ratio idx_cache_hit_ratio"))
relation("index_cache_samples", "pg_cache", "databases.*.index_cache_hit.[]", "schema table index",
         idx_blks_hit=("blks_hit", COUNT), idx_blks_read=("blks_read", COUNT),
         **same(COUNT, "total_blks"), **same(NUMBER, "cache_hit_ratio"))
relation("host_samples", "sysstat", "",
         **{f"cpu_{what}_percent": (f"cpu.{what}", NUMBER)
            for what in ("user", "system", "idle", "iowait")},
         **{f"load_{n}m": (f"cpu.load_{n}m", NUMBER) for n in (1, 5, 15)},
         **{f"memory_{what}_mb": (f"memory.{what}_mb", NUMBER)
            for what in ("total", "free", "cached", "used")})
relation("disk_io_samples", "sysstat", "disk_io.[]", "device",
         **same(COUNT, "read_ops write_ops read_sectors write_sectors"))
relation("filesystem_samples", "disk_usage", "filesystems.[]", "device mount",
         **same(NUMBER, "total_gb used_gb free_gb percent_used"))
relation("log_lines", "pg_log", "entries.[]", **same(TEXT, "level message"),
         reported_at=("timestamp", TIME))
relation("replication_slot_samples", "pg_replication", "replication_slots.[]", "slot_name",
         **same(TEXT, "slot_type"), **same(FLAG, "active plugin_active"),
         **same(LSN, "restart_lsn confirmed_flush_lsn"), **same(NUMBER, "wal_retained_mb"),
         **same(INTEGER, "backend_pid bytes_retained"))
relation("replication_samples", "pg_replication", "replication_status.[]",
         "application_name client_addr", pid=("server_pid", INTEGER),
         **same(TEXT, "usename state sync_state"), **same(LSN, "write_lsn flush_lsn replay_lsn"),
         **same(NUMBER, "write_lag_ms flush_lag_ms replay_lag_ms behind_by_mb"),
         **same(TIME, "backend_start"))
relation("wal_samples", "pg_replication", "wal_status",
         **same(INTEGER, "total_segments segments_since_checkpoint"),
         **same(NUMBER, "current_wal_size_mb wal_directory_size_mb growth_rate_mb_per_hour"))
relation("wraparound_samples", "pg_replication", "wraparound_risk.[]", "database",
         **same(INTEGER, "relfrozenxid current_xid xid_until_wraparound tables_needing_vacuum "
                         "oldest_table_age"),
         **same(NUMBER, "percent_until_wraparound"), **same(FLAG, "at_risk"))
relation("subscription_samples", "pg_replication", "logical_subscriptions.[]",
         subscription=("", ROW))
relation("collection_error_samples", "pg_replication", "collection_errors.[]", error=("", ROW))
relation("lock_samples", "pg_locks", "databases.*.active_locks.[]", database_oid=("database", INTEGER),
         relation_oid=("relation", INTEGER),
         **same(INTEGER, "pid usesysid page tuple transactionid classid objid objsubid"),
         **same(TEXT, "username locktype mode virtualxid state query"), **same(FLAG, "granted"),
         **same(NUMBER, "lock_age_seconds"))
relation("lock_wait_samples", "pg_locks", "databases.*.lock_wait_chains.[]",
         **same(INTEGER, "blocked_pid blocking_pid"), **same(NUMBER, "wait_time_seconds"),
         **same(TEXT, "blocked_user blocked_application blocked_query blocking_user "
                      "blocking_application blocking_query"))
SESSION = {"datname": ("database", TEXT), **same(INTEGER, "pid"),
           **same(TEXT, "username application_name client_address state query"),
           **same(TIME, "query_start state_change backend_start"), **same(NUMBER, "duration_seconds")}
relation("blocking_query_samples", "pg_locks", "databases.*.blocking_queries.[]", **SESSION)
relation("long_transaction_samples", "pg_connections", "databases.*.long_running_transactions.[]",
         **SESSION)
relation("idle_transaction_samples", "pg_connections", "databases.*.idle_transactions.[]",
         **SESSION, **same(NUMBER, "idle_time_seconds"))
relation("connection_samples", "pg_connections", "databases.*.connection_stats.by_state.[]",
         "database state", **same(INTEGER, "count"), **same(NUMBER, "max_age_seconds min_age_seconds"))
relation("connection_total_samples", "pg_connections", "databases.*.connection_stats",
         **same(INTEGER, "total_connections"))
relation("extension_samples", "pg_extensions", "databases.*.extensions.[]", "name",
         **same(TEXT, "version owner schema description"), **same(FLAG, "relocatable"))
relation("schema_samples", "pg_schema", "databases.*.*.[]",
         "* schema table name column referenced_table referenced_column", definition=("", ROW))

# Relations that are stored when they change, and (log lines) each distinct line once.
ON_CHANGE = ("extension_samples", "schema_samples")
ONCE = ("log_lines",)
TYPES = {json_type for json_type, *_ in RELATIONS.values()} | {"pg_query_stats"}

QUERY_COUNTS = ("calls", "rows") + tuple(
    f"{kind}_blks_{what}" for kind in ("shared", "local")
    for what in ("hit", "read", "dirtied", "written")) + (
        "temp_blks_read", "temp_blks_written", "wal_records", "wal_fpi", "wal_bytes")
QUERY_TIMES = {"total_time": "total_exec_time", "mean_time": "mean_exec_time",
               "min_time": "min_exec_time", "max_time": "max_exec_time",
               "stddev_time": "stddev_exec_time", "blk_read_time": "shared_blk_read_time",
               "blk_write_time": "shared_blk_write_time"}
QUERY_COLUMNS = QUERY_COUNTS + tuple(QUERY_TIMES.values())


def to_time(text):
    if not text:
        return None
    moment = datetime.datetime.fromisoformat(
        text.replace("Z", "+00:00") if text.endswith("Z") else text + ":00" * (text[-3] in "+-"))
    return moment.astimezone(UTC)


def canonical(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def to_value(row, key, kind):
    """to_value is what a column holds for a JSON row, with zeros of counters restored."""
    if kind == ROW:
        return canonical(row)
    for part in key.split("."):
        row = row.get(part) if row is not None else None
    if kind in (COUNT, COUNTER):
        return row or 0
    if kind == TIME:
        return to_time(row)
    if kind == LSN:
        return row or None
    return float(row) if kind == NUMBER and row is not None else row


def _rows(node, path, names, kind):
    """_rows follows a path and gives (names of the members on it, row)."""
    if not path:
        if isinstance(node, dict) or kind == ROW:
            yield names, node
        return
    step, rest = path[0], path[1:]
    if step == "[]":
        for element in node:
            yield from _rows(element, rest, names, kind)
    elif step == "*":
        for name, member in node.items():
            yield from _rows(member, rest, names + (name,), kind)
    elif step in node:
        yield from _rows(node[step], rest, names, kind)


def rows_of(metric):
    """rows_of gives (relation, database, labels, time, values) of a metric of a known type."""
    moment = to_time(metric["timestamp"])
    for name, (json_type, path, labels, columns) in RELATIONS.items():
        if json_type != metric["type"]:
            continue
        kinds = {kind for _, kind in columns.values()}
        for names, row in _rows(metric, path, (), ROW if ROW in kinds else None):
            database = names[0] if "*" in path else metric.get("database", "")
            identity = tuple(names[1] if label == "*" else (row.get(label) or "") for label in labels)
            yield (name, database, identity, moment,
                   tuple(to_value(row, key, kind) for key, kind in columns.values()))


class Snapshot:
    """Snapshot is the query rows of one metric: merged by hash, then cut to the limit."""

    def __init__(self, metric, limit=None):
        self.database = metric["database"]
        self.moment = to_time(metric["timestamp"])
        rows = metric.get("queries", [])
        groups = collections.defaultdict(list)
        for row in rows:
            groups[row["hash"]].append(row)
        self.merged = len(rows) - len(groups) + metric.get("merged", 0)
        self.beyond_limit = metric.get("merged", 0)
        self.unchanged = metric.get("unchanged", 0)
        self.queries = len(rows) + self.unchanged + metric.get("merged", 0)
        merged = [Query([row]) if len(group) == 1 else Query(group)
                  for group in groups.values() for row in group[:1]]
        self.rows = merged
        if limit is not None and len(merged) > limit:
            keep = chosen(merged, limit)
            others = [query for i, query in enumerate(merged) if i not in keep]
            self.rows = [query for i, query in enumerate(merged) if i in keep]
            self.rows.append(Query([row for query in others for row in query.members], 0))
            self.merged += len(others) - 1
            self.beyond_limit += len(others) - 1


def chosen(queries, limit):
    """chosen gives the indexes of the queries kept: in turn the next by time and the next by calls."""
    values = [dict(zip(QUERY_COLUMNS, query.values)) for query in queries]
    rankings = [iter(sorted(range(len(queries)), key=lambda i: -values[i][by]))
                for by in ("total_exec_time", "calls")]
    keep = set()
    while len(keep) < limit:
        ranking = rankings[len(keep) % 2]
        keep.add(next(i for i in ranking if i not in keep))
    return keep


class Query:
    """Query is a row of query_samples made from one or more rows of JSON."""

    def __init__(self, members, queryid=None):
        self.members = members
        self.hash = members[0]["hash"] if queryid is None else queryid
        self.texts = {row.get("text") or None for row in members} if queryid is None else {None}
        self.exact = len(members) == 1
        counts = [sum(row.get(name) or 0 for row in members) for name in QUERY_COUNTS]
        if self.exact:
            times = [members[0].get(name) or 0 for name in QUERY_TIMES]
        else:
            times = self._times()
        self.values = tuple(counts + times)

    def _times(self):
        ran = [row for row in self.members if row["calls"]]
        calls = sum(row["calls"] for row in ran)
        total = math.fsum(row["total_time"] for row in self.members)
        mean = math.fsum(row["mean_time"] * row["calls"] for row in ran) / calls if calls else 0.0
        squares = math.fsum(row["calls"] * (row["stddev_time"] ** 2 + (row["mean_time"] - mean) ** 2)
                            for row in ran)
        return [total, mean, min((r["min_time"] for r in ran), default=0.0),
                max((r["max_time"] for r in ran), default=0.0),
                math.sqrt(squares / calls) if calls else 0.0,
                math.fsum(row["blk_read_time"] for row in self.members),
                math.fsum(row["blk_write_time"] for row in self.members)]

    def equals(self, stored):
        if self.exact:
            return self.values == stored
        return all(ours == theirs if name in QUERY_COUNTS else
                   math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)
                   for name, ours, theirs in zip(QUERY_COLUMNS, self.values, stored))
