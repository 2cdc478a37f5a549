"""What one bad sender takes from the others: nothing, neither memory nor connections nor time."""
import socket
import time
import uuid

from fake_worker import enroll_reply, token_reply
from requests_data import body, head, push
from test_life import HEALTH

BAD, SECOND, GOOD = "bad-token", "second-token", "good-token"
LARGEST = 64 << 20
REFRESH = "/api/v1/collectors/refresh-token"
ENROL = "/api/v1/collectors/enroll"


def with_senders(gateway, **config):
    worker = gateway(**config)
    for number, token in enumerate((BAD, SECOND), 1):
        worker.tokens[token] = (200, uuid.UUID(int=number), "")
    return worker


def announce(client, worker, size, sent=b" ", token=BAD):
    """announce begins a body of `size` bytes and sends only these."""
    c = client(worker)
    c.send(head([f"Content-Length: {size}"], token=token) + sent)
    return c


def statuses(c, *requests):
    result = []
    for request in requests:
        c.send(request)
        result.append(c.response()[0])
    return result


def test_announced_bodies_take_nothing_from_others(gateway, client):
    """Twelve bodies of the largest size are announced and never come; all others are served."""
    worker = with_senders(gateway, max_body=LARGEST, timeout_ms=60000)
    worker.on_token = lambda credential: token_reply(token="x")
    worker.on_enroll = lambda request: enroll_reply(403, message="this token is not known")
    held = [announce(client, worker, LARGEST) for _ in range(12)]
    held += [announce(client, worker, 65536, token=None) for _ in range(4)]
    for c in held[-4:]:
        c.send(b"")
    large = body(1) + b" " * (5 << 20)
    assert statuses(client(worker), push(), push(large), head(["Content-Length: 0"], path=REFRESH),
                    push(b"{}", path=ENROL, token=None)) == [200, 200, 200, 422]
    worker.wait(lambda: worker.counters[0] == 13)


def test_a_sender_has_half_of_the_memory(gateway, client):
    """Bytes that have arrived count, for each collector and for all; small pushes need no room."""
    worker = with_senders(gateway, max_body=1 << 20)
    size, most = 1 << 20, b" " * ((1 << 20) - 1)

    def is_refused(token):
        c = announce(client, worker, size, most[:600 << 10], token=token)
        status, fields, _ = c.response()
        assert status == 503 and int(fields["retry-after"]) > 0 and fields["connection"] == "close"

    def hold(token):
        """hold sends two bodies but for their last byte, and waits until the gateway has read them.

        It reads 256 KiB of each body between two answers.
        """
        held = [announce(client, worker, size, most, token=token) for _ in range(2)]
        assert set(statuses(client(worker), *[HEALTH] * 30)) == {200}
        return held

    held = hold(BAD)
    is_refused(BAD)
    large = body(1) + b" " * (600 << 10)
    assert statuses(client(worker), push(large)) == [200]
    held += hold(SECOND)
    is_refused(GOOD)
    assert statuses(client(worker), push(body(100)), HEALTH) == [200, 200]
    for c in held:
        c.close()
    answers = []
    while answers[-1:] != [200] and len(answers) < 50:
        answers += statuses(client(worker), push(large))
    assert answers[-1] == 200


def test_a_body_that_makes_no_progress_is_cut(gateway, client):
    """A byte now and then buys no time, whatever size was announced and however it is sent."""
    worker = gateway(timeout_ms=600, max_body=LARGEST)
    begun = time.monotonic()
    announced = announce(client, worker, LARGEST, token=GOOD)
    in_chunks = client(worker)
    in_chunks.send(head(["Transfer-Encoding: chunked"]))
    ends = {}
    while len(ends) < 2 and time.monotonic() - begun < 10:
        for c, byte in ((announced, b" "), (in_chunks, b"1\r\n \r\n")):
            if c in ends:
                continue
            c.sock.settimeout(0.05)
            try:
                c.send(byte)
                assert not c.more()
                ends[c] = time.monotonic() - begun
            except TimeoutError:
                pass
            except OSError:
                ends[c] = time.monotonic() - begun
    assert len(ends) == 2 and all(0.5 < end < 3 for end in ends.values())
    worker.wait(lambda: worker.counters[5] == 2)


def test_silent_connections_of_one_address_leave_room(gateway, client):
    """Handshakes and bodies that lead nowhere are closed, oldest first, once room gets scarce."""
    worker = with_senders(gateway, max_connections=20, timeout_ms=60000)
    slow = [announce(client, worker, 1000) for _ in range(6)]
    silent = [socket.create_connection(("127.0.0.1", worker.port), source_address=("127.0.0.2", 0))
              for _ in range(60)]
    begun = time.monotonic()
    for _ in range(10):
        c = client(worker)
        assert statuses(c, push()) == [200]
    assert time.monotonic() - begun < 10
    silent[0].settimeout(20)
    assert silent[0].recv(1) == b""
    # The client is told of in the audit log, by its address.
    kind, _, address, _, _ = worker.refused[0]
    assert kind == 12 and address[-4:] == bytes((127, 0, 0, 2))
    for one in silent:
        one.close()
    for c in slow:
        c.close()
