"""What is stored of texts: no constant by default, and nothing of what an administrator has removed."""
import threading

import psycopg2
import pytest

import product
from audit_view import await_event, last_id
from client import rfc3339
from cluster import wait_until
from metric_pushes import minutes_ago, push_of

SECRET = "zq7Canary"
NUMBER = "8473625190"
# {s} is the secret, {n} the number, {i} makes each statement another one.
STATEMENTS = (
    "create role zz{i} password '{s}'", "SET my.token{i} = '{s}'", "SET my.token{i} TO {s}",
    "NOTIFY ch{i}, '{s}'", "DO $$ BEGIN PERFORM '{s}', c{i}; END $$",
    "DO $a{i}$ BEGIN PERFORM {n}; END $a{i}$",
    "COPY t{i} TO PROGRAM 'true -u u:{s}'", "COMMENT ON TABLE t{i} IS '{s}'",
    "EXPLAIN SELECT a{i} FROM t WHERE b = '{s}' AND c = {n}",
    "CREATE SUBSCRIPTION s{i} CONNECTION 'postgresql://a:{s}@h/d' PUBLICATION p",
    "SELECT a{i} /* {s} */ -- {s}\nFROM t", "SELECT a{i}, E'\\'{s}', U&'{s}', B'1', $t${s}$t$, N'{s}'",
    "SELECT a{i} FROM t WHERE b = '{s}\\' OR c = '{s}'", "SELECT a{i}, 'a'\n'{s}', {n}, {n}.5e-3",
    "COPY t{i} FROM STDIN;\n{s}\t{n}\n\\.\n", "INSERT INTO t{i} VALUES ('it''s {s}', {n})",
    "CREATE USER MAPPING FOR u{i} SERVER s OPTIONS (user 'a', password '{s}')",
    "SELECT a{i} FROM t WHERE b = '{s} and more that is cut o", "SELECT a{i} FROM t /* cut {s}",
    "ALTER ROLE zz{i} SET my.token = {s}",
)


def statements(count=200):
    return [STATEMENTS[i % len(STATEMENTS)].replace("{s}", SECRET).replace("{n}", NUMBER)
            .replace("{i}", str(1000 + i) if "$a{i}" in STATEMENTS[i % len(STATEMENTS)] else f"_{i}")
            for i in range(count)]


@pytest.fixture(scope="module")
def texts(make_server):
    server = make_server("texts", ingest_workers=1, api_port=0)
    server.db.execute("CREATE ROLE texts_viewer LOGIN IN ROLE pganalytics_viewer;"
                      "CREATE ROLE texts_admin LOGIN IN ROLE pganalytics_admin")
    return server


@pytest.fixture
def admin(texts):
    connection = psycopg2.connect(texts.cluster.dsn(product.DATABASE, "texts_admin"))
    connection.autocommit = True
    yield connection.cursor()
    connection.close()


def session(text):
    started = rfc3339(minutes_ago(60))
    return {"pid": 4711, "username": "u", "database": "app", "state": "active", "query": text,
            "query_start": started, "application_name": "psql", "client_address": "10.0.0.7",
            "backend_start": started, "duration_seconds": 2.5}


def v3_metrics(texts, first_hash=1):
    """v3_metrics has each text in every place where a v3 collector sends statements."""
    at = {"timestamp": rfc3339(minutes_ago(1))}
    sessions = [session(text) for text in texts]
    chains = [{"blocked_pid": 1, "blocked_user": "a", "blocking_pid": 2, "blocking_user": "b",
               "blocked_query": text, "blocking_query": text, "wait_time_seconds": 1} for text in texts]
    # As stderr has them: each line of a statement but the first begins with a tab.
    lines = [f"{label}{text}".replace("\n", "\n\t") for i, text in enumerate(texts) for label in (
        f"ERROR:  invalid input syntax for type integer: \"{SECRET}\"\nDETAIL:  Key (a)=({SECRET} {i}) "
        "already exists.\nSTATEMENT:  ",
        f"duration: {i}.5 ms  execute <unnamed>: ", f"LOG:  {i} statement: ",
        f"DETAIL:  parameters: $1 = '{SECRET}', $2 = '{i}'\nSTATEMENT:  ")]
    split = [part for line in lines for part in [line, *line.split("\n")[1:]]]
    return [
        {"type": "pg_query_stats", "database": "app", **at, "queries": [
            {"hash": first_hash + i, "text": text, "calls": 1} for i, text in enumerate(texts)]},
        {"type": "pg_log", "database": "app", **at,
         "entries": [{**at, "level": "LOG", "message": part} for part in split]},
        {"type": "pg_locks", **at, "databases": {"app": {
            "active_locks": [{"pid": 1, "locktype": "relation", "granted": True, "query": text}
                             for text in texts],
            "lock_wait_chains": chains, "blocking_queries": sessions}}},
        {"type": "pg_connections", **at, "databases": {"app": {
            "long_running_transactions": sessions, "idle_transactions": sessions}}},
        {"type": "pg_schema", **at, "databases": {"app": {"columns": [
            {"schema": "s", "table": "t", "name": f"c{i}", "default": f"'{SECRET}'::text"}
            for i in range(3)]}}},
        {"type": "pg_replication", **at, "logical_subscriptions": [
            {"name": "s", "conninfo": f"host=h password={SECRET}"}],
         "collection_errors": [f"syntax error at or near \"{SECRET}\""]},
        {"type": "pg_of_tomorrow", **at, "statement": texts[0], "url": f"postgresql://u:{SECRET}@h/d"},
    ]


def push(server, credentials, metrics):
    with server.client(credentials) as client:
        answer = client.push(push_of(credentials, *metrics))
    assert answer.status == 200, answer
    assert not any(answer.receipt["discarded"].values()), answer.receipt


def found(dsn, needles):
    """found gives (relation, text) for each text that a role finds, and the number of relations it read."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("""
        SELECT c.oid::regclass::text, string_agg(format('s.%I::text', a.attname), ', ')
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'pganalytics'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
          AND has_column_privilege(c.oid, a.attnum, 'SELECT') GROUP BY c.oid""")
    relations = cursor.fetchall()
    where = []
    for relation, columns in relations:
        for needle in needles:
            # Hashes and positions are not searched for digits, which they may have by chance.
            cursor.execute(f"SELECT count(*) FROM {relation} s WHERE lower(concat_ws('|', {columns})) "
                           "LIKE lower(%s)", (f"%{needle}%",))
            if cursor.fetchone()[0]:
                where.append((relation, needle))
    connection.close()
    return where, len(relations)


def assert_found_nowhere(server):
    viewer, read = found(server.cluster.dsn(product.DATABASE, "texts_viewer"), (SECRET, NUMBER))
    assert viewer == [] and read > 50
    everybody, more = found(server.cluster.dsn(product.DATABASE), (SECRET, NUMBER))
    assert everybody == [] and more > read


def queries(server, credentials):
    return {queryid: (text, state) for queryid, text, state in server.db.rows(
        "SELECT q.queryid, q.query, q.text_state FROM pganalytics.queries q JOIN pganalytics.servers s "
        "USING (server_id) WHERE s.collector_id = %s", credentials.collector_id)}


def test_no_constant_of_a_v3_collector_is_stored(texts):
    credentials = texts.collector()
    sent = statements()
    push(texts, credentials, v3_metrics(sent))
    stored = queries(texts, credentials)
    assert len(stored) == 200 and {state for _, state in stored.values()} == {"masked"}
    assert stored[1] == ("create role zz_0 password $1", "masked")
    assert_found_nowhere(texts)
    # Sessions show what pg_stat_statements shows of the same statement.
    for relation, column in (("lock_samples", "query"), ("lock_wait_samples", "blocking_query"),
                             ("long_transaction_samples", "query"), ("idle_transaction_samples", "query"),
                             ("blocking_query_samples", "query")):
        assert texts.db.value(f"SELECT count(*) FROM pganalytics.{relation} "
                              f"WHERE {column} = 'create role zz_0 password $1'") == 1
    assert texts.db.value("SELECT count(*) FROM pganalytics.log_lines WHERE message = "
                          "'duration: 0.5 ms  execute <unnamed>: create role zz_0 password $1'") == 1
    # A text that has nothing to mask is stored as it is, also again.
    normal = "SELECT a, \"B\" FROM t WHERE id = $1"
    for _ in range(2):
        push(texts, credentials, v3_metrics([normal], first_hash=900))
    assert queries(texts, credentials)[900] == (normal, "masked")


def test_no_constant_of_our_collector_is_stored(texts, monitored, root):
    """Our collector masks; and if its configuration says as_sent, the server does."""
    done = []
    connection = psycopg2.connect(monitored.dsn())
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE IF NOT EXISTS t (a text)")
    for i in range(200):
        table = f"canary_{i}"
        text = (
            f"CREATE ROLE {table} PASSWORD '{SECRET}'", f"SET my.{table} = '{SECRET}'",
            f"SET my.{table} = {SECRET}", f"NOTIFY {table}, '{SECRET}'",
            f"DO $$ BEGIN PERFORM '{SECRET}', {NUMBER}, '{table}'; END $$",
            f"CREATE TABLE {table} (a text DEFAULT '{SECRET}', b numeric DEFAULT {NUMBER})",
            f"COPY (SELECT 1 AS {table}) TO PROGRAM 'cat >/dev/null # -u u:{SECRET}'",
            f"COMMENT ON TABLE t IS '{SECRET} {table}'", f"EXPLAIN SELECT '{SECRET}' AS {table}",
            f"CREATE SUBSCRIPTION {table} CONNECTION 'postgresql://a:{SECRET}@h/d' PUBLICATION p "
            "WITH (connect = false, slot_name = NONE)")[i % 10]
        cursor.execute(text)
        done.append(table)
    connection.close()
    try:
        for setting, mode in (("as_sent", "masked"), ("masked", "as_sent")):
            texts.configure(query_texts=mode)
            credentials = texts.collector()
            collector = product.Collector(root / f"texts-{setting}", texts.cluster, credentials,
                                          [monitored], env={"PGANALYTICS_QUERY_TEXTS": setting})
            ran = collector.run("once")
            assert ran.returncode == 0, ran.stdout + ran.stderr
            stored = [text for text, _ in queries(texts, credentials).values() if text]
            assert len([text for text in stored if "canary_" in text]) >= 150
            assert "CREATE ROLE canary_0 PASSWORD $1" in stored
            assert "SET my.canary_1 = $1" in stored
            assert_found_nowhere(texts)
    finally:
        texts.configure(query_texts="masked")
        monitored.psql("".join(f"DROP SUBSCRIPTION IF EXISTS {table};" for table in done[9::10]) +
                       "".join(f"DROP ROLE IF EXISTS {table};" for table in done[::10]) +
                       "SELECT pg_stat_statements_reset();")


def test_setting_decides_what_is_stored(texts):
    sent = "SELECT a FROM t WHERE b = 'x'"
    for mode, expected in (("as_sent", sent), ("none", None), ("masked", "SELECT a FROM t WHERE b = $1")):
        texts.configure(query_texts=mode)
        credentials = texts.collector()
        push(texts, credentials, v3_metrics([sent]))
        assert queries(texts, credentials)[1] == (expected, mode)
        ours = "FROM pganalytics.{} JOIN pganalytics.servers s USING (server_id) WHERE s.collector_id = %s"
        for relation in ("lock_samples", "long_transaction_samples"):
            assert texts.db.rows("SELECT query " + ours.format(relation),
                                 credentials.collector_id) == [(expected,)]
        messages = [message for message, in texts.db.rows("SELECT message " + ours.format("log_lines"),
                                                          credentials.collector_id)]
        assert f"LOG:  0 statement: {expected or '<masked>'}" in messages
    # A series that was stored without its text gets the text once the setting allows it.
    texts.configure(query_texts="none")
    credentials = texts.collector()
    push(texts, credentials, v3_metrics([sent]))
    texts.configure(query_texts="masked")
    push(texts, credentials, v3_metrics([sent]))
    assert queries(texts, credentials)[1] == ("SELECT a FROM t WHERE b = $1", "masked")


def restart_workers(server):
    """restart_workers ends the ingest worker, so that the next one remembers nothing."""
    before = {pid for pid, _ in server.workers()}
    server.db.rows("SELECT pg_terminate_backend(pid) FROM pganalytics.workers WHERE kind = 'ingest'")
    wait_until(lambda: all(pid not in before for pid, _ in server.workers()), 20, "another ingest worker")
    server.cluster.wait_until_running()


def texts_like(server, pattern):
    return found(server.cluster.dsn(product.DATABASE), [pattern])[0]


def test_forgotten_texts_stay_away(texts, admin):
    credentials = texts.collector()
    keep, by_id, by_pattern = (f"SELECT {name} FROM t WHERE id = $1" for name in (
        "keep_me", "forget_me_by_id", "forget_me_by_pattern"))
    body = v3_metrics([keep, by_id, by_pattern])
    push(texts, credentials, body)
    event = last_id(texts)
    admin.execute("SELECT * FROM pganalytics.forget_query_text(2, 'db-host-01', %s)",
                  (texts.db.value("SELECT name FROM pganalytics.collectors WHERE collector_id = %s",
                                  credentials.collector_id),))
    # 1 query; 1 lock, 2 sides of a wait, 1 blocking query, 1 long and 1 idle transaction.
    assert admin.fetchall() == [(1, 6)]
    admin.execute("SELECT texts FROM pganalytics.forget_query_text('%%forget_me_by_%%')")
    assert admin.fetchone()[0] == 1
    for restart in (False, True):
        if restart:
            restart_workers(texts)
        push(texts, credentials, body[:1] + body[2:])  # log lines of the same moment are unchanged
        # Another collector may send the same texts, too.
        push(texts, texts.collector(), v3_metrics([by_id, by_pattern])[:1])
        assert texts_like(texts, "forget_me_by_") == []
        stored = queries(texts, credentials)
        assert stored[1] == (keep, "masked")
        assert stored[2] == stored[3] == (None, "forgotten")
    push(texts, credentials, body)
    assert texts_like(texts, "forget_me_by_") == []
    await_event(texts, "query_text.forgotten", event, queryid=2, texts=1, samples=6)
    await_event(texts, "query_text.forgotten", event, queryid=None, texts=1)
    admin.execute("SELECT removed_by, queryid FROM pganalytics.text_removals ORDER BY text_removal_id")
    assert admin.fetchall() == [("texts_admin", 2), ("texts_admin", None)]


def test_old_samples_that_come_during_the_call_lose_their_texts(texts, admin):
    """A collector that was away sends what it kept while forget_query_text() is at its last tables."""
    credentials = texts.collector()
    locks = v3_metrics(["SELECT late_to_forget FROM t"])[2]
    locks["timestamp"] = rfc3339(minutes_ago(3 * 24 * 60))
    blocker = psycopg2.connect(texts.cluster.dsn(product.DATABASE))
    with blocker, blocker.cursor() as cursor:
        cursor.execute("LOCK TABLE pganalytics.schema_samples IN SHARE MODE")
        call = threading.Thread(target=admin.execute, args=(
            "SELECT samples FROM pganalytics.forget_query_text('%late_to_forget%')",))
        call.start()
        wait_until(lambda: texts.db.value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE "
            "'SELECT samples FROM%'"), 20, "the call at schema_samples")
        push(texts, credentials, [locks])
        assert texts_like(texts, "late_to_forget") != []
    call.join(30)
    blocker.close()
    assert admin.fetchone()[0] > 0
    assert texts_like(texts, "late_to_forget") == []
    push(texts, texts.collector(), [locks])
    assert texts_like(texts, "late_to_forget") == []


def test_json_loses_what_is_forgotten(texts, admin):
    at = {"timestamp": rfc3339(minutes_ago(1))}
    schema = {"type": "pg_schema", **at, "databases": {"app": {"columns": [
        {"schema": "s", "table": "t", "name": name, "default": f"{name}()"}
        for name in ("keep_this_json", "c")]}}}
    schema["databases"]["app"]["columns"][1]["default"] = "forget_this_json()"
    unknown = {"type": "pg_of_tomorrow", **at, "statement": "forget_this_json"}
    push(texts, texts.collector(), [schema, unknown])
    assert {relation for relation, _ in texts_like(texts, "forget_this_json")} >= {
        "pganalytics.schema_samples", "pganalytics.unknown_metric_samples"}
    admin.execute("SELECT samples FROM pganalytics.forget_query_text('%forget_this_json%')")
    assert admin.fetchone()[0] == 2
    assert texts_like(texts, "forget_this_json") == []
    # A definition is stored once a day, and of each collector.
    push(texts, texts.collector(), [schema])
    assert texts_like(texts, "forget_this_json") == []
    assert texts_like(texts, "keep_this_json") != []


def test_what_cannot_be_forgotten_is_refused(texts, admin):
    for call, message in (("forget_query_text('%%')", "too general"),
                          ("forget_query_text(NULL)", "too general"),
                          ("forget_query_text(77, 'nowhere')", "not known")):
        with pytest.raises(psycopg2.Error, match=message):
            admin.execute(f"SELECT pganalytics.{call}")
    viewer = psycopg2.connect(texts.cluster.dsn(product.DATABASE, "texts_viewer"))
    for call in ("forget_query_text('%%secret%%')", "forget_query_text(1, 'db-host-01')",
                 "forget_texts('{}', '%%secret%%')"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), viewer, viewer.cursor() as cursor:
            cursor.execute(f"SELECT pganalytics.{call}")
    viewer.close()
