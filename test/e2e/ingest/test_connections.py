"""The connection settings, as collectors and pganalytics.workers show them."""
import concurrent.futures
import json
import socket
import time

import pytest

from client import push_body, query_rows
from cluster import wait_until

HEALTH = "/api/v1/health"


@pytest.fixture(scope="module")
def own(make_server):
    """own is a server with one ingest worker, so that its limits are those of the whole port."""
    return make_server("connections", ingest_workers=1)


@pytest.fixture
def settings(own):
    """settings sets pganalytics.* settings for one test."""
    defaults = {"connection_lifetime": "5min", "connection_timeout": "5s",
                "max_connections": 200, "max_idle_connections": 50}
    changed = []

    def configure(**values):
        changed.extend(values)
        own.configure(**values)

    yield configure
    if changed:
        own.configure(**{name: defaults[name] for name in changed})


def figures(own):
    """figures are the counters of the only ingest worker, by name."""
    names = ("connections", "accepted", "requests", "refused", "handshakes_failed", "deadlines",
             "evictions", "times_full")
    (row,) = own.workers(", ".join(names))
    return dict(zip(names, row))


def wait_for(own, condition, what):
    """wait_for waits until the figures fulfil a condition; the gateway sends them once a second."""
    wait_until(lambda: condition(figures(own)), 15, what)


def open_idle(own, credentials):
    """open_idle is a connection that has served a request and is kept open."""
    client = own.client(credentials, timeout=30)
    assert client.request("GET", HEALTH).status == 200
    return client


def is_cut(connection):
    """is_cut waits for the server to close a connection, possibly after an answer, and closes our end."""
    connection.settimeout(15)
    try:
        while connection.recv(100):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    finally:
        connection.close()
    return True


def is_closed(client):
    """is_closed waits for the server to close an idle connection without an answer."""
    client.connection.sock.settimeout(15)
    try:
        return client.connection.sock.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def push(client, credentials, number, rows=10):
    return client.push(push_body(credentials.collector_id, query_rows(rows, number)),
                       f"1:{number}")


def test_two_hundred_at_once_and_the_next_one_waits(own, settings):
    """max_connections connections are served at once; one more is served when another has closed."""
    settings(max_idle_connections=200)
    before = figures(own)
    # Each collector keeps at most a quarter of the connections waiting, so none is crowding.
    collectors = [own.collector() for _ in range(5)]
    credentials = collectors[0]
    bodies = [json.dumps(push_body(c.collector_id, query_rows(1, 1))).encode() for c in collectors]
    heads = [(f"POST /api/v1/metrics/push HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
              f"{c.token}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
             for c, body in zip(collectors, bodies)]
    with own.client(credentials, timeout=30) as maker, \
            concurrent.futures.ThreadPoolExecutor(20) as pool:

        def begin(number):
            # Each connection is in the middle of a request, so none is idle and can be evicted.
            connection = maker.raw_connection()
            connection.sendall(heads[number % 5] + bodies[number % 5][:-1])
            return connection

        busy = list(pool.map(begin, range(200)))
        wait_for(own, lambda f: f["connections"] == 200, "200 connections")
        late = pool.submit(lambda: open_idle(own, credentials))
        wait_for(own, lambda f: f["times_full"] == before["times_full"] + 1, "a full house")
        assert not late.done()
        # One connection closes and the late one is served; all others get their answers.
        busy[0].close()
        late.result().close()
        for connection in busy[1:]:
            connection.sendall(b"}")
        answers = list(pool.map(lambda c: c.recv(100), busy[1:]))
        for connection in busy[1:]:
            connection.close()
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)
    assert [own.ledger(one) for one in collectors] == [(1, 1)] * 5
    assert figures(own)["evictions"] == before["evictions"]


def test_many_collectors_keep_their_connections(own):
    """Twenty collectors make twenty pushes each: each uses one connection and has its token checked once."""
    before = figures(own)
    collectors = [own.collector() for _ in range(20)]

    def run(credentials):
        with own.client(credentials, timeout=30) as client:
            for number in range(1, 21):
                answer = push(client, credentials, number)
                assert answer.status == 200 and "connection" not in answer.headers, answer

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(run, collectors))
    wait_for(own, lambda f: f["requests"] == before["requests"] + 400, "400 requests")
    after = figures(own)
    assert after["accepted"] == before["accepted"] + 20
    assert after["refused"] == before["refused"]
    for credentials in collectors:
        assert own.ledger(credentials) == (20, 200)


def test_lifetime(own, settings):
    """After connection_lifetime a busy connection gets "Connection: close", an idle one is closed."""
    settings(connection_lifetime="2s")
    credentials = own.collector()
    before = figures(own)
    with own.client(credentials, timeout=30) as busy:
        idle = open_idle(own, credentials)
        began = time.monotonic()
        number, closed_after = 0, None
        while closed_after is None:
            number += 1
            answer = push(busy, credentials, number, 1)
            assert answer.status == 200
            if answer.headers.get("connection") == "close":
                closed_after = time.monotonic() - began
            assert time.monotonic() - began < 10
        # The push of that answer is stored like any other, and the next one uses a new connection.
        assert 1.5 < closed_after < 4
        assert push(busy, credentials, number + 1, 1).status == 200
        assert is_closed(idle) and time.monotonic() - began < 6
        idle.close()
    assert own.ledger(credentials) == (number + 1, number + 1)
    # The end of the lifetime counts neither as a missed deadline nor as an eviction.
    after = figures(own)
    assert (after["deadlines"], after["evictions"]) == (before["deadlines"], before["evictions"])


def test_idle_limit(own, settings):
    """Beyond max_idle_connections the connections that are idle longest are closed; the others serve on."""
    settings(max_idle_connections=5)
    before = figures(own)
    credentials = own.collector()
    clients = [open_idle(own, credentials) for _ in range(8)]
    try:
        for client in clients[:3]:
            assert is_closed(client)
        for number, client in enumerate(clients[3:], 1):
            assert push(client, credentials, number).status == 200
            assert client.connection is not None
        wait_for(own, lambda f: f["connections"] == 5, "five connections")
        assert figures(own)["evictions"] == before["evictions"] + 3
    finally:
        for client in clients:
            client.close()


def test_idle_makes_room(own, settings):
    """When max_connections is reached, the connection that is idle longest makes room for a new client."""
    settings(max_connections=4, max_idle_connections=4)
    before = figures(own)
    credentials = own.collector()
    idle = [open_idle(own, credentials) for _ in range(4)]
    try:
        with own.client(credentials) as client:
            assert push(client, credentials, 1).status == 200
        assert is_closed(idle[0])
        for client in idle[1:]:
            assert client.request("GET", HEALTH).status == 200
        wait_for(own, lambda f: f["evictions"] == before["evictions"] + 1, "an eviction")
        assert figures(own)["times_full"] == before["times_full"]
    finally:
        for client in idle:
            client.close()


def test_timeout(own, settings):
    """connection_timeout limits the handshake and the request head, and both timeouts are counted."""
    settings(connection_timeout="1s")
    before = figures(own)
    credentials = own.collector()
    with own.client(credentials, timeout=30) as client:
        assert client.request("GET", HEALTH).status == 200
        kept = client.connection.sock
        began = time.monotonic()
        silent = socket.create_connection(("127.0.0.1", own.port), timeout=30)
        slow = client.raw_connection()
        slow.sendall(b"GET " + HEALTH.encode() + b" HTTP/1.1\r\nHost: l")
        assert is_cut(silent) and is_cut(slow)
        assert 0.9 < time.monotonic() - began < 4
        not_tls = socket.create_connection(("127.0.0.1", own.port), timeout=30)
        not_tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert is_cut(not_tls)
        # A connection that was idle during that time has not timed out.
        assert push(client, credentials, 1).status == 200
        assert client.connection.sock is kept
    wait_for(own, lambda f: f["deadlines"] == before["deadlines"] + 2 and
             f["handshakes_failed"] == before["handshakes_failed"] + 2, "deadlines and handshakes")


def test_totals_survive_a_new_gateway(own):
    """The counts of gateways add up over reloads."""
    credentials = own.collector()
    first = figures(own)
    with own.client(credentials) as client:
        assert client.request("GET", "/none").status == 404
    wait_for(own, lambda f: f["refused"] > first["refused"] and f["connections"] == 0,
             "a refusal, and no connections")
    before = figures(own)
    own.configure()
    assert figures(own) == before
    with own.client(credentials) as client:
        assert client.request("GET", "/none").status == 404
    wait_for(own, lambda f: f["requests"] == before["requests"] + 1 and
             f["refused"] == before["refused"] + 1, "one request more")
