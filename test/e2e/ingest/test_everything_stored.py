"""Everything that a v3 collector sends is in the tables: every value is compared."""
import collections
import datetime
import gzip
import json
import pathlib

import pytest

import v3_bodies
from v3_client import V3Client
from v3_model import RELATIONS, TYPES, Snapshot, rows_of
from v3_stored import compare, compare_queries

FIXTURE = pathlib.Path(__file__).resolve().parents[2] / "fixtures/v3-collector-push.json.gz"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def observed_in(metrics):
    return sum(Snapshot(m).queries if m["type"] == "pg_query_stats" else len(list(rows_of(m)))
               for m in metrics)


def push_until_stored(server, credentials, body):
    """push_until_stored retries after a 503, for example while the partitions of new days are locked."""
    client = V3Client(server.port, credentials.token)
    for _ in range(10):
        answer = client.push(body)
        if answer.status != 503:
            break
    assert answer.status == 200, answer
    return answer


def push_whole(server, credentials, body):
    """push_whole pushes a body whose rows must all be stored or merged, and gives its metrics."""
    metrics = json.loads(body)["metrics"]
    assert {metric["type"] for metric in metrics} <= TYPES
    answer = push_until_stored(server, credentials, body)
    receipt = answer.receipt
    assert not receipt.get("not_stored"), receipt["not_stored"]
    assert receipt["bytes_received"] == len(body)
    assert receipt["observed"] == observed_in(metrics)
    assert not any(receipt["discarded"].values()), receipt
    assert receipt["observed"] == receipt["stored"] + receipt["unchanged"] + receipt["merged"]
    assert rows_stored(server, credentials) == receipt["stored"]
    return metrics


def rows_stored(server, credentials):
    """rows_stored counts the rows of a collector in all tables of samples."""
    union = " UNION ALL ".join(f"SELECT server_id FROM pganalytics.{relation}"
                               for relation in (*RELATIONS, "query_samples"))
    return server.db.value(f"SELECT count(*)::int FROM ({union}) r JOIN pganalytics.servers"
                           " USING (server_id) WHERE collector_id = %s", credentials.collector_id)


def set_limit(server, credentials, limit):
    server.db.execute("UPDATE pganalytics.collectors SET max_queries_per_db = %s"
                      " WHERE collector_id = %s", limit, credentials.collector_id)


def test_the_recorded_push(server):
    text = gzip.decompress(FIXTURE.read_bytes()).decode()
    recent = (now() - datetime.timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M")
    assert text.count("2026-11-22T08:54:") > 28
    credentials = server.collector()
    text = text.replace("2026-11-22T08:54:", f"{recent}:").replace(
        json.loads(text)["collector_id"], credentials.collector_id)
    metrics = push_whole(server, credentials, text.encode())
    compared = compare(server.db, credentials.collector_id, metrics)
    assert sum(count > 0 for count in compared.values()) > 15
    print(f"{sum(compared.values())} values")


def test_a_generated_minute_is_like_one_that_was_seen():
    moment = datetime.datetime(2026, 11, 22, 8, 54, 27, tzinfo=datetime.timezone.utc)
    body = v3_bodies.body(1, moment=moment)
    assert body == v3_bodies.body(1, moment=moment) != v3_bodies.body(2, moment=moment)
    metrics = json.loads(body)["metrics"]
    assert len(metrics) == 1512
    assert sum(len(metric.get("queries", ())) for metric in metrics) == 21800
    assert 25e6 < len(body) < 27.5e6


# None stands for a minute of a v3 collector, 26 MB.
@pytest.mark.parametrize("seed, megabytes", [(1, 1), (2, 1), (3, None), (4, 55)])
def test_generated_pushes(server, seed, megabytes):
    credentials = server.collector()
    body = v3_bodies.body(seed, megabytes=megabytes, collector_id=credentials.collector_id,
                          moment=now())
    if megabytes is not None:
        assert 0.7e6 * megabytes < len(body) < 1e6 * megabytes
    metrics = push_whole(server, credentials, body)
    compared = compare(server.db, credentials.collector_id, metrics)
    assert all(compared[relation] for relation in (*RELATIONS, "query_samples")), compared
    print(f"{len(body)} bytes, {len(metrics)} metrics, {sum(compared.values())} values")


def test_pushes_that_follow_each_other(server):
    """A v3 collector sends the same log lines and objects in every push."""
    credentials = server.collector()
    start = now() - datetime.timedelta(minutes=5)
    source = v3_bodies.Source(5, start)
    metrics = []
    for _ in range(6):
        some = [metric for _ in range(3) for metric in source.sample()]
        body = v3_bodies.encode({
            "collector_id": credentials.collector_id, "hostname": "db-host-01", "metrics": some,
            "metrics_count": len(some), "timestamp": v3_bodies.iso(now()), "version": "3.0.0"})
        answer = push_until_stored(server, credentials, body)
        assert not answer.receipt.get("not_stored"), answer
        metrics += json.loads(body)["metrics"]
    compare(server.db, credentials.collector_id, metrics)
    sent = collections.Counter(row[0] for metric in metrics if metric["type"] != "pg_query_stats"
                               for row in rows_of(metric))
    stored = server.db.value("SELECT count(*)::int FROM pganalytics.log_lines JOIN pganalytics.servers"
                             " USING (server_id) WHERE collector_id = %s", credentials.collector_id)
    assert 0 < stored < sent["log_lines"] / 10


@pytest.mark.parametrize("queries", [1000, 5000, 20000])
def test_no_query_is_lost(server, queries):
    """Every query is stored; the former system kept 100 of them."""
    credentials = server.collector()
    set_limit(server, credentials, 100000)
    body = v3_bodies.body(queries, samples=1, queries=queries, twins=0, databases=("app",),
                          collector_id=credentials.collector_id, moment=now())
    metrics = push_whole(server, credentials, body)
    snapshots = [metric for metric in metrics if metric["type"] == "pg_query_stats"]
    assert len(snapshots[0]["queries"]) == queries
    compared = compare_queries(server.db, credentials.collector_id, snapshots)
    # Each hash occurs once, so each query has its own text.
    texts = dict(server.db.rows(
        "SELECT s.queryid, coalesce(t.text, '') FROM pganalytics.query_series s"
        " JOIN pganalytics.servers v USING (server_id)"
        " LEFT JOIN pganalytics.query_texts t ON t.text_id = s.text_id WHERE v.collector_id = %s",
        credentials.collector_id))
    assert texts == {row["hash"]: row["text"] for row in snapshots[0]["queries"]}
    print(f"{queries} queries, {compared} values")


def change(metrics, json_type, mutate):
    """change gives the metrics, with those of one type altered by mutate."""
    changed = json.loads(json.dumps(metrics))
    for metric in changed:
        if metric["type"] == json_type:
            mutate(metric)
    return changed


@pytest.fixture(scope="module")
def compared_push(server):
    credentials = server.collector()
    metrics = push_whole(server, credentials, v3_bodies.body(
        6, samples=2, collector_id=credentials.collector_id, moment=now()))
    compare(server.db, credentials.collector_id, metrics)
    return credentials, metrics


@pytest.mark.parametrize("relation, json_type, mutate", [
    ("", "pg_query_stats", lambda m: m["queries"][0].update(wal_fpi=m["queries"][0]["wal_fpi"] + 1)),
    ("", "pg_query_stats", lambda m: m["queries"][0].update(text="another")),
    ("query_samples", "pg_query_stats", lambda m: m["queries"].pop(1)),
    ("disk_io_samples", "sysstat", lambda m: m["disk_io"].pop()),
    ("database_samples", "pg_stats", lambda m: m.update(tuples_deleted=142)),
    ("table_samples", "pg_stats", lambda m: m["tables"][0].update(last_analyze="")),
    ("index_samples", "pg_stats", lambda m: m["indexes"][0].update(table="another")),
    ("replication_slot_samples", "pg_replication",
     lambda m: m["replication_slots"][0].update(restart_lsn="0/1")),
    ("log_lines", "pg_log", lambda m: m["entries"].append({**m["entries"][0], "message": "new"})),
    ("schema_samples", "pg_schema", lambda m: m["databases"]["app"]["columns"][0].update(position=7)),
    ("extension_samples", "pg_extensions",
     lambda m: m["databases"]["app"]["extensions"][0].update(version="2")),
])
def test_the_comparison_finds(server, compared_push, relation, json_type, mutate):
    credentials, metrics = compared_push
    with pytest.raises(AssertionError, match=relation):
        compare(server.db, credentials.collector_id, change(metrics, json_type, mutate))
