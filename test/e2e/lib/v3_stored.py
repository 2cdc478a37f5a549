"""Reads back what is stored for one collector, and compares it with its pushes."""
import collections

from v3_model import (COUNT, COUNTER, NUMBER, ON_CHANGE, ONCE, QUERY_COLUMNS, QUERY_COUNTS,
                      RELATIONS, ROW, LSN, UTC, Snapshot, canonical, rows_of)

import json

SHOWN = 3  # differences printed of each relation


def column_sql(name, kind):
    return f'q."{name}"::text' if kind in (LSN, ROW) else f'q."{name}"'


def to_python(value, kind):
    if kind in (COUNT, COUNTER):
        return value or 0
    if kind == ROW:
        return canonical(json.loads(value))
    if kind == NUMBER and value is not None:
        return float(value)
    return value.astimezone(UTC) if hasattr(value, "astimezone") else value


def stored_rows(db, collector_id, relation):
    """stored_rows gives (database, labels, time, values) of a relation other than query_samples."""
    columns = RELATIONS[relation][3]
    kinds = [kind for _, kind in columns.values()]
    names = "".join(", " + column_sql(name, kind) for name, (_, kind) in columns.items())
    return [(database, tuple(labels), moment.astimezone(UTC),
             tuple(to_python(value, kind) for value, kind in zip(values, kinds)))
            for database, labels, moment, *values in db.rows(
                f"SELECT coalesce(d.name, ''), m.labels, q.sampled_at{names}"
                f" FROM pganalytics.{relation} q"
                " JOIN pganalytics.metric_series m USING (server_id, series_id)"
                " JOIN pganalytics.servers s ON s.server_id = q.server_id"
                " LEFT JOIN pganalytics.databases d ON d.server_id = m.server_id"
                "  AND d.database_id = m.database_id"
                " WHERE s.collector_id = %s AND m.relation = %s", collector_id, relation)]


def state(db, collector_id, relation):
    """state gives (database, labels, values) of the rows in the newest sample of each database."""
    columns = RELATIONS[relation][3]
    kinds = [kind for _, kind in columns.values()]
    names = "".join(", " + column_sql(name, kind) for name, (_, kind) in columns.items())
    return collections.Counter(
        (database, tuple(labels), tuple(to_python(v, kind) for v, kind in zip(values, kinds)))
        for database, labels, *values in db.rows(
            f"SELECT d.name, m.labels{names} FROM pganalytics.metric_series m"
            " JOIN pganalytics.servers s USING (server_id)"
            " JOIN pganalytics.databases d ON d.server_id = m.server_id"
            "  AND d.database_id = m.database_id"
            f" JOIN pganalytics.{relation} q ON q.server_id = m.server_id"
            "  AND q.series_id = m.series_id AND q.sampled_at ="
            f"  (SELECT max(x.sampled_at) FROM pganalytics.{relation} x"
            "   WHERE x.server_id = m.server_id AND x.series_id = m.series_id)"
            " WHERE s.collector_id = %s AND m.relation = %s AND m.gone_at IS NULL",
            collector_id, relation))


def difference(what, expected, stored):
    """difference raises AssertionError with some of the rows whose numbers differ."""
    missing, extra = expected - stored, stored - expected
    assert not missing and not extra, (
        f"{what}: {missing.total()} rows are missing, such as {list(missing)[:SHOWN]}; "
        f"{extra.total()} are there that should not, such as {list(extra)[:SHOWN]}")


def compare_queries(db, collector_id, metrics, limit=None):
    """compare_queries compares query samples and gives the number of values compared."""
    expected = collections.defaultdict(list)
    for metric in metrics:
        snapshot = Snapshot(metric, limit)
        for query in snapshot.rows:
            expected[snapshot.database, snapshot.moment, query.hash].append(query)
    stored = collections.defaultdict(list)
    names = ", ".join(f'coalesce(q."{name}", 0)' for name in QUERY_COLUMNS)
    for database, moment, queryid, text, *values in db.rows(
            f"SELECT d.name, q.sampled_at, s.queryid, t.text, {names}"
            " FROM pganalytics.query_samples q"
            " JOIN pganalytics.query_series s USING (server_id, series_id)"
            " JOIN pganalytics.servers v USING (server_id)"
            " JOIN pganalytics.databases d ON d.server_id = s.server_id"
            "  AND d.database_id = s.database_id"
            " LEFT JOIN pganalytics.query_texts t ON t.text_id = s.text_id"
            " WHERE v.collector_id = %s AND s.username = '' AND s.toplevel", collector_id):
        stored[database, moment.astimezone(UTC), queryid].append((text, tuple(values)))
    difference("query_samples", collections.Counter({key: len(rows) for key, rows in expected.items()}),
               collections.Counter({key: len(rows) for key, rows in stored.items()}))
    # Two samples of one second have no order: compare each expected row with the stored row of
    # equal counts.
    texts = collections.defaultdict(set)
    for (database, _, queryid), queries in expected.items():
        for query in queries:
            texts[database, queryid] |= {text or None for text in query.texts}
    for key, queries in expected.items():
        rows = stored[key]
        if len(queries) > 1:
            queries = sorted(queries, key=lambda query: query.values[:len(QUERY_COUNTS)])
            rows = sorted(rows, key=lambda row: row[1][:len(QUERY_COUNTS)])
        for query, (text, values) in zip(queries, rows):
            assert query.equals(values), (key, [
                (name, ours, theirs) for name, ours, theirs in zip(QUERY_COLUMNS, query.values, values)
                if ours != theirs])
            # A series has one text. Rows that differ in their text alone share a series, which has
            # the text of one.
            assert (text or None) in texts[key[0], key[2]], (key, text)
    return sum(len(rows) for rows in stored.values()) * len(QUERY_COLUMNS)


def compare(db, collector_id, metrics, limit=None):
    """compare raises if a value of `metrics` is missing in the tables, or the tables hold one not in them.

    Gives the number of values compared by relation. REQUIRES: the metrics of a database come in the
    order of their times.
    """
    compared = {"query_samples": compare_queries(
        db, collector_id, [m for m in metrics if m["type"] == "pg_query_stats"], limit)}
    by_relation = collections.defaultdict(list)
    for metric in metrics:
        if metric["type"] != "pg_query_stats":
            for relation, *row in rows_of(metric):
                by_relation[relation].append(tuple(row))
    for relation, (_, _, labels, columns) in RELATIONS.items():
        sent = by_relation[relation]
        stored = stored_rows(db, collector_id, relation)
        if relation in ON_CHANGE:
            compare_changes(db, collector_id, relation, sent, stored)
        elif relation in ONCE:
            firsts = {}
            for database, _, moment, values in sent:
                firsts.setdefault((database, values), moment)
            difference(relation, collections.Counter((d, v, m) for (d, v), m in firsts.items()),
                       collections.Counter((d, v, m) for d, _, m, v in stored))
        else:
            difference(relation, collections.Counter(sent), collections.Counter(stored))
        compared[relation] = len(stored) * (len(labels) + len(columns))
    return compared


def compare_changes(db, collector_id, relation, sent, stored):
    """compare_changes checks the newest state, and that each change is stored with its time."""
    snapshots = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
    for database, labels, moment, values in sent:
        snapshots[database][moment][labels, values] += 1
    newest = collections.Counter()
    changes = collections.Counter()
    for database, by_time in snapshots.items():
        before = {}
        for moment in sorted(by_time):
            now = collections.defaultdict(set)
            for labels, values in by_time[moment]:
                now[labels].add(values)
            for labels, rows in now.items():
                if before.get(labels) != rows:
                    changes.update((database, labels, moment, values) for values in rows)
            before = now
        for labels, rows in before.items():
            newest.update((database, labels, values) for values in rows)
    difference(f"state of {relation}", newest, state(db, collector_id, relation))
    there = collections.Counter(stored)
    assert not changes - there, (relation, list(changes - there)[:SHOWN])
    # All other stored rows repeat a state as the first sample of a day.
    days = {}
    for database, _, moment, _ in sent:
        days.setdefault((database, moment.date()), moment)
    extra = [row for row in (there - changes) if row[2] != days[row[0], row[2].date()]]
    assert not extra, (relation, extra[:SHOWN])
