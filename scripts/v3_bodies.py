#!/usr/bin/env python3
"""Push bodies in the shape of an old collector, for tests and benches; the same for the same seed.

The shape is that of test/fixtures/v3-collector-push.json.gz: keys in alphabetical order, a sample about
every 0.55 s with times in whole seconds, each database with the same query rows, hashes that are not
unique in a snapshot, cumulative counters, and the last 100 lines of the log in every sample. What the
fixture has empty (tables, indexes, slots, standbys, lock waits, triggers, ...) is filled.

    scripts/v3_bodies.py > minute.json
"""
import argparse
import copy
import datetime
import gzip
import json
import random
import sys

# Counts of a recorded minute: 1,512 metrics with 21,800 query rows. There are 109 samples with 14
# metrics each, but the first 14 metrics other than query statistics are missing.
SAMPLES_PER_MINUTE = 109
METRICS_PER_SAMPLE = 14
QUERIES = 100
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
FAMILIES = ("orders", "customers", "invoices", "ledger", "sessions", "Lagerbestände", "склад")
STATES = ("active", "idle", "idle in transaction", "fastpath function call", "", None)
COUNTERS = ("local_blks_dirtied", "local_blks_hit", "local_blks_read", "local_blks_written",
            "shared_blks_dirtied", "shared_blks_hit", "shared_blks_read", "shared_blks_written",
            "temp_blks_read", "temp_blks_written", "wal_bytes", "wal_fpi", "wal_records")


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def server_time(moment):
    """server_time is a timestamptz as PostgreSQL prints it, without trailing zeros in the fraction."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".") + "+00"


class Source:
    """Source is a monitored host, whose state continues from sample to sample."""

    def __init__(self, seed, moment, databases=("postgres", "app"), queries=QUERIES, twins=0.42,
                 rich=True):
        self.random = random.Random(seed)
        self.twins = twins  # share of the rows whose hash another row has
        self.databases = databases
        self.moment = moment
        self.start = moment
        self.rich = rich  # whether values go to the limits of their fields
        self.number = 0
        self.queries = []
        for i in range(queries):
            self.queries.append(self._query(i))
        self.tables = {name: [self._table(i) for i in range(7)] for name in databases}
        self.log = [self._log_line(i) for i in range(140)]
        self.extensions = {name: self._extensions() for name in databases}
        self.schema = {name: self._schema(name) for name in databases}

    def some_time(self, days=30):
        return self.start - datetime.timedelta(seconds=self.random.random() * days * 86400)

    # Query statistics.

    def _text(self, number):
        family = FAMILIES[number % len(FAMILIES)]
        parts = 1 + int(self.random.expovariate(1 / 1.7))
        text = f"/* report {number} */ " + " UNION ALL ".join(
            f"SELECT '{number}-{part}' AS part, count(*), sum(x.total) FROM {family}_{part} x"
            f" WHERE x.state = ${2 * part + 1} AND x.id < ${2 * part + 2}" for part in range(parts))
        if not self.rich:
            return text
        return {3: text + "\n-- \"quoted\", 'single', \\ back, /slash/, \ttab, \u0001\u001f\u007f",
                5: text + " -- Ünïcode, Лагер, 漢字, \U0001f418, e\u0301, \u202e, \ufeff, \U0010ffff",
                7: "SELECT " + ", ".join(f"${i}" for i in range(1, 500)),
                11: ""}.get(number, text)

    def _query(self, number):
        rnd = self.random
        # v3 does not send user, database or nesting, so 42 of 100 hashes repeat an earlier one.
        twin = number > 20 and rnd.random() < self.twins
        row = {"hash": self.queries[rnd.randrange(12, number)]["hash"] if twin
               else rnd.randrange(INT64_MIN, INT64_MAX), "text": self._text(number)}
        row.update({name: int(rnd.expovariate(1e-4)) if rnd.random() < 0.5 else 0
                    for name in COUNTERS})
        row["calls"] = 1 + int(rnd.expovariate(1e-3))
        row["rows"] = int(rnd.expovariate(1e-4))
        row["min_time"] = rnd.random()
        row["max_time"] = row["min_time"] + rnd.expovariate(1e-2)
        row["mean_time"] = (row["min_time"] + row["max_time"]) / 2
        row["stddev_time"] = (row["max_time"] - row["min_time"]) / 4 if row["calls"] > 1 else 0.0
        row["total_time"] = row["mean_time"] * row["calls"]
        row["blk_read_time"] = rnd.random() if rnd.random() < 0.3 else 0.0
        row["blk_write_time"] = 0.0
        if self.rich and number == 1:
            row.update(hash=INT64_MIN, rows=INT64_MAX, wal_bytes=INT64_MAX, total_time=1.7e308)
        if self.rich and number == 2:
            row.update(hash=INT64_MAX, calls=0, rows=0, total_time=5e-324, mean_time=0.0,
                       min_time=0.0, max_time=0.0, stddev_time=0.0, **dict.fromkeys(COUNTERS, 0))
        if self.rich and number == 4:
            row.update(hash=-1, wal_bytes=(1 << 53) + 1)
        return row

    def _advance_queries(self):
        rnd = self.random
        for number, row in enumerate(self.queries):
            if number < 8 or rnd.random() > 0.235:
                continue
            row = self.queries[number] = dict(row)
            calls = 1 + int(rnd.expovariate(0.1))
            row["calls"] += calls
            row["rows"] += calls * 3
            row["total_time"] += calls * row["mean_time"]
            row["shared_blks_hit"] += calls * 7

    # Tables, indexes and what they hold.

    def _table(self, number):
        rnd = self.random
        name = f"{FAMILIES[number % len(FAMILIES)]}_{number}" if number else 'odd "name" \\ 表'
        live = int(rnd.expovariate(1e-5))
        never = number % 3 == 0
        return {"schema": "public" if number % 4 else "Über Schema", "name": name, "live": live,
                "dead": int(live * rnd.random() * 0.2), "size": live * 120,
                "vacuum": "" if never else server_time(self.some_time()),
                "analyze": "" if number % 2 else server_time(self.some_time()),
                "scans": 0, "index": f"{name}_pkey"}

    def _stats(self, name, moment):
        rnd = self.random
        tables, indexes = [], []
        for table in self.tables[name]:
            table["scans"] += int(rnd.expovariate(0.1))
            tables.append({
                "autovacuum_count": 0 if table["vacuum"] == "" else 3,
                "dead_tuples": table["dead"], "last_analyze": table["analyze"],
                "last_autoanalyze": "", "last_autovacuum": table["vacuum"], "last_vacuum": "",
                "live_tuples": table["live"], "modified_since_analyze": table["scans"],
                "name": table["name"], "schema": table["schema"], "size_bytes": table["size"],
                "vacuum_count": 0})
            indexes.append({
                "name": table["index"], "scans": table["scans"], "schema": table["schema"],
                "size_bytes": table["size"] // 5, "status": "valid" if table["scans"] else "unused",
                "table": table["name"], "tuples_read": table["scans"] * 2,
                "tuples_returned": table["scans"]})
        if self.rich:
            tables[1].update(live_tuples=INT64_MAX, size_bytes=None, dead_tuples=-1)
        return {"database": name, "indexes": indexes, "size_bytes": 7757159 + self.number * 8192,
                "tables": tables, "timestamp": iso(moment),
                "transactions_committed": 13 + 7 * self.number, "transactions_rolledback": 0,
                "tuples_deleted": 141, "tuples_fetched": 2458 + 31 * self.number,
                "tuples_inserted": 225, "tuples_returned": 2635 + 90 * self.number,
                "tuples_updated": 22, "type": "pg_stats"}

    def _bloat(self, name):
        tables, indexes = [], []
        for number, table in enumerate(self.tables[name]):
            row = {"autovacuum_count": number, "dead_ratio_percent": 16.67 * number,
                   "dead_tuples": table["dead"], "live_tuples": table["live"],
                   "schema": table["schema"], "space_wasted_percent": 1.25 * number,
                   "table": table["name"], "table_size": f"{table['size'] >> 10} kB",
                   "vacuum_count": 0}
            if table["vacuum"]:  # the field is missing if there was no vacuum
                row["last_autovacuum"] = table["vacuum"]
            if number == 5:
                row["last_vacuum"] = server_time(self.some_time())
            tables.append(row)
            indexes.append({"index_name": table["index"], "index_size": "16 kB",
                            "recommendation": "DROP INDEX — unbenutzt" if number % 2 else "",
                            "scans": table["scans"], "schema": table["schema"],
                            "table": table["name"], "tuples_fetched": table["scans"],
                            "tuples_read": 2 * table["scans"],
                            "usage_status": "UNUSED" if number % 2 else "ACTIVE"})
        return {"index_bloat": indexes, "table_bloat": tables}

    def _cache(self, name):
        tables, indexes = [], []
        for number, table in enumerate(self.tables[name]):
            hit = table["scans"] * 11
            tables.append({"heap_blks_hit": hit, "heap_blks_read": number,
                           "heap_cache_hit_ratio": 99.44, "idx_blks_hit": hit // 2,
                           "idx_blks_read": 0, "idx_cache_hit_ratio": None if number == 2 else 100.0,
                           "schema": table["schema"], "table": table["name"],
                           "tidx_blks_hit": number, "tidx_blks_read": 0, "toast_blks_hit": 2 * number,
                           "toast_blks_read": number, "total_heap_blks": hit + number,
                           "total_idx_blks": hit // 2})
            indexes.append({"blks_hit": hit, "blks_read": number, "cache_hit_ratio": 99.57,
                            "index": table["index"], "schema": table["schema"],
                            "table": table["name"], "total_blks": hit + number})
        return {"index_cache_hit": indexes, "table_cache_hit": tables}

    # The host and its log.

    def _host(self, moment):
        rnd = self.random
        return {"cpu": {"idle": 100 * rnd.random(), "iowait": rnd.random(), "load_15m": 0.4677734375,
                        "load_1m": 4 * rnd.random(), "load_5m": 1.07861328125,
                        "system": 10 * rnd.random(), "user": 20 * rnd.random()},
                "disk_io": [{"device": device, "read_ops": 77470 + self.number,
                             "read_sectors": 5453986 + 8 * self.number, "write_ops": 125467,
                             "write_sectors": 12559832 if device == "vda" else 0}
                            for device in ("vda", "vda1", "dm-0")],
                "memory": {"cached_mb": 3457, "free_mb": 19925 - self.number, "total_mb": 24105,
                           "used_mb": 722 + self.number},
                "timestamp": iso(moment), "type": "sysstat"}

    def _disks(self, moment):
        return {"filesystems": [
            {"device": "/dev/vda", "free_gb": 74, "mount": "", "percent_used": 8.462756003241699,
             "total_gb": 251, "used_gb": 21},
            {"device": "/dev/vdb", "free_gb": 0, "mount": "/var/lib/postgresql/15 ö",
             "percent_used": 100.0, "total_gb": 4096, "used_gb": 4096}],
            "timestamp": iso(moment), "type": "disk_usage"}

    def _log_line(self, number):
        # Lines repeat in every sample; their time is a constant in the collector.
        message = ("checkpoint starting: time", f"duration: {number}.5 ms  statement: SELECT 'ß 漢'",
                   f'could not receive data from client {number % 9}: Connection reset by peer',
                   "deadlock detected\n\tDETAIL:  Process 1 waits for ShareLock \"x\"")[number % 4]
        return {"level": ("LOG", "WARNING", "ERROR", "FATAL", "PANIC")[number % 5],
                "message": message, "timestamp": "2024-01-01T00:00:00Z"}

    # Replication.

    def _replication(self, moment):
        lsn = f"{16 + self.number // 9:X}/{0xB374D848 + self.number:X}"
        slots = [
            {"active": True, "backend_pid": 4711, "bytes_retained": self.number * 16384,
             "confirmed_flush_lsn": "", "plugin_active": False, "restart_lsn": lsn,
             "slot_name": "standby_1", "slot_type": "physical", "wal_retained_mb": 1},
            {"active": False, "backend_pid": 0, "bytes_retained": INT64_MAX if self.rich else 1,
             "confirmed_flush_lsn": "FFFFFFFF/FFFFFFFF", "plugin_active": True,
             "restart_lsn": "0/0", "slot_name": "cdc_ß", "slot_type": "logical",
             "wal_retained_mb": 17592186044416}]
        status = [
            {"application_name": name, "backend_start": server_time(self.start), "behind_by_mb": 0.5 * i,
             "client_addr": address, "flush_lag_ms": i, "flush_lsn": lsn, "replay_lag_ms": 2 * i,
             "replay_lsn": lsn if i else "", "server_pid": 900 + i,
             "state": "streaming", "sync_state": "async" if i else "sync", "usename": "replicator",
             "write_lag_ms": i, "write_lsn": lsn}
            for i, (name, address) in enumerate((("walreceiver", "10.0.0.7/32"), ("walreceiver", ""),
                                                 ("büro", "fe80::1/128")))]
        return {"collection_errors": ["pg_stat_wal: permission denied"] if self.number % 3 == 1 else [],
                "logical_subscriptions": [
                    {"enabled": True, "lag": None, "name": "von_süd", "publications": ["a", "b"],
                     "worker": {"pid": 77, "received_lsn": lsn}}],
                "replication_slots": slots, "replication_status": status, "timestamp": iso(moment),
                "type": "pg_replication",
                "wal_status": {"current_wal_size_mb": 16 * (self.number % 7),
                               "growth_rate_mb_per_hour": 12.25, "segments_since_checkpoint": 3,
                               "total_segments": 64, "wal_directory_size_mb": 1024},
                "wraparound_risk": [
                    {"at_risk": name == "app", "current_xid": 2147483648 + self.number,
                     "database": name, "oldest_table_age": 150000000, "percent_until_wraparound": 92.5,
                     "relfrozenxid": 3, "tables_needing_vacuum": 2,
                     "xid_until_wraparound": 1997483647 - self.number} for name in self.databases]}

    # Sessions and locks.

    def _session(self, name, pid, moment):
        return {"application_name": "" if pid % 2 else "Büro \"42\"",
                "backend_start": server_time(moment - datetime.timedelta(hours=1)),
                "client_address": "127.0.0.1/32", "database": name,
                "duration_seconds": self.random.random() * 100, "pid": pid,
                "query": self.queries[pid % len(self.queries)]["text"][:300],
                "query_start": server_time(moment), "state": STATES[pid % 3],
                "state_change": server_time(moment), "username": "postgres"}

    def _locks(self, name, moment):
        rnd = self.random
        locks = [{"database": 16415, "granted": i % 7 != 0, "lock_age_seconds": rnd.random(),
                  "locktype": "relation", "mode": "AccessShareLock", "pid": 12315 + i,
                  "query": self.queries[i % len(self.queries)]["text"][:1000],
                  "relation": 12222 + i, "state": STATES[i % 6], "username": "postgres",
                  "usesysid": 10} for i in range(12)]
        locks += [
            {"classid": 1262, "database": 0, "granted": True, "locktype": "object",
             "mode": "RowExclusiveLock", "objid": 5, "objsubid": 0, "pid": 12289, "usesysid": 0},
            {"granted": True, "locktype": "virtualxid", "mode": "ExclusiveLock", "pid": 12289,
             "usesysid": 0, "virtualxid": "7/3"},
            {"granted": False, "locktype": "tuple", "mode": "ExclusiveLock", "page": 4294967295,
             "pid": 12290, "relation": 16385, "tuple": 7, "usesysid": 10},
            {"granted": True, "locktype": "transactionid", "mode": "ShareLock", "pid": 12290,
             "transactionid": 4294967295, "usesysid": 10}]
        waits = [{"blocked_application": "app", "blocked_pid": 100 + i,
                  "blocked_query": "UPDATE \"Lager\" SET n = $1", "blocked_user": "süd",
                  "blocking_application": "", "blocking_pid": 99,
                  "blocking_query": "", "blocking_user": "postgres",
                  "wait_time_seconds": 0.25 * i} for i in range(3)]
        return {"active_locks": locks, "blocking_queries": [self._session(name, 99, moment)],
                "lock_wait_chains": waits}

    def _connections(self, name, moment):
        stats = [{"count": 3 + i, "database": other, "max_age_seconds": self.random.random(),
                  "min_age_seconds": -0.0031, "state": state}
                 for i, (other, state) in enumerate((o, s) for o in self.databases for s in STATES[:4])]
        long_running = [self._session(name, 500 + i, moment) for i in range(2)]
        del long_running[1]["client_address"]  # a connection over a socket has no address
        return {"connection_stats": {"by_state": stats, "total_connections": 27},
                "idle_transactions": [{**self._session(name, 700, moment), "idle_time_seconds": 12.5}],
                "long_running_transactions": long_running}

    # Metrics that rarely change.

    def _extensions(self):
        return [{"description": "PL/pgSQL procedural language", "name": "plpgsql", "owner": "postgres",
                 "relocatable": False, "schema": "pg_catalog", "version": "1.0"},
                {"name": "hstore", "owner": "süd", "relocatable": True, "schema": "public",
                 "version": "1.8"}]

    def _schema(self, database):
        result = {kind: [] for kind in ("columns", "constraints", "foreign_keys", "indexes", "tables",
                                        "triggers")}
        for number, table in enumerate(self.tables[database]):
            where = {"schema": table["schema"], "table": table["name"]}
            result["tables"].append({
                "has_oids": False, "index_size_mb": 0, "name": table["name"], "row_count": number,
                "schema": table["schema"], "table_oid": 16000 + number, "table_size_mb": 0,
                "toast_size_mb": 0, "total_size_mb": 0, "type": "BASE TABLE" if number else "VIEW"})
            for position in range(1, 7):
                column = {"data_type": "integer", "default": "" if position > 1 else
                          "nextval('\"Lager\"'::regclass)", "is_nullable": position > 1,
                          "name": f"c{position}", "position": position, **where}
                if position < 3:
                    column.update(numeric_precision=32, numeric_scale=0)
                result["columns"].append(column)
            # A constraint on several columns comes once for each column.
            for column in ("c1", "c2"):
                result["constraints"].append({"columns": column, "name": table["index"],
                                              "type": "PRIMARY KEY", **where})
            result["foreign_keys"].append({
                "column": "c2", "delete_rule": "NO ACTION", "referenced_column": "id",
                "referenced_schema": "public", "referenced_table": "t", "update_rule": "CASCADE", **where})
            result["indexes"].append({"definition": "CREATE UNIQUE INDEX …", "is_primary": True,
                                      "is_unique": True, "name": table["index"], **where})
            # A trigger on several events comes once for each event.
            for event in ("INSERT", "UPDATE"):
                result["triggers"].append({"event": event, "name": f"audit_{number}",
                                           "statement": "EXECUTE FUNCTION audit('ä')",
                                           "timing": "AFTER", **where})
        return result

    def _change_schema(self):
        """_change_schema adds, removes and changes one object in the first database."""
        name = self.databases[0]
        schema = self.schema[name] = copy.deepcopy(self.schema[name])
        schema["columns"][3]["data_type"] = f"varchar({10 + self.number})"
        if len(schema["triggers"]) > 4:
            schema["triggers"].pop(self.random.randrange(len(schema["triggers"])))
        schema["indexes"].append({**schema["indexes"][0], "name": f"new_{self.number}"})
        self.extensions[name] = copy.deepcopy(self.extensions[name])
        self.extensions[name][0]["version"] = f"1.{self.number}"

    def sample(self):
        """sample gives the metrics of one round of the collector, and advances the time by 0.55 s."""
        rnd, moment, self.number = self.random, self.moment, self.number + 1
        seconds = moment.replace(microsecond=0)
        self.moment += datetime.timedelta(microseconds=550000 + rnd.randrange(-20000, 20000))
        if self.number % 9 == 0:
            self.log.append(self._log_line(rnd.randrange(10000)))
        self._advance_queries()
        plugin = {"collector_id": "collector-001", "hostname": "db-host-01", "timestamp": iso(moment)}
        by_database = lambda of: {name: of(name) for name in self.databases}  # noqa: E731
        metrics = [self._stats(name, moment) for name in self.databases]
        metrics += [
            self._host(moment), self._disks(moment),
            {"database": self.databases[0], "entries": self.log[-100:], "timestamp": iso(moment),
             "type": "pg_log"},
            self._replication(moment),
            {**plugin, "databases": dict(self.schema), "type": "pg_schema"},
            {**plugin, "databases": by_database(lambda n: self._locks(n, moment)), "type": "pg_locks"},
            {**plugin, "databases": by_database(self._bloat), "type": "pg_bloat"},
            {**plugin, "databases": by_database(self._cache), "type": "pg_cache"},
            {**plugin, "databases": by_database(lambda n: self._connections(n, moment)),
             "type": "pg_connections"},
            {**plugin, "databases": {name: {"extensions": list(rows)}
                                     for name, rows in self.extensions.items()},
             "type": "pg_extensions"}]
        metrics += [{"database": name, "queries": list(self.queries), "timestamp": iso(moment),
                     "type": "pg_query_stats"} for name in self.databases]
        # Change the schema only when a new second begins: two states with the same time would have
        # no order.
        if self.moment.replace(microsecond=0) != seconds and rnd.random() < 0.1:
            self._change_schema()
        return metrics


def document(seed=1, samples=None, moment=None, collector_id="11111111-2222-3333-4444-555555555555",
             **shape):
    """document is a push of this many samples (by default a minute of them) up to `moment` (now)."""
    moment = moment or datetime.datetime.now(datetime.timezone.utc)
    rounds = samples or SAMPLES_PER_MINUTE
    source = Source(seed, moment - datetime.timedelta(seconds=0.57 * rounds), **shape)
    metrics = [metric for _ in range(rounds) for metric in source.sample()]
    if samples is None:
        early = [i for i, metric in enumerate(metrics) if metric["type"] != "pg_query_stats"]
        for i in reversed(early[:METRICS_PER_SAMPLE]):
            del metrics[i]
    return {"collector_id": collector_id, "hostname": "db-host-01", "metrics": metrics,
            "metrics_count": len(metrics), "timestamp": iso(moment), "version": "3.0.0"}


def encode(push):
    """encode writes a push as the v3 collector's JSON library does."""
    return json.dumps(push, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def body(seed=1, samples=None, megabytes=None, **shape):
    """body is document() as bytes; with `megabytes` it has about that size and is not larger."""
    if megabytes is not None:
        one = len(encode(document(seed, 4, **shape))) / 4
        samples = max(1, int(megabytes * 1e6 / one * 0.99))
    return encode(document(seed, samples, **shape))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, help="rounds of the collector (default: a minute's)")
    parser.add_argument("--megabytes", type=float, help="size in place of --samples")
    parser.add_argument("--queries", type=int, default=QUERIES, help="rows per database and sample")
    parser.add_argument("--collector-id", default="11111111-2222-3333-4444-555555555555")
    parser.add_argument("--gzip", action="store_true")
    options = parser.parse_args()
    data = body(options.seed, options.samples, options.megabytes, queries=options.queries,
                collector_id=options.collector_id)
    sys.stdout.buffer.write(gzip.compress(data, 6, mtime=0) if options.gzip else data)


if __name__ == "__main__":
    main()
