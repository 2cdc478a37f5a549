"""What one bad sender, one bad role and one bad address do to a server, each in a loop until it is stopped.

Each runs in a process of its own, at the lowest priority: in life these programs are on other machines, and
cost the processors of the server only what they make it do.
"""
import contextlib
import http.client
import multiprocessing
import os
import random
import socket
import threading
import time

import psycopg2

from client import Client, push_body, query_rows, rfc3339, tls_context
from metric_pushes import minutes_ago

BAD_ADDRESS = "127.0.0.2"  # of connections that never begin a handshake


class World:
    """World is what the attackers know: ports, the bad collector's token, the bad role's password."""

    def __init__(self, server, credentials, role_dsn):
        self.port = server.port
        self.api_port = server.cluster.api_port
        self.ca_file = server.ca_file
        self.credentials = credentials
        self.role_dsn = role_dsn

    def client(self):
        return Client(self.port, self.ca_file, self.credentials.token)


def in_threads(count, run):
    """in_threads runs run() in `count` threads until all return."""
    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def announce(world, stop, port, head):
    """announce sends the head of a large body and then a byte a second; it connects again when it is cut."""
    while not stop.is_set():
        with contextlib.suppress(OSError), \
                socket.create_connection(("127.0.0.1", port), timeout=10) as plain, \
                tls_context(world.ca_file).wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(head)
            while not stop.wait(1):
                tls.sendall(b"[")
        stop.wait(0.2)


def announced_pushes(world, stop):
    head = (f"POST /api/v1/metrics/push HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {world.credentials.token}\r\nContent-Length: 67108864\r\n\r\n").encode()
    in_threads(12, lambda: announce(world, stop, world.port, head))


def announced_logins(world, stop):
    head = (b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 65536\r\n\r\n")
    in_threads(4, lambda: announce(world, stop, world.api_port, head))


def push_again_and_again(world, stop, bodies):
    """push_again_and_again sends the bodies that `bodies` makes, whatever the answers are."""
    numbers = iter(range(1, 1 << 60))
    with world.client() as client:
        while not stop.is_set():
            number = next(numbers)
            with contextlib.suppress(OSError, http.client.HTTPException):
                client.push(bodies(number))
            stop.wait(0.05)


def metric(world, kind, **members):
    now = rfc3339(minutes_ago(0))
    return {"collector_id": world.credentials.collector_id, "hostname": "bad", "version": "3.0.0",
            "timestamp": now, "metrics_count": 1, "metrics": [{"type": kind, "timestamp": now, **members}]}


def full_file_systems(world, stop):
    """full_file_systems pushes rows of the table that is locked, which would fill a rule's limit, too."""
    push_again_and_again(world, stop, lambda number: metric(
        world, "disk_usage", filesystems=[
            {"device": f"d{number}-{i}", "mount": f"/m{number}-{i}", "total_gb": 1, "used_gb": 1,
             "free_gb": 0, "percent_used": 1e6} for i in range(1000)]))


def new_names(world, stop):
    """new_names pushes a server that nobody has seen, with a thousand databases, in every push."""
    def body(number):
        rows = [metric(world, "pg_stats", database=f"db{number}-{i}")["metrics"][0] for i in range(1000)]
        return {**metric(world, "pg_stats"), "metrics": rows, "metrics_count": len(rows),
                "server": {"name": f"server {number}", "version_num": 150014}}
    push_again_and_again(world, stop, body)


def new_queries(world, stop):
    """new_queries pushes query texts of 50 kB that nobody has seen, and every tenth time one of 20 MB."""
    def body(number):
        rows = query_rows(50, number, first_hash=random.randrange(1, 1 << 60))
        for row in rows:
            row["text"] += " " + "x" * 50_000
        if number % 10 == 0:
            rows[0]["text"] += "y" * 20_000_000
        return push_body(world.credentials.collector_id, rows)
    push_again_and_again(world, stop, body)


def bad_requests(world, stop):
    heads = [b"GET /api/v1/health HTTP/1.1\r\nHost: a b\r\n\r\n", b"\x00\x01\x02\r\n\r\n",
             b"POST /api/v1/metrics/push HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
             b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"z" * 9000 + b"\r\n\r\n"]
    while not stop.is_set():
        with contextlib.suppress(OSError), \
                socket.create_connection(("127.0.0.1", world.port), timeout=5) as plain, \
                tls_context(world.ca_file).wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(random.choice(heads))
            tls.recv(4096)
        stop.wait(0.05)


def silent_connections(world, stop):
    """silent_connections opens 95 connections a second from another address and says nothing on any."""
    kept = []
    while not stop.is_set():
        for port in (world.port, world.api_port):
            with contextlib.suppress(OSError):
                one = socket.socket()
                one.setblocking(False)
                one.bind((BAD_ADDRESS, 0))
                one.connect_ex(("127.0.0.1", port))
                kept.append(one)
        while len(kept) > 900:
            kept.pop(0).close()
        stop.wait(2 / 95)


DENIALS = """DO $$ BEGIN FOR i IN 1..10000 LOOP
    BEGIN PERFORM 1 FROM pg_catalog.pg_authid; EXCEPTION WHEN insufficient_privilege THEN NULL; END;
END LOOP; END $$"""


def session(world, stop, statement, pause):
    while not stop.is_set():
        with contextlib.suppress(psycopg2.Error):
            connection = psycopg2.connect(world.role_dsn)
            connection.autocommit = True
            with connection.cursor() as cursor:
                while not stop.is_set():
                    cursor.execute(statement)
                    stop.wait(pause)
        stop.wait(0.1)


def denials(world, stop):
    in_threads(3, lambda: session(world, stop, DENIALS, 0))


def advisory_locks(world, stop):
    """advisory_locks takes and keeps locks that anybody may take."""
    in_threads(1, lambda: session(
        world, stop,
        "SELECT pg_try_advisory_lock(a, b) FROM generate_series(0, 20) a, generate_series(0, 50) b"
        " UNION ALL SELECT pg_try_advisory_lock(c) FROM generate_series(0, 1000) c", 1))


ATTACKS = (announced_pushes, announced_logins, full_file_systems, new_names, new_queries, bad_requests,
           silent_connections, denials, advisory_locks)


def set_priority(nice):
    """set_priority sets the priority of the caller's session and of the threads that it makes from now on.

    Linux shares the processors among sessions first (autogroups) and obeys the nice values only within one.
    """
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    while os.path.exists("/proc/self/autogroup"):
        try:
            with open("/proc/self/autogroup", "w", encoding="ascii") as file:
                file.write(str(nice))
            return
        except BlockingIOError:  # the kernel takes ten changes a second
            time.sleep(0.05)


@contextlib.contextmanager
def at_work(world, attacks=ATTACKS):
    """at_work runs the attacks in processes of their own until its end."""
    context = multiprocessing.get_context("fork")
    stop = context.Event()

    def run(attack):
        os.setsid()
        set_priority(19)
        attack(world, stop)

    processes = [context.Process(target=run, args=(attack,), name=attack.__name__, daemon=True)
                 for attack in attacks]
    for process in processes:
        process.start()
    try:
        yield processes
        dead = [process.name for process in processes if not process.is_alive()]
        assert not dead, f"attacks that ended by themselves: {dead}"
    finally:
        stop.set()
        for process in processes:
            process.join(15)
            if process.is_alive():
                process.kill()
                process.join()
