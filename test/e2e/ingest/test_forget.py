"""Forgetting collectors and servers: no row of them stays, pushes go on, and a crash changes nothing."""
import signal

import psycopg2
import pytest

import product
from audit_view import await_event, last_id
from client import Load, push_body, query_rows
from cluster import wait_until
from conftest import Database
from metric_pushes import at, counts, minutes_ago, server_ids, whole_push

PLACES_WITH = """
    SELECT c.oid::regclass::text, c.relkind::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'pganalytics'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND a.attname = %s AND NOT a.attisdropped ORDER BY 1"""
# The record of what was removed, and certificates: they stay on record, revoked.
STAYS = {"pganalytics.forget_jobs", "pganalytics.certificates"}


def rows_with(server, column, value):
    """rows_with counts the rows with this value in every table of the schema that has the column."""
    return {place: server.db.value(f"SELECT count(*)::int FROM {place} WHERE {column}::text = %s", str(value))
            for place, _ in server.db.rows(PLACES_WITH, column) if place not in STAYS}


def progress(server, job):
    return server.db.row("SELECT state, samples, pushes, series, texts, series_left "
                         "FROM pganalytics.forget_progress WHERE forget_job_id = %s", job)


def await_end(server, job):
    wait_until(lambda: progress(server, job)[0] == "done", 30, f"the end of job {job}")
    return progress(server, job)


@pytest.fixture(scope="module")
def keeper(server):
    server.db.execute("CREATE ROLE keeper LOGIN IN ROLE pganalytics_admin")
    one = Database(server.cluster.dsn(product.DATABASE, "keeper"))
    yield one
    one.close()
    server.db.execute("DROP ROLE keeper")


def text_of(number):
    return {**query_rows(1, 1, number)[0], "text": f"SELECT forgotten_{number}"}


def test_no_row_of_a_collector_stays(server, keeper, today):
    leaves, stays = server.collector(), server.collector()
    with server.client(leaves) as leaving, server.client(stays) as staying:
        for one, holder in ((leaving, leaves), (staying, stays)):
            document = whole_push(holder, minutes_ago(5))
            assert one.push(document).status == 200
            # Samples of two days, of a text that both have.
            for moment in (at(today, -30), at(today, 0)):
                assert one.push(push_body(holder.collector_id, [text_of(7)], moment)).status == 200
        assert leaving.push(push_body(leaves.collector_id, [text_of(8)])).status == 200
        number, = server_ids(server, leaves)
        before = rows_with(server, "server_id", number)
        days = {place for place, kind in server.db.rows(PLACES_WITH, "server_id") if kind == "p"}
        assert not [place for place in days if before[place] == 0]
        others = counts(server, stays)
        mark = last_id(server)
        name = server.db.value("SELECT name FROM pganalytics.collectors WHERE collector_id = %s",
                               leaves.collector_id)

        job = keeper.value("SELECT pganalytics.forget_collector(%s)", name)
        refused = leaving.push(push_body(leaves.collector_id, [text_of(9)]))
        assert refused.status in (401, 403), refused
        state, samples, pushes, series, texts, left = await_end(server, job)

    for column, value in (("server_id", number), ("collector_id", leaves.collector_id)):
        found = rows_with(server, column, value)
        assert not any(found.values()), found
    assert (state, left) == ("done", None)
    assert samples == sum(before[place] for place in days) - pushes
    assert pushes == before["pganalytics.push_ledger"] + before["pganalytics.push_accounts"]
    assert series == before["pganalytics.query_series"] + before["pganalytics.metric_series"]
    assert counts(server, stays) == others
    stored = {text for text, in server.db.rows(
        "SELECT text FROM pganalytics.query_texts WHERE text ~ '^SELECT forgotten_[789]$'")}
    assert stored == {"SELECT forgotten_7"} and texts >= 1
    assert server.db.value(
        "SELECT count(*) FROM pganalytics.query_series q WHERE text_id IS NOT NULL AND NOT EXISTS "
        "(SELECT FROM pganalytics.query_texts t WHERE t.text_id = q.text_id)") == 0
    for event in ("collector.removed", "server.removed", "server.forgotten", "collector.forgotten"):
        await_event(server, event, mark)
    _, told = await_event(server, "server.forgotten", mark)
    assert told == {"collector": name, "server": "db-host-01", "requested_by": "keeper", "samples": samples,
                    "pushes": pushes, "series": series, "texts": texts}


def test_a_plain_delete_leaves_no_orphans(server, credentials, client):
    assert client.push(whole_push(credentials, minutes_ago(5))).status == 200
    number, = server_ids(server, credentials)
    server.db.execute("DELETE FROM pganalytics.servers WHERE server_id = %s", number)
    job = server.db.value("SELECT forget_job_id FROM pganalytics.forget_jobs WHERE server_id = %s", number)
    await_end(server, job)
    assert not any(rows_with(server, "server_id", number).values())
    # The collector may still push. Its server is a new one.
    assert client.push(push_body(credentials.collector_id, [text_of(1)])).status == 200
    assert server_ids(server, credentials) != [number]


def test_a_viewer_sees_how_fresh_a_server_is(server, credentials, client):
    """What a collector sends late does not make the data look old."""
    for minutes in (10, 70):
        body = push_body(credentials.collector_id, [text_of(1)], minutes_ago(minutes))
        assert client.push(body).status == 200
    name = server.db.value("SELECT name FROM pganalytics.collectors WHERE collector_id = %s",
                           credentials.collector_id)
    for view, shown, expected in (("server_status", "server, hostname", ("db-host-01", "db-host-01")),
                                  ("collector_status", "servers, enabled", (1, True))):
        server.db.execute("SET ROLE pganalytics_viewer")
        try:
            row = server.db.row(
                f"SELECT {shown}, collector_version, last_push > now() - interval '1 minute', "
                f"extract(epoch FROM data_age) BETWEEN 600 AND 660 FROM pganalytics.{view} "
                "WHERE collector = %s", name)
        finally:
            server.db.execute("RESET ROLE")
        assert row == (*expected, "3.0.0", True, True)


def test_unknown_names(keeper, credentials):
    with pytest.raises(psycopg2.errors.UndefinedObject, match="pganalytics.collector_status"):
        keeper.execute("SELECT pganalytics.forget_collector('nobody')")
    name = keeper.value("SELECT collector FROM pganalytics.collector_status WHERE collector_id = %s",
                        credentials.collector_id)
    with pytest.raises(psycopg2.errors.UndefinedObject, match="pganalytics.server_status"):
        keeper.execute("SELECT pganalytics.forget_server(%s, 'nothing')", name)


@pytest.mark.crashes
def test_under_load_and_with_a_crash_in_the_middle(server, keeper, credentials):
    """A session that locks one series holds the job up, so that the crash comes in its middle."""
    name = server.db.value("SELECT name FROM pganalytics.collectors WHERE collector_id = %s",
                           credentials.collector_id)
    with Load(server.port, server.ca_file, credentials, rows=400) as load:
        wait_until(lambda: load.count() >= 40, 30, "pushes")
        old, = server_ids(server, credentials)
        blocker = psycopg2.connect(server.db.dsn)
        with blocker.cursor() as cursor:
            cursor.execute("SELECT FROM pganalytics.query_series WHERE server_id = %s "
                           "ORDER BY series_id DESC LIMIT 1 FOR UPDATE", (old,))
        job = keeper.value("SELECT pganalytics.forget_server(%s, 'db-host-01')", name)
        with load.lock:
            acknowledged_before = set(load.acknowledged)
        wait_until(lambda: progress(server, job)[1] > 0 and 0 < progress(server, job)[5] <= 200, 30,
                   "all series removed but the last chunk")
        server.db.close()
        keeper.close()
        server.cluster.restart(signal.SIGQUIT)
        wait_until(lambda: load.count() >= len(acknowledged_before) + 40, 60, "pushes after the crash")
        state = await_end(server, job)
        load.stop()
    blocker.close()
    assert state[0] == "done" and state[2] > 40
    assert not any(rows_with(server, "server_id", old).values())
    new, = server_ids(server, credentials)
    # Every push that was acknowledged after the commit is stored whole; none is stored twice.
    stored = server.rows_by_push(credentials)
    missing = [number for number in load.acknowledged
               if number not in acknowledged_before and stored.get(number) != load.rows]
    # Of the pushes under way at the commit, each thread had one.
    assert new != old and len(missing) <= load.threads, missing
    assert set(stored.values()) == {load.rows}
