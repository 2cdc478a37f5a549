"""What must not be stored: each refusal has its status and problem document, and leaves 0 rows."""
import copy
import gzip
import json
import socket
import ssl
import subprocess
import time
import uuid

import pytest

from client import PUSH, push_body, query_rows


def assert_problem(answer, *statuses):
    assert answer.status in statuses, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == answer.status
    assert problem["title"]
    assert isinstance(problem["type"], str)
    return problem


def assert_nothing_stored(server, credentials):
    assert server.ledger(credentials) == (0, 0)
    assert server.samples(credentials) == 0


class TestWhoMayPush:
    def body(self, credentials):
        return push_body(credentials.collector_id, query_rows(3, 1))

    def test_no_token(self, server, credentials):
        with server.client(None) as client:
            assert_problem(client.push(self.body(credentials)), 403)
        assert_nothing_stored(server, credentials)

    @pytest.mark.parametrize("value", [
        "Bearer wrong", "Bearer ", "Bearer", "", "Basic dXNlcjpwYXNz", "Bearer " + "x" * 3000,
        # The token of a v3 collector without a token file: HS256 with an empty secret.
        "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJwZ2FuYWx5dGljcy1jb2xsZWN0b3IiLCJqdG"
        "kiOiIxIn0.c2lnbmF0dXJl"])
    def test_bad_authorization(self, server, credentials, value):
        with server.client(credentials) as client:
            assert_problem(client.push(self.body(credentials), headers={"Authorization": value}),
                           403)
        assert_nothing_stored(server, credentials)

    def test_token_with_a_letter_changed(self, server, credentials):
        last = "A" if credentials.token[-1] != "A" else "B"
        with server.client(credentials) as client:
            assert_problem(client.push(self.body(credentials), headers={
                "Authorization": f"Bearer {credentials.token[:-1]}{last}"}), 403)
        assert_nothing_stored(server, credentials)

    def test_disabled_collector_on_a_live_connection(self, server, client, credentials):
        assert client.push(self.body(credentials)).status == 200
        server.db.execute("UPDATE pganalytics.collectors SET enabled = false "
                          "WHERE collector_id = %s", credentials.collector_id)
        assert_problem(client.push(push_body(credentials.collector_id, query_rows(3, 2))), 403)
        server.db.execute("UPDATE pganalytics.collectors SET enabled = true "
                          "WHERE collector_id = %s", credentials.collector_id)
        assert client.push(push_body(credentials.collector_id, query_rows(3, 2))).status == 200
        assert server.samples(credentials) == 6

    def test_body_of_another_collector(self, server, client, credentials):
        other = server.collector()
        assert_problem(client.push(self.body(other)), 403)
        assert_nothing_stored(server, credentials)
        assert_nothing_stored(server, other)

    def test_body_of_an_unknown_collector(self, server, client, credentials):
        assert_problem(client.push(push_body(str(uuid.uuid4()), query_rows(3, 1))), 403)
        assert_nothing_stored(server, credentials)


def changed(change):
    """changed gives a function that makes a good push and then calls change(document) to spoil it."""
    def make(collector_id):
        document = copy.deepcopy(push_body(collector_id, query_rows(5, 1)))
        change(document)
        return json.dumps(document).encode()
    return make


def replaced(old, new):
    """replaced gives a function that makes a good push and replaces bytes in it."""
    def make(collector_id):
        good = json.dumps(push_body(collector_id, query_rows(5, 1))).encode()
        assert old in good
        return good.replace(old, new, 1)
    return make


def in_row(**values):
    return changed(lambda d: d["metrics"][0]["queries"][2].update(values))


def in_metric(**values):
    return changed(lambda d: d["metrics"][0].update(values))


def without(*path):
    def change(document):
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]
    return changed(change)


ROW = ("metrics", 0, "queries", 2)
NOT_JSON = {
    "empty": lambda _: b"",
    "only space": lambda _: b" \r\n ",
    "no json": lambda _: b"calls=1&rows=2",
    "cut in the middle": lambda c: in_row()(c)[:-40],
    "cut before the last brace": lambda c: in_row()(c)[:-1],
    "bytes after the end": lambda c: in_row()(c) + b"x",
    "a second document": lambda c: in_row()(c) + b"{}",
    "a NUL after the end": lambda c: in_row()(c) + b"\0",
    "comma too many": replaced(b'"calls": 1,', b'"calls": 1,,'),
    "comma before a bracket": replaced(b"}]}]}", b"},]}]}"),
    "no colon": replaced(b'"calls": 1', b'"calls" 1'),
    "single quotes": replaced(b'"calls"', b"'calls'"),
    "NaN": replaced(b'"total_time": 1', b'"total_time": NaN'),
    "Infinity": replaced(b'"total_time": 1', b'"total_time": Infinity'),
    "leading zero": replaced(b'"calls": 1', b'"calls": 01'),
    "leading plus": replaced(b'"calls": 1', b'"calls": +1'),
    "hexadecimal": replaced(b'"calls": 1', b'"calls": 0x1'),
    "bad escape": replaced(b"SELECT 1", b"SELECT \\x1"),
    "half a surrogate": replaced(b"SELECT 1", b"SELECT \\ud800 1"),
    "invalid UTF-8": replaced(b"SELECT 1", b"SELECT \xff1"),
    "overlong UTF-8": replaced(b"SELECT 1", b"SELECT \xc0\xaf1"),
    "raw control character": replaced(b"SELECT 1", b"SELECT \n1"),
    "UTF-16": lambda c: in_row()(c).decode().encode("utf-16"),
    "deep nesting": lambda c: b'{"x":' * 5000 + b"1" + b"}" * 5000,
    "deep arrays in an unknown field": lambda c: changed(lambda d: None)(c)[:-1] + b',"x":' +
        b"[" * 5000 + b"]" * 5000 + b"}",
    "broken number in an unknown field": lambda c: changed(lambda d: None)(c)[:-1] + b',"x":1.}',
    "broken literal in an unknown field": lambda c: changed(lambda d: None)(c)[:-1] + b',"x":trve}',
}
NOT_A_PUSH = {
    "array": lambda _: b"[]",
    "string": lambda _: b'"push"',
    "null": lambda _: b"null",
    "no metrics": without("metrics"),
    "metrics an object": changed(lambda d: d.update(metrics={})),
    "metrics null": changed(lambda d: d.update(metrics=None)),
    "metric a number": changed(lambda d: d["metrics"].append(7)),
    "metric without type": without("metrics", 0, "type"),
    "metric type a number": in_metric(type=7),
    "metric without timestamp": without("metrics", 0, "timestamp"),
    "timestamp without zone": in_metric(timestamp="2026-11-22T08:00:00"),
    "timestamp of no calendar": in_metric(timestamp="2026-02-30T08:00:00Z"),
    "timestamp a number": in_metric(timestamp=1790000000),
    "timestamp far in the past year": in_metric(timestamp="0001-01-01T00:00:00Z"),
    "no database": without("metrics", 0, "database"),
    "database a number": in_metric(database=7),
    "database with NUL": in_metric(database="a\0b"),
    "queries an object": in_metric(queries={}),
    "query an array": changed(lambda d: d["metrics"][0]["queries"].append([])),
    "no hash": without(*ROW, "hash"),
    "hash null": in_row(hash=None),
    "hash a string": in_row(hash="12"),
    "hash a fraction": in_row(hash=1.5),
    "hash over 64 bits": in_row(hash=1 << 64),
    "calls a string": in_row(calls="1"),
    "calls a fraction": in_row(calls=1.5),
    "calls an object": in_row(calls={}),
    "calls over 64 bits": in_row(calls=10**30),
    "time a string": in_row(total_time="1.0"),
    "time over double": replaced(b'"total_time": 1', b'"total_time": 1e999'),
    "text a number": in_row(text=5),
    "text with NUL": in_row(text="SELECT \0"),
    "toplevel a string": in_row(toplevel="yes"),
    "collector_id no uuid": lambda c: in_row()("no uuid"),
}


@pytest.mark.parametrize("kind", NOT_JSON)
def test_not_json(server, client, credentials, kind):
    answer = client.push(NOT_JSON[kind](credentials.collector_id))
    assert_problem(answer, 400)
    assert_nothing_stored(server, credentials)
    # The connection still serves the next request.
    assert client.push(push_body(credentials.collector_id, query_rows(2, 1))).status == 200
    assert server.samples(credentials) == 2


@pytest.mark.parametrize("kind", NOT_A_PUSH)
def test_not_a_push(server, client, credentials, kind):
    answer = client.push(NOT_A_PUSH[kind](credentials.collector_id))
    problem = assert_problem(answer, 422, 400, 403) if kind == "collector_id no uuid" else \
        assert_problem(answer, 422)
    if "queries" in kind or "query" in kind or kind in ("no hash", "calls a string"):
        assert "metrics" in json.dumps(problem), "names the place"
    assert_nothing_stored(server, credentials)
    assert client.push(push_body(credentials.collector_id, query_rows(2, 1))).status == 200


def test_oversize(server, credentials):
    """max_body_size limits the body as sent and as inflated, and chunked bodies too."""
    server.configure(max_body_size="1MB")
    try:
        good = push_body(credentials.collector_id, query_rows(300, 1))
        document = copy.deepcopy(good)
        document["filler"] = "x" * (2 << 20)
        plain = json.dumps(document).encode()
        packed = gzip.compress(plain)
        assert len(packed) < 100_000
        with server.client(credentials) as client:
            assert_problem(client.push(plain), 413)
        with server.client(credentials) as client:
            assert_problem(client.push(packed, headers={"Content-Encoding": "gzip"}), 413)
        with server.client(credentials) as client:
            packed = subprocess.run(["zstd", "-q", "-c"], input=plain, capture_output=True,
                                    check=True).stdout
            assert_problem(client.push(packed, headers={"Content-Encoding": "zstd"}), 413)
        with server.client(credentials) as client, client.raw_connection() as raw:
            raw.sendall(f"POST {PUSH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                        f"{credentials.token}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            received = b""
            try:
                for _ in range(32):
                    raw.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                received = raw.recv(100)
            except OSError:  # the server may refuse by closing before we have sent everything
                pass
            assert received == b"" or b" 413 " in received
        with server.client(credentials) as client:  # refused without 100 Continue
            with client.raw_connection() as raw:
                raw.sendall(f"POST {PUSH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                            f"{credentials.token}\r\nContent-Length: 9000000\r\n"
                            "Expect: 100-continue\r\n\r\n".encode())
                assert raw.recv(12) == b"HTTP/1.1 413"
        assert_nothing_stored(server, credentials)
        with server.client(credentials) as client:
            assert client.push(good).status == 200
    finally:
        server.configure(max_body_size="64MB")
    # The body that was too large is accepted after the reload.
    with server.client(credentials) as client:
        assert client.push(plain).status == 200
    assert server.samples(credentials) == 600


def test_curl_with_expect_and_chunks(server, credentials, tmp_path):
    """curl sends Expect for bodies over 1 MiB and chunks from a pipe; neither waits for a timeout."""
    document = push_body(credentials.collector_id, query_rows(10, 1))
    document["filler"] = "x" * (3 << 20)
    body = json.dumps(document).encode()
    for i, extra in enumerate(([], ["-H", "Transfer-Encoding: chunked"])):
        began = time.monotonic()
        done = subprocess.run(
            ["curl", "-sS", "--cacert", str(server.ca_file), "-H", "Expect: 100-continue",
             "-H", f"Authorization: Bearer {credentials.token}", "-H", f"Idempotency-Key: 1:{i}",
             "-H", "Content-Type: application/json", *extra, "--data-binary", "@-",
             "-w", "\n%{http_code} %{http_version}", f"{server.cluster.url}{PUSH}"],
            input=body, capture_output=True, check=True, timeout=30)
        assert done.stdout.split(b"\n")[-1] == b"200 1.1", done.stdout
        # curl would wait one second for a 100 Continue that does not come.
        assert time.monotonic() - began < 0.95
    assert server.ledger(credentials) == (2, 20)


@pytest.mark.parametrize("how", ["closed", "reset", "TLS closed"])
def test_truncated(server, client, credentials, how):
    body = json.dumps(push_body(credentials.collector_id, query_rows(5, 1))).encode()
    for cut in (1, len(body) // 2, len(body) - 1):
        raw = client.raw_connection()
        raw.sendall(f"POST {PUSH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                    f"{credentials.token}\r\nContent-Length: {len(body)}\r\n\r\n".encode() +
                    body[:cut])
        if how == "reset":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            raw.close()
        elif how == "closed":
            raw.shutdown(socket.SHUT_WR)
            assert not raw.recv(1000).startswith(b"HTTP/1.1 200")
            raw.close()
        else:
            try:
                raw.unwrap().close()
            except (ssl.SSLError, OSError):
                pass
    assert client.push(push_body(credentials.collector_id, query_rows(2, 1))).status == 200
    assert server.ledger(credentials) == (1, 2)
    assert server.samples(credentials) == 2


def test_slow_and_silent_connections_are_cut(server, credentials):
    """Deadlines are absolute: single bytes now and then do not extend them."""
    server.configure(connection_timeout="1s")
    try:
        with server.client(credentials) as client:
            client.timeout = 60
            silent = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            assert measured_until_closed(silent, None) < 4, "no ClientHello"
            raw = client.raw_connection()
            assert measured_until_closed(raw, b"X") < 4, "slow head"
            assert client.push(push_body(credentials.collector_id, query_rows(2, 1))).status == 200
    finally:
        server.configure(connection_timeout="5s")
    assert server.samples(credentials) == 2


def measured_until_closed(connection, drip):
    """measured_until_closed sends `drip` repeatedly and gives the seconds until the peer closes."""
    began = time.monotonic()
    connection.settimeout(0.1)
    while True:
        try:
            if drip is not None:
                connection.sendall(drip)
            if connection.recv(1000) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
        finally:
            assert time.monotonic() - began < 60
    connection.close()
    return time.monotonic() - began


@pytest.mark.parametrize("method, path, status", [
    ("GET", PUSH, 405), ("PUT", PUSH, 405), ("POST", "/", 404), ("GET", "/api/v1/nothing", 404),
    ("POST", PUSH + "/x", 404)])
def test_routes(server, client, method, path, status):
    problem = assert_problem(client.request(method, path, b"{}" if method != "GET" else b"", {
        "Authorization": f"Bearer {client.token}"}), status)
    assert problem["title"]


@pytest.mark.parametrize("head", [
    b"POST /api/v1/metrics/push HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n{}",
    b"POST /api/v1/metrics/push HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"\x00\x01\x02\x03\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"POST /api/v1/metrics/push HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"],
    ids=["two lengths", "length and chunks", "binary", "version", "negative length", "long head"])
def test_bad_heads(server, client, head):
    raw = client.raw_connection()
    try:
        raw.sendall(head)
        received = raw.recv(1000)
    except OSError:
        received = b""
    assert received == b"" or received[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5"), received
    raw.close()
    assert client.push(push_body("00000000-0000-0000-0000-000000000000", [])).status == 403
