"""Enrolment tokens: each can be used once, before it expires, for one collector."""
import concurrent.futures
import json
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import pki
from hostile import Hostile, attempt
from identities import ENROLL, ask_enrollment, decided, enrollment_token, holder_of
from raw_tls import Presented


@pytest.fixture(scope="module")
def server(make_server):
    return make_server("one-time-tokens", ingest_workers=2)


@pytest.fixture
def name(request):
    return request.node.name


def certificates(server, collector_id):
    return server.db.value("SELECT count(*) FROM pganalytics.certificates WHERE collector_id = %s",
                           collector_id)


def test_twenty_at_once(server, name):
    """Twenty hosts with twenty keys send one token at once: exactly one gets a certificate."""
    collector_id, token = enrollment_token(server, name)
    barrier = threading.Barrier(20)

    def ask(_):
        key = pki.new_key()
        barrier.wait()
        return key, decided(lambda: ask_enrollment(server, token, key))

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    good = [(key, outcome) for key, outcome in answers if outcome.status == 200]
    assert len(good) == 1, [outcome for _, outcome in answers]
    assert all(o.status == 403 for _, o in answers if o.status != 200), answers
    holder = holder_of(good[0][1], good[0][0])
    assert attempt(server.port, Presented(holder.sent, holder.key),
                   collector_id=collector_id).status == 200
    assert certificates(server, collector_id) == 1


def test_lost_answer(server, name):
    """The same request gets the same certificate again, because the answer may have been lost."""
    collector_id, token = enrollment_token(server, name)
    key = pki.new_key()
    csr = pki.signing_request(key)
    first = holder_of(ask_enrollment(server, token, key, csr=csr), key)
    again = holder_of(ask_enrollment(server, token, key, csr=csr), key)
    assert again.certificate == first.certificate
    assert ask_enrollment(server, token, pki.new_key()).status == 403
    assert certificates(server, collector_id) == 1
    server.db.execute("SELECT pganalytics.revoke_certificate(%s)", f"{first.serial:x}")
    outcome = ask_enrollment(server, token, key, csr=csr)
    assert outcome.status in (200, 403), outcome
    # The worker refuses from the COMMIT on (403), the handshake fails milliseconds later (None).
    refused = attempt(server.port, Presented(first.sent, key), collector_id=collector_id).status
    assert refused in (403, None)


def test_same_request_at_once(server, name):
    """An impatient client that sends one request many times at once gets one certificate."""
    collector_id, token = enrollment_token(server, name)
    key = pki.new_key()
    csr = pki.signing_request(key)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: decided(lambda: ask_enrollment(server, token, key, csr=csr)),
                                range(8)))
    assert len({holder_of(outcome, key).certificate for outcome in answers}) == 1
    assert certificates(server, collector_id) == 1


@pytest.mark.parametrize("spoil", [
    "UPDATE pganalytics.enrollment_tokens SET expires_at = now() - interval '1 s' "
    "WHERE collector_id = %s",
    "SELECT pganalytics.revoke_enrollment_token(%s)",
    "SELECT pganalytics.set_collector_enabled(%s, false)",
    "DELETE FROM pganalytics.enrollment_tokens WHERE collector_id = %s"],
    ids=["expired", "revoked", "disabled", "deleted"])
def test_spoilt_token(server, name, spoil):
    collector_id, token = enrollment_token(server, name)
    server.db.execute(spoil, collector_id if "collector_id" in spoil else name)
    outcome = ask_enrollment(server, token, pki.new_key())
    assert outcome.status == 403, outcome
    assert certificates(server, collector_id) == 0


@pytest.mark.parametrize("change", [
    lambda t: t[:-1], lambda t: t + "0", lambda t: t.upper(), lambda t: "", lambda t: " " + t,
    lambda t: t[:-1] + chr(ord(t[-1]) ^ 1), lambda t: t + "\0", lambda t: "x" * 5000])
def test_wrong_token(server, name, change):
    collector_id, token = enrollment_token(server, name)
    outcome = ask_enrollment(server, change(token), pki.new_key())
    assert outcome.status in (400, 403, 422), outcome
    assert certificates(server, collector_id) == 0
    assert ask_enrollment(server, token, pki.new_key()).status == 200


def test_tokens_of_another_kind(server, name):
    """A collector's token or a registration secret cannot enrol, and an enrolment token cannot push."""
    opaque, = server.db.row("SELECT token FROM pganalytics.create_collector(%s)", name + " opaque")
    assert ask_enrollment(server, opaque, pki.new_key()).status == 403
    collector_id, token = enrollment_token(server, name)
    with Hostile(server.port) as hostile:
        assert hostile.push(collector_id, token).status == 403
    assert ask_enrollment(server, token, pki.new_key()).status == 200
    with Hostile(server.port) as hostile:
        assert hostile.push(collector_id, token).status == 403


def test_request_says_nothing_of_who(server, name):
    """Names and purposes in the request are ignored: the server decides them."""
    victim, _ = enrollment_token(server, name + " victim")
    collector_id, token = enrollment_token(server, name)
    key = pki.new_key()
    request = (x509.CertificateSigningRequestBuilder()
               .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, victim)]))
               .add_extension(x509.SubjectAlternativeName(
                   [x509.UniformResourceIdentifier(f"urn:uuid:{victim}")]), False)
               .add_extension(x509.BasicConstraints(True, None), True)
               .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
               .sign(key, hashes.SHA256()))
    body = json.dumps({"token": token, "csr": request.public_bytes(
        serialization.Encoding.PEM).decode()}).encode()
    with Hostile(server.port) as hostile:
        outcome = hostile.request("POST", ENROLL, body)
    holder = holder_of(outcome, key)
    made = x509.load_der_x509_certificate(holder.certificate)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == [f"urn:uuid:{collector_id}"]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    purposes = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert victim not in str(made.subject)


def test_key_of_another_collector(server, name):
    """A collector cannot enrol with another's key: the request must be signed by its own key."""
    collector_id, token = enrollment_token(server, name)
    key, other = pki.new_key(), pki.new_key()
    # A request for one key, signed by another key.
    request = pki.signing_request(key, signing_key=other)
    with Hostile(server.port) as hostile:
        outcome = hostile.request("POST", ENROLL,
                                  json.dumps({"token": token, "csr": request}).encode())
    assert outcome.status in (400, 422), outcome
    assert certificates(server, collector_id) == 0
    assert ask_enrollment(server, token, key).status == 200
