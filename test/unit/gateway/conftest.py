"""Fixtures: a private directory, gateways that are stopped after each test, clients."""
import os
import socket
import ssl
import sys

import pytest

# Frames, forged certificates and tokens, and the raw client come from the library of the end-to-end
# tests.
LIB = os.path.join(os.path.dirname(__file__), "../../e2e/lib")
sys.path += [LIB, os.path.join(LIB, "attacks")]

from fake_worker import FakeWorker  # noqa: E402

PROGRAM = os.environ["PGANALYTICS_GATEWAY"]


@pytest.fixture
def gateway(tmp_path):
    """gateway starts gateways; at the end each must still run, or have exited with status 0."""
    started = []

    def start(**config):
        worker = FakeWorker(PROGRAM, str(tmp_path), **config).start()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        expected = 0 if worker.failed is None else 256
        assert worker.stop() == expected


def check_every_answer(fields):
    """check_every_answer checks fields that every answer must have or, like Server, must not have."""
    assert fields["cache-control"] == "no-store"
    assert fields["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert fields["referrer-policy"] == "no-referrer"
    assert fields["strict-transport-security"] == "max-age=31536000"
    assert fields["x-content-type-options"] == "nosniff"
    assert not {"server", "x-powered-by", "via", "x-version"} & fields.keys()


class Client:
    """Client is one TLS connection for raw bytes."""

    def __init__(self, worker, cert=None, version=None, alpn=None):
        context = ssl.create_default_context(cafile=worker.config["cert"])
        if cert:
            context.load_cert_chain(*cert)
        if version:
            context.maximum_version = version
        if alpn:
            context.set_alpn_protocols(alpn)
        raw = socket.create_connection(("127.0.0.1", worker.port))
        raw.settimeout(40)
        self.sock = context.wrap_socket(raw, server_hostname="localhost")
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def more(self):
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def take_head(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        status = int(lines[0].split()[1])
        if status != 100:
            check_every_answer(fields)
        return status, fields

    def response(self, head_only=False):
        """response gives (status, fields, body), or None if the server has closed the connection."""
        head = self.take_head()
        if head is None:
            return None
        status, fields = head
        size = 0 if head_only else int(fields["content-length"])
        while len(self.buffer) < size:
            assert self.more(), "answer cut"
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return status, fields, body

    def closed(self):
        """closed waits until the server closes the connection; True if it sent nothing before."""
        try:
            return not self.more()
        except OSError:
            return True

    def close(self):
        self.sock.close()


@pytest.fixture
def client():
    made = []

    def connect(worker, **options):
        made.append(Client(worker, **options))
        return made[-1]

    yield connect
    for one in made:
        one.close()
