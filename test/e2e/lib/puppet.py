"""A gateway that the test plays: the worker starts a program, and the test speaks on its socket.

A worker starts the program pganalytics-gateway beside its own `postgres`. Here that program is a
script beside a copy of `postgres`: it passes its socket to the test and waits for the socket's end.
"""
import array
import hashlib
import os
import shutil
import socket
import struct
import threading

import cluster
from worker_frames import (AUTH_REPLY, AUTH_REQUEST, COUNTERS, ENROLL_REPLY, ENROLL_REQUEST, HEALTH_REPLY,
                           HEALTH_REQUEST, IDENTITY, PUSH, READY, RECEIPT, TOKEN_REPLY, TOKEN_REQUEST,
                           Reader, credential, frame, read_frame, text)

WORKER_FD = 3

SCRIPT = """#!/usr/bin/python3
import array, os, socket
with socket.socket(socket.AF_UNIX) as s:
    s.connect(os.path.join({directory!r}, "puppet.sock"))
    s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [{fd}]))])
    os.close({fd})
    s.recv(1)
"""


class Gateway:
    """Gateway is the test's end of one socketpair with the worker."""

    def __init__(self, control, worker):
        self.control, self.worker = control, worker
        self.worker.settimeout(20)
        self.buffer = b""
        self.kept = []  # frames that came while the test waited for others
        self.next_id = 0
        self.sending = threading.Lock()
        self.closed = threading.Event()

    def read(self, size):
        while len(self.buffer) < size:
            data = self.worker.recv(1 << 20)
            if not data:
                raise EOFError("the worker has closed its end")
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def take(self, kind, request_id=None):
        """take gives the payload of the next frame of a kind, and of one request if request_id is given."""
        def matches(taken):
            return taken[0] == kind and request_id in (None, taken[1])

        for taken in self.kept:
            if matches(taken):
                self.kept.remove(taken)
                return taken[2]
        while True:
            taken = read_frame(self.read)
            if matches(taken):
                return taken[2]
            self.kept.append(taken)

    def send(self, kind, payload):
        with self.sending:
            self.next_id += 1
            self.worker.sendall(frame(kind, self.next_id, payload))
            return self.next_id

    def ready(self):
        self.send(READY, struct.pack("<II", 1, 0) + text("00" * 32))
        threading.Thread(target=self.stay_alive, daemon=True).start()

    def stay_alive(self):
        """stay_alive sends counters every second: the worker ends a gateway that sends nothing for 5 s."""
        try:
            while not self.closed.wait(1):
                with self.sending:
                    self.worker.sendall(frame(COUNTERS, 0, bytes(9 * 8)))
        except OSError:
            pass  # the worker has ended this gateway

    def identity(self):
        """identity takes the next identity: (version, token keys by kid, revoked digests, CRL, trust)."""
        reader = Reader(self.take(IDENTITY))
        (version,) = reader.unpack("Q")
        keys, revoked, crl, trust = (reader.text() for _ in range(4))
        assert len(keys) % 88 == 0 and len(revoked) % 32 == 0
        points = {keys[at:at + 16].rstrip(b"\0").decode(): keys[at + 16:at + 81]
                  for at in range(0, len(keys), 88)}
        return version, points, [revoked[at:at + 32] for at in range(0, len(revoked), 32)], crl, trust

    def authenticate(self, shown, not_before=0, not_after=0, serial="", issuer="", subject="",
                     certificate=b""):
        """authenticate sends an AuthRequest and gives (status, collector's UUID, message)."""
        request = self.send(AUTH_REQUEST, shown + struct.pack("<qq", not_before, not_after) +
                            text(serial) + text(issuer) + text(subject) + text(certificate))
        reader = Reader(self.take(AUTH_REPLY, request))
        status, _, collector = reader.unpack("II16s")
        return status, collector, reader.text().decode()

    def ask_token(self, shown):
        """ask_token requests a signed token and gives (status, its end, token, message)."""
        reader = Reader(self.take(TOKEN_REPLY, self.send(TOKEN_REQUEST, shown)))
        status, _, expires_at = reader.unpack("IIq")
        return status, expires_at, reader.text().decode(), reader.text().decode()

    def push(self, collector_id, shown):
        """push sends a push without rows for that collector, and gives (status, message)."""
        request = self.send(PUSH, struct.pack(
            "<16s176s16s16sIIqqQQQQQQI", collector_id.bytes, shown, os.urandom(16), os.urandom(16),
            *[0] * 11) + text("server") + text("host") + text("3.2.0") + text(""))
        reader = Reader(self.take(RECEIPT, request))
        status, *_ = reader.unpack("III6s9QI")
        return status, reader.text().decode()

    def figures(self, collector_id, shown):
        """figures asks for a collector's health figures, and gives (status, document or message)."""
        reader = Reader(self.take(HEALTH_REPLY, self.send(HEALTH_REQUEST,
                                                          collector_id.bytes + shown)))
        return *reader.unpack("I"), reader.text().decode()

    def send_enrollment(self, kind, secret="", csr=b"", shown=None, name="", address="192.0.2.7"):
        return self.send(ENROLL_REQUEST, struct.pack("<II", kind, 0) + (shown or credential()) +
                         hashlib.sha256(secret.encode()).digest() + text(csr) + text(name) +
                         text("host") + text("3.0.0") + text(address))

    def take_enrollment(self, request):
        reader = Reader(self.take(ENROLL_REPLY, request))
        status, retry_after, collector, expires_at = reader.unpack("II16sq")
        names = ("certificate", "token", "trust", "message")
        return {"status": status, "retry_after": retry_after, "collector_id": collector,
                "expires_at": expires_at, **{name: reader.text().decode() for name in names}}

    def enroll(self, *arguments, **options):
        return self.take_enrollment(self.send_enrollment(*arguments, **options))

    def close(self):
        self.closed.set()
        self.worker.close()
        self.control.close()


class Stage:
    """Stage is the directory of a puppet; give its `postgres` to a cluster as its command.

    The puppet replaces the program named `program`.
    """

    def __init__(self, directory, program="pganalytics-gateway"):
        self.directory = directory
        directory.mkdir()
        cluster.own(directory)
        self.postgres = directory / "postgres"
        shutil.copy(cluster.pg_program("postgres"), self.postgres)
        for other in cluster.BINDIR.glob("pganalytics-*"):
            if other.name != program:
                (directory / other.name).symlink_to(other)
        script = directory / program
        script.write_text(SCRIPT.format(directory=str(directory), fd=WORKER_FD), encoding="ascii")
        script.chmod(0o755)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(directory / "puppet.sock"))
        cluster.own(directory / "puppet.sock")
        self.listener.listen()
        self.listener.settimeout(20)

    def gateway(self):
        """gateway waits until the worker starts its next gateway."""
        control, _ = self.listener.accept()
        _, ancillary, _, _ = control.recvmsg(1, socket.CMSG_SPACE(4))
        fds = array.array("i", ancillary[0][2])
        return Gateway(control, socket.socket(fileno=os.dup(fds[0])))

    def close(self):
        self.listener.close()
