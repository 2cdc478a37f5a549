"""The worker and gateway of the port for people: health, restarts, limits, no port at all."""
import datetime
import os
import signal

import cluster
import product
from api_client import PASSWORD, ApiClient, assert_problem, fresh_address
from people import client, person, server  # noqa: F401


class TestService:
    def test_health(self, client):
        answer = client.get("health")
        assert answer.status == 200
        document = answer.json
        assert set(document) == {"status", "timestamp", "uptime", "database_ok"}
        assert document["status"] == "ok" and document["database_ok"] is True
        assert isinstance(document["uptime"], int) and document["uptime"] >= 0
        age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(
            document["timestamp"])
        assert abs(age.total_seconds()) < 30

    def test_health_without_a_worker(self, server, client):
        assert client.get("health").status == 200
        worker = server.db.value("SELECT pid FROM pganalytics.workers WHERE kind = 'api'")
        os.kill(worker, signal.SIGSTOP)
        try:
            answer = client.get("health")
        finally:
            os.kill(worker, signal.SIGCONT)
        assert answer.status == 503, answer
        assert answer.json["status"] == "unavailable" and answer.json["database_ok"] is False
        assert client.get("health").status == 200

    def test_workers(self, server, client):
        requests = "SELECT requests FROM pganalytics.workers WHERE kind = 'api'"
        before = server.db.value(requests)
        client.get("health")
        cluster.wait_until(lambda: server.db.value(requests) > before, what="the request counted")
        assert server.db.row("SELECT number, state, pid IS NOT NULL, gateway_pid IS NOT NULL "
                             "FROM pganalytics.workers WHERE kind = 'api'") == (1, "running", True, True)
        assert server.db.value("SELECT usename FROM pg_stat_activity WHERE pid = "
                               "(SELECT pid FROM pganalytics.workers WHERE kind = 'api')"
                               ) == "postgres"

    def test_too_many_requests(self, server, client):
        """An address has one rate limit for both ports together."""
        server.configure(rate_limit_address=1, rate_limit_address_burst=5)
        try:
            with ApiClient(server, address=fresh_address()) as one:
                answers = [one.get("health")]
                while answers[-1].status == 200 and len(answers) < 50:
                    answers.append(one.get("health"))
                assert len(answers) >= 6
                assert_problem(answers[-1], 429, "too many requests come from this address")
                assert int(answers[-1].headers["retry-after"]) >= 1
                assert_problem(one.log_in("nobody", "x"), 429, "too many requests")
        finally:
            server.configure(**{name: 1000000 for name in ("rate_limit_address",
                                                           "rate_limit_address_burst")})
            cluster.wait_until(lambda: client.get("health").status == 200)

    def test_gateway_killed(self, server, person, client):
        client.log_in(person(), PASSWORD)
        gateway = "SELECT gateway_pid FROM pganalytics.workers WHERE kind = 'api'"
        worker = "SELECT pid FROM pganalytics.workers WHERE kind = 'api'"
        before, same = server.db.value(gateway), server.db.value(worker)
        client.close()
        os.kill(before, signal.SIGKILL)
        # A client that connects before the next gateway serves has to wait.
        assert client.get("auth/me").status == 200
        assert server.db.value(gateway) not in (before, None)
        assert server.db.value(worker) == same

    def test_terminated_worker_is_started_again(self, server, person, client):
        client.log_in(person(), PASSWORD)
        worker = "SELECT pid FROM pganalytics.workers WHERE kind = 'api'"
        before = server.db.value(worker)
        server.db.execute("SELECT pg_terminate_backend(%s)", before)
        cluster.wait_until(lambda: server.db.value(worker) not in (before, None), 15, "a new worker")
        server.cluster.wait_until_running()
        client.close()
        # The session survives, because sessions are in a table.
        assert client.get("auth/me").status == 200

    def test_no_port(self, make_server):
        """With api_port = 0 there is no worker and no worker slot, and wait_until_running() expects none."""
        server = make_server("no-people", create=False, api_port=0, ingest_workers=1,
                             postgres={"max_worker_processes": 1 + 1 + 1})
        server.cluster.psql(f"CREATE DATABASE {product.DATABASE}")
        cluster.wait_until(lambda: "could not register background worker" in
                           server.cluster.log_text(), 15, "a warning")
        assert "Increase max_worker_processes." in server.cluster.log_text()
        server.cluster.configure({"max_worker_processes": 1 + 4 + 1})
        offset = len(server.cluster.log_text())
        server.cluster.restart()
        server.cluster.query("CREATE EXTENSION pganalytics")
        server.cluster.wait_until_running()
        assert server.db.rows("SELECT kind FROM pganalytics.workers ORDER BY 1") == [
            ("alerts",), ("audit",), ("ingest",), ("launcher",), ("maintenance",)]
        assert "could not register" not in server.log_since(offset)
        assert not server.db.rows("SELECT FROM pg_stat_activity "
                                  "WHERE backend_type = 'pganalytics api'")
