"""Rate limits: all gateways share one count for each address and each collector."""
import concurrent.futures
import os
import signal
import socket
import ssl

import psycopg2
import pytest

from client import Client, push_body, query_rows
from cluster import wait_until

HEALTH = "/api/v1/health"
FIGURES = "/api/v1/metrics/health"
FEW, MANY = 40, 1000000
# One token a second, so that few tokens come back while a test runs.
ADDRESS_LIMITED = {"rate_limit_address": 1, "rate_limit_address_burst": FEW}
COLLECTOR_LIMITED = {"rate_limit_collector": 1, "rate_limit_collector_burst": FEW}
UNLIMITED = {"rate_limit_address": MANY, "rate_limit_address_burst": MANY,
             "rate_limit_collector": MANY, "rate_limit_collector_burst": MANY}


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


ADDRESSES = "127.0.0.1, ::1" if has_ipv6() else "127.0.0.1"


@pytest.fixture(scope="module")
def limited(make_server):
    server = make_server("rate-limits", ingest_workers=2, listen_addresses=ADDRESSES)
    yield server
    server.db.close()


@pytest.fixture
def fresh(limited):
    """fresh is the server after a restart, when no client has been counted."""
    limited.cluster.configure({f"pganalytics.{name}": value for name, value in UNLIMITED.items()})
    limited.cluster.restart()
    limited.cluster.wait_until_running()
    return limited


def limits(server, kind):
    """limits maps the clients of a kind to (allowed, refused, exhausted)."""
    return {client: counts for client, *counts in server.db.rows(
        "SELECT client, allowed, refused, exhausted FROM pganalytics.rate_limits WHERE kind = %s",
        kind)}


def ask_on_new_connections(server, count, host="127.0.0.1"):
    """ask_on_new_connections counts requests answered 200 and connections closed at once."""
    context = ssl.create_default_context(cafile=str(server.ca_file))
    answered = closed = 0
    for _ in range(count):
        try:
            with socket.create_connection((host, server.port), timeout=20) as plain, \
                    context.wrap_socket(plain, server_hostname="localhost") as tls:
                tls.sendall(f"GET {HEALTH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                line = tls.recv(4096).split(b"\r\n")[0]
                assert line.split()[1] == b"200", line
                answered += 1
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            closed += 1
    return answered, closed


def test_an_address_is_counted_once_for_all_gateways(fresh):
    fresh.configure(**ADDRESS_LIMITED)
    answered, closed = ask_on_new_connections(fresh, 2 * FEW)
    (client, (allowed, refused, _)), = limits(fresh, "address").items()
    # A connection and its first request count as one. What exceeds the burst came back meanwhile.
    assert client == "127.0.0.1" and FEW <= allowed < 2 * FEW
    assert closed > 0 and (allowed, refused) == (answered, closed)
    wait_until(lambda: fresh.workers("accepted > 0") == [(True,), (True,)], what="both gateways")
    wait_until(lambda: fresh.db.value("SELECT sum(rate_limited) FROM pganalytics.workers") ==
               refused, what="the count of the workers")
    assert fresh.db.value("SELECT last_refused_at BETWEEN now() - interval '1 min' AND now() "
                          "FROM pganalytics.rate_limits WHERE kind = 'address'")


def test_refusals_are_problem_documents(fresh):
    fresh.configure(**ADDRESS_LIMITED)
    with fresh.client(None) as client:
        answers = [client.request("GET", HEALTH)]
        while answers[-1].status == 200:
            answers.append(client.request("GET", HEALTH))
    assert answers[-1].status == 429 and answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json["detail"] == "too many requests come from this address"
    assert len(answers) > FEW


def test_a_collector_that_asks_too_much_is_alone_with_it(fresh):
    noisy, quiet = fresh.collector(), fresh.collector()
    fresh.configure(**COLLECTOR_LIMITED)
    name = fresh.db.value("SELECT name FROM pganalytics.collectors WHERE collector_id = %s",
                          noisy.collector_id)
    authorization = {"Authorization": f"Bearer {noisy.token}"}
    with fresh.client(noisy) as client:
        asked = 0
        while (answer := client.request("GET", FIGURES, headers=authorization)).status == 200:
            asked += 1
        assert answer.status == 429 and answer.headers["retry-after"] == "1"
        assert "connection" not in answer.headers
    # The collector's limit also holds on new connections.
    with fresh.client(noisy) as client:
        refused = [client.push(push_body(noisy.collector_id, query_rows(1, 1))).status
                   for _ in range(5)]
    assert refused.count(429) >= 3
    with fresh.client(quiet) as client:
        assert client.push(push_body(quiet.collector_id, query_rows(3, 1))).status == 200
    of = limits(fresh, "collector")
    assert of[name][0] >= asked >= FEW and of[name][1] >= 4
    assert fresh.ledger(noisy)[0] == refused.count(200)
    assert fresh.ledger(quiet) == (1, 3)


def test_counts_outlive_gateways(fresh):
    fresh.configure(rate_limit_address=1)
    ask_on_new_connections(fresh, 5)
    before = limits(fresh, "address")["127.0.0.1"][0]
    assert before == 5
    for pid, in fresh.workers("gateway_pid"):
        os.kill(pid, signal.SIGKILL)
    fresh.cluster.wait_until_running()
    assert ask_on_new_connections(fresh, 1) == (1, 0)
    assert limits(fresh, "address")["127.0.0.1"][0] == before + 1


def test_a_lower_limit_holds_at_once_and_locks_nobody_out(fresh):
    fresh.configure(rate_limit_address=1)
    assert ask_on_new_connections(fresh, 50) == (50, 0)
    fresh.configure(**ADDRESS_LIMITED)
    assert ask_on_new_connections(fresh, 5)[1] > 0
    # At one token a second, paying back the 50 requests of before would take most of a minute.
    wait_until(lambda: ask_on_new_connections(fresh, 1) == (1, 0), 20, "a second's token")


@pytest.mark.crashes
def test_a_crash_begins_anew(fresh):
    fresh.configure(**ADDRESS_LIMITED)
    ask_on_new_connections(fresh, FEW)
    assert limits(fresh, "address")
    started = fresh.db.value("SELECT pg_postmaster_start_time()")
    victim = fresh.db.value("SELECT pid FROM pganalytics.workers WHERE kind = 'ingest' LIMIT 1")
    os.kill(victim, signal.SIGKILL)
    fresh.db.close()

    def is_back():
        try:
            return fresh.db.value("SELECT count(*) FROM pganalytics.rate_limits") == 0
        except psycopg2.Error:
            return False

    wait_until(is_back, 30, "a server with an empty table")
    fresh.cluster.wait_until_running()
    assert fresh.db.value("SELECT pg_postmaster_start_time()") == started
    assert ask_on_new_connections(fresh, 3) == (3, 0)
    assert limits(fresh, "address")["127.0.0.1"][0] == 3


def test_nobody_can_make_the_memory_shorter(limited):
    """Truncating the shared memory is refused: the server would die at the access to a missing page."""
    def memories(pid):
        return [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")
                if "pganalytics_rates" in os.readlink(f"/proc/{pid}/fd/{fd}")]

    for worker, gateway in limited.workers():
        assert not memories(gateway)
        (path,) = memories(worker)
        with open(path, "r+b") as memory:
            assert os.fstat(memory.fileno()).st_size == 1 << 20
            for size in (0, 4096, 1 << 21):
                with pytest.raises(PermissionError):
                    os.ftruncate(memory.fileno(), size)


@pytest.mark.skipif("::1" not in ADDRESSES, reason="this machine has no IPv6")
def test_ipv6_counts_by_its_64(fresh):
    assert ask_on_new_connections(fresh, 2, "::1") == (2, 0)
    assert limits(fresh, "address")["::/64"][:2] == [2, 0]


def test_addresses_are_for_administrators(fresh):
    credentials = fresh.collector()
    with fresh.client(credentials) as client:
        assert client.push(push_body(credentials.collector_id, query_rows(1, 1))).status == 200
    shown = {}
    for role in ("pganalytics_viewer", "pganalytics_admin"):
        fresh.db.execute(f"SET ROLE {role}")
        shown[role] = {kind: clients for kind, *clients in fresh.db.rows(
            "SELECT kind, client FROM pganalytics.rate_limits")}
        fresh.db.execute("RESET ROLE")
    assert shown["pganalytics_viewer"]["address"] == [None]
    assert shown["pganalytics_admin"]["address"] == ["127.0.0.1"]
    assert shown["pganalytics_viewer"]["collector"] == shown["pganalytics_admin"]["collector"]


def test_a_fleet_behind_one_address_is_never_refused(fresh):
    """200 v3 collectors reconnect at once with three requests each, under the default limits."""
    fresh.configure(**dict.fromkeys(UNLIMITED))
    collectors = [fresh.collector() for _ in range(20)]

    def come_back(number):
        one = collectors[number % len(collectors)]
        authorization = {"Authorization": f"Bearer {one.token}"}
        statuses = []
        for method, path, data in (
                ("POST", "/api/v1/collectors/refresh-token", b""),
                ("GET", f"/api/v1/config/{one.collector_id}", b""), ("PUSH", "", b"")):
            with Client(fresh.port, fresh.ca_file, one.token) as client:
                answer = (client.push(push_body(one.collector_id, query_rows(2, number + 1)))
                          if method == "PUSH" else
                          client.request(method, path, data, authorization))
                statuses.append(answer.status)
        return statuses

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for statuses in pool.map(come_back, range(200)):
            assert statuses == [200, 200, 200]
    allowed, refused, _ = limits(fresh, "address")["127.0.0.1"]
    assert (allowed, refused) == (600, 0)
