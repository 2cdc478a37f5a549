"""Certificates for collectors: enrolment, renewal, registration of v3 collectors, lists, trust."""
import hashlib
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import pki
from bad_certificates import show
from certified import trusting
from fake_worker import COLLECTOR, enroll_reply
from hostile import Hostile
from raw_tls import Presented
from requests_data import head
from worker_frames import BY_TOKEN, REGISTRATION, RENEWAL

ENROLL, RENEW = "/api/v1/collectors/enroll", "/api/v1/collectors/renew"
REGISTER = "/api/v1/collectors/register"
TRUST = json.dumps({"version": 3, "authorities": ["PEM"], "pins": ["sha256/AAAA"]})
ISSUED = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def ca():
    return pki.Authority("Test CA")


@pytest.fixture(scope="module")
def shared(ca, tmp_path_factory):
    worker = trusting(tmp_path_factory.mktemp("gateway"), pki.pem(ca.certificate))
    worker.collectors = {COLLECTOR}
    worker.start()
    yield worker
    assert worker.stop() == 0


@pytest.fixture
def asked(shared):
    """asked are the requests that reached the worker, which grants all of them."""
    requests = []

    def grant(request):
        requests.append(request)
        return enroll_reply(certificate=ISSUED, trust=TRUST)

    shared.on_enroll = grant
    return requests


def post(worker, path, document, headers=(), presented=Presented()):
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    with Hostile(worker.port, presented) as hostile:
        return hostile.request("POST", path, data, headers)


def enrollment(key=None, **changes):
    document = {"token": "pge_secret", "csr": pki.signing_request(key or pki.new_key())}
    return {k: v for k, v in {**document, **changes}.items() if v is not Ellipsis}


def test_enroll(shared, asked):
    key = pki.new_key()
    outcome = post(shared, ENROLL, enrollment(key, more={"ignored": [1]}))
    assert outcome.status == 200 and outcome.headers["content-type"] == "application/json"
    assert outcome.headers["cache-control"] == "no-store"
    assert outcome.json == {"collector_id": str(COLLECTOR), "certificate": ISSUED,
                            "expires_at": "2027-01-15T08:00:00Z", "trust": json.loads(TRUST)}
    (request,) = asked
    assert request.kind == BY_TOKEN and request.address == "127.0.0.1"
    assert request.secret == hashlib.sha256(b"pge_secret").digest()
    assert not any(request.credential.token + request.credential.certificate)
    csr = x509.load_der_x509_csr(request.csr)
    assert csr.public_key().public_numbers() == key.public_key().public_numbers()


BAD_BODIES = {
    "empty": (b"", 400, ""), "no JSON": (b"token=x", 400, ""), "a list": (b"[]", 400, ""),
    "cut": (b'{"token":"x"', 400, ""), "two": (b"{}{}", 400, ""), "NUL behind": (b"{}\0", 400, ""),
    "not UTF-8": (b'{"token":"\xff"}', 400, ""), "control": (b'{"token":"a\nb"}', 400, ""),
    "NUL in a token": (b'{"token":"a\\u0000b","csr":"x"}', 400, ""),
    "key twice": (b'{"token":"a","token":"b","csr":"x"}', 400, ""),
    "many keys": (json.dumps({str(i): 1 for i in range(5000)}).encode(), 400, ""),
    "deep": (b'{"token":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, ""),
    "too large": (b'{"token":"' + b"x" * 65536 + b'"}', 413, ""),
    "no token": (enrollment(token=...), 422, "token"), "token null": (enrollment(token=None), 422, "token"),
    "token a number": (enrollment(token=5), 422, "token"),
    "token empty": (enrollment(token=""), 422, "token"),
    "token too long": (enrollment(token="x" * 256), 422, "token"),
    "no csr": (enrollment(csr=...), 422, "csr"), "csr a list": (enrollment(csr=["x"]), 422, "csr"),
    "csr too long": (enrollment(csr="x" * 20000), 422, "csr"),
    "csr no PEM": (enrollment(csr="hello"), 422, "csr"),
    "csr a certificate": (enrollment(csr=ISSUED), 422, "csr"),
    "csr with text behind": (enrollment(csr=pki.signing_request(pki.new_key()) + "x"), 422, "csr"),
    "csr twice": (enrollment(csr=pki.signing_request(pki.new_key()) * 2), 422, "csr"),
    "csr signed by another": (enrollment(csr=pki.signing_request(
        pki.new_key(), signing_key=pki.new_key())), 422, "csr"),
    "csr of P-224": (enrollment(csr=pki.signing_request(pki.new_key(pki.ec.SECP224R1))), 422, "csr"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_bad_body(shared, asked, case):
    document, status, field = BAD_BODIES[case]
    outcome = post(shared, ENROLL, document)
    assert outcome.status == status, outcome
    if field:
        assert outcome.json["path"] == field and outcome.json["detail"].startswith(field + ": ")
    assert not asked
    with Hostile(shared.port) as hostile:
        assert hostile.request("GET", "/api/v1/health").status == 200


def test_chunked_body_is_bounded(shared, asked, client):
    """A stranger's chunked body may not use up the memory for pushes."""
    c = client(shared)
    c.send(head(["Transfer-Encoding: chunked"], path=ENROLL, token=None) + b"10001\r\n")
    assert c.response()[0] == 413 and not asked


@pytest.mark.parametrize("status,retry", [(403, 0), (409, 0), (422, 0), (429, 9), (503, 0), (503, 17)])
def test_worker_refuses(shared, status, retry):
    shared.on_enroll = lambda request: enroll_reply(status, retry, message="that will not do")
    outcome = post(shared, ENROLL, enrollment())
    assert outcome.status == status and outcome.json["detail"] == "that will not do"
    assert outcome.headers.get("retry-after") == {
        429: "9", 503: str(retry or 5)}.get(status)
    assert "www-authenticate" not in outcome.headers


def test_renew(shared, asked, ca):
    own, key = ca.leaf(COLLECTOR), pki.new_key()
    outcome = post(shared, RENEW, {"csr": pki.signing_request(key)}, presented=show(own))
    assert outcome.status == 200 and outcome.json["certificate"] == ISSUED
    assert outcome.json["trust"] == json.loads(TRUST)
    (request,) = asked
    assert request.kind == RENEWAL and not any(request.secret)
    assert request.credential.certificate == hashlib.sha256(own.certificate).digest()
    assert request.credential.certificate_subject == COLLECTOR


def test_renew_needs_a_certificate(shared, asked):
    outcome = post(shared, RENEW, {"csr": pki.signing_request(pki.new_key())},
                   [("Authorization", "Bearer good-token")])
    assert outcome.status == 403 and "client certificate" in outcome.json["detail"]
    assert post(shared, RENEW, {"csr": "x"}).status == 403
    assert not asked


def test_renew_of_a_bad_body(shared, asked, ca):
    own = show(ca.leaf(COLLECTOR))
    assert post(shared, RENEW, b"{", presented=own).status == 400
    outcome = post(shared, RENEW, {"csr": 1}, presented=own)
    assert outcome.status == 422 and outcome.json["path"] == "csr" and not asked


def test_renewal_refused_ends_the_connection(shared, ca):
    shared.on_enroll = lambda request: enroll_reply(403, message="collector is disabled")
    own = show(ca.leaf(COLLECTOR))
    outcome = post(shared, RENEW, {"csr": pki.signing_request(pki.new_key())}, presented=own)
    assert outcome.status == 403 and outcome.headers["connection"] == "close"


OLD = {"hostname": "db1", "name": "prod-1", "version": "3.0.0"}
SECRET = [("X-Registration-Secret", "open sesame")]


def test_register(shared):
    """A v3 collector cannot make a key, so it gets a private key and a certificate for that key."""
    requests = []

    def grant(request):
        requests.append(request)
        return enroll_reply(certificate=ISSUED, token="pga_long", trust=TRUST)

    shared.on_enroll = grant
    outcomes = [post(shared, REGISTER, OLD, SECRET) for _ in range(2)]
    assert [o.status for o in outcomes] == [200, 200]
    for outcome, request in zip(outcomes, requests):
        assert set(outcome.json) == {"collector_id", "token", "certificate", "private_key",
                                     "expires_at"}
        assert outcome.json["collector_id"] == str(COLLECTOR)
        assert outcome.json["token"] == "pga_long"
        assert outcome.json["private_key"].startswith("-----BEGIN PRIVATE KEY-----\n")
        key = serialization.load_pem_private_key(outcome.json["private_key"].encode(), None)
        csr = x509.load_der_x509_csr(request.csr)
        assert csr.is_signature_valid
        assert csr.public_key().public_numbers() == key.public_key().public_numbers()
        assert request.kind == REGISTRATION
        assert request.secret == hashlib.sha256(b"open sesame").digest()
        assert (request.name, request.hostname, request.version) == ("prod-1", "db1", "3.0.0")
        assert request.address == "127.0.0.1"
    assert outcomes[0].json["private_key"] != outcomes[1].json["private_key"]


def test_register_without_certificates(shared):
    """The answer has both certificate and private key, or neither."""
    shared.on_enroll = lambda request: enroll_reply(token="pga_long")
    outcome = post(shared, REGISTER, OLD, SECRET)
    assert outcome.status == 200
    assert outcome.json == {"collector_id": str(COLLECTOR), "token": "pga_long"}


@pytest.mark.parametrize("headers,document,status,field", [
    ([], OLD, 403, None), ([("X-Registration-Secret", "")], OLD, 403, None),
    ([("X-Registration-Secret", "x" * 256)], OLD, 403, None), (SECRET * 2, OLD, 400, None),
    ([("Authorization", "Bearer good-token")], OLD, 403, None),
    (SECRET, b"", 400, None), (SECRET, {}, 422, "name"), (SECRET, {**OLD, "name": ""}, 422, "name"),
    (SECRET, {**OLD, "name": 5}, 422, "name"), (SECRET, {**OLD, "name": "x" * 256}, 422, "name"),
    (SECRET, {**OLD, "hostname": []}, 422, "hostname"),
    (SECRET, {**OLD, "version": {}}, 422, "version")])
def test_bad_registration(shared, asked, headers, document, status, field):
    outcome = post(shared, REGISTER, document, headers)
    assert outcome.status == status and not asked
    assert "www-authenticate" not in outcome.headers
    if field:
        assert outcome.json["path"] == field


def test_v3_registers_byte_for_byte(shared, asked, client):
    c = client(shared)
    data = b'{"hostname":"db1","name":"db1","version":"3.0.0"}'
    c.send(b"POST /api/v1/collectors/register HTTP/1.1\r\nHost: localhost:8443\r\nAccept: */*\r\n"
           b"Content-Type: application/json\r\nX-Registration-Secret: s\r\nContent-Length: "
           + str(len(data)).encode() + b"\r\n\r\n" + data)
    status, _, answer = c.response()
    assert status == 200 and isinstance(json.loads(answer)["collector_id"], str)


def test_list_and_trust(gateway):
    worker = gateway()
    with Hostile(worker.port) as hostile:
        for path in ("/api/v1/pki/crl", "/api/v1/pki/trust"):
            assert hostile.request("GET", path).status == 404
        crl = b"0\x82\x00\x01list"
        worker.tell_identity(crl=crl, trust=TRUST)
        outcome = hostile.request("GET", "/api/v1/pki/crl")
        while outcome.status == 404:  # the identity frame has not arrived yet
            outcome = hostile.request("GET", "/api/v1/pki/crl")
        assert outcome.headers["content-type"] == "application/pkix-crl" and outcome.body == crl
        outcome = hostile.request("GET", "/api/v1/pki/trust")
        assert outcome.headers["content-type"] == "application/json"
        assert outcome.json == json.loads(TRUST)
        assert hostile.request("POST", "/api/v1/pki/trust", b"{}").status == 405


def test_unanswered_enrolment_is_told_to_come_again(gateway):
    worker = gateway()
    worker.on_enroll = lambda request: worker.drain(refuse=1)
    outcome = post(worker, ENROLL, enrollment())
    assert outcome.status == 503 and "retry-after" in outcome.headers
    assert worker.wait_exit() == 0


