"""What PostgreSQL's sessions record in the audit log: each event once, with who, what, and its outcome."""
import itertools
import os
import subprocess

import psycopg2
import pytest

import cluster
from audit_sessions import Sessions, code_of, refused
from audit_view import Audit, store_counts

MAX_CONNECTIONS = 20
_roles = itertools.count(1)


@pytest.fixture(scope="module")
def server(make_server):
    one = make_server("sessions", ingest_workers=1, postgres={
        "max_connections": MAX_CONNECTIONS, "superuser_reserved_connections": 3,
        "max_parallel_workers_per_gather": 2})
    one.cluster.query("""
        CREATE ROLE ann LOGIN PASSWORD 'right';
        CREATE ROLE grouped;
        GRANT grouped TO ann;
        CREATE ROLE barred;
        CREATE ROLE capped LOGIN CONNECTION LIMIT 0;
        CREATE ROLE hosted LOGIN;
        CREATE SCHEMA hidden;
        CREATE TABLE hidden.t (a int);
        CREATE TABLE people (name text, wage int);
        GRANT SELECT (name) ON people TO ann;
        CREATE FUNCTION secret() RETURNS int LANGUAGE sql PARALLEL SAFE AS 'SELECT 1';
        REVOKE ALL ON FUNCTION secret() FROM PUBLIC;
        CREATE TABLE many AS SELECT generate_series(1, 100000) AS n;
        ALTER TABLE many SET (parallel_workers = 2);
        GRANT SELECT ON many TO ann, PUBLIC;
        CREATE DATABASE closed;
        REVOKE CONNECT ON DATABASE closed FROM PUBLIC;
        CREATE DATABASE shut ALLOW_CONNECTIONS false;
        CREATE DATABASE small CONNECTION LIMIT 0;
        CREATE DATABASE other""")
    hba = one.cluster.data / "pg_hba.conf"
    hba.write_text("host all hosted 127.0.0.1/32 reject\n" + hba.read_text())
    loaded = one.db.value("SELECT pg_conf_load_time()")
    one.cluster.reload()
    cluster.wait_until(lambda: one.db.value("SELECT pg_conf_load_time()") > loaded, what="reload")
    return one


@pytest.fixture
def sessions(server):
    with Sessions(server) as opened:
        yield opened


@pytest.fixture
def ann(sessions):
    return sessions.open("ann")


@pytest.fixture
def admin(sessions):
    """admin is a session of the superuser, other than the one that reads the log."""
    return sessions.open("postgres")


@pytest.fixture
def audit(server, request):
    # The test's sessions were opened before the mark.
    for name in ("ann", "admin"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    return Audit(server)


def one(events):
    assert len(events) == 1, events
    return events[0]


def brief(events):
    return [(e.event, e.outcome, e.resource_type, e.resource_id) for e in events]


class TestLogins:
    def test_login_over_a_socket(self, audit, sessions):
        cursor = sessions.open("ann", application_name="an app")
        cursor.execute("SELECT to_hex(trunc(extract(epoch FROM backend_start))::bigint) || '.' || "
                       "to_hex(pid), pid FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        correlation_id, pid = cursor.fetchone()
        event = one(audit.events())
        assert (event.event, event.severity, event.source, event.outcome) == (
            "auth.login", "INFO", "session", "success")
        assert (event.actor, event.role, event.address, event.database) == (
            "ann", None, "[local]", "analytics")
        assert event.correlation_id == correlation_id, pid
        assert event.details == {"method": "trust", "ssl": False, "protocol": "3.0"}

    def test_login_with_a_password(self, audit, sessions):
        psycopg2.connect(sessions.tcp("ann", "right")).close()
        event = one(audit.events())
        assert event.event == "auth.login" and event.address == "127.0.0.1"
        assert event.details == {"method": "scram-sha-256", "ssl": False, "protocol": "3.0",
                                 "identity": "ann"}

    def test_replication_connection(self, audit, sessions):
        subprocess.run([cluster.pg_program("psql"), "-Xq", "-d",
                        sessions.dsn("postgres", replication="true"), "-c", "IDENTIFY_SYSTEM"],
                       check=True, capture_output=True)
        assert one(audit.events()).details["replication"] is True

    @pytest.mark.parametrize("user, database, sqlstate, reason", [
        ("nobody", "analytics", "28000", "no such role"),
        ("barred", "analytics", "28000", "role may not log in")])
    def test_no_such_login(self, audit, sessions, user, database, sqlstate, reason):
        refused(sessions.dsn(user, database))
        event = one(audit.events())
        assert (event.event, event.severity, event.outcome, event.actor) == (
            "auth.login_failed", "WARN", "denied", user)
        assert event.details["sqlstate"] == sqlstate and event.details["reason"] == reason

    @pytest.mark.parametrize("user, password, method, reason", [
        ("ann", "wrong", "scram-sha-256", "wrong password, or no such role"),
        ("nobody", "wrong", "scram-sha-256", "wrong password, or no such role"),
        ("hosted", "x", "reject", "rejected by pg_hba.conf")])
    def test_not_authenticated(self, audit, sessions, user, password, method, reason):
        refused(sessions.tcp(user, password))
        event = one(audit.events())
        assert (event.event, event.actor, event.address) == ("auth.login_failed", user, "127.0.0.1")
        assert event.details["method"] == method and event.details["reason"] == reason
        assert event.details["sqlstate"] == ("28000" if method == "reject" else "28P01")

    @pytest.mark.parametrize("user, database, sqlstate, reason", [
        ("ann", "nowhere", "3D000", "no such database"),
        ("ann", "closed", "42501", "a privilege is missing"),
        ("ann", "shut", "55000", "database does not accept connections"),
        ("ann", "small", "53300", "too many connections"),
        ("capped", "analytics", "53300", "too many connections")])
    def test_refused_behind_the_login(self, audit, sessions, user, database, sqlstate, reason):
        """A session refused after authentication records both the login and the refusal, under one id."""
        refused(sessions.dsn(user, database))
        login, failure = audit.events()
        assert (login.event, failure.event) == ("auth.login", "auth.login_failed")
        assert login.correlation_id == failure.correlation_id
        assert (failure.actor, failure.database) == (user, database)
        assert failure.details["sqlstate"] == sqlstate and failure.details["reason"] == reason

    def test_too_many_clients(self, audit, sessions, server):
        """A backend that gets no PGPROC records its refusal, too."""
        taken = server.db.value("SELECT count(*) FROM pg_stat_activity "
                                "WHERE backend_type IN ('client backend', 'walsender')")
        for _ in range(MAX_CONNECTIONS - taken):
            sessions.open("postgres")
        assert "too many clients" in refused(sessions.dsn("ann"))
        event = one(audit.events("auth.login_failed"))
        assert (event.actor, event.address) == ("ann", "[local]")
        assert event.details["sqlstate"] == "53300"

    def test_settings_a_client_may_not_bring(self, audit, sessions):
        refused(sessions.dsn("ann", options="-c log_statement=none"))
        login, failure = audit.events()
        assert login.event == "auth.login"
        assert failure.event == "auth.login_failed" and failure.details["sqlstate"] == "42501"

    def test_name_that_is_no_ascii(self, audit, admin, sessions):
        admin.execute('CREATE ROLE "Zoë" LOGIN')
        try:
            sessions.open("Zoë").execute("SELECT 1")
            assert [e.actor for e in audit.events("auth.login")] == ["Zoë"]
        finally:
            admin.execute('DROP ROLE "Zoë"')


SWALLOW = "DO $$ BEGIN {} EXCEPTION WHEN insufficient_privilege THEN NULL; END $$"


class TestDenials:
    @pytest.fixture
    def role(self, server):
        """role has the rights of ann. Equal denials of one role are counted, so each test has its own."""
        name = f"ann_{next(_roles)}"
        server.cluster.query(f"CREATE ROLE {name} LOGIN IN ROLE ann")
        return name

    @pytest.fixture
    def ann(self, sessions, role):
        return sessions.open(role)

    @pytest.mark.parametrize("sql, kind, name, details", [
        ("SELECT wage FROM people", "table", "public.people",
         {"privilege": "SELECT", "column": "wage", "command": "SELECT"}),
        ("SELECT * FROM people", "table", "public.people",
         {"privilege": "SELECT", "column": "wage", "command": "SELECT"}),
        ("SELECT p FROM people p", "table", "public.people",
         {"privilege": "SELECT", "command": "SELECT"}),
        ("INSERT INTO people VALUES ('x', 1)", "table", "public.people",
         {"privilege": "INSERT", "command": "INSERT"}),
        ("UPDATE people SET wage = 1", "table", "public.people",
         {"privilege": "UPDATE", "command": "UPDATE"}),
        ("DELETE FROM people", "table", "public.people",
         {"privilege": "DELETE", "command": "DELETE"}),
        ("TRUNCATE people", "table", "public.people",
         {"command": "TRUNCATE TABLE", "reason": "permission denied for table %s"}),
        ("COPY people TO STDOUT", "table", "people",
         {"command": "COPY", "reason": "permission denied for table %s"}),
        ("SELECT 1 FROM hidden.t", "schema", "hidden",
         {"reason": "permission denied for schema %s"}),
        ("SELECT secret()", "function", "secret",
         {"command": "SELECT", "reason": "permission denied for function %s"}),
        ("CREATE ROLE mallory", "role", "mallory",
         {"command": "CREATE ROLE", "reason": "permission denied to create role"}),
        ("DROP TABLE people", "table", "public.people",
         {"command": "DROP TABLE", "reason": "must be owner of table %s"}),
        ("ALTER SYSTEM SET work_mem = '1GB'", "setting", "work_mem",
         {"command": "ALTER SYSTEM", "reason": 'permission denied to set parameter "%s"'}),
        ("SET log_statement = 'none'", "setting", "log_statement",
         {"command": "SET", "reason": 'permission denied to set parameter "%s"'}),
        ("SET ROLE postgres", "setting", "role",
         {"command": "SET", "reason": "the check of a setting"}),
        ("DO $$ BEGIN RAISE 'canary' USING ERRCODE = '42501'; END $$", None, None,
         {"command": "DO", "reason": "raised by a function or an extension"}),
    ])
    def test_denial(self, audit, role, ann, sql, kind, name, details):
        if sql.startswith("COPY"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege), open(os.devnull, "w") as file:
                ann.copy_expert(sql, file)
        else:
            assert code_of(ann, sql) == "42501"
        event = one(audit.events())
        assert (event.event, event.severity, event.outcome, event.actor, event.role) == (
            "access.denied", "WARN", "denied", role, None)
        assert (event.resource_type, event.resource_id) == (kind, name)
        assert event.details == details

    @pytest.mark.parametrize("body, kind, name", [
        ("PERFORM wage FROM people;", "table", "public.people"),
        ("DELETE FROM people;", "table", "public.people"),
        ("PERFORM 1 FROM hidden.t;", "schema", "hidden"),
        ("PERFORM secret();", "function", "secret"),
        ("DECLARE n int; BEGIN n := secret(); END;", "function", "secret"),
        ("CREATE ROLE mallory;", "role", "mallory"),
        ("EXECUTE 'DROP TABLE people';", "table", "public.people"),
    ])
    def test_swallowed_denial(self, audit, ann, server, body, kind, name):
        """A denial that an EXCEPTION block catches is in no server log, but in the audit log."""
        offset = len(server.cluster.log_text())
        assert code_of(ann, SWALLOW.format(body)) is None
        event = one(audit.events("access.denied"))
        assert (event.resource_type, event.resource_id) == (kind, name)
        assert "permission denied" not in server.log_since(offset)

    def test_swallowed_denial_does_not_hide_the_next(self, audit, ann):
        """The same denial is recorded twice if it is swallowed once and raised once in a query string."""
        assert code_of(ann, SWALLOW.format("PERFORM 1 FROM hidden.t;") +
                       "; SELECT 1 FROM hidden.t") == "42501"
        assert len(audit.events("access.denied")) == 2

    def test_denial_raised_again(self, audit, ann):
        assert code_of(ann, "DO $$ BEGIN PERFORM wage FROM people; EXCEPTION WHEN others THEN "
                            "PERFORM 1; RAISE; END $$") == "42501"
        assert one(audit.events()).resource_id == "public.people"

    def test_warning_with_the_code_is_no_denial(self, audit, ann):
        ann.execute("DO $$ BEGIN RAISE WARNING 'x' USING ERRCODE = '42501'; END $$")
        assert audit.events() == []

    def test_asking_for_a_privilege_is_no_denial(self, audit, ann):
        ann.execute("SELECT has_table_privilege('people', 'DELETE'), name FROM people")
        assert audit.events() == []

    def test_triggers(self, audit, ann, admin):
        """A denial in an AFTER trigger, which runs when the executor finishes, is recorded."""
        admin.execute("CREATE TABLE fires (a int); GRANT INSERT ON fires TO ann;"
                     "CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN "
                     "PERFORM 1 FROM hidden.t; RETURN NEW; EXCEPTION WHEN others THEN RETURN NEW; "
                     "END $f$; CREATE TRIGGER fire AFTER INSERT ON fires FOR EACH ROW "
                     "EXECUTE FUNCTION fire()")
        audit.mark()
        ann.execute("INSERT INTO fires VALUES (1)")
        assert one(audit.events()).resource_id == "hidden"
        admin.execute("DROP TABLE fires; DROP FUNCTION fire()")

    def test_prepared_statement(self, audit, ann, server):
        ann.execute("PREPARE p AS SELECT wage FROM people")
        for _ in range(3):
            assert code_of(ann, "EXECUTE p") == "42501"
        store_counts(server)
        events = audit.events("access.denied")
        assert set(brief(events)) == {("access.denied", "denied", "table", "public.people")}
        assert sum(e.details.get("count", 1) for e in events) == 3

    def test_view_checks_its_owner(self, audit, ann, admin):
        admin.execute("CREATE ROLE owner; CREATE VIEW window_ AS SELECT wage FROM people;"
                     "ALTER VIEW window_ OWNER TO owner; GRANT SELECT ON window_ TO ann")
        audit.mark()
        assert code_of(ann, "SELECT * FROM window_") == "42501"
        event = one(audit.events())
        assert event.resource_id == "public.people" and event.details["checked_as"] == "owner"
        admin.execute("DROP VIEW window_; DROP ROLE owner")

    def test_parallel_query(self, audit, role, ann, admin):
        """A denial in parallel workers is recorded once, for the leader."""
        admin.execute("CREATE FUNCTION asks(int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS "
                     "$f$ BEGIN RETURN (SELECT wage FROM people LIMIT 1); END $f$")
        audit.mark()
        ann.execute("SET force_parallel_mode = on; SET parallel_setup_cost = 0; "
                    "SET parallel_tuple_cost = 0; SET parallel_leader_participation = off")
        ann.execute("EXPLAIN SELECT count(asks(n)) FROM many")
        assert "Workers Planned" in str(ann.fetchall())
        assert code_of(ann, "SELECT count(asks(n)) FROM many") == "42501"
        event = one(audit.events())
        assert event.actor == role and event.resource_id in ("people", "public.people")
        admin.execute("DROP FUNCTION asks(int)")

    def test_role_in_force(self, audit, role, ann):
        ann.execute("SET ROLE grouped")
        assert code_of(ann, "SELECT wage FROM people") == "42501"
        event = one(audit.events())
        assert (event.actor, event.role) == (role, "grouped")

    def test_security_definer(self, audit, role, ann, admin):
        admin.execute("CREATE FUNCTION acts() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS "
                     "$f$ BEGIN RETURN (SELECT wage FROM people LIMIT 1); END $f$;"
                     "ALTER FUNCTION acts() OWNER TO grouped")
        audit.mark()
        assert code_of(ann, "SELECT acts()") == "42501"
        event = one(audit.events())
        assert (event.actor, event.role) == (role, "grouped")
        admin.execute("DROP FUNCTION acts()")

    def test_row_security(self, audit, ann, admin):
        admin.execute("CREATE TABLE rows_ (a int); ALTER TABLE rows_ ENABLE ROW LEVEL SECURITY; "
                     "GRANT INSERT ON rows_ TO ann")
        audit.mark()
        assert code_of(ann, "INSERT INTO rows_ VALUES (1)") == "42501"
        event = one(audit.events())
        assert (event.resource_type, event.resource_id) == ("table", "rows_")
        admin.execute("DROP TABLE rows_")

    def test_another_database(self, audit, role, sessions):
        cursor = sessions.open(role, "other")
        audit.mark()
        assert code_of(cursor, "SELECT * FROM pg_authid") == "42501"
        event = one(audit.events())
        assert (event.database, event.resource_id) == ("other", "pg_catalog.pg_authid")

    def test_log_that_keeps_no_errors(self, audit, role, server):
        """If the server log keeps no errors, only denials before a statement runs go unrecorded."""
        server.cluster.query(f"ALTER ROLE {role} SET log_min_messages = 'fatal'")
        with Sessions(server) as opened:
            cursor = opened.open(role)
            audit.mark()
            for sql in ("SELECT wage FROM people", "SELECT secret()", "DROP TABLE people"):
                assert code_of(cursor, sql) == "42501"
        assert len(audit.events("access.denied")) == 3

    def test_messages_in_another_language(self, make_server, monkeypatch):
        """The object's name is found in a translated message by its place in the translated format."""
        monkeypatch.setenv("LANGUAGE", "de")
        german = make_server("german", ingest_workers=1, postgres={"lc_messages": "C.UTF-8"})
        german.cluster.query("CREATE ROLE ann LOGIN; CREATE FUNCTION secret() RETURNS int "
                             "LANGUAGE sql AS 'SELECT 1'; "
                             "REVOKE ALL ON FUNCTION secret() FROM PUBLIC")
        with Sessions(german) as opened:
            cursor = opened.open("ann")
            audit = Audit(german)
            with pytest.raises(psycopg2.errors.InsufficientPrivilege) as raised:
                cursor.execute("SELECT secret()")
        if "keine Berechtigung" not in str(raised.value):
            pytest.skip("PostgreSQL's German messages are not installed")
        event = one(audit.events())
        assert (event.resource_type, event.resource_id) == ("function", "secret")
        assert event.details["reason"] == "permission denied for function %s"

    def test_change_of_the_log_is_told_once(self, audit, admin):
        """A refused change of the log has its own event and is not recorded as access.denied, too."""
        assert code_of(admin, "DELETE FROM pganalytics.audit_log") == "42501"
        assert [e.event for e in audit.events()] == ["audit.change_refused"]
