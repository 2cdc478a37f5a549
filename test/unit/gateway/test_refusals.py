"""Every refusal of the gateway, with its status and its problem document."""
import gzip
import json

import pytest

from conftest import PROGRAM
from fake_worker import FakeWorker
from requests_data import body, chunked, head, push, zstd

GET = dict(method="GET", path="/api/v1/health")

CASES = {
    "no-token": (push(token=None), 403),
    "other-scheme": (push(None, "Authorization: Basic eDp5", token=None), 403),
    "unknown-token": (push(token="bad"), 403),
    "no-such-path": (head(method="GET", path="/"), 404),
    "path-is-case-sensitive": (head(method="GET", path="/API/v1/health"), 404),
    "encoded-path": (head(method="GET", path="/api/v1/%68ealth"), 404),
    "method": (head(method="DELETE", path="/api/v1/metrics/push"), 405),
    "declared-too-large": (head(["Content-Length: 8388609"]), 413),
    "chunked-too-large": (head(["Transfer-Encoding: chunked"]) + b"800001\r\n", 413),
    "gzip-bomb": (push(gzip.compress(b" " * (8 << 20) + body())), 413),
    "zstd-bomb": (push(zstd(b" " * (8 << 20) + body())), 413),
    "content-type": (push(None, "Content-Type: text/plain"), 415),
    "content-encoding": (push(None, "Content-Encoding: br"), 415),
    "expectation": (push(None, "Expect: 200-ok"), 417),
    "head-too-large": (head(["X: " + "y" * 17000]), 431),
    "head-too-large-unended": (b"GET / HTTP/1.1\r\nX: " + b"y" * 17000, 431),
    "version": (head(version="2.0", **GET), 505),
    "transfer-encoding": (head(["Transfer-Encoding: gzip, chunked"]), 501),
    "garbage": (b"hello there\r\n\r\n", 400),
    "te-and-cl": (head(["Transfer-Encoding: chunked", "Content-Length: 3"]) + b"0\r\n\r\n", 400),
    "two-lengths": (head(["Content-Length: 3", "Content-Length: 4"]) + b"{}  ", 400),
    "two-equal-lengths": (head(["Content-Length: 2", "Content-Length: 2"]) + b"{}", 400),
    "length-list": (head(["Content-Length: 2, 2"]) + b"{}", 400),
    "negative-length": (head(["Content-Length: -2"]), 400),
    "folded": (head(["X: a", " b"], **GET), 400),
    "space-before-colon": (head(["X : a"], **GET), 400),
    "no-host": (b"GET /api/v1/health HTTP/1.1\r\n\r\n", 400),
    "two-hosts": (head(["Host: b"], **GET), 400),
    "two-tokens": (push(None, "Authorization: Bearer good-token"), 400),
    "target-no-path": (head(method="GET", path="health"), 400),
    "target-asterisk": (head(method="OPTIONS", path="*"), 400),
    "target-fragment": (head(method="GET", path="/api/v1/health#x"), 400),
    "target-bytes": (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "bad-chunk": (head(["Transfer-Encoding: chunked"]) + b"zz\r\n", 400),
    "empty-body": (push(b""), 400),
    "empty-chunked": (head(["Transfer-Encoding: chunked"]) + chunked(b""), 400),
    "cut-gzip": (push(gzip.compress(body())[:-9]), 400),
    "gzip-then-garbage": (push(gzip.compress(body()) + b"xyz"), 400),
    "cut-zstd": (push(zstd(body())[:-9]), 400),
    "json-cut": (push(body()[:-1]), 400),
    "json-trailing": (push(body() + b"{}"), 400),
    "json-nan": (push(body(x=float("nan"))), 400),
    "shape": (push(b'{"metrics":[]}'), 422),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    worker = FakeWorker(PROGRAM, str(tmp_path_factory.mktemp("gateway"))).start()
    yield worker
    assert worker.stop() == 0


@pytest.mark.parametrize("case", CASES)
def test_refusal(shared, client, case):
    request, expected = CASES[case]
    before = len(shared.pushes)
    c = client(shared)
    c.send(request)
    status, fields, answer = c.response()
    answer = json.loads(answer)
    assert status == expected
    assert fields["content-type"] == "application/problem+json"
    assert fields["cache-control"] == "no-store"
    assert fields["x-content-type-options"] == "nosniff" and "server" not in fields
    assert answer["status"] == answer["code"] == expected and answer["type"] == "about:blank"
    assert answer["title"] == answer["message"] and answer["detail"] == answer["details"]
    assert "www-authenticate" not in fields
    if expected == 405:
        assert fields["allow"] == "POST"
    assert len(shared.pushes) == before
    if expected in (404, 405, 422):
        # No unread body is left, so the connection stays open.
        c.send(head(**GET))
        assert c.response()[0] == 200


def test_json_path_is_told(shared, client):
    c = client(shared)
    c.send(push(body(3).replace(b'"calls": 3', b'"calls": 1.5')))
    status, _, answer = c.response()
    answer = json.loads(answer)
    assert status == 422 and answer["path"] == "metrics[0].queries[0].calls"
    assert answer["detail"].startswith(answer["path"] + ": must be an integer")


def test_health(shared, client):
    c = client(shared)
    c.send(head(path="/api/v1/health?x=1", method="GET", token=None))
    status, fields, answer = c.response()
    assert status == 200 and json.loads(answer) == {"status": "ok"}
    c.send(head(path="https://localhost/api/v1/health", method="HEAD", token=None))
    status, head_fields, _ = c.response(head_only=True)
    assert status == 200 and head_fields["content-length"] == fields["content-length"]
    c.send(head(method="POST", path="/api/v1/health"))
    assert c.response()[1]["allow"] == "GET, HEAD"


def test_answer_arrives_although_the_body_is_unread(shared, client):
    c = client(shared)
    c.send(push(b"x" * (4 << 20), token="bad"))
    assert c.response()[0] == 403
