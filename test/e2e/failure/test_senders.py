"""One bad sender, or a gateway that does not answer, and all others, on both ports."""
import contextlib
import os
import signal
import socket
import time

import pytest

from api_client import PASSWORD, ApiClient
from client import push_body, query_rows, tls_context
from cluster import wait_until
from people import client, person, server  # noqa: F401

BAD = "127.0.0.2"  # another address than that of the good clients
HEALTH = "/api/v1/health"
LARGEST = 64 << 20


@contextlib.contextmanager
def held(connections):
    """held keeps connections open until its end."""
    connections = list(connections)
    yield
    for one in connections:
        one.close()


def silent(port):
    return socket.create_connection(("127.0.0.1", port), 20, (BAD, 0))


def announce(server, port, path, length, *fields):
    """announce begins a request with a body of `length` bytes and sends one of them."""
    one = tls_context(server.ca_file).wrap_socket(silent(port), server_hostname="localhost")
    head = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json",
            f"Content-Length: {length}", *fields]
    one.sendall("\r\n".join(head).encode() + b"\r\n\r\n ")
    return one


def test_announced_bodies_hold_up_nobody(server, person):
    """Bodies of one collector and of strangers are announced and do not come; all others are served."""
    bad, good = server.collector(), server.collector()
    name = person()
    with held([*(announce(server, server.port, "/api/v1/metrics/push", LARGEST,
                          f"Authorization: Bearer {bad.token}") for _ in range(12)),
               *(announce(server, server.cluster.api_port, "/api/v1/auth/login", 65536)
                 for _ in range(4))]), server.client(good) as one, ApiClient(server) as human:
        assert one.push(push_body(good.collector_id, query_rows(100, 1))).status == 200
        assert one.request("POST", "/api/v1/collectors/refresh-token", b"", {
            "Authorization": f"Bearer {good.token}"}).status == 200
        refused = one.request("POST", "/api/v1/collectors/enroll", b'{"token": "none"}')
        assert refused.status == 422 and refused.json["path"] == "csr"
        assert human.log_in(name, PASSWORD).status == 200


@pytest.mark.parametrize("which", ["collectors", "people"])
def test_silent_connections_hold_up_nobody(server, which):
    """300 connections of one address say nothing; new connections are served at once all the same."""
    port = server.port if which == "collectors" else server.cluster.api_port
    slowest = 0.0
    with held(silent(port) for _ in range(300)):
        for _ in range(20):
            began = time.monotonic()
            with server.client(None) as one:
                one.port = port
                assert one.request("GET", HEALTH).status == 200
            slowest = max(slowest, time.monotonic() - began)
    print(f"\nslowest request beside 300 silent connections: {slowest * 1000:.0f} ms")
    assert slowest < 2.0
    wait_until(lambda: server.db.value(
        "SELECT count(*) FROM pganalytics.audit_log WHERE event = 'security.rate_limited' "
        "AND address = %s AND details ->> 'reason' LIKE 'too many connections wait%%'", BAD) > 0,
        what="the record of the sender")


@pytest.mark.parametrize("kind", ["ingest", "api"])
def test_gateway_that_does_not_answer(server, kind):
    """A stopped gateway is ended and replaced; its clients are served again within seconds."""
    port = server.port if kind == "ingest" else server.cluster.api_port
    gateway = f"SELECT gateway_pid FROM pganalytics.workers WHERE kind = '{kind}'"
    victim = server.db.value(gateway)
    offset = len(server.cluster.log_text())
    os.kill(victim, signal.SIGSTOP)
    began = time.monotonic()
    with server.client(None, timeout=60) as one:
        one.port = port
        assert one.request("GET", HEALTH).status == 200
    seconds = time.monotonic() - began
    print(f"\nthe first answer came {seconds:.1f} s after the gateway was stopped")
    assert seconds < 20
    assert server.db.value(gateway) not in (victim, None)
    assert f"gateway {victim} has said nothing for 5 s" in server.log_since(offset)
