"""Many collectors that push at a given rate, whatever the answers are, for little CPU of their own."""
import json
import multiprocessing
import socket
import struct
import threading
import time
import zlib

from client import PUSH, push_body, query_rows, tls_context

PROCESSES = 2
STORED_BLOCK_MOST = 65535


class Bodies:
    """Bodies are gzip bodies of the same rows, each with a time of its own.

    The rows are compressed once; the time stands behind them, in a block that is not compressed.
    """

    def __init__(self, collector_id, rows):
        document = push_body(collector_id, query_rows(rows, 1))
        (metric,) = document.pop("metrics")
        del document["timestamp"], metric["timestamp"]
        prefix = (json.dumps(document)[:-1] + ', "metrics": [' + json.dumps(metric)[:-1]).encode()
        packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        self.packed = packer.compress(prefix) + packer.flush(zlib.Z_FULL_FLUSH)
        self.crc = zlib.crc32(prefix)
        self.size = len(prefix)

    def body(self, moment):
        text = (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f"{moment % 1:.6f}"[1:] + "Z")
        tail = f', "timestamp": "{text}"}}], "timestamp": "{text}"}}'.encode()
        assert len(tail) <= STORED_BLOCK_MOST
        return b"".join((
            b"\x1f\x8b\x08\0\0\0\0\0\0\xff", self.packed,
            b"\x01", struct.pack("<HH", len(tail), len(tail) ^ 0xFFFF), tail,
            struct.pack("<II", zlib.crc32(tail, self.crc), self.size + len(tail))))


class Sender:
    """Sender is one collector with one kept connection."""

    def __init__(self, port, context, credentials, rows):
        self.port, self.context = port, context
        self.bodies = Bodies(credentials.collector_id, rows)
        self.head = (f"POST {PUSH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                     f"{credentials.token}\r\nContent-Type: application/json\r\n"
                     "Content-Encoding: gzip\r\n")
        self.socket = None
        self.connects = 0

    def push(self, key):
        """push sends a push of a new time and gives the status of the answer."""
        body = self.bodies.body(time.time())
        request = f"{self.head}Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        kept = self.socket is not None
        try:
            return self._ask(request)
        except OSError:
            self.close()
            if not kept:
                raise
        return self._ask(request)  # the server may close a kept connection while a request is on its way

    def _ask(self, request):
        if self.socket is None:
            plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket = self.context.wrap_socket(plain, server_hostname="localhost")
            self.connects += 1
        self.socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._receive()
        head, _, rest = answer.partition(b"\r\n\r\n")
        head = head.lower()
        size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(rest) < size:
            rest += self._receive()
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ")[1])

    def _receive(self):
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionError("the server has closed the connection")
        return received

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class Outcome:
    """Outcome is what a storm has met."""

    def __init__(self, seconds, parts):
        self.seconds = seconds
        self.answers = [answer for part in parts for answer in part["answers"]]  # (status, seconds)
        self.failures = [failure for part in parts for failure in part["failures"]]
        self.connects = sum(part["connects"] for part in parts)
        self.cpu_seconds = sum(part["cpu_seconds"] for part in parts)

    def count(self, status):
        return sum(1 for got, _ in self.answers if got == status)

    def rate(self, status):
        return self.count(status) / self.seconds

    def offered(self):
        return (len(self.answers) + len(self.failures)) / self.seconds

    def slowest(self):
        return max(seconds for _, seconds in self.answers)

    def share(self, part):
        """share is the time within which this part of all answers came."""
        return sorted(seconds for _, seconds in self.answers)[int(len(self.answers) * part)]


def _run_part(server, collectors, rows, seconds, rate, pipe):
    """_run_part runs the senders of one process, each at the given rate or (0) as soon as it is answered."""
    context = tls_context(server[1])
    part = {"answers": [], "failures": [], "connects": 0}
    senders = [Sender(server[0], context, one, rows) for one in collectors]
    epoch = time.time_ns()
    pipe.send("ready")
    pipe.recv()
    began, cpu = time.monotonic(), time.process_time()

    def run(number, sender):
        due = began + (number / len(senders) / rate if rate else 0)
        sent = 0
        while time.monotonic() < began + seconds:
            if rate:
                time.sleep(max(0.0, due - time.monotonic()))  # the pace of this sender
                due = max(due + 1 / rate, time.monotonic() - 1)
            asked_at = time.monotonic()
            try:
                status = sender.push(f"{epoch + number}:{sent}")
                part["answers"].append((status, time.monotonic() - asked_at))
            except OSError as error:
                part["failures"].append(repr(error))
            sent += 1
        sender.close()
        part["connects"] += sender.connects

    threads = [threading.Thread(target=run, args=each) for each in enumerate(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    part["cpu_seconds"] = time.process_time() - cpu
    pipe.send(part)


class Storm:
    """Storm lets collectors push for some seconds: together `rate` a second, or (0) without a pause."""

    def __init__(self, server, collectors, rows, seconds, rate=0):
        context = multiprocessing.get_context("fork")
        self.parts = []
        for number in range(PROCESSES):
            ours, theirs = context.Pipe()
            process = context.Process(target=_run_part, daemon=True, args=(
                (server.port, server.ca_file), collectors[number::PROCESSES], rows, seconds,
                rate / len(collectors), theirs))
            process.start()
            theirs.close()
            self.parts.append((process, ours))
        for _, pipe in self.parts:
            assert pipe.recv() == "ready"
        self.began = time.monotonic()
        for _, pipe in self.parts:
            pipe.send("go")

    def is_running(self):
        return not all(pipe.poll() for _, pipe in self.parts)

    def end(self):
        parts = [pipe.recv() for _, pipe in self.parts]
        seconds = time.monotonic() - self.began
        for process, _ in self.parts:
            process.join()
        return Outcome(seconds, parts)
