"""The routes of collectors beside pushes: refreshed tokens, configuration, health."""
import datetime
import json
import socket

import pytest

from fake_worker import COLLECTOR
from requests_data import chunked, head, push

REFRESH = "/api/v1/collectors/refresh-token"
CONFIG = "/api/v1/config/collector-001"
FIGURES = "/api/v1/metrics/health"


@pytest.mark.parametrize("fields,data", [
    (["Content-Length: 0"], b""), (["Transfer-Encoding: chunked"], chunked(b"")),
    (["Content-Length: 3"], b"abc"), ([], b""),
    (["Transfer-Encoding: chunked", "Expect: 100-continue"], chunked(b""))])
def test_refresh_gives_the_token_back(gateway, client, fields, data):
    worker = gateway()
    c = client(worker)
    c.send(head(fields, path=REFRESH))
    if "Expect: 100-continue" in fields:
        assert c.take_head()[0] == 100
    c.send(data)
    status, fields, answer = c.response()
    answer = json.loads(answer)
    assert status == 200 and answer["token"] == "good-token" and len(answer) == 2
    expires = datetime.datetime.strptime(answer["expires_at"], "%Y-%m-%dT%H:%M:%SZ")
    assert expires > datetime.datetime.utcnow() + datetime.timedelta(hours=23)
    # The next request of the same connection is served.
    c.send(push())
    assert c.response()[0] == 200


def test_refresh_of_a_body_that_is_too_large(gateway, client):
    c = client(gateway())
    c.send(head(["Content-Length: 8388609"], path=REFRESH))
    assert c.response()[0] == 413


def test_token_with_quotes_survives(gateway, client):
    worker = gateway()
    worker.tokens['a"b\\c'] = (200, COLLECTOR, "")
    c = client(worker)
    c.send(head(["Content-Length: 0"], path=REFRESH, token='a"b\\c'))
    assert json.loads(c.response()[2])["token"] == 'a"b\\c'


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


def test_refresh_and_config_ask_each_time(gateway, client):
    """What was remembered for pushes does not count: a disabled collector is told at once."""
    worker = gateway()
    c = client(worker)
    c.send(push())
    assert c.response()[0] == 200
    for asked, (method, path) in enumerate((("POST", REFRESH), ("GET", CONFIG)), 2):
        c.send(head(method=method, path=path))
        assert c.response()[0] == 200 and worker.auth_requests == asked
    worker.tokens["good-token"] = (403, COLLECTOR, "collector is disabled")
    for method, path in (("POST", REFRESH), ("GET", CONFIG)):
        c.send(head(method=method, path=path))
        status, _, answer = c.response()
        assert status == 403 and json.loads(answer)["detail"] == "collector is disabled"
    # The refusal is remembered as little as the yes.
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


@pytest.mark.parametrize("status", [403, 503])
def test_health_refused(gateway, client, status):
    worker = gateway()
    worker.on_health = lambda collector: (status, "no figures")
    c = client(worker)
    c.send(head(method="GET", path=FIGURES))
    got, fields, answer = c.response()
    assert got == status and json.loads(answer)["detail"] == "no figures"
    assert ("retry-after" in fields) == (status == 503)
    # After a 403 the token is asked for again.
    asked = worker.auth_requests
    c.send(push())
    assert c.response()[0] == 200 and worker.auth_requests == asked + (status == 403)


def test_counters_of_connections(gateway, client):
    worker = gateway(timeout_ms=300, max_idle=1, max_connections=4)
    plain = socket.create_connection(("127.0.0.1", worker.port))
    plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
    slow = client(worker)
    slow.send("GET / HT")
    idle = [client(worker) for _ in range(2)]
    assert slow.closed() and idle[0].closed()
    c = idle[1]
    c.send(head(method="GET", path="/none"))
    assert c.response()[0] == 404
    worker.wait(lambda: worker.counters[1:7] == (4, 1, 1, 1, 1, 1) and worker.counters[7] == 0)
    plain.close()
