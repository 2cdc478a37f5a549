"""5,000 idle TLS connections and 500 slow ones beside ten good collectors: their p99, and the memory."""
import held_connections
from held_connections import Holder
from push_storm import Storm

IDLE = 5000
SLOW = 500
GOOD = 10
ROWS = 100
PUSHES_PER_SECOND = 50
SECONDS = 30
CONNECTION_TIMEOUT = 5  # seconds; the default


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def push(server, collectors, seconds):
    outcome = Storm(server, collectors, ROWS, seconds, PUSHES_PER_SECOND).end()
    assert outcome.failures == [] and outcome.count(200) == len(outcome.answers)
    return outcome


def test_idle_and_slow_connections(make_server):
    server = make_server("thousands-idle", ingest_workers=1, max_connections=IDLE + SLOW + 500,
                         max_idle_connections=IDLE + 500, connection_lifetime="1h")
    good = [server.collector() for _ in range(GOOD)]
    slow_ones = [server.collector() for _ in range(5)]
    push(server, good, 5)  # the first pushes make series and texts
    before = push(server, good, SECONDS)
    ((_, gateway),) = server.workers()
    memory_before = resident_kib(gateway)
    idle = Holder(held_connections.idle, server.port, server.ca_file, IDLE)
    each_kib = (resident_kib(gateway) - memory_before) / IDLE
    slow = Holder(held_connections.slow, server.port, server.ca_file,
                  [one.token for one in slow_ones], SLOW)
    during = push(server, good, SECONDS)
    cut_after = sorted(slow.end())
    late = cut_after[int(len(cut_after) * 0.99)]
    still_open = idle.end()
    for name, outcome in (("before", before), ("during", during)):
        print(f"{name}: {len(outcome.answers)} pushes of {GOOD} collectors, p50 "
              f"{outcome.share(0.5) * 1000:.1f} ms, p99 {outcome.share(0.99) * 1000:.1f} ms, longest "
              f"{outcome.slowest() * 1000:.1f} ms, {outcome.connects} connections")
    print(f"{still_open} of {IDLE} idle connections stayed open, {each_kib:.1f} KiB each; "
          f"{len(cut_after)} slow bodies were cut after {cut_after[0]:.2f} to {cut_after[-1]:.2f} s, "
          f"99 % within {late:.2f} s")
    assert server.workers() == [(server.workers()[0][0], gateway)]
    assert still_open == IDLE and each_kib < 50
    # Each of the slow ones was cut again and again, at the time that begins with its body.
    assert len(cut_after) >= SLOW * (SECONDS // (2 * CONNECTION_TIMEOUT))
    # The program that sees it shares the processors, so it may see a few late.
    assert CONNECTION_TIMEOUT - 0.5 < cut_after[0] and late < CONNECTION_TIMEOUT + 2
    assert during.share(0.99) < 2 * before.share(0.99)
