"""Large pushes beside other requests: the event loop stays free, the order is fair, memory is bounded."""
import gzip
import json
import threading
import time
import uuid

import pytest

from fake_worker import COLLECTOR, RECEIPT, frame, receipt
from requests_data import body, head, push, row
from test_life import HEALTH, status_of

LARGE_ROWS = 14000  # more than 4 MiB as a frame
OTHER = uuid.UUID("99999999-2222-3333-4444-555555555555")


def large(first=0):
    """large is a push whose frame is large; different values of `first` give different pushes."""
    metric = dict(type="pg_query_stats", database="app", timestamp="2026-11-22T08:54:22Z",
                  queries=[row(first + i + 1) for i in range(LARGE_ROWS)])
    return json.dumps(dict(collector_id=str(COLLECTOR), metrics=[metric])).encode()


def filled(megabytes, rows=100):
    """filled is a push of few rows and much white space: large to receive and to read, small to store."""
    data = body(rows)
    return data[:-1] + b" " * (int(megabytes * 1e6) - len(data)) + b"}"


def answer(worker, sent):
    worker.send(frame(RECEIPT, sent.request_id, receipt(sent)))


@pytest.mark.parametrize("pack", [lambda d: d, gzip.compress], ids=["plain", "gzip"])
def test_others_are_served_while_a_large_body_is_read(gateway, client, pack):
    """While a large push is read, other requests take less than a quarter of its time."""
    worker = gateway(max_body=64 << 20)
    c, other = client(worker), client(worker)
    data = pack(body(20000, filler=["x" * 50] * 800000))
    done = []

    def send():
        c.send(push(data))
        done.append(c.response())

    thread = threading.Thread(target=send)
    begun = time.monotonic()
    thread.start()
    slowest = count = 0
    while not done:
        asked = time.monotonic()
        other.send(HEALTH)
        assert other.response()[0] == 200
        slowest = max(slowest, time.monotonic() - asked)
        count += 1
    whole = time.monotonic() - begun
    thread.join()
    assert done[0][0] == 200
    print(f"\n{len(data) / 1e6:.1f} MB: {whole * 1000:.0f} ms, {count} requests meanwhile, "
          f"the slowest {slowest * 1000:.0f} ms")
    assert slowest < whole / 4


def test_large_pushes_take_turns_and_small_ones_overtake(gateway, client):
    worker = gateway(max_body=16 << 20)
    worker.limit = 100000
    worker.tokens["other-token"] = (200, OTHER, "")
    worker.on_push = lambda p: None
    clients = [client(worker) for _ in range(3)]
    clients[0].send(push(large()))
    worker.wait(lambda: len(worker.pushes) == 1)
    # The second push waits in the gateway for the receipt of the first. No byte of its frame is
    # sent yet, so a later push can overtake it. The growth of the gateway's memory shows that it is
    # decoded.
    before = int(status_of(worker)["VmData"].split()[0])
    clients[1].send(push(large(LARGE_ROWS)))
    deadline = time.monotonic() + 20
    while int(status_of(worker)["VmData"].split()[0]) < before + 4096:
        assert time.monotonic() < deadline
    clients[2].send(push(body().replace(str(COLLECTOR).encode(), str(OTHER).encode()),
                         token="other-token"))
    worker.wait(lambda: len(worker.pushes) == 2)
    assert [len(p.rows) for p in worker.pushes] == [LARGE_ROWS, 1]
    answer(worker, worker.pushes[1])
    assert clients[2].response()[0] == 200
    assert len(worker.pushes) == 2
    answer(worker, worker.pushes[0])
    assert clients[0].response()[0] == 200
    worker.wait(lambda: len(worker.pushes) == 3)
    assert len(worker.pushes[2].rows) == LARGE_ROWS
    answer(worker, worker.pushes[2])
    assert clients[1].response()[0] == 200


def test_limit_of_queries_follows_the_worker(gateway, client):
    """The answer about the token brings the first limit, each receipt the next one."""
    worker = gateway()
    worker.limit = 3
    worker.on_push = lambda p: receipt(p, limit=5)
    c = client(worker)
    # The kept rows, and one row with the sums of all others.
    for kept in (4, 6, 6):
        c.send(push(body(10)))
        assert c.response()[0] == 200
        assert len(worker.pushes[-1].rows) == kept
    worker.on_push = receipt
    c.send(push(body(10)))
    assert c.response()[0] == 200 and len(worker.pushes[-1].rows) == 6
    assert worker.auth_requests == 1


def test_gzip_that_hides_a_large_body(gateway, client):
    """A small gzip body that inflates to megabytes is decoded like a large body."""
    worker = gateway(max_body=16 << 20)
    c = client(worker)
    data = gzip.compress(filled(9))
    assert len(data) < 100_000
    c.send(push(data))
    assert c.response()[0] == 200 and len(worker.pushes[0].rows) == 100
    c.send(push(gzip.compress(filled(17))))
    assert c.response()[0] == 413


@pytest.mark.parametrize("data,status", [
    (filled(2)[:-1], 400), (filled(2).replace(b'"hash"', b'"hush"'), 422),
    (filled(2).replace(b"1111-2222", b"1111-9999"), 403), (gzip.compress(filled(2))[:-9], 400)],
    ids=["cut", "without a hash", "of another", "cut gzip"])
def test_refusals_of_large_bodies(gateway, client, data, status):
    worker = gateway()
    c = client(worker)
    c.send(push(data))
    got, _, problem = c.response()
    assert got == status and json.loads(problem)["detail"] and not worker.pushes
    c.send(push(filled(2)))
    assert c.response()[0] == 200


def test_memory_of_many_large_bodies(gateway, client):
    """Twelve senders push 30 MB each: those beyond the memory budget are refused, retry, and all succeed."""
    senders, size = 12, 30
    worker = gateway(max_body=32 << 20)
    client(worker).send(push())
    worker.wait(lambda: worker.pushes)
    idle = int(status_of(worker)["VmRSS"].split()[0]) / 1000
    put_off, failures = [], []
    peak = [0.0]

    def send(number):
        try:
            data = filled(size, number + 1)
            while True:
                c = client(worker)
                # libcurl, too, sends the body only after 100 Continue.
                c.send(head([f"Content-Length: {len(data)}", "Expect: 100-continue"]))
                status = c.take_head()[0]
                if status == 100:
                    c.send(data)
                    status = c.response()[0]
                c.close()
                if status == 200:
                    return
                assert status == 503
                put_off.append(number)
                time.sleep(0.05)  # the client's pause between tries; no assertion depends on it
        except BaseException as error:  # pylint: disable=broad-except
            failures.append(error)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(senders)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        peak[0] = max(peak[0], int(status_of(worker)["VmRSS"].split()[0]) / 1000)
        threads[0].join(0.01)
    assert not failures, failures
    high = int(status_of(worker)["VmHWM"].split()[0]) / 1000
    assert sorted(len(p.rows) for p in worker.pushes[1:]) == list(range(1, senders + 1))
    c = client(worker)
    c.send(push())
    assert c.response()[0] == 200
    after = int(status_of(worker)["VmRSS"].split()[0]) / 1000
    print(f"\n{senders} x {size} MB: {len(put_off)} put off, idle {idle:.0f} MB, "
          f"peak {high:.0f} MB, afterwards {after:.0f} MB")
    assert put_off
    # The budget is four bodies of the largest size, and decoding one needs the memory of three
    # more.
    assert high <= idle + 7 * 33.6
    assert after <= idle + 16


def test_abandoned_push_is_not_sent(gateway, client):
    """A frame whose client has given up frees its memory and is not stored later."""
    worker = gateway(max_body=16 << 20)
    worker.limit = 100000
    worker.on_push = lambda p: None
    first, second = client(worker), client(worker)
    first.send(push(large()))
    worker.wait(lambda: len(worker.pushes) == 1)
    second.send(push(large(LARGE_ROWS)))
    # 30 s after the pushes were queued for the worker both get 503.
    assert first.response()[0] == 503
    assert second.response()[0] == 503
    worker.on_push = receipt
    first.send(push(body(3)))
    assert first.response()[0] == 200
    # Push once more: if the abandoned frame were still queued, the worker would get it before this
    # one.
    first.send(push(large(LARGE_ROWS)))
    assert first.response()[0] == 200
    assert [len(p.rows) for p in worker.pushes] in (
        [LARGE_ROWS, 3, LARGE_ROWS], [LARGE_ROWS, LARGE_ROWS, 3, LARGE_ROWS])
