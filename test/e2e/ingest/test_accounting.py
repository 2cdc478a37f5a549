"""No row is lost silently: observed = stored + unchanged + merged + discarded, for random pushes."""
import collections
import concurrent.futures
import datetime
import itertools
import json
import math
import os
import random

import pytest

import v3_bodies
from client import Client
from v3_model import QUERY_COUNTS, RELATIONS, TYPES, Snapshot, rows_of
from v3_stored import compare_queries

SEED = int(os.environ.get("PGANALYTICS_SEED", "20261123"))
PUSHES = int(os.environ.get("PGANALYTICS_PUSHES", "240"))
COUNTS = ("observed", "stored", "unchanged", "merged")
REASONS = ("too_old", "in_future", "too_large", "over_quota")
KEPT_DAYS = {"query_samples": 30, "log_lines": 7}  # retention in days; all other families have 14
MAX_UNKNOWN_BYTES, MAX_UNKNOWN_BYTES_OF_PUSH = 64 << 10, 1 << 20


def now():
    return datetime.datetime.now(datetime.timezone.utc)


class Account(collections.Counter):
    """Account is the counts of one database in one push, which the test takes from the JSON itself."""


def accounts_of(push, limit):
    """accounts_of gives an Account for each database, without the counts that only the tables show."""
    accounts = collections.defaultdict(Account)
    accounts[""] += Account()
    unknown_bytes = 0

    def add(database, relation, moment, rows):
        account = accounts[database]
        account["observed"] += rows
        age = now() - moment
        if age > datetime.timedelta(days=KEPT_DAYS.get(relation, 14)):
            account["too_old"] += rows
        elif age < datetime.timedelta(days=-1):
            account["in_future"] += rows

    for metric in push["metrics"]:
        if metric["type"] == "pg_query_stats":
            snapshot = Snapshot(metric, limit)
            add(snapshot.database, "query_samples", snapshot.moment, len(snapshot.rows))
            account = accounts[snapshot.database]
            account["observed"] += snapshot.unchanged + snapshot.merged
            account["queries"] += snapshot.queries
            account["merged"] += snapshot.merged
            account["beyond_limit"] += snapshot.beyond_limit
            account["said_unchanged"] += snapshot.unchanged
        elif metric["type"] in TYPES:
            for relation, database, _, moment, _ in rows_of(metric):
                add(database, relation, moment, 1)
        else:
            size = len(v3_bodies.encode(metric))
            if size > MAX_UNKNOWN_BYTES or unknown_bytes + size > MAX_UNKNOWN_BYTES_OF_PUSH:
                accounts[""].update(observed=1, too_large=1)
            else:
                unknown_bytes += size
                when = datetime.datetime.fromisoformat(
                    metric.get("timestamp", push["timestamp"]).replace("Z", "+00:00"))
                add("", "unknown_metric_samples", when, 1)
    return accounts


class Sender:
    """Sender is a collector that makes random pushes, one after the other."""

    def __init__(self, server, seed):
        self.server = server
        self.db = type(server.db)(server.db.dsn)  # this thread's own connection
        self.random = random.Random(seed)
        self.credentials = server.collector()
        names = ["app", "postgres", "Größe", "shop-7", "a"]
        self.random.shuffle(names)
        self.source = v3_bodies.Source(seed, now() - datetime.timedelta(minutes=20),
                                       names[:self.random.randrange(1, 4)],
                                       self.random.randrange(8, 60))
        self.sequences = itertools.count(1)
        self.expected = collections.defaultdict(Account)
        self.receipts = []  # (receipt, accounts by database) of each push except retries
        self.skipped = []   # (from, to) of sequence numbers that were left out
        self.retries = 0

    def set_limit(self):
        limit = self.random.choice([1, 2, 5, 10, 30, None])
        self.db.execute(
            "UPDATE pganalytics.collectors SET max_queries_per_db = %s WHERE collector_id = %s",
            limit, self.credentials.collector_id)
        return limit or 1000

    def key(self):
        if self.random.random() < 0.1 and self.receipts:
            first = next(self.sequences)
            last = first + self.random.randrange(3)
            for _ in range(first, last):
                next(self.sequences)
            self.skipped.append((first, last))
        return f"77:{next(self.sequences)}"

    def metrics(self):
        rnd = self.random
        metrics = []
        for metric in self.source.sample():
            if rnd.random() < 0.5:
                continue
            metric = json.loads(json.dumps(metric))
            shift = rnd.choice([0] * 12 + [-8, -15, -31, 2])
            if shift:
                metric["timestamp"] = v3_bodies.iso(
                    self.source.moment + datetime.timedelta(days=shift))
            if metric["type"] == "pg_query_stats":
                if rnd.random() < 0.3:
                    metric["unchanged"] = rnd.randrange(0, 1000)
                if rnd.random() < 0.2:
                    metric["merged"] = rnd.randrange(0, 1000)
                metric["queries"] = metric["queries"][:rnd.randrange(len(metric["queries"]) + 1)]
            metrics.append(metric)
        for _ in range(rnd.choice([0, 0, 1, 3])):
            unknown = {"type": f"pg_new_{rnd.randrange(3)}", "timestamp": v3_bodies.iso(
                self.source.moment + datetime.timedelta(days=rnd.choice([0, 0, 0, -20, 3]))),
                "value": [rnd.random(), {"ä": "x" * rnd.choice([3, 3, 70000])}]}
            if rnd.random() < 0.3:
                del unknown["timestamp"]
            metrics.append(unknown)
        if rnd.random() < 0.03:  # more unknown metrics than a push may bring
            metrics += [{"type": "pg_new_9", "timestamp": v3_bodies.iso(now()), "n": i,
                         "value": "y" * 60000} for i in range(20)]
        rnd.shuffle(metrics)
        return metrics

    def run(self, pushes):
        limit = self.set_limit()
        client = self.server.client(self.credentials, timeout=60)
        for _ in range(pushes):
            if self.random.random() < 0.3:
                limit = self.set_limit()
                client.close()  # a gateway asks for the limit once per connection
            metrics = self.metrics()
            push = {"collector_id": self.credentials.collector_id, "hostname": "h", "metrics": metrics,
                    "metrics_count": len(metrics), "timestamp": v3_bodies.iso(now()), "version": "3"}
            body = v3_bodies.encode(push)
            key = self.key() if self.random.random() < 0.7 else None
            self.push(client, body, key, accounts_of(push, limit))
        client.close()
        self.db.close()
        return self

    def push(self, client, body, key, accounts):
        answer = push_until_stored(client, body, key)
        receipt = answer.receipt
        assert receipt["duplicate"] is False
        check_receipt(receipt, sum(accounts.values(), Account()))
        self.receipts.append((receipt, accounts))
        for database, account in accounts.items():
            self.expected[database].update(account)
            self.expected[database]["pushes"] += 1
        while self.random.random() < 0.2:
            self.retries += 1
            again = client.push(body, key)
            assert again.status == 200, again
            assert again.receipt["duplicate"] is True
            for name in (*COUNTS, "discarded"):
                assert again.receipt[name] == receipt[name], name


def push_until_stored(client, body, key=None):
    """push_until_stored retries after a 503, for example while the partitions of new days are locked."""
    for _ in range(20):
        answer = client.push(body, key)
        if answer.status != 503:
            break
    assert answer.status == 200, answer
    return answer


def check_receipt(receipt, account):
    """check_receipt checks the equation, and the receipt against the test's own counts."""
    discarded = receipt["discarded"]
    assert set(discarded) == set(REASONS)
    assert receipt["observed"] == (receipt["stored"] + receipt["unchanged"] + receipt["merged"]
                                   + sum(discarded.values())), receipt
    assert receipt["observed"] == account["observed"], (receipt, account)
    assert receipt["merged"] == account["merged"], (receipt, account)
    assert discarded == {reason: account[reason] for reason in REASONS}, (receipt, account)
    assert receipt["unchanged"] >= account["said_unchanged"], (receipt, account)


def stored_by_database(db, collector_id):
    """stored_by_database counts the rows in all tables, by database."""
    union = " UNION ALL ".join(
        f"SELECT '{relation}' AS relation, m.database_id, m.server_id FROM pganalytics.{relation} q"
        " JOIN pganalytics.metric_series m USING (server_id, series_id)"
        for relation in (*RELATIONS, "unknown_metric_samples"))
    return dict(db.rows(
        "SELECT coalesce(d.name, ''), count(*)::int FROM (" + union + " UNION ALL SELECT 'query_samples',"
        " s.database_id, s.server_id FROM pganalytics.query_samples q"
        " JOIN pganalytics.query_series s USING (server_id, series_id)) r"
        " JOIN pganalytics.servers v USING (server_id)"
        " LEFT JOIN pganalytics.databases d ON d.database_id = r.database_id"
        " WHERE v.collector_id = %s GROUP BY 1", collector_id))


def check_tables(db, sender):
    """check_tables checks that ledger and accounts agree with the receipts and with the tables."""
    collector_id = sender.credentials.collector_id
    ledger = db.rows(
        "SELECT observed, stored, unchanged, merged, discarded_too_old, discarded_in_future,"
        " discarded_too_large, discarded_over_quota FROM pganalytics.push_ledger"
        " WHERE collector_id = %s", collector_id)
    assert collections.Counter(ledger) == collections.Counter(
        (*(receipt[name] for name in COUNTS), *(receipt["discarded"][r] for r in REASONS))
        for receipt, _ in sender.receipts)
    there = stored_by_database(db, collector_id)
    accounts = db.rows(
        "SELECT database, sum(pushes), sum(observed), sum(stored), sum(unchanged), sum(merged),"
        " sum(beyond_limit), sum(discarded_too_old), sum(discarded_in_future),"
        " sum(discarded_too_large), sum(discarded_over_quota) FROM pganalytics.ingest_accounting a"
        " JOIN pganalytics.collectors c ON c.name = a.collector WHERE c.collector_id = %s GROUP BY 1",
        collector_id)
    for database, pushes, observed, stored, unchanged, merged, beyond_limit, *discarded in accounts:
        expected = sender.expected[database]
        assert observed == stored + unchanged + merged + sum(discarded), database
        assert stored == there.get(database, 0), database
        assert observed == expected["observed"], database
        assert merged == expected["merged"], database
        assert beyond_limit == expected["beyond_limit"], database
        assert discarded == [expected[reason] for reason in REASONS], database
        # Every push has an account of database ''; of other databases only the pushes with rows of
        # it have one.
        assert pushes == expected["pushes"] if database == "" else pushes <= expected["pushes"]
    assert {row[0] for row in accounts} >= {d for d, a in sender.expected.items() if a["observed"]}
    queries = dict(db.rows(
        "SELECT coalesce(d.name, ''), sum(queries)::int FROM pganalytics.push_accounts a"
        " JOIN pganalytics.servers v USING (server_id)"
        " LEFT JOIN pganalytics.databases d ON d.database_id = a.database_id"
        " WHERE v.collector_id = %s GROUP BY 1", collector_id))
    assert all(queries.get(d, 0) == a["queries"] for d, a in sender.expected.items()), queries


def check_health(server, sender):
    """check_health checks the same figures over HTTP."""
    with server.client(sender.credentials) as client:
        answer = client.request("GET", "/api/v1/metrics/health",
                                headers={"Authorization": f"Bearer {sender.credentials.token}"})
    assert answer.status == 200, answer
    document = answer.json
    assert document["collector_id"] == sender.credentials.collector_id
    expected = sum(sender.expected.values(), Account())
    by_server, = document["servers"]
    for total in (document["total"], by_server["total"]):
        assert total["adds_up"] is True
        assert total["pushes"] == len(sender.receipts)
        for health, receipt in (("received", "observed"), ("stored", "stored"),
                                ("unchanged", "unchanged"), ("merged", "merged")):
            assert total[health] == sum(r[receipt] for r, _ in sender.receipts), health
        assert total["discarded"] == {reason: expected[reason] for reason in REASONS}
        assert total["discard_rate"] == pytest.approx(
            sum(expected[reason] for reason in REASONS) / expected["observed"])
        assert total["queries"] == expected["queries"]
        assert total["beyond_limit"] == expected["beyond_limit"]
    for part in by_server["databases"]:
        account, total = sender.expected[part["database"]], part["total"]
        assert total["received"] == account["observed"], part
        assert total["discarded"] == {reason: account[reason] for reason in REASONS}, part
    return document


def check_gaps(db, sender):
    gaps = db.rows("SELECT from_sequence, to_sequence FROM pganalytics.ingest_gaps g"
                   " JOIN pganalytics.collectors c ON c.name = g.collector"
                   " WHERE c.collector_id = %s AND epoch = 77 ORDER BY 1", sender.credentials.collector_id)
    assert gaps == merge_ranges(sender.skipped)


def merge_ranges(ranges):
    merged = []
    for first, last in ranges:
        if merged and merged[-1][1] + 1 == first:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged


def test_the_equation_over_random_pushes(server):
    senders = [Sender(server, SEED + i) for i in range(4)]
    with concurrent.futures.ThreadPoolExecutor(len(senders)) as executor:
        # Run several senders at once, so that pushes of different collectors share a commit.
        for task in [executor.submit(sender.run, PUSHES // len(senders)) for sender in senders]:
            task.result()
    for sender in senders:
        check_tables(server.db, sender)
        check_health(server, sender)
        check_gaps(server.db, sender)
    assert server.db.value("SELECT count(*) FROM pganalytics.accounting_violations") == 0
    totals = sum((sum(sender.expected.values(), Account()) for sender in senders), Account())
    # Every kind of outcome has occurred, except for those of test_quotas.py.
    for name in ("observed", "merged", "beyond_limit", "said_unchanged", *REASONS[:-1]):
        assert totals[name] > 0, name
    retries = sum(sender.retries for sender in senders)
    assert retries > 0 and any(sender.skipped for sender in senders)
    print(f"{sum(len(s.receipts) for s in senders)} pushes and {retries} retries with seed {SEED}: "
          f"{dict(totals)}")


@pytest.fixture(scope="module")
def limited(server):
    """limited pushes the same queries under four limits and gives {limit: (credentials, metrics)}."""
    pushed = {}
    moment = now()
    for limit in (1, 10, 100, 1000):
        credentials = server.collector()
        server.db.execute("UPDATE pganalytics.collectors SET max_queries_per_db = %s"
                          " WHERE collector_id = %s", limit, credentials.collector_id)
        push = v3_bodies.document(SEED, 2, moment, credentials.collector_id, queries=600,
                                  rich=False)
        push["metrics"] = [m for m in push["metrics"] if m["type"] == "pg_query_stats"]
        push["metrics_count"] = len(push["metrics"])
        with server.client(credentials) as client:
            answer = push_until_stored(client, v3_bodies.encode(push))
        check_receipt(answer.receipt, sum(accounts_of(push, limit).values(), Account()))
        pushed[limit] = credentials, push["metrics"]
    return pushed


def test_totals_are_the_same_under_any_limit(server, limited):
    sums = {}
    for limit, (credentials, metrics) in limited.items():
        # The rows kept are the top ones by time and by calls, according to the test's own ranking.
        compare_queries(server.db, credentials.collector_id, metrics, limit)
        totals = ", ".join(f"sum({name})" for name in (*QUERY_COUNTS, "total_exec_time",
                                                       "shared_blk_read_time"))
        sums[limit] = server.db.rows(
            f"SELECT d.name, q.sampled_at, {totals} FROM pganalytics.query_samples q"
            " JOIN pganalytics.query_series s USING (server_id, series_id)"
            " JOIN pganalytics.servers v USING (server_id)"
            " JOIN pganalytics.databases d ON d.database_id = s.database_id"
            " WHERE v.collector_id = %s GROUP BY 1, 2 ORDER BY 1, 2", credentials.collector_id)
    assert len(sums[1000]) >= 2
    for limit in (1, 10, 100):
        for row, all_of_it in zip(sums[limit], sums[1000]):
            assert row[:-2] == all_of_it[:-2], limit
            assert all(math.isclose(a, b, rel_tol=1e-12) for a, b in zip(row[-2:], all_of_it[-2:]))
    rows = {limit: server.samples(credentials) for limit, (credentials, _) in limited.items()}
    assert [rows[limit] for limit in (1, 10, 100)] == [4 * 2, 4 * 11, 4 * 101]


def test_the_alert_about_the_limit(server, limited):
    for limit, (credentials, metrics) in limited.items():
        snapshots = [Snapshot(metric, limit) for metric in metrics]
        expected = {name: sum(s.beyond_limit for s in snapshots if s.database == name)
                    / sum(s.queries for s in snapshots if s.database == name)
                    for name in {s.database for s in snapshots}}
        named = server.db.rows(
            "SELECT database, share, e.max_queries_per_db, queries_seen, queries_kept, queries_merged,"
            " since <= now() FROM pganalytics.query_limit_exceeded e"
            " JOIN pganalytics.collectors c ON c.name = e.collector WHERE c.collector_id = %s",
            credentials.collector_id)
        if limit == 1000:
            assert named == []
            continue
        assert {row[0] for row in named} == set(expected)
        for database, share, in_force, seen, kept, merged, since in named:
            assert share == pytest.approx(expected[database])
            assert in_force == limit and since
            assert seen == 1200 and seen == kept + merged


def test_health_is_of_who_asks(server, credentials):
    other = server.collector()
    with Client(server.port, server.ca_file, credentials.token) as client:
        answer = client.request("GET", "/api/v1/metrics/health",
                                headers={"Authorization": f"Bearer {credentials.token}"})
        assert answer.status == 200, answer
        assert answer.json["collector_id"] == credentials.collector_id != other.collector_id
        assert answer.json["servers"] == [] and answer.json["last_push"] is None
        for headers in ({}, {"Authorization": "Bearer nobody"}):
            refused = client.request("GET", "/api/v1/metrics/health", headers=headers)
            assert refused.status == 403, refused
