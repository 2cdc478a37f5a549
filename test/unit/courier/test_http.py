"""Deliveries over HTTP: the requests, which receivers the courier trusts, and the meaning of answers."""
import email.utils
import hashlib
import hmac
import os
import socket
import ssl
import subprocess
import time

import pytest

from conftest import PROGRAM
from courier import AGAIN, BEARER, DEAD, HMAC, SENT
from receivers import answer, make_certificate, reset

SECRET = "0123456789abcdefghij"


def test_what_is_sent(courier, receiver, certificates):
    good = receiver(tls=certificates.make("good"))
    one = courier(allowed="localhost", ca=certificates.ca_file)
    assert one.ready == 1
    body = '{"alerts": "\u00e4"}'
    result = one.deliver(good.url("/hook?x=1"), body=body, authentication=HMAC, secret=SECRET)
    assert (result.outcome, result.status, result.message) == (SENT, 200, "")
    request, = good.requests
    assert (request.method, request.path, request.body.decode()) == ("POST", "/hook?x=1", body)
    assert request.fields["content-type"] == "application/json"
    assert request.fields["user-agent"] == "pganalytics-test"
    assert request.fields["host"] == f"localhost:{good.port}"
    assert not {"authorization", "cookie", "accept-encoding", "expect", "referer"} & request.fields.keys()
    moment, value = request.fields["x-pganalytics-signature"].split(",")
    assert abs(int(moment.removeprefix("t=")) - time.time()) < 60
    expected = hmac.new(SECRET.encode(), f"{moment[2:]}.{body}".encode(), hashlib.sha256).hexdigest()
    assert value == "v1=" + expected
    one.deliver(good.url(), body=body, key="key")
    one.deliver(good.url(), body=body + " ", key="key")
    ids = [request.fields["x-pganalytics-delivery"] for request in good.requests]
    assert ids[0] == ids[1] != ids[2] and "x-pganalytics-signature" not in good.requests[1].fields


def test_bearer(courier, receiver):
    hook = receiver()
    one = courier(allowed="localhost")
    assert one.deliver(hook.url(), authentication=BEARER, secret=SECRET).outcome == SENT
    assert hook.requests[0].fields["authorization"] == "Bearer " + SECRET
    for secret in ("a\r\nX-Evil: 1", "\u00e4" * 16):
        result = one.deliver(hook.url(), authentication=BEARER, secret=secret)
        assert result.outcome == DEAD and "secret" in result.message
    for authentication in (BEARER, HMAC):
        result = one.deliver(hook.url(), authentication=authentication)
        assert result.outcome == DEAD and "set_channel_secret" in result.message
    result = one.deliver(hook.url(), content_type="a\r\nX-Evil: 1")
    assert result.outcome == DEAD and "content type" in result.message
    assert len(hook.requests) == 1


@pytest.mark.parametrize("status, outcome", [
    (200, SENT), (204, SENT), (301, DEAD), (307, DEAD), (400, DEAD), (401, DEAD), (404, DEAD),
    (408, AGAIN), (425, AGAIN), (429, AGAIN), (500, AGAIN), (503, AGAIN)])
def test_status(courier, receiver, status, outcome):
    hook = receiver(answer(status, b"" if status == 204 else b"why\x1b[31m\r\n not"))
    result = courier(allowed="localhost").deliver(hook.url())
    assert (result.outcome, result.status) == (outcome, status)
    if outcome == SENT:
        assert result.message == ""
    elif status < 400:
        assert result.message == f"HTTP status {status}: redirects are not followed"
    else:
        assert result.message == f"HTTP status {status}: why?[31m not"
    assert result.retry_after == 0


def test_retry_after(courier, receiver):
    one = courier(allowed="localhost")
    soon = email.utils.formatdate(time.time() + 300, usegmt=True)
    for value, least, most in (("7", 7, 7), ("0", 0, 0), ("99999", 3600, 3600), (soon, 290, 300),
                               ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0), ("soon", 0, 0), ("-5", 0, 0),
                               ("99999999999999999999999", 0, 3600)):
        hook = receiver(answer(429, b"", "Retry-After: " + value))
        result = one.deliver(hook.url())
        assert result.outcome == AGAIN and least <= result.retry_after <= most, (value, result.retry_after)
    assert one.deliver(receiver(answer(400, b"", "Retry-After: 9")).url()).retry_after == 0


def test_secrets_do_not_come_back(courier, receiver):
    """If a receiver repeats a secret in its answer, the secret does not enter the message of the outcome."""
    one = courier(allowed="localhost")
    for body in (f"bad token Bearer {SECRET}", "no route POST /services/T0/B0/xyz here"):
        hook = receiver(answer(404, body.encode()))
        result = one.deliver(hook.url("/services/T0/B0/xyz"), authentication=BEARER, secret=SECRET)
        assert (result.outcome, result.message) == (DEAD, "HTTP status 404")


def test_certificates(courier, receiver, certificates, tmp_path):
    """Only a receiver with an unexpired certificate of an authority for this name gets a request."""
    cases = {
        "wrong-name": certificates.make("wrong-name", names=("other.example",)),
        "expired": certificates.make("expired", days=-1),
        "self-signed": make_certificate(str(tmp_path), "self-signed")[2],
    }
    one = courier(allowed="localhost", ca=certificates.ca_file)
    for name, file in cases.items():
        hook = receiver(tls=file)
        result = one.deliver(hook.url(), authentication=BEARER, secret=SECRET)
        assert (result.outcome, result.status) == (AGAIN, 0), name
        assert "certificate" in result.message.lower(), (name, result.message)
        assert hook.connections == 1 and not hook.requests
    good = receiver(tls=certificates.make("good-again"))
    assert one.deliver(good.url()).outcome == SENT
    # Without the file only the system's authorities are trusted.
    result = courier(allowed="localhost").deliver(good.url())
    assert result.outcome == AGAIN and "certificate" in result.message.lower()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_tls_is_refused(courier, receiver, certificates):
    old = receiver(tls=certificates.make("old"))
    old.context.set_ciphers("ALL:@SECLEVEL=0")
    old.context.minimum_version = ssl.TLSVersion.TLSv1
    old.context.maximum_version = ssl.TLSVersion.TLSv1_1
    result = courier(allowed="localhost", ca=certificates.ca_file).deliver(old.url())
    assert (result.outcome, result.status) == (AGAIN, 0) and not old.requests
    # The receiver does accept clients that still speak old TLS.
    context = ssl.create_default_context(cafile=certificates.ca_file)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    with socket.create_connection(("127.0.0.1", old.port)) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as secure:
            assert secure.version() == "TLSv1.1"


def test_redirects_are_not_followed(courier, receiver):
    inside = receiver()
    hook = receiver(answer(302, b"", f"Location: {inside.url()}"))
    result = courier(allowed="localhost").deliver(hook.url())
    assert (result.outcome, result.status) == (DEAD, 302)
    assert inside.connections == 0


def test_no_proxy_of_the_environment(courier, receiver):
    proxy, hook = receiver(), receiver()
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY")
    one = courier(allowed="localhost", env={name: proxy.url("") for name in names})
    assert one.deliver(hook.url()).outcome == SENT
    assert proxy.connections == 0 and len(hook.requests) == 1


def test_resets_and_silence(courier, receiver):
    one = courier(allowed="localhost", timeout_ms=400)
    silent = receiver(lambda connection: silent.released.wait(20))
    begun = time.monotonic()
    result = one.deliver(silent.url())
    assert result.outcome == AGAIN and "timed out" in result.message.lower()
    assert time.monotonic() - begun < 5
    assert one.deliver(receiver(reset).url()).outcome == AGAIN
    assert one.deliver(receiver(lambda connection: None).url()).outcome == AGAIN
    half = receiver(b"HTTP/1.1 200 OK\r\nContent-")
    assert one.deliver(half.url()).outcome == AGAIN
    refused = receiver()
    refused.close()
    assert one.deliver(refused.url()).outcome == AGAIN
    garbage = receiver(b"\x00\x01\x02" * 50 + b"\r\n\r\n")
    assert one.deliver(garbage.url()).outcome == AGAIN
    unknown = one.deliver("https://no-such-host.invalid/")
    assert (unknown.outcome, unknown.status) == (AGAIN, 0)


def test_trickle_does_not_move_the_limit(courier, receiver):
    """An answer that comes byte by byte ends at the time limit; a complete status counts."""
    def trickle(head):
        def talk(connection):
            connection.sendall(head)
            while not hook.released.wait(0.05):
                connection.sendall(b"x")
        return talk
    one = courier(allowed="localhost", timeout_ms=500)
    hook = receiver(trickle(b"HTTP/1.1 200 OK\r\nX-A: "))
    assert one.deliver(hook.url()).outcome == AGAIN
    hook = receiver(trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
    assert one.deliver(hook.url()).outcome == SENT


def test_huge_answers_are_cut(courier, receiver):
    def flood(head):
        def talk(connection):
            connection.sendall(head)
            for _ in range(1000):
                connection.sendall(b"x" * 65536)
                hook.sent += 65536
        return talk
    one = courier(allowed="localhost")
    for head, outcome in ((b"HTTP/1.1 200 OK\r\n\r\n", SENT), (b"HTTP/1.1 500 X\r\n\r\n", AGAIN),
                          (b"HTTP/1.1 200 OK\r\nX: ", AGAIN)):
        hook = receiver(flood(head))
        hook.sent = 0
        assert one.deliver(hook.url()).outcome == outcome
        assert hook.sent < 32 << 20
    many = receiver(b"HTTP/1.1 200 OK\r\n" + b"X-Many: yes\r\n" * 10000 + b"\r\n")
    result = one.deliver(many.url())
    assert result.outcome == AGAIN and result.message == "the head of the answer is too long"
    bomb = receiver(answer(200, b"\x1f\x8b" + b"x" * 100, "Content-Encoding: gzip"))
    assert one.deliver(bomb.url()).outcome == SENT


def test_informational_answers_decide_nothing(courier, receiver):
    one = courier(allowed="localhost", timeout_ms=500)
    early = receiver(b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(503))
    assert one.deliver(early.url()).status == 503
    only = receiver(lambda connection: (connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
                                        only.released.wait(20)))
    result = one.deliver(only.url())
    assert (result.outcome, result.status) == (AGAIN, 0)


def test_many_at_a_time(courier, receiver):
    """A slow receiver delays no other delivery."""
    slow = receiver(lambda connection: slow.released.wait(20) and None)
    hook = receiver()
    one = courier(allowed="localhost", timeout_ms=15000)
    waiting = [one.send(slow.url()) for _ in range(15)]
    for _ in range(20):
        assert one.deliver(hook.url()).outcome == SENT
    assert not set(waiting) & one.delivered.keys()
    slow.released.set()
    assert all(one.result(number).outcome == AGAIN for number in waiting)


def test_silent_name_server(courier, receiver, tmp_path):
    """A failing name lookup delays no other delivery, neither before nor at its time limit."""
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.53\n")
    with_resolver = tmp_path / "courier"
    with_resolver.write_text(f"#!/bin/sh\nexec unshare -m sh -c 'mount --bind {resolver} /etc/resolv.conf && "
                             f"exec {PROGRAM}'\n")
    with_resolver.chmod(0o755)
    if subprocess.run(["unshare", "-m", "mount", "--bind", resolver, "/etc/resolv.conf"], check=False,
                      capture_output=True).returncode != 0:
        pytest.skip("only root gives a process a resolv.conf of its own")
    hook = receiver()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        for last in range(2, 250):  # this machine's resolver may use some of them
            try:
                silent.bind((f"127.0.0.{last}", 53))
                break
            except OSError:
                continue
        resolver.write_text("nameserver {}\n".format(silent.getsockname()[0]))
        one = courier(program=str(with_resolver), allowed="localhost", timeout_ms=1500,
                      env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        begun = time.monotonic()
        number = one.send("https://nobody.example/")
        slowest = 0.0
        while number not in one.delivered and time.monotonic() < begun + 20:
            sent_at = time.monotonic()
            assert one.deliver(hook.url()).outcome == SENT
            slowest = max(slowest, time.monotonic() - sent_at)
        result = one.result(number)
        assert result.outcome == AGAIN and "timed out" in result.message
        assert 1.4 < time.monotonic() - begun < 4 and slowest < 1


def test_large_body(courier, receiver):
    hook = receiver()
    body = "x" * (8 << 20)
    assert courier(allowed="localhost", timeout_ms=20000).deliver(hook.url(), body=body).outcome == SENT
    assert hook.requests[0].body == body.encode()


def test_secrets_leave_the_memory(courier, receiver):
    """After a delivery neither its token nor its signing key is in the process's memory."""
    if os.geteuid() != 0:
        pytest.skip("only root reads the memory of a process that is not dumpable")
    hook = receiver()
    one = courier(allowed="localhost")
    secrets = [os.urandom(24).hex() for _ in range(2)]
    # The token is found while its delivery is in progress, so the search works.
    slow = receiver(lambda connection: slow.released.wait(20))
    number = one.send(slow.url(), authentication=BEARER, secret=secrets[0])
    while not slow.requests:
        time.sleep(0.01)
    assert in_memory(one.pid, secrets[0])
    slow.released.set()
    one.result(number)
    assert one.deliver(hook.url(), authentication=HMAC, secret=secrets[1]).outcome == SENT
    assert one.deliver(hook.url(), body="[]").outcome == SENT
    assert [in_memory(one.pid, secret) for secret in secrets] == [False, False]


def in_memory(pid, text):
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            begin, end = (int(part, 16) for part in span.split("-"))
            memory.seek(begin)
            try:
                if text.encode() in memory.read(end - begin):
                    return True
            except OSError:
                pass
    return False
