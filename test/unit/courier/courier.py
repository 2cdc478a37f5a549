"""A worker without PostgreSQL: starts pganalytics-courier as the alerts worker does."""
import os
import select
import signal
import socket
import struct
import time

from worker_frames import (COURIER_CONFIG, DELIVERED, DELIVERY, FAILED, READY, Reader, frame,
                           read_frame, text)

HTTP, MAIL = 0, 1
NONE, HMAC, BEARER = 0, 1, 2
SENT, AGAIN, DEAD = 0, 1, 2


class Delivered:
    """Delivered is the outcome of a delivery."""

    def __init__(self, payload):
        reader = Reader(payload)
        self.outcome, self.status, self.retry_after, _ = reader.unpack("IIII")
        self.message = reader.text().decode("ascii")

    def __repr__(self):
        return f"{('sent', 'again', 'dead')[self.outcome]} {self.status} {self.message!r}"


class Courier:
    """Courier is one courier. `ready` is whether it is sandboxed, `failed` why it has not started."""

    def __init__(self, program, **config):
        self.config = dict(connect_ms=2000, timeout_ms=5000, allowed="", ca="", relay="localhost:25",
                           sender="", agent="pganalytics-test")
        self.config.update(config)
        self.last_id = 0
        self.delivered = {}
        self.sock, child = socket.socketpair()
        self.sock.settimeout(30)
        read_log, write_log = os.pipe()
        os.set_blocking(read_log, False)
        self.log_fd = read_log
        self.pid = os.posix_spawn(program, [program], self.config.get("env", {}), file_actions=[
            (os.POSIX_SPAWN_DUP2, write_log, 2), (os.POSIX_SPAWN_DUP2, child.fileno(), 3)])
        child.close()
        os.close(write_log)
        self.status = None
        self.ready = self.failed = None

    def start(self):
        c = self.config
        self.sock.sendall(frame(COURIER_CONFIG, 0, struct.pack("<II", c["connect_ms"], c["timeout_ms"]) +
                                b"".join(text(c[name]) for name in
                                         ("allowed", "ca", "relay", "sender", "agent"))))
        kind, _, payload = self.take()
        reader = Reader(payload)
        if kind == READY:
            self.ready = reader.unpack("II")[0]
        else:
            assert kind == FAILED
            self.failed = reader.text().decode()
        return self

    def take(self):
        return read_frame(self.read)

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise EOFError(self.log())
            data += more
        return data

    def log(self):
        """log is what the courier has written to its standard error since the last call."""
        written = b""
        while select.select([self.log_fd], [], [], 0)[0]:
            more = os.read(self.log_fd, 65536)
            if not more:
                break
            written += more
        return written.decode()

    def send(self, url="", body="{}", kind=HTTP, authentication=NONE, secret="", key="key",
             to="", subject="", content_type="application/json"):
        """send starts a delivery and gives its number."""
        self.last_id += 1
        payload = struct.pack("<II", kind, authentication)
        payload += b"".join(text(part) for part in (key, url, secret, to, subject, content_type, body))
        self.sock.sendall(frame(DELIVERY, self.last_id, payload))
        return self.last_id

    def result(self, number):
        """result waits until a delivery has ended."""
        while number not in self.delivered:
            kind, request, payload = self.take()
            assert kind == DELIVERED
            self.delivered[request] = Delivered(payload)
        return self.delivered.pop(number)

    def deliver(self, url="", **parts):
        return self.result(self.send(url, **parts))

    def mail(self, to="ops@example.com", subject="a subject", body="a body\n", **parts):
        return self.deliver(kind=MAIL, to=to, subject=subject, body=body, **parts)

    def exit_status(self, seconds=20):
        end = time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
            else:
                assert time.monotonic() < end, "the courier did not leave"
                select.select([], [], [], 0.01)
        return self.status

    def stop(self):
        """stop closes the worker's end of the socket and gives the courier's exit status."""
        self.sock.close()
        try:
            return self.exit_status()
        except AssertionError:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            raise
        finally:
            os.close(self.log_fd)
