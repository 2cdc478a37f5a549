"""Ten collectors with small pushes beside one with pushes of 26 to 55 MB, and the memory of such pushes."""
import gzip
import json
import threading
import time

import v3_bodies
from client import Client, push_body, query_rows

COLLECTORS = 10
PUSHES = 30  # of each collector, without and with large pushes beside


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Small:
    """Small pushes 100 queries again and again from each of ten collectors, each on its own connection."""

    def __init__(self, server):
        self.server = server
        self.credentials = [server.collector() for _ in range(COLLECTORS)]
        self.number = 0

    def run(self):
        """run makes PUSHES pushes of every collector, a few per second, and gives all latencies."""
        seconds, failures = [], []
        first, self.number = self.number, self.number + PUSHES

        def one(credentials):
            try:
                with self.server.client(credentials, timeout=60) as client:
                    for number in range(first, first + PUSHES):
                        body = gzip.compress(json.dumps(push_body(
                            credentials.collector_id, query_rows(100, number + 1))).encode(), 1)
                        began = time.monotonic()
                        answer = client.push(body, f"1:{number}")
                        seconds.append(time.monotonic() - began)
                        assert answer.status == 200, answer
                        # Pause, as a collector pushes once a minute: bursts of ten would measure
                        # their own queue.
                        time.sleep(0.1)
            except BaseException as error:  # pylint: disable=broad-except
                failures.append(error)

        threads = [threading.Thread(target=one, args=(c,)) for c in self.credentials]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures
        assert len(seconds) == COLLECTORS * PUSHES
        return seconds

    def assert_all_stored(self):
        for credentials in self.credentials:
            assert self.server.ledger(credentials) == (self.number, 100 * self.number)
            assert self.server.samples(credentials) == 100 * self.number


class Large:
    """Large pushes bodies without a pause until stopped; every one must be acknowledged."""

    def __init__(self, server, bodies):
        self.server = server
        self.bodies = bodies
        self.credentials = server.collector()
        self.stopping = threading.Event()
        self.seconds, self.failures, self.observed = [], [], 0
        self.begun = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.bodies = [body(self.credentials.collector_id) for body in self.bodies]
        self.thread.start()
        self.begun.wait(60)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def run(self):
        try:
            with Client(self.server.port, self.server.ca_file, self.credentials.token, 60) as client:
                number = 0
                while not self.stopping.is_set():
                    self.begun.set()
                    began = time.monotonic()
                    answer = client.push(self.bodies[number % len(self.bodies)], f"1:{number}")
                    self.seconds.append(time.monotonic() - began)
                    assert answer.status == 200, answer
                    self.observed += answer.receipt["observed"]
                    number += 1
        except BaseException as error:  # pylint: disable=broad-except
            self.failures.append(error)


def test_large_pushes_do_not_hold_up_small_ones(server):
    small = Small(server)
    small.run()  # the first pushes make series and texts
    alone = small.run()
    large = Large(server, [lambda c: v3_bodies.body(collector_id=c),
                           lambda c: v3_bodies.body(megabytes=55, collector_id=c)])
    with large:
        beside = small.run()
    assert not large.failures, large.failures
    figures = {name: (percentile(values, 0.5) * 1000, percentile(values, 0.99) * 1000)
               for name, values in (("alone", alone), ("beside", beside))}
    print(f"\n{COLLECTORS} collectors, 100 queries: p50/p99 alone {figures['alone'][0]:.0f}/"
          f"{figures['alone'][1]:.0f} ms, beside pushes of 26 and 55 MB {figures['beside'][0]:.0f}/"
          f"{figures['beside'][1]:.0f} ms; {len(large.seconds)} large ones, "
          f"{', '.join(f'{s:.2f}' for s in large.seconds)} s")
    assert len(large.seconds) >= 2
    # A small push waits for one large transaction at most, which is a part of a large push's time,
    # and for the processors that both share.
    assert figures["beside"][1] <= 2 * figures["alone"][1] + 1000 * percentile(large.seconds, 0.5)
    assert figures["beside"][1] <= 1500
    # No push is lost.
    small.assert_all_stored()
    assert server.db.value(
        "SELECT coalesce(sum(observed), 0) FROM pganalytics.push_ledger WHERE collector_id = %s",
        large.credentials.collector_id) == large.observed


def rss_megabytes(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(what)) / 1000


def reset_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def test_memory_of_a_large_push(make_server):
    """Memory of worker and gateway for a minute of a v3 collector, at the peak and afterwards."""
    own = make_server("memory", ingest_workers=1)
    credentials = own.collector()
    body = v3_bodies.body(collector_id=credentials.collector_id)
    with own.client(credentials, timeout=60) as client:
        # Push first: series, texts and plans stay for the worker's lifetime and do not belong to
        # the push.
        assert client.push(v3_bodies.body(samples=10, collector_id=credentials.collector_id),
                           "1:1").status == 200
        pids = own.workers()[0]
        idle = [rss_megabytes(pid) for pid in pids]
        for pid in pids:
            reset_peak(pid)
        assert client.push(body, "1:2").status == 200
        peak = [rss_megabytes(pid, "VmHWM") for pid in pids]
        assert client.push(push_body(credentials.collector_id, query_rows(10, 1)), "1:3").status == 200
        after = [rss_megabytes(pid) for pid in pids]
        assert own.workers()[0] == pids
    print("\n26 MB push, worker/gateway: idle {:.0f}/{:.0f}, peak {:.0f}/{:.0f}, afterwards "
          "{:.0f}/{:.0f} MB".format(*idle, *peak, *after))
    assert sum(peak) - sum(idle) <= 160
    assert sum(after) - sum(idle) <= 40
