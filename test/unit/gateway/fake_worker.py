"""A worker without PostgreSQL: starts pganalytics-gateway as a worker does and answers its frames."""
import datetime
import hashlib
import ipaddress
import os
import signal
import socket
import struct
import threading
import time
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from worker_frames import (AUTH_REPLY, AUTH_REQUEST, CONFIG, COUNTERS, DRAIN, DRAINING,
                           ENROLL_REPLY, ENROLL_REQUEST, FAILED, HEALTH_REPLY, HEALTH_REQUEST,
                           IDENTITY, LOG, PUSH, READY, RECEIPT, REFUSED, TOKEN_REPLY, TOKEN_REQUEST, Reader,
                           frame, read_frame, text)

MTLS_OFF, MTLS_OPTIONAL, MTLS_REQUIRED = 0, 1, 2
QUERY_STATS, ACCOUNTS = 1, 1000

COLLECTOR = uuid.UUID("11111111-2222-3333-4444-555555555555")
TOKEN = "good-token"


def make_certificate(cert_file, key_file):
    """make_certificate writes a self-signed certificate for localhost if the files do not exist."""
    if os.path.exists(cert_file) or os.path.exists(key_file):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(x509.SubjectAlternativeName([
            x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256()))
    with open(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM,
                                     serialization.PrivateFormat.TraditionalOpenSSL,
                                     serialization.NoEncryption()))
    with open(cert_file, "wb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))


class Credential:
    """Credential is what a request presents, as the gateway reports it."""

    def __init__(self, reader):
        (self.token, self.certificate, self.spki, certificate_subject, token_subject, token_id,
         self.issued_at, self.expires_at, self.address) = reader.unpack("32s32s32s16s16s16sqq16s")
        self.certificate_subject = uuid.UUID(bytes=certificate_subject)
        self.token_subject = uuid.UUID(bytes=token_subject)
        self.token_id = uuid.UUID(bytes=token_id)

    @property
    def subject(self):
        """subject is the collector that the certificate names, or else the signed token."""
        return self.certificate_subject if self.certificate_subject.int else self.token_subject


class EnrollRequest:
    def __init__(self, payload):
        r = Reader(payload)
        self.kind, _ = r.unpack("II")
        self.credential = Credential(r)
        (self.secret,) = r.unpack("32s")
        self.csr = r.text()
        self.name, self.hostname, self.version, self.address = (r.text().decode()
                                                                for _ in range(4))


def enroll_reply(status=200, retry=0, collector=COLLECTOR, expires_at=1800000000,
                 certificate="", token="", trust="", message=""):
    return (struct.pack("<II16sq", status, retry, collector.bytes, expires_at) +
            text(certificate) + text(token) + text(trust) + text(message))


def token_reply(status=200, expires_at=1800000000, token="", message=""):
    return struct.pack("<IIq", status, 0, expires_at) + text(token) + text(message)


class Push:
    """Push is a decoded push frame."""

    def __init__(self, payload):
        r = Reader(payload)
        (self.collector_id, self.credential, self.push_key, self.body_hash, self.has_sequence,
         self.blocks, self.epoch, self.sequence, self.body_bytes, self.observed, self.unchanged,
         self.merged, self.too_large, self.query_text_bytes, self.server_version) = r.unpack(
             "16s176s16s16sIIqqQQQQQQI")
        self.server_name, self.hostname, self.collector_version, self.unstored = (
            r.text().decode() for _ in range(4))
        r.at += -r.at % 8
        self.rows = []      # words of the rows of query statistics
        self.row_count = 0  # of all metrics
        for _ in range(self.blocks):
            metric, columns, rows, heap_bytes = r.unpack("IIII")
            words = [r.unpack(f"{columns + 1}Q") for _ in range(rows)]
            r.at += heap_bytes + -heap_bytes % 8
            if metric == QUERY_STATS:
                self.rows = words
            if metric != ACCOUNTS:
                self.row_count += rows
        assert r.at == len(payload), (r.at, len(payload))
        assert self.observed == self.row_count + self.unchanged + self.merged + self.too_large


def receipt(push, **changes):
    """receipt packs the receipt of a push whose rows are all stored, with these changes."""
    v = dict(status=200, duplicate=0, retry=0, sqlstate=b"00000", observed=push.observed,
             stored=push.row_count, unchanged=push.unchanged, merged=push.merged, too_old=0,
             in_future=0, too_large=push.too_large, over_quota=0, lsn=0x1600B3740, limit=0,
             message="", detail="")
    v.update(changes)
    return struct.pack("<III6sQQQQQQQQQI", v["status"], v["duplicate"], v["retry"], v["sqlstate"],
                       v["observed"], v["stored"], v["unchanged"], v["merged"], v["too_old"],
                       v["in_future"], v["too_large"], v["over_quota"], v["lsn"],
                       v["limit"]) + text(v["message"]) + text(v["detail"])


class FakeWorker:
    """FakeWorker runs one gateway. `on_push(push)` gives a receipt's payload, or None for no answer."""

    def __init__(self, program, directory, **config):
        self.config = dict(max_connections=200, max_idle=50, lifetime_ms=300000, timeout_ms=5000,
                           max_body=8 << 20, query_text=100 << 10, crl="", role=0, mtls=0, metrics_access=0,
                           rates=None, rate_slots=0, address_limit=(0, 1), collector_limit=(0, 1),
                           cert=os.path.join(directory, "server.crt"),
                           key=os.path.join(directory, "server.key"), ca="")
        self.config.update(config)
        make_certificate(self.config["cert"], self.config["key"])
        self.tokens = {TOKEN: (200, COLLECTOR, "")}
        self.collectors = set()  # those that a certificate or a signed token may name
        self.identity = dict(keys=(), revoked=(), crl=b"", trust="")
        self.identity_version = 0
        self.limit = 1000
        self.on_push = receipt
        self.on_health = lambda collector: (200, '{"received": 1}')
        self.on_enroll = lambda request: enroll_reply(403, message="nobody enrols")
        self.on_token = lambda credential: token_reply(403, message="nobody gets tokens")
        self.pushes, self.logs, self.auth_requests = [], [], 0
        self.refused = []      # (kind, count, address, collector, route)
        self.credentials = []  # of all AuthRequests, with the facts of their certificates
        self.counters = (0,) * 9
        self.ready = self.failed = self.draining = None
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.listener.getsockname()[1]
        self.sock, child = socket.socketpair()
        rates = [self.config["rates"]] if self.config["rates"] else []
        self.pid = self.spawn(program, [child, self.listener, *rates])
        child.close()
        self.exit_status = None
        threading.Thread(target=self.serve, daemon=True).start()

    @staticmethod
    def spawn(program, sockets):
        import fcntl
        high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD_CLOEXEC, 100) for s in sockets]
        actions = [(os.POSIX_SPAWN_DUP2, fd, 3 + i) for i, fd in enumerate(high)]
        try:
            return os.posix_spawn(program, [program], {"PATH": "/usr/bin:/bin"},
                                  file_actions=actions)
        finally:
            for fd in high:
                os.close(fd)

    def start(self):
        c = self.config
        payload = struct.pack("<IIIIIQQ", 1, c["max_connections"], c["max_idle"], c["lifetime_ms"],
                              c["timeout_ms"], c["max_body"], c["query_text"])
        payload += text(c["cert"]) + text(c["key"]) + text(c["ca"]) + text(c["crl"])
        payload += struct.pack("<II", c["role"], c["mtls"])
        payload += struct.pack("<IIIII16s", c["rate_slots"], *c["address_limit"],
                               *c["collector_limit"], bytes(range(16)))
        payload += struct.pack("<I", c["metrics_access"])
        self.send(frame(CONFIG, 0, payload))
        self.tell_identity()
        self.wait(lambda: self.ready or self.failed)
        return self

    def tell_identity(self, **changes):
        """tell_identity sends an identity with these changes; keys are pairs (kid, point)."""
        self.identity.update(changes)
        self.identity_version += 1
        keys = b"".join(struct.pack("<16s65s7x", kid.encode(), point)
                        for kid, point in self.identity["keys"])
        payload = struct.pack("<Q", self.identity_version) + text(keys)
        payload += text(b"".join(sorted(self.identity["revoked"])))
        payload += text(self.identity["crl"]) + text(self.identity["trust"])
        self.send(frame(IDENTITY, 0, payload))

    def send(self, data):
        self.sock.sendall(data)

    def drain(self, grace_ms=5000, refuse=0):
        self.send(frame(DRAIN, 0, struct.pack("<II", grace_ms, refuse)))

    def wait(self, condition, seconds=20):
        with self.changed:
            assert self.changed.wait_for(condition, seconds), "the gateway did not get there"

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.sock.recv(min(size - len(data), 1 << 20))
            if not more:
                raise EOFError
            data += more
        return data

    def serve(self):
        try:
            while True:
                self.handle(*read_frame(self.read))
        except (EOFError, OSError):
            pass
        with self.changed:
            self.changed.notify_all()

    def handle(self, kind, request_id, payload):
        r = Reader(payload)
        if kind == READY:
            sandboxed, _ = r.unpack("II")
            self.ready = (sandboxed, r.text().decode())
        elif kind == FAILED:
            self.failed = r.text().decode()
        elif kind == LOG:
            self.logs.append((r.unpack("I")[0], r.text().decode()))
        elif kind == COUNTERS:
            self.counters = r.unpack("9Q")
        elif kind == REFUSED:
            kind, _, count, address, collector = r.unpack("IIQ16s16s")
            self.refused.append((kind, count, address, uuid.UUID(bytes=collector), r.text().decode()))
        elif kind == DRAINING:
            self.draining, = r.unpack("Q")
        elif kind == AUTH_REQUEST:
            self.auth_requests += 1
            credential = Credential(r)
            credential.not_before, credential.not_after = r.unpack("qq")
            credential.serial, credential.issuer, credential.subject_name = (
                r.text().decode() for _ in range(3))
            credential.der = r.text()
            self.credentials.append(credential)
            status, collector, message = self.holder_of(credential)
            if status is not None:
                self.send(frame(AUTH_REPLY, request_id,
                                struct.pack("<II", status, self.limit) + collector.bytes +
                                text(message)))
        elif kind == HEALTH_REQUEST:
            status, answer = self.on_health(uuid.UUID(bytes=payload[:16]))
            self.send(frame(HEALTH_REPLY, request_id, struct.pack("<I", status) + text(answer)))
        elif kind == ENROLL_REQUEST:
            answer = self.on_enroll(EnrollRequest(payload))
            if answer is not None:
                self.send(frame(ENROLL_REPLY, request_id, answer))
        elif kind == TOKEN_REQUEST:
            answer = self.on_token(Credential(r))
            if answer is not None:
                self.send(frame(TOKEN_REPLY, request_id, answer))
        elif kind == PUSH:
            push = Push(payload)
            push.request_id = request_id
            with self.changed:
                self.pushes.append(push)
            answer = self.on_push(push)
            if answer is not None:
                self.send(frame(RECEIPT, request_id, answer))
        with self.changed:
            self.changed.notify_all()

    def holder_of(self, credential):
        """holder_of is (status, collector, message) as a worker with this state would answer."""
        if any(credential.token):
            for token, (status, collector, message) in self.tokens.items():
                if hashlib.sha256(token.encode()).digest() == credential.token:
                    return status, collector, message
            return 403, uuid.UUID(int=0), "token is not known"
        if credential.subject in self.collectors:
            return 200, credential.subject, ""
        return 403, uuid.UUID(int=0), "collector is not known"

    def wait_exit(self, seconds=10):
        end = time.monotonic() + seconds
        while self.exit_status is None and time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_status = status
            else:
                threading.Event().wait(0.005)
        assert self.exit_status is not None, "the gateway did not leave"
        return self.exit_status

    def stop(self):
        """stop ends the gateway by closing the worker's end of the socket, and gives its exit status."""
        self.listener.close()
        if self.exit_status is None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            try:
                self.wait_exit()
            except AssertionError:
                os.kill(self.pid, signal.SIGKILL)
                raise
        self.sock.close()
        return self.exit_status
