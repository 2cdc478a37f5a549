"""A trial of ACCESS EXCLUSIVE on a target, with pushers of it and of other tables: who waits how long."""
import contextlib
import datetime
import threading
import time

import psycopg2

import product
from client import Load, push_body, query_rows, rfc3339
from cluster import wait_until


@contextlib.contextmanager
def locked(server, table, mode="ACCESS EXCLUSIVE"):
    """locked holds a lock on a table in a session of its own."""
    holder = psycopg2.connect(server.cluster.dsn(product.DATABASE))
    try:
        with holder.cursor() as cursor:
            cursor.execute(f"LOCK TABLE pganalytics.{table} IN {mode} MODE")
        yield
    finally:
        holder.rollback()  # closing alone would not wait until the lock is released
        holder.close()


def sysstat_body(collector_id, number):
    """sysstat_body is a push that needs no table of query statistics."""
    now = rfc3339(datetime.datetime.now(datetime.timezone.utc))
    body = push_body(collector_id, [])
    body["metrics"] = [{"type": "sysstat", "timestamp": now, "memory": {"total_mb": number}}]
    return body


class Repeater:
    """Repeater calls one(client, i) in a thread until stopped, and keeps (begin, seconds, answer)."""

    def __init__(self, server, credentials, one):
        self.stopping = threading.Event()
        self.calls = []
        self.error = None
        self.server, self.credentials, self.one = server, credentials, one
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            with self.server.client(self.credentials) as client:
                i = 0
                while not self.stopping.wait(0.01):  # a pause, so that the pushers leave a core free
                    began = time.monotonic()
                    answer = self.one(client, i)
                    self.calls.append((began, time.monotonic() - began, answer))
                    i += 1
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def stop(self):
        self.stopping.set()
        self.thread.join()
        assert self.error is None, self.error
        return self.calls


def run(server, seconds, pushers):
    """run locks query_samples for some seconds under load, and gives the waits of each kind in seconds.

    The kinds: pushes that need the table, pushes of another table, health. It checks that every push
    of a load is stored once, that pushes of the other table are acknowledged and the others get 503.
    """
    mine, others, refused = (server.collector() for _ in range(3))
    repeaters = {
        "locked": [Repeater(server, refused, lambda client, i: client.push(
            push_body(refused.collector_id, query_rows(5, i)), f"1:{i}"))],
        "others": [Repeater(server, others, lambda client, i, n=n: client.push(
            sysstat_body(others.collector_id, i), f"{n + 1}:{i}")) for n in range(2)],
        "health": [Repeater(server, None, lambda client, _: client.request("GET", "/api/v1/health"))],
    }
    with Load(server.port, server.ca_file, mine, 20, threads=pushers,
              give_up_after=seconds + 60) as load:
        wait_until(lambda: load.count() >= pushers, 30, "acknowledged pushes")
        with locked(server, "query_samples"):
            began = time.monotonic()
            wait_until(lambda: time.monotonic() > began + seconds, seconds + 5, "the time is over")
            ended = time.monotonic()
        wait_until(lambda: load.first_acknowledgement_after(ended), 10, "a push after the lock")
        load.stop()
    calls = {name: [call for one in some for call in one.stop()
                    if call[0] + call[1] > began and call[0] < ended - 1]
             for name, some in repeaters.items()}
    answers = lambda name: {call[2].status for call in calls[name] if call[0] > began}  # noqa: E731
    assert not [m for m, _ in load.acknowledged.values() if began + 1 < m < ended]
    assert answers("locked") == {503} and answers("others") == {200} and answers("health") == {200}
    last = calls["locked"][-1][2]
    assert last.headers["retry-after"] == "1" and "is locked by another session" in last.json["detail"]
    assert server.ledger(mine) == (len(load.acknowledged), 20 * len(load.acknowledged))
    assert set(server.rows_by_push(mine)) == set(load.acknowledged)
    waits = {name: sorted(seconds for _, seconds, _ in some) for name, some in calls.items()}
    print(f"{len(load.acknowledged)} pushes of {pushers} pushers, {len(load.failures)} refused, 0 lost")
    for name, some in waits.items():
        print(f"{name}: {len(some)} answers, median {some[len(some) // 2] * 1000:.1f} ms, "
              f"99 % {some[int(len(some) * 0.99)] * 1000:.1f} ms, longest {some[-1] * 1000:.1f} ms")
    return waits
