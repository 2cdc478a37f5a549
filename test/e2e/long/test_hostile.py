"""All hostile inputs together for five minutes, beside ten good collectors: their p99, and no push is lost.

HOSTILE_SECONDS makes it shorter, for a first look.
"""
import contextlib
import gzip
import itertools
import json
import os
import signal
import threading
import time

import psycopg2

import cluster
import hostile_senders
from client import Client, push_body, query_rows

COLLECTORS = 10
SECONDS = int(os.environ.get("HOSTILE_SECONDS", "300"))
ROWS = 100


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


class Good:
    """Good is a collector that pushes twice a second and repeats what was not acknowledged, as ours do.

    Every second one connects for each push, as v3 collectors do. The time of a push is that until its 200.
    """

    def __init__(self, server, number):
        self.server = server
        self.credentials = server.collector()
        self.reconnects = number % 2 == 1
        self.numbers = itertools.count()
        self.pushes = 0

    def run(self, seconds, times, refusals):
        client = Client(self.server.port, self.server.ca_file, self.credentials.token, timeout=10)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            number = next(self.numbers)
            body = gzip.compress(json.dumps(push_body(
                self.credentials.collector_id, query_rows(ROWS, number + 1))).encode(), 1)
            began = time.monotonic()
            while True:
                try:
                    answer = client.push(body, f"1:{number}", {"Content-Encoding": "gzip"})
                    if answer.status == 200:
                        break
                    refusals.append(f"{answer.status} {answer.raw[:200]!r}")
                    assert answer.status == 503, answer
                    time.sleep(min(1, int(answer.headers.get("retry-after", 1))))  # what the answer asks for
                except OSError as error:
                    refusals.append(repr(error))
                    client.close()
                assert time.monotonic() - began < 60, refusals[-1]
            times.append(time.monotonic() - began)
            self.pushes += 1
            if self.reconnects:
                client.close()
            time.sleep(0.5)  # the pace of this collector; no assertion depends on it
        client.close()


def figures(times):
    return (f"{len(times)} pushes {1000 * sorted(times)[len(times) // 2]:.1f}/{1000 * p99(times):.1f}/"
            f"{1000 * max(times):.1f} ms")


def push_all(collectors, seconds):
    """push_all lets all push for so long and gives the times of their pushes, and what was refused."""
    times, refusals, failures = [], [], []

    def run(one):
        try:
            one.run(seconds, times, refusals)
        except BaseException as error:  # pylint: disable=broad-except
            failures.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in collectors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    return times, refusals


def stop_a_gateway(server, after):
    """stop_a_gateway sends SIGSTOP to a gateway after so many seconds."""
    def run():
        time.sleep(after)  # the middle of the attack; no assertion depends on it
        os.kill(server.workers()[0][1], signal.SIGSTOP)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@contextlib.contextmanager
def as_if_elsewhere():
    """as_if_elsewhere: this process does not wait for the processors of the server."""
    hostile_senders.set_priority(-10)
    try:
        yield
    finally:
        hostile_senders.set_priority(0)


def test_good_collectors_beside_all_hostile_inputs(make_server):
    server = make_server("hostile", rate_limit_address=100, rate_limit_address_burst=2000,
                         rate_limit_collector=20, rate_limit_collector_burst=500)
    server.db.execute("CREATE ROLE bad_role LOGIN PASSWORD 'bad'")
    world = hostile_senders.World(server, server.collector(), f"host=127.0.0.1 port={server.cluster.port} "
                                  "dbname=analytics user=bad_role password=bad")
    collectors = [Good(server, number) for number in range(COLLECTORS)]
    push_all(collectors, 5)  # the first pushes make series and texts
    with as_if_elsewhere():
        before, refused_before = push_all(collectors, max(10, SECONDS // 5))
    assert not refused_before, refused_before[:5]
    audit_rows = server.db.value("SELECT count(*) FROM pganalytics.audit_log")
    log_size = len(server.cluster.log_text())
    locking = psycopg2.connect(server.db.dsn)
    with locking.cursor() as cursor:
        cursor.execute("LOCK TABLE pganalytics.filesystem_samples IN ACCESS EXCLUSIVE MODE")
    with hostile_senders.at_work(world), as_if_elsewhere():
        stopping = stop_a_gateway(server, SECONDS / 2)
        during, refused = push_all(collectors, SECONDS)
        stopping.join()
    locking.rollback()
    locking.close()
    audit_rows = server.db.value("SELECT count(*) FROM pganalytics.audit_log") - audit_rows
    log_lines = server.cluster.log_text()[log_size:].count("\n")
    print(f"\n{COLLECTORS} collectors, {ROWS} queries: p50/p99/most before {figures(before)}, "
          f"during {SECONDS} s of attack {figures(during)}; "
          f"{len(refused)} tries repeated; {audit_rows} rows of audit log, {log_lines} lines of server log")
    for text in sorted(set(refused))[:20]:
        print("  repeated after:", text)
    print("  the bad sender's accounts:", server.db.rows(
        "SELECT count(*), sum(observed), sum(stored) FROM pganalytics.push_ledger WHERE collector_id = %s",
        world.credentials.collector_id))
    for one in collectors:
        assert server.ledger(one.credentials) == (one.pushes, ROWS * one.pushes)
        assert server.samples(one.credentials) == ROWS * one.pushes
    cluster.wait_until(lambda: server.client(collectors[0].credentials).request(
        "GET", "/api/v1/health").status == 200, 10, "health")
    assert audit_rows < 1000
    assert log_lines < 1000
    assert p99(during) <= 2 * p99(before)
