"""Programs that hold connections: idle ones, and slow ones that send a byte of a body a second.

Each runs in a process of its own. It connects from several loopback addresses, because a sender has a bound
on what it may keep waiting.
"""
import concurrent.futures
import multiprocessing
import resource
import select
import socket
import ssl
import time

from client import PUSH, tls_context

TURNS = 50  # a second; in each a part of the slow connections send their byte
ADDRESSES = [f"127.0.0.{last}" for last in range(2, 12)]


def connect(port, context, number):
    plain = socket.create_connection(("127.0.0.1", port), timeout=60,
                                     source_address=(ADDRESSES[number % len(ADDRESSES)], 0))
    return context.wrap_socket(plain, server_hostname="localhost")


def allow_many_files():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def is_open(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False


def idle(port, ca_file, count, pipe):
    """idle makes so many connections, says "ready", and at the end how many are open still."""
    allow_many_files()
    context = tls_context(ca_file)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        connections = list(pool.map(lambda number: connect(port, context, number), range(count)))
    pipe.send("ready")
    pipe.recv()
    pipe.send(sum(map(is_open, connections)))


def slow(port, ca_file, tokens, count, pipe):
    """slow keeps so many bodies on their way; it gives the times after which the server cut one."""
    allow_many_files()
    context = tls_context(ca_file)
    held, begun, cut_after = {}, {}, []
    poll = select.poll()

    def begin(number):
        connection = connect(port, context, number)
        connection.sendall((f"POST {PUSH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            f"Authorization: Bearer {tokens[number % len(tokens)]}\r\n"
                            "Content-Length: 1048576\r\n\r\n").encode())
        connection.setblocking(False)
        held[connection.fileno()] = (number, connection)
        begun[number] = time.monotonic()
        poll.register(connection, select.POLLIN)

    def is_over(connection):
        try:
            received = connection.recv(4096)
            assert received == b"", received  # an answer would be a mistake of this program
            return True
        except ssl.SSLWantReadError:  # a ticket of the session
            return False
        except OSError:
            return True

    starting = iter(range(count))  # one at a time, so that no cut of another is seen late
    started = False
    turn, next_turn = 0, time.monotonic()
    while not pipe.poll():
        if not started:
            number = next(starting, None)
            if number is None:
                started = True
                pipe.send("ready")
            else:
                begin(number)
        for file, _ in poll.poll(max(0.0, (next_turn - time.monotonic()) * 1000) if started else 0):
            number, connection = held[file]
            if not is_over(connection):
                continue
            cut_after.append(time.monotonic() - begun[number])
            poll.unregister(file)
            del held[file]
            connection.close()
            begin(number)
        if time.monotonic() >= next_turn:
            next_turn += 1 / TURNS
            turn += 1
            for number, connection in held.values():
                if (number + turn) % TURNS:
                    continue
                try:
                    connection.send(b"[")
                except OSError:
                    pass  # the next poll tells
    pipe.send(cut_after)


class Holder:
    """Holder runs one of these programs until its end, which gives what the program counted."""

    def __init__(self, program, *arguments):
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=program, args=(*arguments, theirs), daemon=True)
        self.process.start()
        theirs.close()
        assert self.pipe.recv() == "ready"

    def end(self):
        self.pipe.send("end")
        counted = self.pipe.recv()
        self.process.join()
        return counted
