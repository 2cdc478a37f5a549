"""A gateway reports its own refusals to the worker: the first at once, later ones as a count."""
import collections
import hashlib
import uuid

import pki
from bad_certificates import show
from certified import OWN, own, push, pushed, tell, world  # noqa: F401
from fake_worker import COLLECTOR, TOKEN
from hostile import Hostile
from requests_data import body as anybody
from requests_data import head
from requests_data import push as plain_push
from test_rate_limits import OF_COLLECTOR, SLOTS, Rates, is_refused

(ADDRESS_LIMIT, COLLECTOR_LIMIT, NOTHING_SHOWN, TOKEN_FORGED, TOKEN_EXPIRED, TOKEN_NOT_BOUND,
 TOKEN_MISMATCH, BODY_MISMATCH, CERTIFICATE_FORGED, CERTIFICATE_REVOKED) = range(10)
NOBODY = uuid.UUID(int=0)
HERE = bytes(10) + b"\xff\xff" + bytes([127, 0, 0, 1])
PUSH = "POST /api/v1/metrics/push"
FIGURES = head(method="GET", path="/api/v1/metrics/health", token=None)


def told(worker, count):
    worker.wait(lambda: len(worker.refused) >= count)
    return worker.refused


def totals(worker):
    sums = collections.Counter()
    for kind, count, *_ in worker.refused:
        sums[kind] += count
    return sums


def test_the_first_at_once_the_rest_at_the_end(gateway, client):
    worker = gateway()
    c = client(worker)
    for _ in range(50):
        c.send(FIGURES)
        assert c.response()[0] == 403
    assert told(worker, 1) == [(NOTHING_SHOWN, 1, HERE, NOBODY, "GET /api/v1/metrics/health")]
    # Refusals of another route are counted separately.
    c.send(plain_push(token=None))
    assert c.response()[0] == 403
    assert told(worker, 2)[1][4] == PUSH
    worker.drain()
    told(worker, 3)
    assert worker.refused[2] == (NOTHING_SHOWN, 49, HERE, NOBODY, "GET /api/v1/metrics/health")
    worker.wait_exit()


def test_what_is_refused_while_it_leaves(gateway, client):
    worker = gateway()
    waiting, c = client(worker), client(worker)
    # A push that waits for its receipt keeps the draining gateway alive.
    worker.on_push = lambda push: None
    waiting.send(plain_push())
    worker.wait(lambda: worker.pushes)
    for _ in range(2):
        c.send(FIGURES)
        assert c.response()[0] == 403
    worker.drain()
    worker.wait(lambda: worker.draining is not None)
    assert totals(worker)[NOTHING_SHOWN] == 2
    c.send(FIGURES)
    assert c.response()[0] == 403
    worker.wait(lambda: totals(worker)[NOTHING_SHOWN] == 3)


def test_what_the_worker_refuses_is_the_worker_s_to_tell(gateway, client):
    worker = gateway()
    c = client(worker)
    c.send(plain_push(token="bad"))
    assert c.response()[0] == 403
    worker.drain()
    worker.wait_exit()
    assert worker.refused == []


def test_a_body_of_another(gateway, client):
    worker = gateway()
    data = anybody().replace(str(COLLECTOR).encode(), str(OWN).encode())
    c = client(worker)
    c.send(head([f"Content-Length: {len(data)}"], token=TOKEN) + data)
    assert c.response()[0] == 403
    assert told(worker, 1) == [(BODY_MISMATCH, 1, HERE, COLLECTOR, PUSH)]


def test_a_secret_that_is_not_there(gateway, client):
    worker = gateway()
    c = client(worker)
    c.send(head(["Content-Length: 2"], path="/api/v1/collectors/register", token=None) + b"{}")
    assert c.response()[0] == 403
    assert told(worker, 1)[0][::4] == (NOTHING_SHOWN, "POST /api/v1/collectors/register")


def test_limits(gateway, client):
    rates = Rates()
    worker = gateway(rates=rates, rate_slots=SLOTS, address_limit=(1, 1000),
                     collector_limit=(1, 1000))
    c = client(worker)
    c.send(plain_push())
    assert c.response()[0] == 200
    rates.empty(OF_COLLECTOR)
    c.send(plain_push())
    assert c.response()[0] == 429
    assert told(worker, 1) == [(COLLECTOR_LIMIT, 1, HERE, COLLECTOR, PUSH)]
    for _ in range(20):
        rates.empty(1)
        assert is_refused(worker)
    worker.drain()
    worker.wait(lambda: totals(worker)[ADDRESS_LIMIT] == 20)
    assert [r for r in worker.refused if r[0] == ADDRESS_LIMIT][0] == (
        ADDRESS_LIMIT, 1, HERE, NOBODY, "")
    assert len(worker.refused) == 3


def test_certificates(own, world):
    worker = own()
    good, revoked = world.root.leaf(world.own), world.root.leaf(world.own)
    stranger = pki.Authority("stranger").leaf(world.own)
    tell(worker, revoked=[hashlib.sha256(revoked.certificate).digest()])
    assert pushed(worker, show(good)).status == 200
    for _ in range(3):
        assert pushed(worker, show(revoked)).status is None
        assert pushed(worker, show(stranger)).status == 403
    assert [(kind, count, address) for kind, count, address, *_ in told(worker, 2)] == [
        (CERTIFICATE_REVOKED, 1, HERE), (CERTIFICATE_FORGED, 1, HERE)]
    # A connection with a good certificate adds no refusal.
    with Hostile(worker.port, show(good)) as hostile:
        assert hostile.raw(push(token=None)).status == 200
    worker.drain()
    worker.wait(lambda: totals(worker) == {CERTIFICATE_REVOKED: 3, CERTIFICATE_FORGED: 3})


def test_however_many_there_are(own, world):
    """Refusals beyond the places of one address share its count, and every one of them is counted."""
    worker = own()
    root = world.root
    certificates = [root.leaf(str(uuid.uuid4())) for _ in range(40)]
    for one in certificates:
        with Hostile(worker.port, show(one)) as hostile:
            assert hostile.raw(push(token="a.b.c")).status == 403
    worker.drain()
    worker.wait(lambda: totals(worker)[TOKEN_FORGED] == 40)
    named = {collector for kind, _, _, collector, _ in worker.refused if collector != NOBODY}
    # A quarter of the 80 places. The others have one for the address: its first, then the rest.
    assert len(named) == 20
    assert len(worker.refused) == 20 + 2
