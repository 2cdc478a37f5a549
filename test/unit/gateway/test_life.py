"""The gateway's process: start, failing starts, sandbox, deadlines, limits, memory, its end."""
import os
import resource
import socket
import ssl
import subprocess
import threading
import time

import pytest

from conftest import PROGRAM
from fake_worker import (DRAIN, IDENTITY, MTLS_OPTIONAL, MTLS_REQUIRED, FakeWorker, frame, receipt,
                         text)
from requests_data import body, head, push

HEALTH = head(method="GET", path="/api/v1/health")


def status_of(worker):
    with open(f"/proc/{worker.pid}/status") as file:
        return {name: value.strip() for name, value in (line.split(":", 1) for line in file)}


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def test_process_is_confined(gateway, client):
    worker = gateway()
    sandboxed, fingerprint = worker.ready
    status = status_of(worker)
    assert sandboxed == 1 and len(fingerprint) == 64
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    threads = os.listdir(f"/proc/{worker.pid}/task")
    assert len(threads) == 3
    for thread in threads:
        with open(f"/proc/{worker.pid}/task/{thread}/status") as file:
            assert "Seccomp:\t2\n" in file.read()
    with open(f"/proc/{worker.pid}/oom_score_adj") as file:
        assert int(file.read()) == 500
    limits = open(f"/proc/{worker.pid}/limits").read()
    assert "Max core file size        0" in limits
    space = next(line for line in limits.splitlines() if line.startswith("Max address space"))
    assert space.split()[3].isdigit()
    der = client(worker).sock.getpeercert(binary_form=True)
    import hashlib
    assert hashlib.sha256(der).hexdigest() == fingerprint


def broken(path, what):
    """broken is a configuration with one fault, and the words that the message must contain."""
    good = FakeWorker(PROGRAM, path).start()
    assert good.stop() == 0
    cert, key = f"{path}/server.crt", f"{path}/server.key"
    if what == "no-cert":
        os.unlink(cert)
        return {}, [cert, "No such file"]
    if what == "no-key":
        os.unlink(key)
        return {}, [key, "No such file"]
    if what == "key-is-open":
        os.chmod(key, 0o644)
        return {}, [key, "group or world access"]
    if what == "not-pem":
        open(cert, "w").write("hello\n")
        return {}, [cert, "no PEM certificate"]
    if what == "cut-pem":
        text = open(cert).read()
        open(cert, "w").write(text[:200] + text[240:])
        return {}, [cert]
    if what == "other-key":
        openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key)
        return {}, [key, "does not belong to", cert]
    if what == "passphrase":
        openssl("ec", "-in", key, "-out", f"{path}/locked.key", "-aes128", "-passout", "pass:abcd")
        os.chmod(f"{path}/locked.key", 0o600)
        return dict(key=f"{path}/locked.key"), ["locked.key", "passphrase"]
    if what == "directory":
        return dict(cert=path), [path, "not a regular file"]
    if what == "no-ca":
        return dict(ca=f"{path}/ca.crt", mtls=MTLS_OPTIONAL), ["ca.crt", "No such file"]
    if what == "required-no-ca":
        return dict(mtls=MTLS_REQUIRED), ["no authority"]
    if what == "mtls-of-another-version":
        return dict(mtls=3), ["another version"]
    if what == "out-of-range":
        return dict(max_body=0), ["out of range"]
    raise AssertionError(what)


@pytest.mark.parametrize("what", ["no-cert", "no-key", "key-is-open", "not-pem", "cut-pem",
                                  "other-key", "passphrase", "directory", "no-ca", "required-no-ca",
                                  "mtls-of-another-version", "out-of-range"])
def test_start_fails_with_the_reason(gateway, tmp_path, what):
    changes, named = broken(str(tmp_path), what)
    worker = gateway(make=0, **changes)
    assert worker.ready is None
    for part in named:
        assert part in worker.failed
    assert os.WEXITSTATUS(worker.wait_exit()) == 1


def test_tls_parameters(gateway, client):
    worker = gateway()
    c = client(worker, alpn=["h2", "http/1.1"])
    assert c.sock.version() == "TLSv1.3" and c.sock.selected_alpn_protocol() == "http/1.1"
    c.send(HEALTH)
    assert c.response()[0] == 200 and c.sock.session.has_ticket is False
    old = client(worker, version=ssl.TLSVersion.TLSv1_2)
    assert old.sock.version() == "TLSv1.2"
    assert old.sock.cipher()[0].startswith("ECDHE-") and "GCM" in old.sock.cipher()[0]
    with pytest.raises(ssl.SSLError):
        client(worker, alpn=["h2"])
    for arguments in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                      ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
                      ["-tls1_2", "-cipher", "AES128-GCM-SHA256"]):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{worker.port}",
                               *arguments], input=b"", capture_output=True)
        assert done.returncode != 0


def test_slow_clients_are_cut(gateway, client):
    worker = gateway(timeout_ms=500)
    begun = time.monotonic()
    no_hello = socket.create_connection(("127.0.0.1", worker.port))
    slow_head, slow_body = client(worker), client(worker)
    slow_head.send("GET /api/v1/health HTTP/1.1\r\nHost")
    slow_body.send(push()[:-10])
    no_hello.settimeout(20)
    assert no_hello.recv(1) == b""
    assert slow_head.closed()
    assert slow_body.closed()
    assert 0.4 < time.monotonic() - begun < 3
    worker.wait(lambda: worker.counters[0] == 0)
    no_hello.close()


def test_trickling_does_not_move_the_deadline(gateway, client):
    worker = gateway(timeout_ms=600)
    c = client(worker)
    begun = time.monotonic()
    c.sock.settimeout(0.05)
    cut = False
    while not cut and time.monotonic() - begun < 10:
        try:
            c.send("X")
            cut = c.closed() if c.sock.recv(1) else True
        except TimeoutError:
            pass
        except OSError:
            cut = True
    assert cut and 0.5 < time.monotonic() - begun < 3


def test_large_bodies_get_more_time(gateway, client):
    """A body gets a second for each 256 KiB in addition to the timeout."""
    worker = gateway(timeout_ms=300)
    c = client(worker)
    data = body(1) + b" " * (512 << 10)
    request = push(data)
    c.send(request[:-1])
    begun = time.monotonic()
    assert c.closed()
    assert 2.0 < time.monotonic() - begun < 5


def test_lifetime(gateway, client):
    worker = gateway(lifetime_ms=600)
    idle, busy = client(worker), client(worker)
    begun = time.monotonic()
    fields = {}
    while "connection" not in fields:
        busy.send(HEALTH)
        fields = busy.response()[1]
        assert time.monotonic() - begun < 5
    assert fields["connection"] == "close" and time.monotonic() - begun >= 0.55
    assert busy.closed() and idle.closed()


def test_too_many_idle_connections(gateway, client):
    worker = gateway(max_idle=2)
    clients = [client(worker) for _ in range(4)]
    assert clients[0].closed() and clients[1].closed()
    for c in clients[2:]:
        c.send(HEALTH)
        assert c.response()[0] == 200


def test_full_house_closes_the_oldest_idle(gateway, client):
    worker = gateway(max_connections=3)
    clients = [client(worker) for _ in range(5)]
    for c in clients[2:]:
        c.send(HEALTH)
        assert c.response()[0] == 200
    assert clients[0].closed() and clients[1].closed()


def test_full_house_of_busy_connections_lets_others_wait(gateway, client):
    worker = gateway(max_connections=2)
    worker.on_push = lambda p: None
    busy = [client(worker) for _ in range(2)]
    for c in busy:
        c.send(push())
    worker.wait(lambda: len(worker.pushes) == 2)
    late = []
    thread = threading.Thread(target=lambda: late.append(client(worker)))
    thread.start()
    worker.wait(lambda: worker.logs)
    assert "max_connections" in worker.logs[0][1] and not late
    for p in worker.pushes:
        worker.send(frame(4, p.request_id, receipt(p)))
    for c in busy:
        assert c.response()[0] == 200
        c.close()
    thread.join(20)
    late[0].send(HEALTH)
    assert late[0].response()[0] == 200


def test_drain(gateway, client):
    worker = gateway()
    worker.on_push = lambda p: None
    idle, busy = client(worker), client(worker)
    busy.send(push())
    worker.wait(lambda: worker.pushes)
    worker.listener.close()
    worker.drain()
    # From Draining on the gateway accepts no connection: new clients belong to the next gateway.
    worker.wait(lambda: worker.draining is not None)
    assert worker.draining == 2
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", worker.port), 1)
    worker.send(frame(4, worker.pushes[0].request_id, receipt(worker.pushes[0])))
    status, fields, _ = busy.response()
    assert status == 200 and fields["connection"] == "close"
    # An idle connection stays open, because a request may be on its way.
    idle.send(HEALTH)
    status, fields, _ = idle.response()
    assert status == 200 and fields["connection"] == "close"
    busy.close()
    idle.close()
    assert worker.wait_exit() == 0


def test_drain_ends_with_its_grace(gateway, client):
    worker = gateway()
    client(worker)
    worker.drain(grace_ms=300)
    assert worker.wait_exit(5) == 0


def test_refuse(gateway, client):
    worker = gateway()
    worker.on_push = lambda p: None
    c = client(worker)
    c.send(push())
    worker.wait(lambda: worker.pushes)
    begun = time.monotonic()
    worker.drain(refuse=1)
    status, fields, _ = c.response()
    assert status == 503 and int(fields["retry-after"]) > 0
    assert worker.wait_exit() == 0 and time.monotonic() - begun < 1.5


def identity_frame(keys=b"", revoked=b""):
    return frame(IDENTITY, 0, bytes(8) + text(keys) + text(revoked) + text("") + text(""))


@pytest.mark.parametrize("data", [
    b"x" * 16, frame(99, 0, b""), frame(DRAIN, 0, b""), frame(3, 1, b""),
    frame(DRAIN, 0, b"\0" * 16), identity_frame(keys=b"x" * 87), identity_frame(keys=b"\0" * 88),
    identity_frame(revoked=b"x" * 31), identity_frame(revoked=b"b" * 32 + b"a" * 32),
    identity_frame(revoked=b"a" * 64), frame(IDENTITY, 0, b"\0" * 8)],
    ids=["magic", "type", "short", "auth", "long", "part-of-a-key", "no-point", "part-of-a-digest",
         "out-of-order", "twice", "cut-identity"])
def test_frames_of_the_worker_are_checked(tmp_path, data):
    worker = FakeWorker(PROGRAM, str(tmp_path)).start()
    worker.send(data)
    assert os.WEXITSTATUS(worker.wait_exit()) == 1
    worker.stop()


def test_config_is_checked(tmp_path):
    worker = FakeWorker(PROGRAM, str(tmp_path))
    worker.send(frame(DRAIN, 0, b"\0" * 8))
    worker.wait(lambda: worker.failed)
    assert os.WEXITSTATUS(worker.wait_exit()) == 1
    worker.stop()


def test_two_thousand_idle_connections(gateway):
    count = 2000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        pytest.skip(f"the hard limit of descriptors is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    worker = gateway(max_connections=count + 10, max_idle=count + 10, timeout_ms=60000)
    context = ssl.create_default_context(cafile=worker.config["cert"])

    def connect(request):
        raw = socket.create_connection(("127.0.0.1", worker.port))
        sock = context.wrap_socket(raw, server_hostname="localhost")
        sock.sendall(request)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        return sock

    def rss():
        return int(status_of(worker)["VmRSS"].split()[0])

    socks = [connect(HEALTH) for _ in range(10)]
    before = rss()
    # Each connection serves a push first, so that the memory left by requests is counted too.
    request = push(body(20))
    socks += [connect(request) for _ in range(count)]
    worker.wait(lambda: worker.counters[0] == len(socks))
    each = (rss() - before) / count
    print(f"\n{count} idle TLS connections: {each:.1f} kB each, {rss()} kB in all")
    for sock in socks:
        sock.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert each <= 25
