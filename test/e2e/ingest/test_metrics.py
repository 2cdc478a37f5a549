"""Every metric reaches its table, by every ingest path, within the time that its table covers."""
import datetime

from client import query_rows, rfc3339
from metric_pushes import (CHANGES, PLACES, UTC, at, check_accounts, counts, extensions, log,
                           minutes_ago, more_metrics, observed_rows, push_of, server_ids,
                           stored_rows, whole_push)


def test_fixture_and_more_are_stored_completely(server, client, credentials, today):
    document = whole_push(credentials, at(today, -7200))
    answer = client.push(document)
    assert answer.status == 200, answer
    assert counts(server, credentials) == stored_rows(document)
    assert answer.receipt["observed"] == sum(observed_rows(document).values())
    assert answer.receipt["discarded"] == {"too_old": 0, "in_future": 0, "too_large": 0, "over_quota": 0}
    check_accounts(server, credentials)
    # Unchanged rows are not stored again, but samples of another minute are.
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
    # JSON is stored as it came: the order of members and the digits of numbers are unchanged.
    assert row("metric ->> 'deep'", "unknown_metric_samples")[0].replace(" ", "") == (
        '{"list":[1,2.5,"\\u00fc",null,{}]}')
    assert row("type", "unknown_metric_samples") == ("pg_of_tomorrow",)
    assert row("subscription ->> 'slots'", "subscription_samples")[0].replace(" ", "") == (
        '["a",{"b":null}]')
    assert row("username, query, duration_seconds, query_start", "long_transaction_samples") == (
        "änn", "SELECT '💡'", 2.5, when - datetime.timedelta(hours=1))
    assert row("level, message, sampled_at", "log_lines", "level = 'ERROR'") == (
        "ERROR", 'relation "ü" does not exist', when)
    # An absent text is NULL, an empty text is ''.
    assert row("message", "log_lines", "level = 'LOG'") == ("",)
    assert row("last_autovacuum", "table_bloat_samples") == (None,)
    assert row("vacuum_count, autovacuum_count", "table_bloat_samples") == (3, None)
    # The hash is computed as the column's COMMENT says, so that SQL can look up a line.
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
    """dump gives all rows of every relation, with labels in place of series numbers."""
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


def test_windows_are_those_of_the_settings(server, client, credentials):
    """Each family has its own time window; rows outside it are discarded and counted by database."""
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
    limit(15)
    assert push(1) == (False, 16, 4)
    limit(12)
    # The gateway learns of the change soon after the COMMIT, and from the next receipt at the
    # latest.
    assert push(2) in ((False, 16, 4), (False, 13, 7))
    assert push(3) == (False, 13, 7)
    # A duplicate's receipt brings the limit, too; a collector without its own limit has the
    # setting's.
    limit(None)
    assert push(3) == (True, 13, 7)
    assert push(4) == (False, 20, 0)
    check_accounts(server, credentials)
