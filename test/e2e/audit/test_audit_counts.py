"""Events that a role without privileges can cause at any rate: few rows, exact counts, room for others."""
import concurrent.futures

import psycopg2
import pytest

from audit_sessions import Sessions, refused
from audit_view import assert_unbroken, count_of, events, last_id, store_counts
from cluster import wait_until

SECONDS = 2
SESSIONS = 3
OBJECTS = 60
# Each loop is denied one table, and fails to drop another. The cursor gets the number of loops.
FLOOD = f"""
CREATE FUNCTION pg_temp.flood() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE loops bigint := 0; ends CONSTANT timestamptz := clock_timestamp() + interval '{SECONDS} s';
BEGIN
    WHILE clock_timestamp() < ends LOOP
        loops := loops + 1;
        BEGIN
            EXECUTE format('SELECT FROM closed.t%s', loops % {OBJECTS});
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END;
        BEGIN
            EXECUTE format('DROP TABLE nothing_%s', loops % {OBJECTS});
        EXCEPTION WHEN undefined_table THEN NULL;
        END;
    END LOOP;
    RETURN loops;
END $$"""


@pytest.fixture(scope="module")
def server(make_server):
    one = make_server("counts", ingest_workers=1, audit_buffer="64kB")
    one.cluster.query("CREATE SCHEMA closed; CREATE ROLE guest; CREATE ROLE calm LOGIN;" + "".join(
        f"CREATE TABLE closed.t{n} ();" for n in range(OBJECTS)) + "".join(
        f"CREATE ROLE bad_{n} LOGIN; GRANT USAGE ON SCHEMA closed TO bad_{n};" for n in range(SESSIONS)))
    return one


def rows(server, event, outcome, after):
    return server.db.rows(
        "SELECT actor, resource_id, coalesce((details->>'count')::bigint, 1), details ? 'of_many' "
        "FROM pganalytics.audit_log WHERE event = %s AND outcome = %s AND id > %s ORDER BY id",
        event, outcome, after)


def test_a_flood_of_denials(server):
    """Three roles flood the log. It gets some hundred rows that count each event, and all others."""
    before = last_id(server)
    with Sessions(server) as sessions:
        cursors = [sessions.open(f"bad_{n}") for n in range(SESSIONS)]
        for cursor in cursors:
            cursor.execute(FLOOD)

        def flood(cursor):
            cursor.execute("SELECT pg_temp.flood()")
            return cursor.fetchone()[0]

        with concurrent.futures.ThreadPoolExecutor(SESSIONS) as pool:
            floods = [pool.submit(flood, cursor) for cursor in cursors]
            done = 0
            while not all(one.done() for one in floods):
                server.db.execute("GRANT guest TO bad_0; REVOKE guest FROM bad_0")
                done += 1
            loops = [one.result() for one in floods]
        # A session that ends, or is terminated, takes no count along.
        cursors[1].connection.close()
        server.db.execute("SELECT pg_terminate_backend(%s)", cursors[2].connection.info.backend_pid)
    store_counts(server)
    denied = rows(server, "access.denied", "denied", before)
    failed = rows(server, "ddl.executed", "failed", before)
    print(f"{sum(loops)} denials and failures each in {len(denied)} and {len(failed)} rows, "
          f"{done} grants meanwhile")
    for found in (denied, failed):
        assert len(found) < 400
        for n in range(SESSIONS):
            assert sum(count for actor, _, count, _ in found if actor == f"bad_{n}") == loops[n]
    # Each role has places of its own, beyond which its events have its name alone.
    for n in range(SESSIONS):
        assert len({name for actor, name, _, _ in denied if actor == f"bad_{n}"} - {None}) == 20
        assert any(actor == f"bad_{n}" and of_many for actor, _, _, of_many in denied)
    for event in ("role.granted", "role.revoked"):
        assert len(events(server, event, before)) == done
    assert not events(server, "audit.gap", before)
    assert_unbroken(server)


def test_a_flood_of_wrong_logins(server):
    """Clients that try names that no role has: the counts are exact, whatever the names are."""
    before = last_id(server)
    dsn = server.cluster.dsn("analytics", "{}")
    for number in range(100):
        refused(dsn.format(f"nobody_{number}"))
    store_counts(server)
    assert count_of(server, "auth.login_failed", before) == 100
    assert len(events(server, "auth.login_failed", before)) < 40


def test_a_first_event_is_stored_at_once(server):
    before = last_id(server)
    with psycopg2.connect(server.cluster.dsn("analytics", "calm")) as session:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            session.cursor().execute("SELECT FROM closed.t1")
    session.close()
    wait_until(lambda: count_of(server, "access.denied", before) == 1, 6, "the denial")


def test_what_was_counted_outlives_a_stop(server):
    """A stop of the server stores all counts before audit.stopped."""
    before = last_id(server)
    with Sessions(server) as sessions:
        cursor = sessions.open("calm")
        for _ in range(5):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("SELECT FROM closed.t2")
    server.db.close()
    server.cluster.restart()
    server.cluster.wait_until_running()
    assert count_of(server, "access.denied", before) == 5
    (stopped, _), = events(server, "audit.stopped", before)
    assert max(row for row, _ in events(server, "access.denied", before)) < stopped
    assert_unbroken(server)


def test_kinds_that_are_left_out(server):
    """pganalytics.audit_kinds leaves out routine, and never what protects."""
    db = server.db

    def chosen(kinds):
        db.execute(f"ALTER SYSTEM SET pganalytics.audit_kinds = '{kinds}'")
        loaded = db.value("SELECT pg_conf_load_time()")
        server.cluster.reload()
        wait_until(lambda: db.value("SELECT pg_conf_load_time()") > loaded, what="reload")

    for kinds, detail in (
            ("all, -auth.login_failed", '"auth.login_failed" cannot be left out'),
            ("-security", '"security" cannot be left out'), ("-all", '"all" cannot be left out'),
            ("-settings.altered", '"settings.altered" cannot be left out'),
            ("auth.logins", '"auth.logins" is no kind or group'), ("", '"" is no kind or group')):
        with pytest.raises(psycopg2.errors.InvalidParameterValue) as raised:
            db.execute(f"ALTER SYSTEM SET pganalytics.audit_kinds = '{kinds}'")
        assert detail in str(raised.value)
    chosen("all, -auth.login, -ddl")
    before = last_id(server)
    psycopg2.connect(server.cluster.dsn("analytics", "calm")).close()
    refused(server.cluster.dsn("analytics", "nobody_at_all"))
    db.execute("CREATE TABLE left_out (a int); DROP TABLE left_out; GRANT guest TO calm;"
               "CREATE TRIGGER t BEFORE INSERT ON pganalytics.audit_log FOR EACH STATEMENT "
               "EXECUTE FUNCTION pganalytics.refuse_audit_change();"
               "DROP TRIGGER t ON pganalytics.audit_log")
    chosen("ddl")
    db.execute("CREATE TABLE taken (a int)")
    wait_until(lambda: db.rows("SELECT FROM pganalytics.audit_log WHERE id > %s AND "
                               "resource_id = 'public.taken'", before), what="the last event")
    assert [row[:2] for row in db.rows(
        "SELECT event, resource_id FROM pganalytics.audit_log "
        "WHERE id > %s AND event <> 'security.configured' ORDER BY id", before)] == [
            ("auth.login_failed", None), ("role.granted", "guest"),
            ("ddl.executed", "t on pganalytics.audit_log"),
            ("ddl.executed", "t on pganalytics.audit_log"), ("ddl.executed", "public.taken")]
    chosen("all")
