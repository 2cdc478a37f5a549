"""The maintenance worker makes partitions before the first push and drops them after their retention."""
import pytest

from client import push_body, query_rows
from cluster import wait_until
from conftest import Database

import product


@pytest.fixture(scope="module")
def keeper(make_server):
    return make_server("retention")


def make_day(server, relation, ago):
    return server.db.value("SELECT pganalytics.make_partition(%s, (now() AT TIME ZONE 'UTC')::date - %s)"
                           "::text", relation, ago)


def is_there(server, partition):
    return server.db.value("SELECT to_regclass(%s) IS NOT NULL", partition)


def is_day_there(server, relation, ago):
    """is_day_there asks for the partition of the day that is `ago` days before now."""
    return server.db.value("SELECT to_regclass(format('pganalytics.%%I', %s || to_char("
                           "now() AT TIME ZONE 'UTC' - %s * interval '1 day', '_pYYYYMMDD'))) IS NOT NULL",
                           relation, ago)


def test_days_are_made_at_the_start(keeper):
    """Every table gets partitions for today and three days ahead; pushes meanwhile are not refused."""
    credentials = keeper.collector()
    with keeper.client(credentials) as client:
        assert client.push(push_body(credentials.collector_id, query_rows(3, 1))).status == 200

    def lacking():
        return keeper.db.rows(
            "SELECT r.relation, count(p.day) FROM pganalytics.partitioned_relations() r "
            "LEFT JOIN pganalytics.partitions p ON p.relation = r.relation "
            "AND p.day - (now() AT TIME ZONE 'UTC')::date BETWEEN 0 AND 3 "
            "GROUP BY r.relation HAVING count(p.day) <> 4")

    wait_until(lambda: lacking() == [], 10, "today and three days ahead in every table")


def test_a_new_retention_holds_at_once(keeper):
    """After a reload the worker drops days older than the new retention, of that family alone."""
    old_logs = [make_day(keeper, "log_lines", ago) for ago in (4, 6)]
    for ago in (3, 2):
        make_day(keeper, "log_lines", ago)
    kept_metrics = make_day(keeper, "table_samples", 6)
    keeper.configure(retention_logs="3")
    wait_until(lambda: not any(is_there(keeper, day) for day in old_logs), 10, "the old days gone")
    assert is_day_there(keeper, "log_lines", 3)
    assert is_there(keeper, kept_metrics)
    wait_until(lambda: "dropped 2 partitions whose retention had passed"
               in keeper.cluster.log_text(), 10, "the log says how many")


def test_what_is_in_use_stays_until_the_next_time(keeper):
    """A session that reads an old day keeps that day, and delays neither other days nor a push."""
    used = make_day(keeper, "table_samples", 12)
    free = make_day(keeper, "wal_samples", 12)
    reader = Database(keeper.cluster.dsn(product.DATABASE))
    offset = len(keeper.cluster.log_text())
    reader.execute("BEGIN")
    reader.execute(f"LOCK TABLE ONLY {used} IN ACCESS SHARE MODE")
    keeper.configure(retention_metrics="10")
    wait_until(lambda: not is_there(keeper, free), 10, "the day that nobody uses gone")
    wait_until(lambda: f"could not drop expired partition {used}" in keeper.log_since(offset), 10,
               "the log says what stays")
    assert is_there(keeper, used)
    assert keeper.db.value("SELECT overdue FROM pganalytics.retention WHERE family = 'metrics'") == 1
    credentials = keeper.collector()
    with keeper.client(credentials) as client:
        assert client.push(push_body(credentials.collector_id, query_rows(3, 1))).status == 200
    reader.execute("COMMIT")
    reader.close()
    keeper.configure(retention_metrics="9")
    wait_until(lambda: not is_there(keeper, used), 10, "the day gone")


def test_the_ledger_is_kept_as_long_as_retries_are_recognised(keeper):
    """The server refuses a retention_ledger below the longest dedup_window."""
    for ago in (8, 7):
        make_day(keeper, "push_ledger", ago)
    offset = len(keeper.cluster.log_text())
    keeper.cluster.configure({"pganalytics.retention_ledger": "7"})
    keeper.cluster.reload()
    wait_until(lambda: "7 is outside the valid range for parameter" in keeper.log_since(offset), 10,
               "the value refused")
    assert keeper.db.value("SELECT days FROM pganalytics.retention WHERE family = 'ledger'") == 8
    assert is_day_there(keeper, "push_ledger", 8)
