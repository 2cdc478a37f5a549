"""The engine of alerts in a real server: due, slow and broken rules, and what survives a crash."""
import shutil
import signal
import subprocess
import time

import psycopg2
import pytest

import cluster
import product
from client import push_body, query_rows
from cluster import wait_until
from conftest import Database
from identities import enroll

QUERY = ("SELECT host, value FROM public.load "
         "WHERE at <= pganalytics.evaluation_time()")


@pytest.fixture(scope="module")
def own(make_server):
    one = make_server("alerting", ingest_workers=1)
    one.db.execute("CREATE TABLE load (host text, value float8, at timestamptz DEFAULT now())")
    one.db.execute("GRANT SELECT ON load TO pganalytics_rules")
    one.db.execute("CREATE FUNCTION keep_on() RETURNS int LANGUAGE plpgsql AS $$ "
                   "BEGIN PERFORM pg_sleep(60); RETURN 1; "
                   "EXCEPTION WHEN query_canceled THEN RETURN 2; END $$")
    return one


@pytest.fixture
def add_rule(own):
    """add_rule makes rules that are evaluated every second; the fixture deletes them after the test."""
    names = []

    def add(name, query=QUERY, **columns):
        columns = {"threshold": 5, "evaluate_every": "1 s", **columns}
        own.db.execute(f"INSERT INTO pganalytics.alert_rules (name, query, {', '.join(columns)}) "
                       f"VALUES (%s, %s{', %s' * len(columns)})", name, query, *columns.values())
        names.append(name)

    yield add
    if own.db.value("SELECT to_regclass('pganalytics.alert_rules') IS NOT NULL"):
        own.db.execute("DELETE FROM pganalytics.alert_rules WHERE name = ANY (%s)", names)
        own.db.execute("TRUNCATE load")
        wait_until(lambda: not own.db.rows("SELECT FROM pganalytics.alerts WHERE rule = ANY (%s) AND "
                                           "state <> 'resolved'", names), 10, "the end of its alerts")
        own.db.execute("DELETE FROM pganalytics.alerts WHERE rule = ANY (%s)", names)


def alerts(db, rule):
    return db.rows("SELECT labels ->> 'host', state FROM pganalytics.alerts WHERE rule = %s "
                   "ORDER BY alert_id", rule)


def state(db, rule, columns="failures"):
    """state is the row of a rule in alert_rule_states, None before its first evaluation."""
    rows = db.rows(f"SELECT {columns} FROM pganalytics.alert_rule_states WHERE rule = %s", rule)
    return rows[0] if rows else None


def evaluations(db, rule):
    """evaluations gives a function that returns how many evaluations of the rule it has seen since."""
    seen = {state(db, rule, "evaluated_at")}

    def count():
        seen.add(state(db, rule, "evaluated_at"))
        return len(seen) - 1

    return count


def worker(db):
    return db.value("SELECT pid FROM pganalytics.workers WHERE kind = 'alerts'")


def in_query(db, words):
    """in_query says whether the worker runs the rule's query now; pg_stat_activity shows the rule's name."""
    return db.rows("SELECT FROM pg_stat_activity WHERE backend_type = 'pganalytics alerts' "
                   "AND state = 'active' AND query = %s", words)


def test_fires_and_resolves(own, add_rule):
    add_rule("load_high", pending_for="1 s", annotations='{"summary": "{{ $labels.host }}: {{ $value }}"}')
    own.db.execute("INSERT INTO load VALUES ('a', 6), ('b', 4)")
    wait_until(lambda: alerts(own.db, "load_high") == [("a", "firing")], 10, "the alert")
    waited, summary = own.db.row("SELECT fired_at - started_at >= '1 s', annotations ->> 'summary' "
                                 "FROM pganalytics.alerts WHERE rule = 'load_high'")
    assert waited and summary == "a: 6"
    failures, sets, took = state(own.db, "load_high", "failures, label_sets, duration_ms")
    assert (failures, sets) == (0, 2) and 0 < took < 1000
    own.db.execute("UPDATE load SET value = 5")
    wait_until(lambda: alerts(own.db, "load_high") == [("a", "resolved")], 10, "the end")
    assert own.db.rows("SELECT change FROM pganalytics.alert_history JOIN pganalytics.alerts "
                       "USING (alert_id) WHERE rule = 'load_high' ORDER BY at") == [
        ("pending",), ("firing",), ("resolved",)]


def test_threshold_of_a_setting(own, add_rule):
    """A threshold from a setting changes with a reload; the rule's own threshold takes precedence."""
    add_rule("by_setting", "SELECT 'x' AS host, 7 AS value", threshold=None,
             threshold_setting="pganalytics.alert_failed_login_threshold")
    wait_until(lambda: state(own.db, "by_setting") == (0,), 10, "an evaluation")
    assert alerts(own.db, "by_setting") == []
    own.configure(alert_failed_login_threshold=6)
    wait_until(lambda: alerts(own.db, "by_setting") == [("x", "firing")], 10, "the alert")
    own.db.execute("UPDATE pganalytics.alert_rules SET threshold = 8 WHERE name = 'by_setting'")
    wait_until(lambda: alerts(own.db, "by_setting") == [("x", "resolved")], 10, "its end")


def test_slow_rules(own, add_rule):
    """A slow rule costs its time limit and no more, even if its query goes on after being canceled."""
    add_rule("slow", "SELECT pg_sleep(60) AS a, 1 AS value", time_limit="100 ms")
    add_rule("busy", "SELECT sum(a * b) AS value FROM generate_series(1, 1000000) a, "
             "generate_series(1, 1000000) b", time_limit="100 ms")
    add_rule("stubborn", "SELECT public.keep_on() AS value", time_limit="100 ms")
    add_rule("quick")
    wait_until(lambda: all((state(own.db, name) or (0,))[0] >= 2 for name in ("slow", "busy")), 20,
               "two failures")
    assert state(own.db, "slow", "last_error") == ("the rule took longer than its time_limit, 100 ms",)
    assert state(own.db, "slow", "duration_ms")[0] < 1000
    assert state(own.db, "stubborn", "duration_ms")[0] < 1000
    count = evaluations(own.db, "quick")
    wait_until(lambda: count() >= 2, 10, "evaluations of the quick rule")
    assert state(own.db, "quick") == (0,)


def test_rule_that_waits_for_a_lock(own, add_rule):
    """A rule whose query waits for a lock fails, and its alerts stay as they were."""
    add_rule("locked_out", time_limit="1 min")
    add_rule("quick", "SELECT 1 AS value")
    own.db.execute("INSERT INTO load VALUES ('a', 6)")
    wait_until(lambda: alerts(own.db, "locked_out") == [("a", "firing")], 10, "the alert")
    with psycopg2.connect(own.db.dsn) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE load IN ACCESS EXCLUSIVE MODE")
        wait_until(lambda: state(own.db, "locked_out")[0] >= 2, 20, "two failures")
        count = evaluations(own.db, "quick")
        wait_until(lambda: count() >= 2, 10, "evaluations of the other rule")
        assert "lock timeout" in state(own.db, "locked_out", "last_error")[0]
        assert alerts(own.db, "locked_out") == [("a", "firing")]
    wait_until(lambda: state(own.db, "locked_out") == (0,), 10, "the next good evaluation")
    assert alerts(own.db, "locked_out") == [("a", "firing")]


BROKEN = {
    "divides": ("SELECT 1 / (count(*) - count(*)) AS value FROM public.load", "division by zero"),
    "denied": ("SELECT 1 AS value FROM pganalytics.enrollment_tokens", "permission denied"),
    "twice": ("SELECT 1 AS value FROM generate_series(1, 2)", "the same labels"),
    "endless": ("SELECT generate_series(1, 9223372036854775807) AS host, 1 AS value",
                "more than 100000"),
    "emits": ("SELECT public.emit() AS value", "may not call function pg_logical_emit_message"),
    "gone": ("SELECT 1 AS value FROM public.short_lived", "does not exist"),
    # Only with the rule's label are the two rows equal, so recording them fails and not the query.
    "merged": ("SELECT nullif(n, 1)::text AS host, 9 AS value FROM generate_series(1, 2) n",
               "the same labels"),
}


def test_errors_are_cut_between_characters(own, add_rule):
    """An error cut to fit pganalytics.workers stays valid text for clients of every encoding."""
    add_rule("wide", "SELECT ('x' || repeat('é', 400))::int AS value")
    add_rule("wider", "SELECT repeat('é', 400)::int AS value")
    for name in ("wide", "wider"):  # a cut by bytes would split a character in one of the two
        wait_until(lambda rule=name: f"rule {rule}: " in (own.db.value(
            "SELECT last_error FROM pganalytics.workers WHERE kind = 'alerts'") or ""), 20, "its error")
    with psycopg2.connect(own.db.dsn) as other, other.cursor() as cursor:
        other.set_client_encoding("LATIN1")

        def shown():
            cursor.execute("SELECT last_error FROM pganalytics.workers WHERE kind = 'alerts'")
            return cursor.fetchone()[0]

        for name in ("wide", "wider"):
            wait_until(lambda rule=name: shown().startswith(f"rule {rule}: "), 20, "its error")
            assert shown().endswith("é")


def test_errors_are_one_visible_line(own, add_rule):
    """An error shows control and format characters, which others may have put into it, as escapes."""
    add_rule("turned", "SELECT (E'a\\n\\u202e' || chr(8206))::int AS value")
    wait_until(lambda: "a\\u000a\\u202e\\u200e" in (own.db.value(
        "SELECT last_error FROM pganalytics.workers WHERE kind = 'alerts'") or ""), 20, "its error")


def test_broken_rules(own, add_rule):
    """Each broken rule counts its failures and shows its error, and stops no other rule."""
    own.db.execute("CREATE TABLE short_lived (); CREATE FUNCTION emit() RETURNS int LANGUAGE plpgsql AS "
                   "$$ BEGIN PERFORM pg_logical_emit_message(false, 'a', 'b'); RETURN 1; END $$")
    for name, (query, _) in BROKEN.items():
        add_rule(name, query, labels='{"host": "2"}')
    own.db.execute("DROP TABLE short_lived")
    add_rule("quick")
    wait_until(lambda: all((state(own.db, name) or (0,))[0] >= 2 for name in BROKEN), 30, "two failures")
    for name, (_, why) in BROKEN.items():
        assert why in state(own.db, name, "last_error")[0]
        assert alerts(own.db, name) == []
    count = evaluations(own.db, "quick")
    wait_until(lambda: count() >= 2, 10, "evaluations of the good rule")
    # A repaired rule counts no failures.
    own.db.execute("UPDATE pganalytics.alert_rules SET query = %s WHERE name = 'divides'", QUERY)
    wait_until(lambda: state(own.db, "divides", "failures, failing_since") == (0, None), 10, "the next")


def test_nothing_stays_of_a_query(own, add_rule):
    """A query leaves no session lock, no changed setting and no other role behind."""
    # What a superuser grants by name is allowed.
    own.db.execute("GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint), set_config(text, text, boolean) "
                   "TO pganalytics_rules")
    add_rule("grabs", "SELECT pg_advisory_lock(4242) AS a, set_config('work_mem', '64kB', false) AS b, "
             "9 AS value")
    wait_until(lambda: len(alerts(own.db, "grabs")) == 1, 10, "the alert")
    count = evaluations(own.db, "grabs")
    wait_until(lambda: count() >= 2, 10, "two more evaluations")
    wait_until(lambda: own.db.value("SELECT pg_try_advisory_lock(4242) AND pg_advisory_unlock(4242)"), 5,
               "the lock")
    own.db.execute("REVOKE EXECUTE ON FUNCTION pg_advisory_lock(bigint), set_config(text, text, boolean) "
                   "FROM pganalytics_rules")


def test_disabled_rule(own, add_rule):
    add_rule("load_high")
    own.db.execute("INSERT INTO load VALUES ('a', 6)")
    wait_until(lambda: alerts(own.db, "load_high") == [("a", "firing")], 10, "the alert")
    own.db.execute("UPDATE pganalytics.alert_rules SET enabled = false WHERE name = 'load_high'")
    wait_until(lambda: alerts(own.db, "load_high") == [("a", "resolved")], 10, "its end")
    assert state(own.db, "load_high") is None


def test_worker_ends_within_a_query(own, add_rule):
    """Neither a terminated worker nor a shutdown waits for a rule's time limit."""
    add_rule("very_slow", "SELECT pg_sleep(60) AS a, 1 AS value", time_limit="1 min", evaluate_every="1 s")
    wait_until(lambda: in_query(own.db, "very_slow"), 10, "the query")
    before, began = worker(own.db), time.monotonic()
    own.db.execute("SELECT pg_terminate_backend(%s)", before)
    wait_until(lambda: worker(own.db) not in (None, before), 20, "another worker")
    assert time.monotonic() - began < 5
    wait_until(lambda: in_query(own.db, "very_slow"), 10, "the query again")
    # A query that the worker's end cut short does not count as a failure of its rule.
    assert state(own.db, "very_slow") is None
    began = time.monotonic()
    own.cluster.stop()
    took = time.monotonic() - began
    own.cluster.start()
    own.cluster.wait_until_running()
    assert took < 10, f"the shutdown took {took:.1f} s"
    own.db.execute("UPDATE pganalytics.alert_rules SET enabled = false WHERE name = 'very_slow'")
    wait_until(lambda: not in_query(own.db, "very_slow") or
               own.db.rows("SELECT pg_cancel_backend(%s)", worker(own.db)) and False, 10, "its end")


def test_enrolment_does_not_wait(own, add_rule):
    """Collectors enrol within 5 s while twenty rules use up their time limits."""
    for i in range(20):
        add_rule(f"slow_{i}", "SELECT pg_sleep(60) AS a, 1 AS value", time_limit="2 s")
    wait_until(lambda: in_query(own.db, "slow_1"), 20, "slow rules")
    took = []
    for i in range(5):
        began = time.monotonic()
        enroll(own, f"in-a-hurry-{i}")
        took.append(time.monotonic() - began)
    print(f"enrolments beside slow rules took {min(took):.2f} to {max(took):.2f} s")
    assert max(took) < 5


def test_server_killed(own, add_rule):
    """Pending and firing alerts survive a crash with their times, and none is there twice."""
    add_rule("load_high")
    add_rule("load_long", pending_for="3 s")
    own.db.execute("INSERT INTO load VALUES ('a', 6)")
    wait_until(lambda: alerts(own.db, "load_high") == [("a", "firing")] and
               alerts(own.db, "load_long") == [("a", "pending")], 10, "the alerts")
    where = "FROM pganalytics.alerts WHERE rule LIKE 'load%' ORDER BY rule"
    before = own.db.rows(f"SELECT alert_id, labels, started_at {where}")
    own.cluster.stop(signal.SIGKILL)
    own.cluster.restart(signal.SIGKILL)
    own.cluster.wait_until_running()
    assert own.db.rows(f"SELECT alert_id, labels, started_at {where}") == before
    wait_until(lambda: alerts(own.db, "load_long") == [("a", "firing")], 10, "the pending one to fire")
    assert alerts(own.db, "load_high") == [("a", "firing")]
    assert own.db.value("SELECT fired_at - started_at >= '3 s' FROM pganalytics.alerts "
                        "WHERE rule = 'load_long'")


def test_publication_of_all_tables(make_server):
    """With a publication of all tables nothing that deletes or updates rows fails."""
    server = make_server("published", ingest_workers=1, postgres={"wal_level": "logical"})
    db = server.db
    db.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    credentials = server.collector()
    with server.client(credentials) as client:
        assert client.push(push_body(credentials.collector_id, query_rows(3, 1))).status == 200
    unnamed = """SELECT c.oid::regclass::text FROM pg_class c
                 WHERE c.relnamespace = 'pganalytics'::regnamespace AND c.relkind IN ('r', 'p')
                 AND c.relreplident <> 'f' AND NOT EXISTS (
                     SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)"""
    assert db.rows(unnamed) == []
    # A pending alert that is not found again leaves its history, too.
    db.execute("""CREATE TABLE load (value float8 PRIMARY KEY); INSERT INTO load VALUES (9);
        GRANT SELECT ON load TO pganalytics_rules;
        INSERT INTO pganalytics.alert_rules (name, query, threshold, evaluate_every, pending_for)
        VALUES ('pending', 'SELECT value FROM public.load', 5, '1 s', '1 h')""")
    wait_until(lambda: db.rows("SELECT FROM pganalytics.alerts WHERE rule = 'pending'"), 10, "the alert")
    db.execute("DELETE FROM load")
    wait_until(lambda: not db.rows("SELECT FROM pganalytics.alerts WHERE rule = 'pending'"), 10,
               "its end")
    assert state(db, "pending") == (0,)
    # Rows may go from every table.
    for table, in db.rows("SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r' "
                          "AND c.relnamespace = 'pganalytics'::regnamespace "
                          "AND c.relname !~ '^audit_log'"):
        db.execute(f"DELETE FROM {table} WHERE false")
    assert "replica identity" not in server.cluster.log_text()


def test_self_samples(own):
    """The worker samples the counters of all workers in its first event-loop iteration."""
    wait_until(lambda: own.db.rows("SELECT kind FROM pganalytics.self_samples WHERE sampled_at = "
                                   "(SELECT max(sampled_at) FROM pganalytics.self_samples) ORDER BY 1")
               == [("alerts",), ("api",), ("audit",), ("ingest",), ("launcher",), ("maintenance",)],
               10, "a sample")


def test_standby(own, add_rule):
    """A standby evaluates no rule; after its promotion it continues with the alerts that it has."""
    add_rule("load_high")
    own.db.execute("INSERT INTO load VALUES ('a', 6)")
    wait_until(lambda: alerts(own.db, "load_high") == [("a", "firing")], 10, "the alert")
    first = own.cluster
    other = product.Analytics(first.root, "alerting-standby", first.settings)
    db = Database(other.dsn(product.DATABASE))
    subprocess.run([cluster.pg_program("pg_basebackup"), "-D", str(other.data), "-h",
                    str(first.sockets), "-p", str(first.port), "-U", "postgres", "-R",
                    "--checkpoint=fast", "--no-sync"], check=True, **cluster.as_service_user())
    try:
        # Replication never cancels a query on the standby.
        other.configure({"port": other.port, "unix_socket_directories": other.sockets,
                         "max_standby_streaming_delay": "-1",
                         "pganalytics.port": other.https_port, "pganalytics.api_port": other.api_port})
        other.log.touch()
        cluster.own(other.log)
        other.start()
        assert not db.rows("SELECT FROM pg_stat_activity WHERE backend_type LIKE 'pganalytics%%'")
        fired_at = own.db.value("SELECT fired_at FROM pganalytics.alerts WHERE rule = 'load_high' "
                                "AND state = 'firing'")
        db.execute("SELECT pg_promote(false)")
        wait_until(lambda: db.value("SELECT state = 'running' FROM pganalytics.workers "
                                    "WHERE kind = 'alerts'"), 30, "the worker")
        count = evaluations(db, "load_high")
        wait_until(lambda: count() >= 2, 10, "evaluations")
        assert db.rows("SELECT fired_at FROM pganalytics.alerts WHERE rule = 'load_high' "
                       "AND state = 'firing'") == [(fired_at,)]
    finally:
        db.close()
        other.remove()
        shutil.rmtree(other.data)


def test_extension_dropped_within_a_query(own, add_rule):
    """DROP EXTENSION waits at most for a rule's query, and a new extension gets its alerts worker."""
    add_rule("reads", "SELECT count(*) AS value, pg_sleep(0.2) AS a FROM pganalytics.servers")
    wait_until(lambda: in_query(own.db, "reads"), 10, "the query")
    offset = len(own.cluster.log_text())
    began = time.monotonic()
    own.db.execute("DROP EXTENSION pganalytics CASCADE")
    assert time.monotonic() - began < 5
    own.db.execute("DROP SCHEMA IF EXISTS pganalytics CASCADE")
    own.db.execute("CREATE EXTENSION pganalytics")
    own.cluster.wait_until_running()
    add_rule("again", "SELECT 'x' AS host, 9 AS value")
    wait_until(lambda: alerts(own.db, "again") == [("x", "firing")], 10, "an alert")
    assert "PANIC" not in own.log_since(offset)
