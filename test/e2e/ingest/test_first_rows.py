"""Stored values equal the sent ones: from our collector, from a v3 collector, by every ingest path."""
import collections
import datetime
import gzip
import json
import pathlib

import psycopg2
import pytest

import product
from client import push_body, query_rows

FIXTURE = pathlib.Path(__file__).resolve().parents[2] / "fixtures/v3-collector-push.json.gz"

# JSON key of a v3 push -> attribute of query_samples.
ATTRIBUTES = {
    "calls": "calls", "rows": "rows", "total_time": "total_exec_time",
    "mean_time": "mean_exec_time", "min_time": "min_exec_time", "max_time": "max_exec_time",
    "stddev_time": "stddev_exec_time", "blk_read_time": "shared_blk_read_time",
    "blk_write_time": "shared_blk_write_time",
    **{name: name for kind in ("shared", "local") for name in (
        f"{kind}_blks_hit", f"{kind}_blks_read", f"{kind}_blks_dirtied", f"{kind}_blks_written")},
    **{name: name for name in ("temp_blks_read", "temp_blks_written", "wal_records", "wal_fpi",
                               "wal_bytes")},
}
# pg_stat_statements of PostgreSQL 15 -> attribute of query_samples.
SOURCE_COLUMNS = {
    "calls": "calls", "plans": "plans", "rows": "rows", "total_exec_time": "total_exec_time",
    "total_plan_time": "total_plan_time", "min_exec_time": "min_exec_time",
    "max_exec_time": "max_exec_time", "mean_exec_time": "mean_exec_time",
    "stddev_exec_time": "stddev_exec_time", "blk_read_time": "shared_blk_read_time",
    "blk_write_time": "shared_blk_write_time", "temp_blk_read_time": "temp_blk_read_time",
    "temp_blk_write_time": "temp_blk_write_time",
    **{name: name for kind in ("shared", "local") for name in (
        f"{kind}_blks_hit", f"{kind}_blks_read", f"{kind}_blks_dirtied", f"{kind}_blks_written")},
    **{name: name for name in ("temp_blks_read", "temp_blks_written", "wal_records", "wal_fpi",
                               "wal_bytes")},
}


def test_values_of_our_collector_equal_pg_stat_statements(server, monitored, credentials, root):
    monitored.psql("CREATE ROLE app LOGIN SUPERUSER; CREATE DATABASE shop;")
    monitored.psql(
        "SET ROLE app; CREATE TABLE orders (id int PRIMARY KEY, note text);"
        "INSERT INTO orders SELECT i, repeat('x', i % 100) FROM generate_series(1, 20000) i;", "shop")
    application = psycopg2.connect(monitored.dsn("shop", "app"))
    application.autocommit = True
    with application.cursor() as cursor:
        cursor.execute("CREATE FUNCTION nested() RETURNS bigint LANGUAGE plpgsql AS "
                       "$$BEGIN RETURN (SELECT count(*) FROM orders); END$$")
        cursor.execute("SET pg_stat_statements.track = 'all'")
        for i in range(120):  # 120 different statements, the i-th run 1 + i % 7 times
            for _ in range(1 + i % 7):
                cursor.execute("SELECT count(*)" + ", 1" * i + " FROM orders WHERE id < %s", (i,))
        cursor.execute("SELECT nested()")
        cursor.execute("CREATE TEMP TABLE t AS SELECT * FROM orders")
        cursor.execute("SELECT count(*) FROM (SELECT * FROM orders, generate_series(1, 20) "
                       "ORDER BY note) s")
        cursor.execute("SELECT 'Ünïcode \U0001f418 quote '' \"double\" \\ back'::text")
    application.close()

    collector = product.Collector(root / "exact", server.cluster, credentials, [monitored],
                                  env={"PGANALYTICS_QUERY_TEXTS": "as_sent"})
    done = collector.run("once")
    assert done.returncode == 0, done.stdout + done.stderr

    source = psycopg2.connect(monitored.dsn())
    with source.cursor() as cursor:
        cursor.execute(
            f"SELECT queryid, toplevel, query, {', '.join(SOURCE_COLUMNS)} FROM pg_stat_statements s "
            "JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid "
            "WHERE rolname = 'app' AND datname = 'shop'")
        expected = sorted(cursor.fetchall())
    source.close()
    assert len(expected) > 120
    assert any(not row[1] for row in expected), "a nested statement"

    stored = server.db.rows(
        "SELECT queryid, toplevel, query, " + ", ".join(SOURCE_COLUMNS.values()) +
        " FROM pganalytics.query_stats WHERE server = 'monitored' AND username = 'app'"
        " AND database = 'shop'")
    # numeric (wal_bytes) and bigint compare equal as Python numbers. Floats are compared exactly,
    # except the mean: it is not sent, and the quotient of two exact values can differ in its last
    # bits from the running mean of the source.
    names = ("queryid", "toplevel", "query", *SOURCE_COLUMNS)
    assert [row[:3] for row in sorted(stored)] == [row[:3] for row in expected]
    assert [(names[i], ours, theirs) for mine, source_row in zip(sorted(stored), expected)
            for i, (ours, theirs) in enumerate(zip(mine, source_row))
            if ours != (pytest.approx(theirs, rel=1e-13) if names[i] == "mean_exec_time"
                        else theirs)] == []
    texts = server.db.value("SELECT count(*) FROM pganalytics.query_texts WHERE text LIKE %s",
                            "SELECT count(*)%FROM orders WHERE id <%")
    assert texts == 120
    print(f"{len(expected)} statements equal in {len(SOURCE_COLUMNS)} columns")


def v3_push():
    """v3_push is the recorded push of a v3 collector, with its times moved to today."""
    text = gzip.decompress(FIXTURE.read_bytes()).decode()
    now = datetime.datetime.now(datetime.timezone.utc)
    recent = (now - datetime.timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M")
    assert text.count("2026-11-22T08:54:") > 28
    return text.replace("2026-11-22T08:54:", f"{recent}:")


def test_push_of_a_v3_collector(server):
    document = json.loads(v3_push())
    token = "token-of-a-v3-collector"
    server.db.execute(
        "INSERT INTO pganalytics.collectors (collector_id, name, token_sha256) "
        "VALUES (%s, 'v3', pg_catalog.sha256(%s))", document["collector_id"], token.encode())
    credentials = product.Credentials(document["collector_id"], token)
    groups = collections.defaultdict(list)
    observed = 0
    for metric in document["metrics"]:
        if metric["type"] == "pg_query_stats":
            for row in metric["queries"]:
                groups[metric["database"], metric["timestamp"], row["hash"]].append(row)
                observed += 1
    assert observed == 400

    with server.client(credentials) as client:
        # Send plain JSON without a key, as libcurl does.
        answer = client.push(json.dumps(document).encode())
    assert answer.status == 200, answer
    receipt = answer.receipt
    assert receipt["status"] == "success"
    assert receipt["collector_id"] == document["collector_id"]
    # Rows with one identity and time are merged with exact sums; v3 sends neither user nor
    # toplevel.
    assert receipt["merged"] == observed - len(groups)
    assert server.samples(credentials) == len(groups)
    # test_metrics.py tests the other metrics.
    assert server.db.value(
        "SELECT sum(queries)::int FROM pganalytics.push_accounts JOIN pganalytics.servers "
        "USING (server_id) WHERE collector_id = %s", credentials.collector_id) == observed
    assert len({metric["type"] for metric in document["metrics"]}) == 12

    stored = {(database, when, queryid): (text, values) for database, when, queryid, text, *values
              in server.db.rows(
                  "SELECT database, to_char(sampled_at AT TIME ZONE 'UTC', "
                  "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), queryid, query, "
                  + ", ".join(ATTRIBUTES.values()) +
                  " FROM pganalytics.query_stats q JOIN pganalytics.servers s USING (server_id)"
                  " WHERE s.collector_id = %s", credentials.collector_id)}
    assert stored.keys() == groups.keys()
    single = compared = 0
    for identity, rows in groups.items():
        text, values = stored[identity]
        assert text in {row["text"] for row in rows}
        for key, value in zip(ATTRIBUTES, values):
            if len(rows) == 1:
                assert value == rows[0].get(key, 0), (identity, key)
            elif key.startswith("min_"):
                assert value == min(row[key] for row in rows)
            elif key.startswith("max_"):
                assert value == max(row[key] for row in rows)
            elif key not in ("mean_time", "stddev_time"):
                assert value == pytest.approx(sum(row.get(key, 0) for row in rows), rel=1e-12)
            compared += 1
        single += len(rows) == 1
    assert single > 40
    print(f"{len(groups)} rows, {compared} values compared")


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd", "chunked", "mislabelled"])
def test_encodings_of_a_body(server, client, credentials, encoding, tmp_path):
    body = json.dumps(push_body(credentials.collector_id, query_rows(30, 3))).encode()
    headers = {}
    if encoding == "gzip":
        body, headers = gzip.compress(body), {"Content-Encoding": "gzip"}
    elif encoding == "zstd":
        import subprocess
        body = subprocess.run(["zstd", "-q", "-c"], input=body, capture_output=True,
                              check=True).stdout
        headers = {"Content-Encoding": "zstd"}
    elif encoding == "mislabelled":  # as in v3's retry: the header says gzip, the bytes are plain
        headers = {"Content-Encoding": "gzip"}
    if encoding == "chunked":
        chunks = [body[i:i + 1000] for i in range(0, len(body), 1000)]
        answer = client.request("POST", "/api/v1/metrics/push", iter(chunks), {
            "Authorization": f"Bearer {credentials.token}", "Content-Type": "application/json"})
    else:
        answer = client.push(body, headers=headers)
    assert answer.status == 200, answer
    assert answer.receipt["stored"] == 30
    assert server.ledger(credentials) == (1, 30)
    assert server.samples(credentials) == 30


def test_long_versions_are_cut_between_characters(server, client, credentials):
    """A long version of a collector is cut for display; no push is refused because of it."""
    for before in ("", "x"):  # a cut by bytes would split a character in one of the two
        body = push_body(credentials.collector_id, query_rows(1, 3))
        body["version"] = before + 100 * "é"
        answer = client.push(json.dumps(body).encode())
        assert answer.status == 200, answer
        assert server.db.value("SELECT collector_version FROM pganalytics.servers "
                               "WHERE collector_id = %s",
                               credentials.collector_id) == before + 31 * "é"


def test_all_ways_of_inserting_store_the_same(server):
    moment = datetime.datetime.now(datetime.timezone.utc)
    rows = query_rows(200, 7)
    for i, row in enumerate(rows):
        row["calls"] = i % 3  # zeros are stored as NULL
        row["total_time"] = i / 7
        row["hash"] = (i - 100) * (1 << 55)
        row["toplevel"] = i % 2 == 0
        row["user"] = f"user {i % 5}"
    seen = {}
    try:
        for path in ("direct", "copy", "spi", "auto"):
            server.configure(ingest_path=path)
            credentials = server.collector()
            with server.client(credentials) as client:
                answer = client.push(push_body(credentials.collector_id, rows, moment))
            assert answer.status == 200, answer
            assert answer.receipt["stored"] == 200
            seen[path] = sorted(server.db.rows(
                "SELECT queryid, username, toplevel, q.sampled_at, calls, rows, total_exec_time,"
                " wal_bytes, plans FROM pganalytics.query_stats q"
                " JOIN pganalytics.servers s USING (server_id) WHERE s.collector_id = %s",
                credentials.collector_id))
            raw = server.db.value(
                "SELECT count(*) FROM pganalytics.query_samples JOIN pganalytics.servers s"
                " USING (server_id) WHERE s.collector_id = %s AND calls IS NULL AND plans IS NULL",
                credentials.collector_id)
            assert raw == 67, path  # those with i % 3 = 0
    finally:
        server.configure(ingest_path="auto")
    assert len(seen["direct"]) == 200
    assert seen["direct"] == seen["copy"] == seen["spi"] == seen["auto"]
    # Count through the index: a broken index would hide rows from index scans only.
    through_index = server.db.value(
        "SELECT count(*) FROM pganalytics.query_series s CROSS JOIN LATERAL (SELECT FROM "
        "pganalytics.query_samples q WHERE q.series_id = s.series_id AND q.server_id = s.server_id "
        "AND q.sampled_at = %s) x", moment)
    assert through_index == 800
