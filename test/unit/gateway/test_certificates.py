"""Client certificates: which are let in, as whom, and when one that was let in no longer is."""
import datetime
import hashlib
import json
import socket
import threading
import uuid

import pytest

import pki
from bad_certificates import GOOD, KINDS, World
from conftest import PROGRAM
from fake_worker import COLLECTOR, TOKEN, MTLS_OFF, MTLS_OPTIONAL, MTLS_REQUIRED, FakeWorker
from hostile import Hostile
from raw_tls import TLS12, TLS13, Presented
from requests_data import head
from requests_data import body as anybody

OWN = uuid.UUID("abcdef01-2222-3333-4444-55555555555f")  # letters, so that there is an upper case
OTHER = "99999999-2222-3333-4444-555555555555"
VERSIONS = (TLS12, TLS13)
FIGURES = "/api/v1/metrics/health"


def body():
    return anybody().replace(str(COLLECTOR).encode(), str(OWN).encode())


def push(data=None, *fields, token=TOKEN):
    data = body() if data is None else data
    return head([f"Content-Length: {len(data)}", *fields], token=token) + data


def make_world():
    world = World()
    world.own, world.other = str(OWN), OTHER
    world.unknown, world.disabled = OTHER.replace("9", "7"), OTHER.replace("9", "8")
    return world


def certified(directory, world, **config):
    """certified is a worker that knows one collector and trusts a world's authorities."""
    (directory / "ca.crt").write_text(world.trusted)
    config = dict(mtls=MTLS_OPTIONAL, ca=str(directory / "ca.crt")) | config
    worker = FakeWorker(PROGRAM, str(directory), **config)
    worker.collectors = {OWN}
    worker.tokens[TOKEN] = (200, OWN, "")
    return worker.start()


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.fixture(scope="module")
def shared(world, tmp_path_factory):
    worker = certified(tmp_path_factory.mktemp("gateway"), world)
    yield worker
    assert worker.stop() == 0


@pytest.fixture
def own(world, tmp_path):
    """own starts gateways that are stopped after the test."""
    started = []

    def start(**config):
        started.append(certified(tmp_path, world, **config))
        return started[-1]

    yield start
    for worker in started:
        assert worker.stop() == (0 if worker.failed is None else 256)


def tell(worker, **changes):
    """tell changes the identity and waits until the gateway has it."""
    document = json.dumps({"version": worker.identity_version + 1})
    worker.tell_identity(trust=document, **changes)
    with Hostile(worker.port) as hostile:
        while hostile.request("GET", "/api/v1/pki/trust").body != document.encode():
            pass


def show(holder):
    return Presented(holder.sent, holder.key)


def pushed(worker, presented=Presented(), version=TLS13, token=None):
    """pushed is the Outcome of one push, and whether it reached the worker."""
    before = len(worker.pushes)
    with Hostile(worker.port, presented, version) as hostile:
        outcome = hostile.raw(push(token=token))
    assert (outcome.status == 200) == (len(worker.pushes) == before + 1)
    return outcome


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
    ("expired", "certificate_expired"), ("intermediate not sent", "unknown_ca"),
    ("for servers only", "unsupported_certificate")])
def test_alerts(shared, world, kind, alert):
    outcome = pushed(shared, KINDS[kind][1](world))
    assert outcome.end == alert


def test_two_roots(shared, world):
    """While an authority is replaced both are trusted."""
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


# Routes that need no collector need no certificate; they say 400 to an empty body.
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


def test_nothing_shown(shared):
    outcome = pushed(shared)
    assert outcome.status == 403 and "bearer token or a client certificate" in outcome.json["detail"]
    assert "www-authenticate" not in outcome.headers


def test_certificate_beside_a_bad_token(shared, world):
    """Everything shown must be good: a certificate does not excuse a token."""
    holder = world.root.leaf(world.own)
    assert pushed(shared, show(holder), token="bad").status == 403
    for header in ("Basic eDp5", "Bearer", "Bearer a b"):
        with Hostile(shared.port, show(holder)) as hostile:
            request = push(None, f"Authorization: {header}", token=None)
            assert hostile.raw(request).status == 403
            assert hostile.is_closed()


def test_refusal_ends_a_connection_with_a_certificate(shared, world):
    with Hostile(shared.port, show(world.root.leaf(world.unknown))) as hostile:
        outcome = hostile.raw(push(token=None))
        assert outcome.status == 403 and outcome.headers["connection"] == "close"
        assert hostile.is_closed()
    with Hostile(shared.port) as hostile:
        assert hostile.raw(push(token="bad", data=b"")).status == 403
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
        # Another token on the same connection is another caller.
        assert hostile.raw(push()).status == 200
        assert worker.auth_requests == 3
        worker.collectors = set()
        worker.tokens["good-token"] = (403, OWN, "collector is disabled")
        tell(worker)
        assert hostile.raw(push()).status == 403


def test_identity_that_comes_while_the_worker_answers(own, world):
    """What was found out under the old tables is not remembered under the new ones."""
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


@pytest.mark.parametrize("version", VERSIONS)
def test_revoked_in_the_handshake(own, world, version):
    worker = own()
    revoked, good = world.root.leaf(world.own), world.root.leaf(world.own)
    others = [hashlib.sha256(bytes([i])).digest() for i in range(100)]
    tell(worker, revoked=[hashlib.sha256(revoked.certificate).digest(), *others])
    for _ in range(2):
        assert pushed(worker, show(good), version).status == 200
        assert pushed(worker, show(revoked), version).end == "certificate_revoked"
    # Whatever the route, and whatever else is shown.
    with Hostile(worker.port, show(revoked), version) as hostile:
        assert hostile.request("GET", "/api/v1/health").end == "certificate_revoked"


@pytest.mark.parametrize("version", VERSIONS)
def test_revoked_while_idle(own, world, version):
    worker = own()
    holder, good = world.root.leaf(world.own), world.root.leaf(world.own)
    with Hostile(worker.port, show(holder), version) as bad, \
            Hostile(worker.port, show(good), version) as fine, \
            Hostile(worker.port, show(holder), version) as unused:
        assert bad.raw(push(token=None)).status == 200
        assert fine.raw(push(token=None)).status == 200
        worker.tell_identity(revoked=[hashlib.sha256(holder.certificate).digest()])
        assert bad.is_closed() and unused.is_closed()
        assert fine.raw(push(token=None)).status == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_revoked_while_busy(own, world, version):
    """A push that is with the worker is answered; the connection ends with that answer."""
    worker = own()
    holder = world.root.leaf(world.own)
    digest = hashlib.sha256(holder.certificate).digest()
    answer = worker.on_push

    def revoke(request):
        worker.tell_identity(revoked=[digest])
        return answer(request)

    worker.on_push = revoke
    with Hostile(worker.port, show(holder), version) as hostile:
        outcome = hostile.raw(push(token=None) + push(token=None))
        assert outcome.status == 200 and outcome.headers["connection"] == "close"
        assert hostile.is_closed()
    assert len(worker.pushes) == 1


def test_revoked_between_head_and_body(own, world):
    """The head was let in, the push's own transaction decides; then the connection ends."""
    worker = own()
    holder = world.root.leaf(world.own)
    data = body()
    with Hostile(worker.port, show(holder)) as hostile:
        hostile.tls.send(head([f"Content-Length: {len(data)}"], token=None))
        worker.wait(lambda: worker.auth_requests == 1)
        tell(worker, revoked=[hashlib.sha256(holder.certificate).digest()])
        outcome = hostile.raw(data)
        assert outcome.status == 200 and outcome.headers["connection"] == "close"


def test_revoked_with_half_a_head_sent(own, world):
    worker = own()
    holder = world.root.leaf(world.own)
    request = push(token=None)
    with Hostile(worker.port, show(holder)) as hostile:
        assert hostile.raw(push(token=None)).status == 200
        hostile.tls.send(request[:20])
        worker.wait(lambda: worker.counters[0] == 1)
        tell(worker, revoked=[hashlib.sha256(holder.certificate).digest()])
        outcome = hostile.raw(request[20:])
        assert outcome.status == 403 and outcome.headers["connection"] == "close"
    assert len(worker.pushes) == 1


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


# Lists of revoked certificates from outside.
def write_lists(directory, *lists):
    file = directory / "revoked.crl"
    file.write_text("".join(lists))
    return str(file)


@pytest.mark.parametrize("version", VERSIONS)
def test_list(own, world, tmp_path, version):
    revoked, good = world.root.leaf(world.own), world.root.leaf(world.own)
    lists = [world.root.revocation_list([revoked.serial]), world.rsa_root.revocation_list()]
    worker = own(crl=write_lists(tmp_path, *lists))
    assert pushed(worker, show(good), version).status == 200
    assert pushed(worker, show(revoked), version).end == "certificate_revoked"
    # The authority between has no list: its certificates cannot be known to be good.
    assert pushed(worker, show(world.middle.leaf(world.own)), version).status is None
    assert pushed(worker, token="good-token").status == 200


def test_list_of_each_authority(own, world, tmp_path):
    lists = [world.root.revocation_list(), world.middle.revocation_list()]
    worker = own(crl=write_lists(tmp_path, *lists))
    assert pushed(worker, show(world.middle.leaf(world.own))).status == 200
    # Revoked is an authority here, with all that it has issued.
    lists = [world.root.revocation_list([pki.Holder(None, world.middle.certificate).serial]),
             world.middle.revocation_list()]
    worker = own(crl=write_lists(tmp_path, *lists))
    assert pushed(worker, show(world.middle.leaf(world.own))).end == "certificate_revoked"


@pytest.mark.parametrize("what", ["expired", "not yet in force", "signed by another"])
def test_list_that_does_not_count_lets_nobody_in(own, world, tmp_path, what):
    signer, times = world.root, {}
    if what == "expired":
        times = dict(next_update=pki.now() - datetime.timedelta(minutes=1))
    elif what == "not yet in force":
        times = dict(this_update=pki.now() + datetime.timedelta(hours=1))
    else:
        signer = pki.Authority("Test CA")
    worker = own(crl=write_lists(tmp_path, signer.revocation_list(**times)))
    assert pushed(worker, show(world.root.leaf(world.own))).status is None
    worker.wait(lambda: any("CRL" in line for _, line in worker.logs))
    assert pushed(worker, token="good-token").status == 200


@pytest.mark.parametrize("content,reason", [
    (None, "No such file"), ("hello", "no PEM revocation list"), ("twice", "two lists"),
    ("cut", "revocation list file")])
def test_list_that_cannot_be_read(own, world, tmp_path, content, reason):
    file = tmp_path / "revoked.crl"
    text = world.root.revocation_list()
    if content is not None:
        file.write_text({"twice": text + world.root.revocation_list(),
                         "cut": text[:100] + text[140:]}.get(content, content))
    worker = own(crl=str(file))
    assert worker.ready is None and reason in worker.failed
    worker.wait_exit()


def test_drain_with_a_list_closes_who_has_a_certificate(own, world, tmp_path):
    """The gateway that follows has the newer list; what is open here was let in by the older."""
    worker = own(crl=write_lists(tmp_path, world.root.revocation_list()))
    holder = world.root.leaf(world.own)
    with Hostile(worker.port, show(holder)) as idle, Hostile(worker.port) as token:
        assert idle.raw(push(token=None)).status == 200
        assert token.raw(push()).status == 200
        worker.drain()
        assert idle.is_closed()
        assert token.raw(push()).status == 200
    assert worker.wait_exit() == 0


def test_drain_without_a_list_closes_nobody(own, world):
    worker = own()
    with Hostile(worker.port, show(world.root.leaf(world.own))) as idle:
        assert idle.raw(push(token=None)).status == 200
        worker.drain()
        worker.listener.close()
        with pytest.raises(OSError):
            while True:
                socket.create_connection(("127.0.0.1", worker.port), 1).close()
        assert idle.raw(push(token=None)).status == 200


def test_sandbox_holds_with_certificates(own, world):
    """OpenSSL reads the time zone at the first client certificate."""
    worker = own()
    for _ in range(3):
        assert pushed(worker, show(world.root.leaf(world.own))).status == 200
    with open(f"/proc/{worker.pid}/status") as file:
        assert "Seccomp:\t2\n" in file.read()


def test_many_revoked(own, world):
    """A frame of 20 MB: 600,000 revoked certificates."""
    worker = own()
    holder = world.root.leaf(world.own)
    digest = hashlib.sha256(holder.certificate).digest()
    many = [i.to_bytes(32, "big") for i in range(1, 600_000)]
    tell(worker, revoked=[*many, digest])
    assert pushed(worker, show(holder)).end == "certificate_revoked"
    tell(worker, revoked=many)
    assert pushed(worker, show(holder)).status == 200


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
