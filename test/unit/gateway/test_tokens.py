"""Signed tokens: every kind of bad one, what good ones prove, binding to certificates, refreshing."""
import hashlib
import json
import time
import uuid

import pytest

import bad_tokens
import pki
from bad_certificates import show
from bad_tokens import Forge, collector_claims, confirmation
from certified import tell, trusting
from fake_worker import COLLECTOR, token_reply
from hostile import Hostile
from raw_tls import Presented
from requests_data import body, chunked, head

FIGURES = "/api/v1/metrics/health"
REFRESH = "/api/v1/collectors/refresh-token"
OTHER = uuid.UUID("99999999-2222-3333-4444-555555555555")
KID = "0123456789abcde"


@pytest.fixture(scope="module")
def signer():
    return pki.new_key()


@pytest.fixture(scope="module")
def ca():
    return pki.Authority("Test CA")


@pytest.fixture(scope="module")
def shared(signer, ca, tmp_path_factory):
    worker = trusting(tmp_path_factory.mktemp("gateway"), pki.pem(ca.certificate))
    worker.identity["keys"] = [(KID, pki.point(signer))]
    worker.collectors = {COLLECTOR}
    worker.tokens["pga_1"] = (200, COLLECTOR, "")
    worker.start()
    yield worker
    assert worker.stop() == 0


@pytest.fixture
def forge(signer):
    return Forge(signer, KID, collector_claims(COLLECTOR), OTHER)


def request(worker, authorization, presented=Presented(), path="/api/v1/metrics/push", data=None):
    """request is the Outcome of one request with this Authorization value, bytes as they are."""
    data = body() if data is None else data
    shown = [("Authorization", authorization)] if authorization is not None else []
    with Hostile(worker.port, presented) as hostile:
        return hostile.request("POST", path, data, shown)


@pytest.mark.parametrize("kind", bad_tokens.KINDS)
def test_bad(shared, forge, kind):
    before = len(shared.pushes)
    outcome = request(shared, bad_tokens.KINDS[kind](forge))
    assert outcome.status in (400, 403, 431), outcome
    assert "www-authenticate" not in outcome.headers
    assert len(shared.pushes) == before


def test_good(shared, forge):
    assert request(shared, "Bearer " + forge.token()).status == 200
    told = shared.credentials[-1]
    assert told.token_subject == COLLECTOR and str(told.token_id) == forge.claims["jti"]
    assert (told.issued_at, told.expires_at) == (forge.claims["iat"], forge.claims["exp"])
    assert not any(told.token) and not any(told.certificate)
    assert request(shared, "bearer  " + forge.token()).status == 200


def test_key_that_goes_and_comes(shared, signer, forge):
    with Hostile(shared.port) as hostile:
        header = [("Authorization", "Bearer " + forge.token())]
        assert hostile.request("GET", FIGURES, headers=header).status == 200
        tell(shared, keys=[("f" * 15, pki.point(pki.new_key()))])
        assert hostile.request("GET", FIGURES, headers=header).status == 403
        tell(shared, keys=[("f" * 15, pki.point(pki.new_key())), (KID, pki.point(signer))])
        assert hostile.request("GET", FIGURES, headers=header).status == 200


def test_expires_on_a_live_connection(shared, forge):
    token = forge.token(exp=int(time.time()) + 2)
    header = [("Authorization", "Bearer " + token)]
    with Hostile(shared.port) as hostile:
        statuses = {200}
        while 403 not in statuses:
            outcome = hostile.request("POST", "/api/v1/metrics/push", body(), header)
            statuses.add(outcome.status)
            assert time.time() < forge.claims["iat"] + 10
        assert statuses == {200, 403} and "expired" in outcome.json["detail"]


def test_bound_to_a_certificate(shared, forge, ca):
    own, renewed = ca.leaf(COLLECTOR), ca.leaf(COLLECTOR)
    bound = "Bearer " + forge.token(cnf=confirmation(own.certificate))
    assert request(shared, bound, show(own)).status == 200
    for presented in (Presented(), show(renewed)):
        outcome = request(shared, bound, presented)
        assert outcome.status == 403 and "bound to a certificate" in outcome.json["detail"]
    # A token without a binding is accepted with any certificate of its collector.
    assert request(shared, "Bearer " + forge.token(), show(renewed)).status == 200


@pytest.mark.parametrize("token", [None, COLLECTOR, OTHER])
@pytest.mark.parametrize("certificate", [None, COLLECTOR, OTHER])
@pytest.mark.parametrize("named", [COLLECTOR, OTHER])
def test_certificate_token_and_body_agree(shared, forge, ca, token, certificate, named):
    """Certificate, token and body must name the same collector."""
    shared.collectors = {COLLECTOR, OTHER}
    authorization = None if token is None else "Bearer " + forge.token(sub=str(token))
    presented = Presented() if certificate is None else show(ca.leaf(certificate))
    data = body().replace(str(COLLECTOR).encode(), str(named).encode())
    before = len(shared.pushes)
    outcome = request(shared, authorization, presented, data=data)
    shared.collectors = {COLLECTOR}
    shown = {token, certificate} - {None}
    assert outcome.status == (200 if shown == {named} else 403)
    assert len(shared.pushes) - before == (shown == {named})


# Refreshing tokens.
@pytest.mark.parametrize("fields,data", [
    (["Content-Length: 0"], b""), (["Transfer-Encoding: chunked"], chunked(b"")),
    (["Content-Length: 3"], b"abc"), ([], b""),
    (["Transfer-Encoding: chunked", "Expect: 100-continue"], chunked(b""))])
def test_refresh(gateway, client, fields, data):
    worker = gateway()
    worker.on_token = lambda credential: token_reply(token="fresh", expires_at=1800000000)
    c = client(worker)
    c.send(head(fields, path=REFRESH))
    if "Expect: 100-continue" in fields:
        assert c.take_head()[0] == 100
    c.send(data)
    status, fields, answer = c.response()
    assert status == 200 and json.loads(answer) == {"token": "fresh",
                                                    "expires_at": "2027-01-15T08:00:00Z"}
    assert fields["cache-control"] == "no-store"
    # The connection serves the next request.
    c.send(head(["Content-Length: 0"], path=REFRESH))
    assert c.response()[0] == 200


@pytest.mark.parametrize("request_body", [
    head(["Content-Length: 1048577"], path=REFRESH),
    head(["Transfer-Encoding: chunked"], path=REFRESH) + b"100001\r\n"])
def test_refresh_of_a_body_that_is_too_large(gateway, client, request_body):
    c = client(gateway())
    c.send(request_body)
    assert c.response()[0] == 413


def test_refresh_asks_with_what_is_shown(shared, forge, ca):
    asked = []
    shared.on_token = lambda credential: asked.append(credential) or token_reply(token="fresh")
    own = ca.leaf(COLLECTOR)
    expired = forge.token(iat=int(time.time()) - 7200, exp=int(time.time()) - 3600)
    for authorization, presented in ((None, show(own)), ("Bearer pga_1", Presented()),
                                     ("Bearer " + forge.token(), Presented()),
                                     ("Bearer " + expired, show(own))):
        assert request(shared, authorization, presented, REFRESH, b"").status == 200
    certified, opaque, signed, late = asked
    assert certified.certificate_subject == COLLECTOR and not any(certified.token)
    assert opaque.token == hashlib.sha256(b"pga_1").digest()
    assert signed.token_subject == COLLECTOR and signed.expires_at > time.time()
    # The gateway accepts an expired token here: the worker decides about the grace.
    assert late.token_subject == COLLECTOR and late.expires_at < time.time()
    assert late.certificate_subject == COLLECTOR


def test_only_refreshing_takes_an_expired_token(shared, forge):
    shared.on_token = lambda credential: token_reply(token="fresh")
    expired = "Bearer " + forge.token(iat=int(time.time()) - 7200, exp=int(time.time()) - 3600)
    assert request(shared, expired, path=REFRESH, data=b"").status == 200
    assert request(shared, expired).status == 403
    with Hostile(shared.port) as hostile:
        header = [("Authorization", expired)]
        for method, path, status in (("POST", REFRESH, 200), ("GET", FIGURES, 403),
                                     ("POST", "/api/v1/metrics/push", 403), ("POST", REFRESH, 200),
                                     ("POST", "/api/v1/collectors/renew", 403),
                                     ("GET", "/api/v1/config/x", 403)):
            assert hostile.request(method, path, headers=header).status == status


@pytest.mark.parametrize("kind", ["alg 'none', no signature", "padding behind", "twice"])
def test_refresh_refuses_what_is_no_token(shared, forge, kind):
    asked = []
    shared.on_token = lambda credential: asked.append(credential) or token_reply(token="fresh")
    assert request(shared, bad_tokens.KINDS[kind](forge), path=REFRESH, data=b"").status == 403
    assert request(shared, None, path=REFRESH, data=b"").status == 403
    assert not asked


@pytest.mark.parametrize("status", [403, 503])
def test_refresh_refused(shared, forge, status):
    shared.on_token = lambda credential: token_reply(status, message="not now")
    outcome = request(shared, "Bearer pga_1", path=REFRESH, data=b"")
    assert outcome.status == status and outcome.json["detail"] == "not now"
    assert ("retry-after" in outcome.headers) == (status == 503)


def test_kinds_are_all_there():
    assert len(bad_tokens.KINDS) >= 30
