"""Revoked certificates are refused as soon as the gateway knows of them, on open connections too."""
import datetime
import hashlib
import socket

import pytest

import pki
from bad_certificates import show
from certified import VERSIONS, body, own, push, pushed, tell, world  # noqa: F401
from hostile import Hostile
from requests_data import head


@pytest.mark.parametrize("version", VERSIONS)
def test_revoked_in_the_handshake(own, world, version):
    worker = own()
    revoked, good = world.root.leaf(world.own), world.root.leaf(world.own)
    others = [hashlib.sha256(bytes([i])).digest() for i in range(100)]
    tell(worker, revoked=[hashlib.sha256(revoked.certificate).digest(), *others])
    for _ in range(2):
        assert pushed(worker, show(good), version).status == 200
        assert pushed(worker, show(revoked), version).end == "certificate_revoked"
    # The handshake fails, so the route does not matter.
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
    """A push that the worker has already is answered; that answer ends the connection."""
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
    """After an accepted head the worker decides about the push; then the connection ends."""
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


# Revocation lists of a corporate authority.
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
    # The intermediate authority has no list, so its certificates are refused: one may be revoked.
    assert pushed(worker, show(world.middle.leaf(world.own)), version).status is None
    assert pushed(worker, token="good-token").status == 200


def test_list_of_each_authority(own, world, tmp_path):
    lists = [world.root.revocation_list(), world.middle.revocation_list()]
    worker = own(crl=write_lists(tmp_path, *lists))
    assert pushed(worker, show(world.middle.leaf(world.own))).status == 200
    # A revoked authority revokes all certificates that it has issued.
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
    """A draining gateway closes connections that its own list let in: the next gateway has a newer list."""
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


def test_many_revoked(own, world):
    """An identity frame of 20 MB holds 600,000 revoked certificates."""
    worker = own()
    holder = world.root.leaf(world.own)
    digest = hashlib.sha256(holder.certificate).digest()
    many = [i.to_bytes(32, "big") for i in range(1, 600_000)]
    tell(worker, revoked=[*many, digest])
    assert pushed(worker, show(holder)).end == "certificate_revoked"
    tell(worker, revoked=many)
    assert pushed(worker, show(holder)).status == 200
