"""Three times as many pushes as the server can store: 503 and no time-outs, and most of the peak is kept."""
import os
import time

import pytest

from push_storm import Sender, Storm
from client import tls_context

ROWS = 1000
PEAK_SENDERS = 4  # as many as a server with this little memory can hold without refusing any
SENDERS = 48
PEAK_SECONDS = 10
OVERLOAD_SECONDS = 30
MAX_BODY_MB = 1
# A gateway holds at most seven bodies of the largest size; the rest is room for threads and for TLS.
GATEWAY_MB = 7 * MAX_BODY_MB + 64
WORKER_MB = 256
GOODPUT = 0.8


@pytest.fixture(scope="module")
def server(make_server):
    return make_server("overloaded", ingest_workers=1, max_body_size=f"{MAX_BODY_MB}MB",
                       max_idle_connections=200)


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(server, collectors, seconds, rate=0):
    """watch runs a storm and gives its outcome, the most memory (MB) of worker and gateway, and their CPU."""
    (pids,) = server.workers()
    memory = [0.0, 0.0]
    before = [cpu_seconds(pid) for pid in pids]
    storm = Storm(server, collectors, ROWS, seconds, rate)
    while storm.is_running():
        memory = [max(most, resident_mb(pid)) for most, pid in zip(memory, pids)]
        time.sleep(0.2)  # between two looks; no assertion depends on it
    outcome = storm.end()
    used = [cpu_seconds(pid) - start for start, pid in zip(before, pids)]
    print(f"offered {outcome.offered():.0f}/s: {outcome.rate(200):.0f}/s stored, "
          f"{outcome.rate(503):.0f}/s refused, slowest answer {outcome.slowest():.2f} s, "
          f"{outcome.connects} connections; CPU seconds a second: worker {used[0] / outcome.seconds:.2f}, "
          f"gateway {used[1] / outcome.seconds:.2f}, senders {outcome.cpu_seconds / outcome.seconds:.2f}; "
          f"memory: worker {memory[0]:.0f} MB, gateway {memory[1]:.0f} MB")
    assert outcome.failures == [] and {status for status, _ in outcome.answers} <= {200, 503}
    return outcome, memory


def seconds_until_ten_in_a_row(server, credentials):
    """How long until ten pushes in a row are stored, none of which takes longer than a second."""
    began = time.monotonic()
    sender = Sender(server.port, tls_context(server.ca_file), credentials, ROWS)
    good = 0
    while good < 10:
        asked_at = time.monotonic()
        stored = sender.push(f"recovery {asked_at}") == 200
        good = good + 1 if stored and time.monotonic() - asked_at < 1 else 0
        assert time.monotonic() - began < 30
    sender.close()
    return time.monotonic() - began


def test_three_times_the_capacity(server):
    collectors = [server.collector() for _ in range(SENDERS)]
    watch(server, collectors, PEAK_SECONDS, SENDERS)  # the first pushes make series and texts
    before, _ = watch(server, collectors[:PEAK_SENDERS], PEAK_SECONDS)
    assert before.count(503) == 0
    workers = server.workers()
    during, (worker_mb, gateway_mb) = watch(server, collectors, OVERLOAD_SECONDS, 3 * before.rate(200))
    recovery = seconds_until_ten_in_a_row(server, collectors[0])
    after, _ = watch(server, collectors[:PEAK_SENDERS], PEAK_SECONDS)
    peak = (before.rate(200) + after.rate(200)) / 2  # a shared machine is not as fast in each minute
    print(f"{during.rate(200) / peak:.0%} of the peak stored, recovered after {recovery:.2f} s")
    assert during.rate(200) >= GOODPUT * peak
    assert gateway_mb < GATEWAY_MB and worker_mb < WORKER_MB
    assert during.slowest() < 10 and recovery < 5
    assert server.workers() == workers
