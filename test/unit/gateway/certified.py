"""Gateways that ask for client certificates, and pushes with certificates, for several test files."""
import json
import uuid

import pytest

from bad_certificates import World
from conftest import PROGRAM
from fake_worker import COLLECTOR, MTLS_OPTIONAL, TOKEN, FakeWorker
from hostile import Hostile
from raw_tls import TLS12, TLS13, Presented
from requests_data import body as anybody
from requests_data import head

OWN = uuid.UUID("abcdef01-2222-3333-4444-55555555555f")  # letters, so that upper and lower case differ
OTHER = "99999999-2222-3333-4444-555555555555"
VERSIONS = (TLS12, TLS13)


def body():
    return anybody().replace(str(COLLECTOR).encode(), str(OWN).encode())


def push(data=None, *fields, token=TOKEN):
    data = body() if data is None else data
    return head([f"Content-Length: {len(data)}", *fields], token=token) + data


def trusting(directory, authorities, **config):
    """trusting is a worker, not yet started, that accepts certificates of these authorities (PEM)."""
    (directory / "ca.crt").write_text(authorities)
    config = dict(mtls=MTLS_OPTIONAL, ca=str(directory / "ca.crt")) | config
    return FakeWorker(PROGRAM, str(directory), **config)


def certified(directory, world, **config):
    """certified is a worker that knows one collector and trusts the authorities of a world."""
    worker = trusting(directory, world.trusted, **config)
    worker.collectors = {OWN}
    worker.tokens[TOKEN] = (200, OWN, "")
    return worker.start()


@pytest.fixture(scope="module")
def world():
    made = World()
    made.own, made.other = str(OWN), OTHER
    made.unknown, made.disabled = OTHER.replace("9", "7"), OTHER.replace("9", "8")
    return made


@pytest.fixture(scope="module")
def shared(world, tmp_path_factory):
    worker = certified(tmp_path_factory.mktemp("gateway"), world)
    yield worker
    assert worker.stop() == 0


@pytest.fixture
def own(world, tmp_path):
    """own starts gateways and stops them after the test."""
    started = []

    def start(**config):
        started.append(certified(tmp_path, world, **config))
        return started[-1]

    yield start
    for worker in started:
        assert worker.stop() == (0 if worker.failed is None else 256)


def tell(worker, **changes):
    """tell sends a changed identity and waits until the gateway uses it."""
    document = json.dumps({"version": worker.identity_version + 1})
    worker.tell_identity(trust=document, **changes)
    with Hostile(worker.port) as hostile:
        while hostile.request("GET", "/api/v1/pki/trust").body != document.encode():
            pass


def pushed(worker, presented=Presented(), version=TLS13, token=None):
    """pushed makes one push, asserts that the worker got it if it was answered 200, and gives the Outcome."""
    before = len(worker.pushes)
    with Hostile(worker.port, presented, version) as hostile:
        outcome = hostile.raw(push(token=token))
    assert (outcome.status == 200) == (len(worker.pushes) == before + 1)
    return outcome
