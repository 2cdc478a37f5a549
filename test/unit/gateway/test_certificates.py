"""Client certificates: which ones are accepted, and which collector they identify."""
import datetime
import hashlib
import socket
import threading

import pytest

import pki
from bad_certificates import GOOD, KINDS, show
from certified import OWN, VERSIONS, own, push, pushed, shared, tell, world  # noqa: F401
from conftest import PROGRAM
from fake_worker import MTLS_OFF, MTLS_REQUIRED, TOKEN, FakeWorker
from hostile import Hostile
from requests_data import head

FIGURES = "/api/v1/metrics/health"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_bad(shared, world, kind, version):
    refused, make = KINDS[kind]
    outcome = pushed(shared, make(world), version)
    if refused == "tls":
        assert outcome.status is None, outcome
    else:
        assert outcome.status == 403 and outcome.headers["connection"] == "close"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", GOOD)
def test_good(shared, world, kind, version):
    holder = GOOD[kind](world)
    assert pushed(shared, show(holder), version).status == 200
    credential = shared.pushes[-1].credential
    assert credential[32:64] == hashlib.sha256(holder.certificate).digest()
    assert credential[64:96] == hashlib.sha256(pki.spki(holder.key)).digest()
    assert credential[96:112] == OWN.bytes and not any(credential[:32])


def test_worker_is_told_of_the_certificate(shared, world):
    holder = world.middle.leaf(world.own, serial=0xABC, subject=pki.name("prod\n1"))
    assert pushed(shared, show(holder)).status == 200
    told = shared.credentials[-1]
    assert told.der == holder.certificate and told.serial == "abc"
    assert told.issuer == pki.key_id(world.middle.key).hex()
    assert told.subject_name == "CN=prod\\0A1"
    days = (told.not_after - told.not_before) / 86400
    assert days == 31 and told.not_before < pki.now().timestamp() < told.not_after


@pytest.mark.parametrize("kind,alert", [
    ("expired", "certificate_expired"), ("altered signature", "decrypt_error"),
    ("for servers only", "unsupported_certificate")])
def test_alerts(shared, world, kind, alert):
    outcome = pushed(shared, KINDS[kind][1](world))
    assert outcome.end == alert


def test_two_roots(shared, world):
    """During a rotation both authorities are trusted."""
    for root in (world.root, world.rsa_root):
        assert pushed(shared, show(root.leaf(world.own))).status == 200


def test_why_is_in_the_log_once_a_minute(own, world):
    worker = own()
    for kind in ("expired", "no extended key usage"):
        pushed(worker, KINDS[kind][1](world))
    worker.wait(lambda: worker.counters[4] == 2)
    refusals = [line for _, line in worker.logs if "client certificate refused" in line]
    assert len(refusals) == 1 and "expired" in refusals[0]


def test_off_asks_for_none(own, world):
    worker = own(mtls=MTLS_OFF)
    bad = KINDS["expired"][1](world)
    assert pushed(worker, bad, token="good-token").status == 200
    assert not any(worker.credentials[-1].certificate)
    assert pushed(worker, show(world.root.leaf(world.own))).status == 403


# Routes that need no collector need no certificate; they answer 400 to an empty body.
OPEN = {("GET", "/api/v1/health"): 200, ("POST", "/api/v1/collectors/enroll"): 400,
        ("POST", "/api/v1/collectors/register"): 403, ("GET", "/api/v1/pki/crl"): 404,
        ("GET", "/api/v1/pki/trust"): 404}
CLOSED = [("POST", "/api/v1/metrics/push"), ("GET", FIGURES), ("GET", "/api/v1/config/x"),
          ("POST", "/api/v1/collectors/refresh-token"), ("POST", "/api/v1/collectors/renew")]


def test_required(own, world):
    worker = own(mtls=MTLS_REQUIRED)
    for method, path in CLOSED:
        with Hostile(worker.port) as hostile:
            outcome = hostile.request(method, path,
                                      headers=[("Authorization", "Bearer good-token")])
            assert outcome.status == 403 and "client certificate" in outcome.json["detail"]
    for (method, path), status in OPEN.items():
        with Hostile(worker.port) as hostile:
            assert hostile.request(method, path).status == status
    assert not worker.auth_requests
    holder = world.root.leaf(world.own)
    assert pushed(worker, show(holder)).status == 200
    assert pushed(worker, show(holder), token="good-token").status == 200


# Their issuers have no name of ours. v3 collectors show the first kind when they register.
FOREIGN = ["self-signed", "issuer of another name", "intermediate not sent"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_certificate_counts_as_none(shared, world, kind, version):
    """Routes that need no identity answer as to nobody; the others refuse, a good token or not."""
    asked = shared.auth_requests
    for (method, path), status in OPEN.items():
        with Hostile(shared.port, KINDS[kind][1](world), version) as hostile:
            assert hostile.request(method, path).status == status
    for method, path in CLOSED:
        for headers in ([], [("Authorization", "Bearer good-token")]):
            with Hostile(shared.port, KINDS[kind][1](world), version) as hostile:
                outcome = hostile.request(method, path, headers=headers)
                assert outcome.status == 403 and "not issued" in outcome.json["detail"]
                assert hostile.is_closed()
    assert shared.auth_requests == asked


def test_foreign_certificate_is_in_the_log_with_its_host(own, world):
    worker = own()
    for _ in range(3):
        with Hostile(worker.port, KINDS["self-signed"][1](world)) as hostile:
            assert hostile.request("GET", "/api/v1/health").status == 200
    lines = [line for _, line in worker.logs if "was not issued here" in line]
    assert len(lines) == 1 and "client 127.0.0.1 shows" in lines[0]
    assert "collector.crt" in lines[0]


def test_foreign_certificate_where_one_is_required(own, world):
    worker = own(mtls=MTLS_REQUIRED)
    assert pushed(worker, KINDS["self-signed"][1](world)).end == "unknown_ca"


def test_nothing_shown(shared):
    outcome = pushed(shared)
    assert outcome.status == 403 and "bearer token or a client certificate" in outcome.json["detail"]
    assert "www-authenticate" not in outcome.headers


def test_certificate_beside_a_bad_token(shared, world):
    """Every credential presented must be good: a certificate does not excuse a bad token."""
    holder = world.root.leaf(world.own)
    assert pushed(shared, show(holder), token="bad").status == 403
    for header in ("Basic eDp5", "Bearer", "Bearer a b"):
        with Hostile(shared.port, show(holder)) as hostile:
            request = push(None, f"Authorization: {header}", token=None)
            assert hostile.raw(request).status == 403
            assert hostile.is_closed()


def test_refusal_ends_a_connection_with_a_certificate(shared, world):
    """A refusal ends such a connection for every kind of request. An unread body would end it anyway."""
    for request in (push(token=None), head(method="GET", path=FIGURES, token=None)):
        with Hostile(shared.port, show(world.root.leaf(world.unknown))) as hostile:
            outcome = hostile.raw(request)
            assert outcome.status == 403 and outcome.headers["connection"] == "close"
            assert hostile.is_closed()
    with Hostile(shared.port) as hostile:
        assert hostile.raw(head(method="GET", path=FIGURES, token="bad")).status == 403
        assert hostile.raw(push()).status == 200


def test_remembered_for_the_connection_until_the_identity_changes(own, world):
    worker = own()
    with Hostile(worker.port, show(world.root.leaf(world.own))) as hostile:
        for _ in range(3):
            assert hostile.raw(push(token=None)).status == 200
        assert worker.auth_requests == 1
        tell(worker)
        assert hostile.raw(push(token=None)).status == 200
        assert worker.auth_requests == 2
        # The same connection with another token is another collector.
        assert hostile.raw(push()).status == 200
        assert worker.auth_requests == 3
        worker.collectors = set()
        worker.tokens["good-token"] = (403, OWN, "collector is disabled")
        tell(worker)
        assert hostile.raw(push()).status == 403


def test_identity_that_comes_while_the_worker_answers(own, world):
    """An answer that a worker computed under an older identity is not cached under the newer one."""
    worker = own()
    answer = worker.holder_of

    def changed(credential):
        worker.tell_identity()
        return answer(credential)

    worker.holder_of = changed
    with Hostile(worker.port, show(world.root.leaf(world.own))) as hostile:
        assert hostile.raw(push(token=None)).status == 200
        assert hostile.raw(push(token=None)).status == 200
    assert worker.auth_requests == 2


def test_expires_while_connected(own, world):
    worker = own()
    end = pki.now() + datetime.timedelta(seconds=3)
    with Hostile(worker.port, show(world.root.leaf(world.own, not_after=end))) as hostile:
        assert hostile.raw(push(token=None)).status == 200
        status = 200
        while status == 200:
            outcome = hostile.raw(push(token=None))
            status = outcome.status
            assert pki.now() < end + datetime.timedelta(seconds=5)
        assert status == 403 and "expired" in outcome.json["detail"]
        assert pki.now() >= end and hostile.is_closed()


def test_sandbox_holds_with_certificates(own, world):
    """The sandbox must let OpenSSL read the time zone, which it does at the first client certificate."""
    worker = own()
    for _ in range(3):
        assert pushed(worker, show(world.root.leaf(world.own))).status == 200
    with open(f"/proc/{worker.pid}/status") as file:
        assert "Seccomp:\t2\n" in file.read()


def test_nobody_is_served_before_the_first_identity(tmp_path):
    worker = FakeWorker(PROGRAM, str(tmp_path))
    worker.tokens[TOKEN] = (200, OWN, "")
    worker.tell_identity = lambda: None
    starting = threading.Thread(target=worker.start, daemon=True)
    starting.start()
    with socket.create_connection(("127.0.0.1", worker.port)) as early:
        early.settimeout(0.3)
        with pytest.raises(TimeoutError):
            early.recv(1)
        assert worker.ready is None
        del worker.tell_identity
        worker.tell_identity()
        starting.join(20)
        assert worker.ready
    assert pushed(worker, token="good-token").status == 200
    assert worker.stop() == 0


def test_kinds_are_all_there():
    assert len(KINDS) >= 40 and len(GOOD) >= 5
