"""Utility statements in the audit log: rebuilt from their parse trees, each once, with its outcome."""
import subprocess

import psycopg2
import pytest

import cluster
import product
from audit_sessions import Sessions, code_of
from audit_view import Audit


@pytest.fixture(scope="module")
def server(make_server):
    one = make_server("statements", ingest_workers=1)
    one.cluster.query("CREATE ROLE kept; CREATE ROLE other; CREATE SCHEMA place; "
                      "CREATE TABLE place.kept (a int, b int); CREATE TABLE \"Odd one\" (a int); "
                      "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'; "
                      "CREATE DATABASE aside")
    return one


@pytest.fixture(scope="module")
def sessions(server):
    with Sessions(server) as opened:
        yield opened


@pytest.fixture(scope="module")
def admin(sessions):
    return sessions.open("postgres", application_name="by hand")


@pytest.fixture
def audit(server, admin):
    return Audit(server)


def one(events):
    assert len(events) == 1, events
    return events[0]


LONG_SETTING = ".".join(["a" * 60] * 5)
SUCCESS = [
    # statement, its opposite, event, type, name, details besides the command
    ("CREATE ROLE made LOGIN CREATEDB CONNECTION LIMIT 2 VALID UNTIL '2040-01-01'", "DROP ROLE made",
     "role.created", "role", "made",
     {"attributes": "CREATEDB, LOGIN, CONNECTION LIMIT 2, VALID UNTIL", "valid_until": "2040-01-01"}),
    ("ALTER ROLE kept NOINHERIT", "ALTER ROLE kept INHERIT", "role.altered", "role", "kept",
     {"attributes": "NOINHERIT"}),
    ("ALTER ROLE kept PASSWORD 'x'", None, "auth.password_changed", "role", "kept",
     {"password": "set"}),
    ("ALTER ROLE kept PASSWORD NULL", None, "auth.password_changed", "role", "kept",
     {"password": "removed"}),
    ("ALTER ROLE kept RENAME TO renamed", "ALTER ROLE renamed RENAME TO kept", "role.altered",
     "role", "kept", {"new_name": "renamed"}),
    ("GRANT kept TO other WITH ADMIN OPTION", None, "role.granted", "role", "kept",
     {"members": "other", "admin_option": True}),
    ("REVOKE ADMIN OPTION FOR kept FROM other", None, "role.revoked", "role", "kept",
     {"members": "other", "admin_option": True}),
    ("REVOKE kept FROM other", None, "role.revoked", "role", "kept", {"members": "other"}),
    ("ALTER GROUP kept ADD USER other", "ALTER GROUP kept DROP USER other", "role.granted", "role",
     "kept", {"members": "other"}),
    ("GRANT SELECT (a), INSERT ON place.kept TO kept, PUBLIC", None, "privilege.granted", "table",
     "place.kept", {"privileges": "SELECT (a), INSERT", "grantees": "kept, public"}),
    ("REVOKE ALL ON \"Odd one\" FROM kept CASCADE", None, "privilege.revoked", "table",
     'public."Odd one"', {"privileges": "ALL", "grantees": "kept", "cascade": True}),
    ("GRANT EXECUTE ON FUNCTION twice(int) TO kept WITH GRANT OPTION", None, "privilege.granted",
     "function", "public.twice(int4)",
     {"privileges": "EXECUTE", "grantees": "kept", "grant_option": True}),
    ("GRANT USAGE ON ALL SEQUENCES IN SCHEMA place TO kept", None, "privilege.granted",
     "each sequence in schema", "place", {"privileges": "USAGE", "grantees": "kept"}),
    ("GRANT SET ON PARAMETER work_mem TO kept", "REVOKE SET ON PARAMETER work_mem FROM kept",
     "privilege.granted", "setting", "work_mem", {"privileges": "SET", "grantees": "kept"}),
    ("ALTER DEFAULT PRIVILEGES FOR ROLE kept IN SCHEMA place GRANT SELECT ON TABLES TO other", None,
     "privilege.granted", "default privileges", "place",
     {"objects": "table", "for_roles": "kept", "privileges": "SELECT", "grantees": "other"}),
    ("ALTER SYSTEM SET work_mem = '8MB'", "ALTER SYSTEM RESET work_mem", "settings.altered",
     "setting", "work_mem", {"scope": "server", "old": "4MB", "new": "8MB"}),
    ("ALTER SYSTEM SET log_connections = on", "ALTER SYSTEM RESET log_connections",
     "security.configured", "setting", "log_connections",
     {"scope": "server", "old": "off", "new": "on"}),
    ("ALTER SYSTEM SET pganalytics.audit_wait = 20", "ALTER SYSTEM RESET pganalytics.audit_wait",
     "security.configured", "setting", "pganalytics.audit_wait",
     {"scope": "server", "old": "10ms", "new": "20"}),
    ("ALTER SYSTEM SET primary_conninfo = 'host=x password=y'", None, "settings.altered", "setting",
     "primary_conninfo", {"scope": "server", "old": "(masked)", "new": "(masked)"}),
    ("ALTER SYSTEM RESET ALL", None, "security.configured", "setting", "all", {"scope": "server"}),
    ("ALTER ROLE kept SET search_path = place, public", None, "settings.altered", "setting",
     "search_path", {"scope": "role", "of": "kept", "new": "place, public"}),
    ("ALTER ROLE kept SET search_path = public", "ALTER ROLE kept RESET search_path",
     "settings.altered", "setting", "search_path",
     {"scope": "role", "of": "kept", "old": "place, public", "new": "public"}),
    # No library can have defined a setting of this length, so its value may be a secret.
    (f"ALTER ROLE kept SET {LONG_SETTING} = 'hidden'", f"ALTER ROLE kept RESET {LONG_SETTING}",
     "settings.altered", "setting", f"{LONG_SETTING[:252]}...",
     {"scope": "role", "of": "kept", "new": "(masked)"}),
    ("ALTER SYSTEM SET log_directory = 'elsewhere'", "ALTER SYSTEM RESET log_directory",
     "security.configured", "setting", "log_directory",
     {"scope": "server", "old": "log", "new": "elsewhere"}),
    ("ALTER ROLE ALL IN DATABASE aside SET row_security = off",
     "ALTER ROLE ALL IN DATABASE aside RESET ALL", "security.configured", "setting", "row_security",
     {"scope": "role", "of": "all", "in_database": "aside", "new": "off"}),
    ("ALTER DATABASE aside SET session_replication_role = replica",
     "ALTER DATABASE aside RESET session_replication_role", "security.configured", "setting",
     "session_replication_role", {"scope": "database", "of": "aside", "new": "replica"}),
    ("CREATE TABLE made (a int DEFAULT 1)", "DROP TABLE made", "ddl.executed", "table",
     "public.made", {}),
    ("CREATE TABLE place.\"Made\" AS SELECT 1 AS a", "DROP TABLE place.\"Made\"", "ddl.executed",
     "table", 'place."Made"', {}),
    ("CREATE INDEX made ON place.kept (a)", "DROP INDEX place.made", "ddl.executed", "index",
     "made on place.kept", {}),
    ("CREATE VIEW made AS SELECT 1 AS a", "DROP VIEW made", "ddl.executed", "view", "public.made", {}),
    ("CREATE FUNCTION made(a int, OUT b text) LANGUAGE sql AS 'SELECT ''x'''",
     "DROP FUNCTION made(int)", "ddl.executed", "function", "public.made(int4)", {}),
    ("ALTER FUNCTION twice SECURITY DEFINER", "ALTER FUNCTION twice SECURITY INVOKER",
     "ddl.executed", "function", "public.twice", {}),
    ("CREATE TYPE made AS ENUM ('a')", "DROP TYPE made", "ddl.executed", "type", "public.made", {}),
    ("CREATE SCHEMA made CREATE TABLE inner_ (a int)", "DROP SCHEMA made CASCADE", "ddl.executed",
     "schema", "made", {}),
    ("ALTER TABLE place.kept OWNER TO other, ENABLE ROW LEVEL SECURITY, ADD COLUMN c int",
     "ALTER TABLE place.kept OWNER TO postgres, DISABLE ROW LEVEL SECURITY, DROP COLUMN c",
     "ddl.executed", "table", "place.kept",
     {"actions": "OWNER TO, ENABLE ROW LEVEL SECURITY, ADD COLUMN c", "new_owner": "other"}),
    ("CREATE POLICY made ON place.kept USING (a = 1)", "DROP POLICY made ON place.kept",
     "ddl.executed", "policy", "made on place.kept", {}),
    ("ALTER TABLE place.kept RENAME COLUMN a TO z", "ALTER TABLE place.kept RENAME z TO a",
     "ddl.executed", "column", "a on place.kept", {"new_name": "z"}),
    ("ALTER TABLE \"Odd one\" SET SCHEMA place", "ALTER TABLE place.\"Odd one\" SET SCHEMA public",
     "ddl.executed", "table", 'public."Odd one"', {"new_schema": "place"}),
    ("ALTER SCHEMA place OWNER TO other", "ALTER SCHEMA place OWNER TO postgres", "ddl.executed",
     "schema", "place", {"new_owner": "other"}),
    ("COMMENT ON COLUMN place.kept.b IS 'x'", None, "ddl.executed", "column", "b on place.kept", {}),
    ("TRUNCATE place.kept", None, "ddl.executed", "table", "place.kept", {}),
    ("CREATE EXTENSION dblink", "DROP EXTENSION dblink", "ddl.executed", "extension", "dblink", {}),
    ("CREATE DATABASE made", "DROP DATABASE made", "ddl.executed", "database", "made", {}),
    ("COPY (SELECT 1) TO PROGRAM 'cat >/dev/null'", None, "ddl.executed", "program", None,
     {"direction": "TO"}),
    ("COPY place.kept (a) FROM '/dev/null'", None, "ddl.executed", "file", "/dev/null",
     {"direction": "FROM", "table": "place.kept"}),
    ("LOAD 'plpgsql'", None, "ddl.executed", "library", "plpgsql", {}),
    ("DROP OWNED BY other", None, "ddl.executed", "role", "other", {}),
]

UNTOLD = [
    "SELECT 1", "SET work_mem = '5MB'", "SHOW work_mem", "SET LOCAL search_path = public", "ANALYZE",
    "CHECKPOINT", "DISCARD PLANS", "LISTEN x", "UNLISTEN x", "VACUUM place.kept",
    "PREPARE untold AS SELECT 1", "EXECUTE untold", "DEALLOCATE untold", "DO $$ BEGIN END $$",
    "EXPLAIN CREATE TABLE untold AS SELECT 1", "CREATE TEMP TABLE gone (a int)",
    "CREATE INDEX ON gone (a)", "ALTER TABLE gone ADD b int", "GRANT SELECT ON gone TO PUBLIC",
    "DROP TABLE gone", "BEGIN", "SAVEPOINT s", "ROLLBACK", "REINDEX TABLE place.kept",
]


class TestStatements:
    @pytest.mark.parametrize("sql, back, event, kind, name, details", SUCCESS,
                             ids=[row[0][:40] for row in SUCCESS])
    def test_success(self, audit, admin, sql, back, event, kind, name, details):
        audit.mark()
        admin.execute(sql)
        told = one(audit.events())
        if back is not None:
            admin.execute(back)
        assert (told.event, told.outcome, told.resource_type, told.resource_id) == (
            event, "success", kind, name)
        command = told.details.pop("command")
        assert command.split()[0] in sql
        assert told.details == details
        assert (told.source, told.actor, told.role, told.address, told.database, told.application) == (
            "session", "postgres", None, "[local]", "analytics", "by hand")

    def test_what_is_not_told(self, audit, admin):
        audit.mark()
        for sql in UNTOLD:
            admin.execute(sql)
        assert audit.events() == []

    @pytest.mark.parametrize("sql, event, sqlstate, name", [
        ("CREATE TABLE place.kept (a int)", "ddl.executed", "42P07", "place.kept"),
        ("DROP TABLE place.nothing", "ddl.executed", "42P01", "place.nothing"),
        ("CREATE ROLE kept", "role.created", "42710", "kept"),
        ("ALTER ROLE kept VALID UNTIL 'canary'", "role.altered", "22007", "kept"),
        ("DROP ROLE nobody", "role.dropped", "42704", "nobody"),
        ("GRANT kept TO kept", "role.granted", "0LP01", "kept"),
        ("GRANT SELECT ON place.kept TO nobody", "privilege.granted", "42704", "place.kept"),
        ("ALTER SYSTEM SET work_mem = 'canary'", "settings.altered", "22023", "work_mem"),
        ("ALTER SYSTEM SET no_such = 'canary'", "settings.altered", "42704", "no_such"),
        ("COPY place.kept FROM '/nonexistent'", "ddl.executed", "58P01", "/nonexistent"),
    ])
    def test_failure(self, audit, admin, sql, event, sqlstate, name):
        """A failed statement is recorded with its SQLSTATE, and without the refused value."""
        audit.mark()
        assert code_of(admin, sql) == sqlstate
        told = one(audit.events())
        assert (told.event, told.outcome, told.resource_id) == (event, "failed", name)
        assert told.details["sqlstate"] == sqlstate and "canary" not in str(told)

    def test_several_objects(self, audit, admin):
        admin.execute("CREATE TABLE one_ (a int); CREATE TABLE two_ (a int)")
        audit.mark()
        admin.execute("DROP TABLE one_, two_")
        assert [(e.resource_id, e.details["command"]) for e in audit.events()] == [
            ("public.one_", "DROP TABLE"), ("public.two_", "DROP TABLE")]

    def test_roles_with_members(self, audit, admin):
        audit.mark()
        admin.execute("CREATE ROLE mixed PASSWORD 'x' IN ROLE kept ROLE other")
        admin.execute("ALTER ROLE mixed PASSWORD 'y' CREATEROLE")
        admin.execute("DROP ROLE mixed, other")
        admin.execute("CREATE ROLE other")
        assert [(e.event, e.resource_id, e.details.get("members")) for e in audit.events()] == [
            ("role.created", "mixed", None), ("role.granted", "kept", "mixed"),
            ("role.granted", "mixed", "other"), ("auth.password_changed", "mixed", None),
            ("role.altered", "mixed", None), ("role.dropped", "mixed", None),
            ("role.dropped", "other", None), ("role.created", "other", None)]

    def test_options_of_memberships(self, audit, admin):
        """If an option is given several times, PostgreSQL takes the last one, and so does the record."""
        if admin.connection.server_version < 160000:
            pytest.skip("memberships have options besides ADMIN since PostgreSQL 16")
        audit.mark()
        admin.execute("GRANT kept TO other WITH INHERIT FALSE, SET TRUE")
        admin.execute("GRANT kept TO other WITH ADMIN FALSE, ADMIN TRUE, SET FALSE")
        admin.execute("REVOKE INHERIT OPTION FOR kept FROM other")
        admin.execute("REVOKE SET OPTION FOR kept FROM other")
        admin.execute("REVOKE ADMIN OPTION FOR kept FROM other")
        admin.execute("REVOKE kept FROM other")
        options = [{key: value for key, value in e.details.items() if key.endswith("_option")}
                   for e in audit.events("role.granted", "role.revoked")]
        assert options == [{"inherit_option": False, "set_option": True},
                           {"admin_option": True, "set_option": False}, {"inherit_option": True},
                           {"set_option": True}, {"admin_option": True}, {}]

    def test_grant_within_create_schema(self, audit, admin):
        audit.mark()
        admin.execute("CREATE SCHEMA parted CREATE TABLE t (a int PRIMARY KEY, b serial) "
                      "CREATE INDEX ON t (b) GRANT SELECT ON t TO kept")
        admin.execute("DROP SCHEMA parted CASCADE")
        # The outer statement ends after the inner one.
        assert [(e.event, e.resource_id) for e in audit.events()] == [
            ("privilege.granted", "parted.t"), ("ddl.executed", "parted"),
            ("ddl.executed", "parted")]

    def test_explain_that_creates(self, audit, admin):
        audit.mark()
        admin.execute("EXPLAIN (ANALYZE, COSTS off) CREATE TABLE explained AS SELECT 1 AS a")
        admin.execute("EXPLAIN (ANALYZE false) CREATE TABLE unmade AS SELECT 1 AS a")
        admin.execute("DROP TABLE explained")
        assert [(e.details["command"], e.resource_id) for e in audit.events()] == [
            ("CREATE TABLE AS", "public.explained"), ("DROP TABLE", "public.explained")]

    def test_role_in_force(self, audit, admin):
        audit.mark()
        admin.execute("GRANT CREATE ON SCHEMA place TO other; SET ROLE other; "
                      "CREATE TABLE place.others (a int); RESET ROLE; DROP TABLE place.others")
        events = [e for e in audit.events() if e.resource_id == "place.others"]
        assert [(e.actor, e.role) for e in events] == [("postgres", "other"), ("postgres", None)]

    def test_inside_a_function(self, audit, admin):
        audit.mark()
        admin.execute("DO $$ BEGIN CREATE TABLE inside (a int); "
                      "EXECUTE 'DROP TABLE inside'; END $$")
        assert [e.details["command"] for e in audit.events()] == ["CREATE TABLE", "DROP TABLE"]

    def test_rollback(self, audit, sessions):
        """An error undoes the events of its savepoint at once, and ROLLBACK the events before it."""
        connection = psycopg2.connect(sessions.dsn("postgres"))
        audit.mark()
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE undone (a int)")
            cursor.execute("SAVEPOINT s")
            cursor.execute("CREATE ROLE undone")
            cursor.execute("ROLLBACK TO s")
            cursor.execute("CREATE TABLE undone_too (a int)")
            assert code_of(cursor, "SELECT 1 / 0") == "22012"
        connection.rollback()
        connection.close()
        events = audit.events()
        assert [(e.event, e.resource_id or e.details["events"]) for e in events] == [
            ("ddl.executed", "public.undone"), ("role.created", "undone"),
            ("transaction.rolled_back", 1), ("ddl.executed", "public.undone_too"),
            ("transaction.rolled_back", 1), ("transaction.rolled_back", 1)]
        assert len({e.correlation_id for e in events}) == 1

    def test_implicit_transaction_of_a_query_string(self, audit, admin):
        audit.mark()
        assert code_of(admin, "CREATE TABLE half (a int); SELECT 1 / 0") == "22012"
        assert [e.event for e in audit.events()] == ["ddl.executed", "transaction.rolled_back"]

    def test_procedure_that_commits(self, audit, admin):
        audit.mark()
        admin.execute("CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN "
                      "CREATE TABLE first_ (a int); COMMIT; CREATE TABLE second_ (a int); "
                      "ROLLBACK; END $$")
        admin.execute("CALL commits()")
        admin.execute("DROP PROCEDURE commits(); DROP TABLE first_")
        assert [e.resource_id or e.event for e in audit.events()] == [
            "public.commits()", "public.first_", "public.second_", "transaction.rolled_back",
            "public.commits()", "public.first_"]

    def test_statement_with_transactions_of_its_own(self, audit, admin):
        audit.mark()
        admin.execute("CREATE INDEX CONCURRENTLY own ON place.kept (a)")
        admin.execute("DROP INDEX CONCURRENTLY place.own")
        assert [(e.resource_id, e.outcome) for e in audit.events()] == [
            ("own on place.kept", "success"), ("place.own", "success")]

    def test_extended_protocol(self, audit, server):
        """Statements of the extended protocol (parse, bind, execute), sent by pgbench, are recorded."""
        script = server.cluster.root / "statements.sql"
        script.write_text("COMMENT ON TABLE place.kept IS 'x';\nSELECT 1;\n")
        script.chmod(0o644)
        audit.mark()
        subprocess.run([cluster.pg_program("pgbench"), "-n", "-M", "prepared", "-t", "5", "-f",
                        str(script), "-d", server.cluster.dsn(product.DATABASE)], check=True,
                       capture_output=True, **cluster.as_service_user())
        assert [e.resource_id for e in audit.events("ddl.executed")] == ["place.kept"] * 5

    def test_nothing_that_is_off(self, audit, server, admin):
        server.cluster.configure({"pganalytics.audit": "off"})
        loaded = server.db.value("SELECT pg_conf_load_time()")
        server.cluster.reload()
        cluster.wait_until(lambda: server.db.value("SELECT pg_conf_load_time()") > loaded)
        try:
            admin.execute("SELECT 1")
            admin.execute("CREATE TABLE off_ (a int)")
        finally:
            server.cluster.configure({"pganalytics.audit": "on"})
            loaded = server.db.value("SELECT pg_conf_load_time()")
            server.cluster.reload()
            cluster.wait_until(lambda: server.db.value("SELECT pg_conf_load_time()") > loaded)
        admin.execute("SELECT 1")
        admin.execute("DROP TABLE off_")
        assert [e.details["command"] for e in audit.events("ddl.executed")] == ["DROP TABLE"]
