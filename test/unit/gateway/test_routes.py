"""The collectors' routes other than pushes: configuration, health; and what all routes have in common."""
import json
import socket
import subprocess

import pytest

from conftest import PROGRAM
from fake_worker import COLLECTOR
from requests_data import head, push

REFRESH = "/api/v1/collectors/refresh-token"
CONFIG = "/api/v1/config/collector-001"
FIGURES = "/api/v1/metrics/health"


def test_config_has_no_update(gateway, client):
    c = client(gateway())
    for path in (CONFIG, CONFIG + "?version=1", "/api/v1/config/a/b"):
        c.send(head(method="GET", path=path))
        status, fields, answer = c.response()
        assert (status, fields["content-type"], answer) == (200, "text/plain", b"")
    c.send(head(method="GET", path="/api/v1/config/"))
    assert c.response()[0] == 404
    c.send(head(["Content-Length: 0"], method="PUT", path=CONFIG))
    status, fields, _ = c.response()
    assert status == 405 and fields["allow"] == "GET, HEAD"


@pytest.mark.parametrize("method,path", [("POST", REFRESH), ("GET", CONFIG), ("GET", FIGURES)])
@pytest.mark.parametrize("token", [None, "bad", "a b"])
def test_who_may_not_is_told_403(gateway, client, method, path, token):
    c = client(gateway())
    c.send(head(method=method, path=path, token=token))
    status, fields, _ = c.response()
    assert status == 403 and "www-authenticate" not in fields


def test_config_asks_each_time(gateway, client):
    """Answers cached for pushes are not used here: a disabled collector is refused at once."""
    worker = gateway()
    c = client(worker)
    c.send(push())
    assert c.response()[0] == 200
    for asked in (2, 3):
        c.send(head(method="GET", path=CONFIG))
        assert c.response()[0] == 200 and worker.auth_requests == asked
    worker.tokens["good-token"] = (403, COLLECTOR, "collector is disabled")
    c.send(head(method="GET", path=CONFIG))
    status, _, answer = c.response()
    assert status == 403 and json.loads(answer)["detail"] == "collector is disabled"
    # The refusal is not cached either.
    c.send(push())
    assert c.response()[0] == 403


def test_health_is_the_workers_answer(gateway, client):
    worker = gateway()
    asked = []

    def answer(collector):
        asked.append(collector)
        return 200, json.dumps({"asked": len(asked)})

    worker.on_health = answer
    c = client(worker)
    for number in (1, 2):
        c.send(head(method="GET", path=FIGURES))
        status, fields, document = c.response()
        assert status == 200 and fields["content-type"] == "application/json"
        assert fields["cache-control"] == "no-store" and json.loads(document) == {"asked": number}
    assert asked == [COLLECTOR, COLLECTOR]


def test_all_routes_are_listed():
    lines = subprocess.run([PROGRAM, "--routes"], check=True, capture_output=True, text=True).stdout
    routes = [json.loads(line) for line in lines.splitlines()]
    access = {(r["method"], r["path"]): r["access"] for r in routes if r["port"] == "collectors"}
    assert access == {
        ("GET", "/api/v1/health"): "anyone",
        ("POST", "/api/v1/metrics/push"): "collector",
        ("GET", "/api/v1/metrics/health"): "collector",
        ("POST", "/api/v1/collectors/refresh-token"): "collector_grace",
        ("GET", "/api/v1/config/*"): "collector_now",
        ("POST", "/api/v1/collectors/enroll"): "secret",
        ("POST", "/api/v1/collectors/renew"): "collector_now",
        ("POST", "/api/v1/collectors/register"): "secret",
        ("GET", "/api/v1/pki/crl"): "anyone",
        ("GET", "/api/v1/pki/trust"): "anyone"}


@pytest.mark.parametrize("status", [403, 503])
def test_health_refused(gateway, client, status):
    worker = gateway()
    worker.on_health = lambda collector: (status, "no figures")
    c = client(worker)
    c.send(head(method="GET", path=FIGURES))
    got, fields, answer = c.response()
    assert got == status and json.loads(answer)["detail"] == "no figures"
    assert ("retry-after" in fields) == (status == 503)
    # After a 403 the gateway asks the worker about the token again.
    asked = worker.auth_requests
    c.send(push())
    assert c.response()[0] == 200 and worker.auth_requests == asked + (status == 403)


def test_counters_of_connections(gateway, client):
    worker = gateway(timeout_ms=300, max_idle=1, max_connections=8)
    plain = socket.create_connection(("127.0.0.1", worker.port))
    plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
    slow = client(worker)
    slow.send("GET / HT")
    idle = [client(worker) for _ in range(2)]
    assert slow.closed() and idle[0].closed()
    c = idle[1]
    c.send(head(method="GET", path="/none"))
    assert c.response()[0] == 404
    # The connection of the refused handshake stays for 2 s, which does not count as a missed
    # deadline.
    worker.wait(lambda: worker.counters[0] == 1)
    assert worker.counters[1:8] == (4, 1, 1, 1, 1, 1, 0)
    plain.close()
