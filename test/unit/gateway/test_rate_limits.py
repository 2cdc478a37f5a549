"""Rate limits: the memory that gateways share, and which clients are refused."""
import mmap
import os
import socket
import ssl
import struct

import pytest

from fake_worker import COLLECTOR
from requests_data import head, push

ALIVE = head(method="GET", path="/api/v1/health", token=None)
ADDRESS, OF_COLLECTOR = 1, 2
SLOT = struct.Struct("<8Q")
EMPTY = 1 << 63  # time at which the bucket is full again; so far ahead that the bucket counts as empty
SLOTS = 64


class Rates:
    """Rates is the shared memory of rate limits, as the server makes it."""

    def __init__(self, slots=SLOTS):
        self.fd = os.memfd_create("rates")
        os.ftruncate(self.fd, slots * SLOT.size)
        self.map = mmap.mmap(self.fd, slots * SLOT.size)

    def fileno(self):
        return self.fd

    def slots(self, kind):
        """slots gives (offset, fields) of each used bucket of a kind."""
        for place in range(0, len(self.map), SLOT.size):
            fields = SLOT.unpack_from(self.map, place)
            if fields[0] and fields[5] == kind:
                yield place, fields

    def only(self, kind):
        ((place, fields),) = self.slots(kind)
        return place, fields

    def taken(self, kind):
        return self.only(kind)[1][2]

    def refused(self, kind):
        return self.only(kind)[1][3]

    def empty(self, kind):
        """empty takes all tokens: the next request is refused even if this machine is slow."""
        struct.pack_into("<Q", self.map, self.only(kind)[0] + 8, EMPTY)


@pytest.fixture
def rates():
    one = Rates()
    yield one
    one.map.close()
    os.close(one.fd)


def is_refused(worker):
    """is_refused connects, and says whether the server closes before it has sent any TLS byte."""
    with socket.create_connection(("127.0.0.1", worker.port)) as raw:
        raw.settimeout(20)
        try:
            ssl.create_default_context(cafile=worker.config["cert"]).wrap_socket(
                raw, server_hostname="localhost").close()
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return True
        return False


def test_an_address_counts_across_gateways(gateway, client, rates):
    options = dict(rates=rates, rate_slots=SLOTS, address_limit=(1, 1000))
    one, two = gateway(**options), gateway(**options)
    for worker in (one, two, one):
        c = client(worker)
        for _ in range(3):
            c.send(ALIVE)
            assert c.response()[0] == 200
    assert rates.taken(ADDRESS) == 3 * 3
    for worker in (one, two):
        rates.empty(ADDRESS)
        assert is_refused(worker)
    assert rates.refused(ADDRESS) == 2
    _, fields = rates.only(ADDRESS)
    assert struct.pack("<2Q", *fields[6:]) == bytes(10) + b"\xff\xff" + bytes([127, 0, 0, 1])
    for worker in (one, two):
        worker.wait(lambda: worker.counters[8] == 1)


def test_an_address_that_goes_on_loses_its_connection(gateway, client, rates):
    worker = gateway(rates=rates, rate_slots=SLOTS, address_limit=(1, 1000))
    c = client(worker)
    c.send(ALIVE)
    assert c.response()[0] == 200
    rates.empty(ADDRESS)
    c.send(ALIVE)
    status, fields, answer = c.response()
    assert (status, fields["retry-after"]) == (429, "1")
    assert fields["content-type"] == "application/problem+json"
    assert b"too many requests come from this address" in answer
    # A client that waits is served on the same connection, and its next refusal is a first one
    # again.
    place, _ = rates.only(ADDRESS)
    struct.pack_into("<Q", rates.map, place + 8, 0)
    c.send(ALIVE)
    assert c.response()[0] == 200
    for left in (True, False):
        rates.empty(ADDRESS)
        c.send(ALIVE)
        status, fields, _ = c.response()
        assert status == 429 and ("connection" in fields) != left
    assert c.response() is None
    worker.wait(lambda: worker.counters[3] == 3 and worker.counters[8] == 3)


def test_what_is_no_request_counts_too(gateway, client, rates):
    worker = gateway(rates=rates, rate_slots=SLOTS, address_limit=(1, 1000))
    c = client(worker)
    c.send(ALIVE)
    assert c.response()[0] == 200
    c.send("nonsense\r\n\r\n")
    assert c.response()[0] == 400
    assert rates.taken(ADDRESS) == 2


def test_a_head_request_is_refused_without_a_body(gateway, client, rates):
    worker = gateway(rates=rates, rate_slots=SLOTS, address_limit=(1, 1000))
    c = client(worker)
    c.send(ALIVE)
    assert c.response()[0] == 200
    rates.empty(ADDRESS)
    c.send(head(method="HEAD", path="/api/v1/health", token=None))
    assert c.response(head_only=True)[0] == 429
    rates.empty(ADDRESS)
    c.send(ALIVE)
    assert c.response()[0] == 429


def test_a_collector_keeps_its_connection(gateway, client, rates):
    worker = gateway(rates=rates, rate_slots=SLOTS, collector_limit=(1, 1000))
    c = client(worker)
    c.send(push())
    assert c.response()[0] == 200
    assert not list(rates.slots(ADDRESS))
    assert struct.pack("<2Q", *rates.only(OF_COLLECTOR)[1][6:]) == COLLECTOR.bytes
    for _ in range(3):
        rates.empty(OF_COLLECTOR)
        c.send(push())
        status, fields, answer = c.response()
        assert (status, fields["retry-after"]) == (429, "1") and "connection" not in fields
        assert b"this collector sends too many requests" in answer
    assert len(worker.pushes) == 1
    assert (rates.taken(OF_COLLECTOR), rates.refused(OF_COLLECTOR)) == (1, 3)
    # A route without a collector does not count against the collector's limit.
    c.send(ALIVE)
    assert c.response()[0] == 200


@pytest.mark.parametrize("fields", [
    ["Content-Length: 65537"], ["Transfer-Encoding: chunked"],
    ["Content-Length: 10", "Expect: 100-continue"]])
def test_a_body_that_is_not_awaited_ends_the_connection(gateway, client, rates, fields):
    worker = gateway(rates=rates, rate_slots=SLOTS, collector_limit=(1, 1000))
    c = client(worker)
    c.send(push())
    assert c.response()[0] == 200
    rates.empty(OF_COLLECTOR)
    c.send(head(fields))
    status, answer_fields, _ = c.response()
    assert status == 429 and answer_fields["connection"] == "close"
    assert c.response() is None


def test_who_is_not_known_has_no_bucket(gateway, client, rates):
    worker = gateway(rates=rates, rate_slots=SLOTS, collector_limit=(1, 1000))
    c = client(worker)
    c.send(push(token="bad"))
    assert c.response()[0] == 403
    assert not list(rates.slots(OF_COLLECTOR))


def test_no_limit_is_no_limit(gateway, client, rates):
    worker = gateway(rates=rates, rate_slots=SLOTS, address_limit=(0, 1), collector_limit=(0, 1))
    c = client(worker)
    for _ in range(20):
        c.send(push())
        assert c.response()[0] == 200
    assert rates.map[:] == bytes(len(rates.map))


def test_the_descriptor_does_not_stay(gateway, rates):
    worker = gateway(rates=rates, rate_slots=SLOTS)
    names = [os.readlink(f"/proc/{worker.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{worker.pid}/fd")]
    assert names and not any("memfd" in name for name in names)
    with open(f"/proc/{worker.pid}/maps", encoding="ascii") as maps:
        assert "memfd:rates" in maps.read()


@pytest.mark.parametrize("config,why", [
    (dict(rate_slots=2 * SLOTS), "is not the memory of rate limits"),
    (dict(rate_slots=63), "is not the memory of rate limits"),
    (dict(rate_slots=1 << 21), "out of range"),
    (dict(address_limit=(1, 0)), "out of range"),
    (dict(collector_limit=(1000001, 1)), "out of range")])
def test_memory_and_limits_are_checked(gateway, rates, config, why):
    worker = gateway(**{"rates": rates, "rate_slots": SLOTS, **config})
    assert worker.ready is None and why in worker.failed


def test_a_socket_is_no_memory(gateway):
    with socket.socket() as other:
        worker = gateway(rates=other, rate_slots=SLOTS)
        assert "is not the memory of rate limits" in worker.failed
