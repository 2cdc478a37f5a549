"""Whose rights count at the port for people: the person's GRANTs and row security, and no way around."""
import time

import psycopg2
import pytest

import cluster
from api_client import PASSWORD, ApiClient, assert_problem
from people import client, person, server  # noqa: F401


class TestWhoseRights:
    """Requests run under the person's role, with its GRANTs and row security, and cannot leave the role."""

    @pytest.fixture(autouse=True)
    def two_servers(self, server):
        collector = server.collector()
        server.db.execute(
            "INSERT INTO pganalytics.servers (collector_id, name, hostname) "
            "VALUES (%s, 'mine', 'a'), (%s, 'yours', 'b')", *[collector.collector_id] * 2)
        yield
        server.db.execute("DROP POLICY IF EXISTS people ON pganalytics.servers;"
                          "ALTER TABLE pganalytics.servers DISABLE ROW LEVEL SECURITY;"
                          "DELETE FROM pganalytics.servers")

    def protect(self, server, condition):
        server.db.execute("DROP POLICY IF EXISTS people ON pganalytics.servers;"
                          "ALTER TABLE pganalytics.servers ENABLE ROW LEVEL SECURITY;"
                          "CREATE POLICY people ON pganalytics.servers FOR SELECT "
                          f"USING ({condition})")

    def test_row_security(self, server, person, client):
        name, root = person(), person(None, options="LOGIN SUPERUSER")
        client.log_in(name, PASSWORD)
        assert client.get("auth/me").json["servers"] == 2
        self.protect(server, f"name = 'mine' AND current_user = '{name}'")
        assert client.get("auth/me").json["servers"] == 1
        with ApiClient(server) as other:
            other.log_in(person(), PASSWORD)
            assert other.get("auth/me").json["servers"] == 0
            other.log_in(root, PASSWORD)
            assert other.get("auth/me").json["servers"] == 2
        # Ask again as the first person: the plan of another person is not used.
        assert client.get("auth/me").json["servers"] == 1

    def test_grants(self, server, person, client):
        client.log_in(person(), PASSWORD)
        server.db.execute("REVOKE SELECT ON pganalytics.servers FROM pganalytics_viewer")
        try:
            assert_problem(client.get("auth/me"), 403, "permission denied for table servers")
        finally:
            server.db.execute("GRANT SELECT ON pganalytics.servers TO pganalytics_viewer")
        assert client.get("auth/me").status == 200

    @pytest.mark.parametrize("statement", [
        "SET ROLE pganalytics_api", "SET LOCAL ROLE NONE", "RESET ROLE",
        "SET SESSION AUTHORIZATION DEFAULT", "RESET SESSION AUTHORIZATION",
        "SELECT set_config('role', 'none', false)", "RESET ALL"])
    def test_no_way_to_another_role(self, server, person, client, statement):
        server.db.execute(
            "CREATE OR REPLACE FUNCTION public.escape() RETURNS boolean LANGUAGE plpgsql AS "
            f"$$ BEGIN EXECUTE $q${statement}$q$; RETURN current_user = session_user; END $$")
        name = person()
        client.log_in(name, PASSWORD)
        self.protect(server, "public.escape()")
        answer = client.get("auth/me")
        if statement == "RESET ALL":
            # RESET ALL leaves the role alone, which may not be changed here.
            assert answer.json["servers"] == 0 and answer.json["username"] == name
        else:
            assert_problem(answer, 403, "within security-definer function")

    @pytest.mark.parametrize("statement", [
        "INSERT INTO public.written VALUES (1)", "CREATE TABLE public.made (n integer)",
        "SET TRANSACTION READ WRITE"])
    def test_reading_writes_nothing(self, server, person, client, statement):
        server.db.execute(
            "CREATE TABLE IF NOT EXISTS public.written (n integer);"
            "GRANT ALL ON public.written TO PUBLIC;"
            "CREATE OR REPLACE FUNCTION public.write() RETURNS boolean LANGUAGE plpgsql AS "
            f"$$ BEGIN EXECUTE '{statement}'; RETURN true; END $$")
        client.log_in(person(), PASSWORD)
        self.protect(server, "public.write()")
        assert_problem(client.get("auth/me"), 500, "25")
        assert server.db.value("SELECT count(*)::int FROM public.written") == 0
        # The error is in the server log, at most once a minute, and not in the answer.
        assert "pganalytics could not answer GET /api/v1/auth/me" in server.cluster.log_text()

    def test_time_limit(self, server, person, client):
        server.db.execute(
            "CREATE OR REPLACE FUNCTION public.wait() RETURNS boolean LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(60); RETURN true; END $$")
        client.log_in(person(), PASSWORD)
        self.protect(server, "public.wait()")
        worker = "SELECT pid FROM pganalytics.workers WHERE kind = 'api'"
        before = server.db.value(worker)
        server.cluster.configure({"statement_timeout": "500ms"})
        server.cluster.reload()
        try:
            cluster.wait_until(lambda: server.db.value("SHOW statement_timeout") == "500ms")
            assert client.get("health").status == 200
            began = time.monotonic()
            answer = client.get("auth/me")
            # This is less than the time limit without the setting.
            assert time.monotonic() - began < 9
        finally:
            server.cluster.configure({"statement_timeout": "0"})
            server.cluster.reload()
        assert_problem(answer, 503, "took too long")
        assert int(answer.headers["retry-after"]) >= 1
        # The worker still serves.
        assert client.get("health").status == 200
        assert server.db.value(worker) == before

    def test_no_setting_outlives_its_request(self, server, person, client):
        server.db.execute(
            "CREATE OR REPLACE FUNCTION public.remember() RETURNS boolean LANGUAGE plpgsql AS $$ "
            "DECLARE known boolean := current_setting('people.seen', true) = 'yes' "
            "OR current_setting('work_mem') = '99MB' OR current_setting('search_path') = 'public'; "
            "BEGIN PERFORM set_config(n, v, false) FROM (VALUES ('people.seen', 'yes'), "
            "('work_mem', '99MB'), ('search_path', 'public')) s(n, v); "
            "RETURN known IS NOT TRUE AND current_setting('people.seen') = 'yes'; END $$")
        server.db.execute("DELETE FROM pganalytics.servers WHERE name = 'yours'")
        self.protect(server, "public.remember()")
        client.log_in(person(), PASSWORD)
        for _ in range(3):
            assert client.get("auth/me").json["servers"] == 1

    def test_locked(self, server, person, client):
        client.log_in(person(), PASSWORD)
        lock = psycopg2.connect(server.db.dsn)
        try:
            with lock.cursor() as cursor:
                cursor.execute("LOCK TABLE pganalytics.servers")
            assert_problem(client.get("auth/me"), 503, "SQLSTATE 55P03")
        finally:
            lock.close()
        cluster.wait_until(lambda: client.get("auth/me").status == 200)
