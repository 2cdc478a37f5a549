"""The worker's side of identity, seen from a gateway: what it tells, and how it decides.

The gateway is a puppet (puppet.py), so that everything may be said that a gateway could say.
"""
import base64
import contextlib
import datetime
import hashlib
import json
import os
import signal
import struct
import time
import uuid

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

import cluster
import product
import puppet
from cluster import wait_until
from puppet import BY_TOKEN, REGISTRATION, RENEWAL, credential


def point_of(key):
    return key.public_key().public_bytes(serialization.Encoding.X962,
                                         serialization.PublicFormat.UncompressedPoint)


def request_for_certificate(key=None):
    """request_for_certificate gives a CSR in DER."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever")])
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(
        key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class World:
    """World is a server with one ingest worker whose gateway is the test's."""

    def __init__(self, root):
        self.stage = puppet.Stage(root / "stage")
        self.cluster = product.Analytics(root, "puppet", {
            "pganalytics.ingest_workers": 1, "pganalytics.api_port": 0})
        self.cluster.command = [str(self.stage.postgres)]
        self.cluster.init().start()
        self.cluster.psql(f"CREATE DATABASE {product.DATABASE}")
        self.sql("CREATE EXTENSION pganalytics")
        self.gateway = None
        self.next_gateway()

    def sql(self, statement):
        return self.cluster.query(statement)

    def next_gateway(self):
        if self.gateway is not None:
            self.gateway.close()
        self.gateway = self.stage.gateway()
        self.gateway.take(puppet.CONFIG)
        self.first_identity = self.gateway.identity()
        self.gateway.ready()

    def configure(self, **settings):
        """configure changes settings, which the worker answers with another gateway."""
        self.cluster.configure({f"pganalytics.{name}": value for name, value in settings.items()})
        self.cluster.reload()
        self.next_gateway()

    def collector(self, name=None):
        """collector gives (UUID, token) of a new one."""
        made = self.cluster.create_collector(name or f"c-{uuid.uuid4()}")
        return uuid.UUID(made.collector_id), made.token

    def enrollment(self, name=None, valid_for="1 hour"):
        """enrollment gives (UUID, one-time token)."""
        row = self.sql("SELECT collector_id, token FROM pganalytics.create_enrollment_token("
                       f"'{name or uuid.uuid4()}', '{valid_for}')")
        collector_id, token = row.split("|")
        return uuid.UUID(collector_id), token

    def put_on_record(self, collector_id, der, state="active", ends="1 day"):
        """put_on_record writes down a certificate as the maintenance worker does."""
        revoked = "now(), 'unspecified'" if state == "revoked" else "NULL, NULL"
        self.sql("INSERT INTO pganalytics.certificates (serial, issuer, sha256, spki_sha256, kind, "
                 "collector_id, subject, not_before, not_after, state, revoked_at, "
                 f"revocation_reason, pem) VALUES ('{uuid.uuid4().hex}', 'aa', "
                 f"'\\x{hashlib.sha256(der).hexdigest()}', sha256('x'), 'collector', "
                 f"'{collector_id}', 'CN=x', now() - interval '2 days', now() + interval '{ends}', "
                 f"'{state}', {revoked}, 'PEM')")

    def with_certificate(self):
        """with_certificate gives (UUID, token, certificate, credential that shows it)."""
        collector_id, token = self.collector()
        der = os.urandom(64)
        self.put_on_record(collector_id, der)
        return collector_id, token, der, credential(certificate=der, subject=collector_id)

    def token_key(self):
        """token_key makes a key that signs from now on and gives (kid, key)."""
        key = ec.generate_private_key(ec.SECP256R1())
        kid = hashlib.sha256(point_of(key)).hexdigest()[:15]
        path = self.cluster.data / f"pganalytics_token_{kid}.key"
        product.write_secret(path, key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()).decode())
        self.sql("INSERT INTO pganalytics.token_keys (kid, public_key, signs_from, signs_until, "
                 f"verifies_until) VALUES ('{kid}', '\\x{point_of(key).hex()}', now(), "
                 "now() + interval '1 day', now() + interval '2 days')")
        return kid, key


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = cluster.make_root()
    one = World(root)
    yield one
    one.gateway.close()
    one.stage.close()
    one.cluster.remove()


@pytest.fixture
def gateway(world):
    return world.gateway


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token, key):
    """claims_of gives header and claims of a token, after its signature was verified."""
    header, claims, signature = token.split(".")
    raw = decoded(signature)
    assert len(raw) == 64
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"),
                                     int.from_bytes(raw[32:], "big"))
    key.public_key().verify(der, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    return json.loads(decoded(header)), json.loads(decoded(claims))


class TestIdentity:
    def wait_for(self, world, matches):
        """wait_for takes identities until one matches and gives how long that took."""
        began = time.monotonic()
        while not matches(world.gateway.identity()):
            assert time.monotonic() - began < 10
        return time.monotonic() - began

    def test_comes_before_the_gateway_is_ready(self, world):
        assert world.first_identity[0] >= 1

    def test_revoked_certificate_within_a_second(self, world, gateway):
        _, _, der, shown = world.with_certificate()
        assert gateway.authenticate(shown)[0] == 200
        digest = hashlib.sha256(der).digest()
        world.sql("UPDATE pganalytics.certificates SET state = 'revoked', revoked_at = now(), "
                  f"revocation_reason = 'keyCompromise' WHERE sha256 = '\\x{digest.hex()}'")
        status, _, message = gateway.authenticate(shown)
        assert (status, message) == (403, "client certificate was revoked")
        assert self.wait_for(world, lambda identity: digest in identity[2]) < 1

    def test_expired_revocations_are_left_out(self, world):
        collector_id, _ = world.collector()
        expired, alive = os.urandom(64), os.urandom(64)
        world.put_on_record(collector_id, expired, "revoked", "-1 second")
        world.put_on_record(collector_id, alive, "revoked")

        def holds(identity):
            assert hashlib.sha256(expired).digest() not in identity[2]
            assert identity[2] == sorted(identity[2])
            return hashlib.sha256(alive).digest() in identity[2]

        self.wait_for(world, holds)

    def test_token_keys_come_and_go(self, world):
        kid, key = world.token_key()
        self.wait_for(world, lambda identity: identity[1].get(kid) == point_of(key))
        world.sql(f"UPDATE pganalytics.token_keys SET revoked_at = now() WHERE kid = '{kid}'")
        self.wait_for(world, lambda identity: kid not in identity[1])

    def told(self, gateway):
        """told gives how often something was told until now, since it was last asked."""
        # A worker tells what is new before it takes the next frame.
        for _ in range(2):
            gateway.authenticate(credential("pga_x"))
        identities = [frame for frame in gateway.kept if frame[0] == puppet.IDENTITY]
        gateway.kept = [frame for frame in gateway.kept if frame[0] != puppet.IDENTITY]
        return len(identities)

    def test_nothing_is_told_of_a_rollback(self, world, gateway):
        change = "UPDATE pganalytics.collectors SET name = name"
        self.told(gateway)
        world.sql(f"BEGIN; {change}; ROLLBACK")
        assert self.told(gateway) == 0
        world.sql(change)
        assert self.told(gateway) == 1

    def test_strangers_make_nothing_be_told(self, world, gateway):
        """Else any word as a token would make every worker read and every gateway ask again."""
        name = f"c-{uuid.uuid4()}"
        _, used = world.enrollment(name)
        world.sql(f"SELECT pganalytics.revoke_enrollment_token('{name}')")
        secret = world.sql("SELECT secret FROM pganalytics.create_registration_secret("
                           f"'{uuid.uuid4()}')")
        self.told(gateway)
        for token in ("pge_x", used):
            assert gateway.enroll(BY_TOKEN, token, b"csr")["status"] == 403
        assert gateway.enroll(REGISTRATION, "pgr_x", name="new")["status"] == 403
        assert gateway.enroll(REGISTRATION, secret, name=name)["status"] == 409
        assert gateway.authenticate(credential("pga_x"))[0] == 403
        assert gateway.ask_token(credential("pga_x"))[0] == 403
        assert self.told(gateway) == 0


class TestWhoItIs:
    def test_nothing(self, gateway):
        status, _, message = gateway.authenticate(credential())
        assert (status, message) == (403, "a client certificate or a bearer token is needed")

    def test_opaque_token(self, world, gateway):
        collector_id, token = world.collector()
        assert gateway.authenticate(credential(token))[:2] == (200, collector_id.bytes)
        assert gateway.authenticate(credential(token + "x"))[0] == 403

    def test_certificate(self, world, gateway):
        collector_id, token, der, shown = world.with_certificate()
        assert gateway.authenticate(shown)[:2] == (200, collector_id.bytes)
        both = credential(token, der, subject=collector_id)
        assert gateway.authenticate(both)[:2] == (200, collector_id.bytes)
        unknown = credential(certificate=os.urandom(64), subject=collector_id)
        assert gateway.authenticate(unknown)[2] == "client certificate is not on record"

    def test_certificate_that_says_another_name(self, world, gateway):
        _, _, der, _ = world.with_certificate()
        other, _ = world.collector()
        status, _, message = gateway.authenticate(credential(certificate=der, subject=other))
        assert (status, message) == (403, "client certificate is on record for another collector")

    def test_certificate_and_token_of_two(self, world, gateway):
        collector_id, _, der, _ = world.with_certificate()
        other, token = world.collector()
        now = int(time.time())
        for shown in (credential(token, der, subject=collector_id),
                      credential(certificate=der, subject=collector_id, token_subject=other,
                                 issued_at=now, expires_at=now + 60)):
            status, _, message = gateway.authenticate(shown)
            assert status == 403
            assert message == "token is not known or belongs to another collector than the certificate"

    def test_certificate_that_has_expired(self, world, gateway):
        collector_id, _ = world.collector()
        der = os.urandom(64)
        world.put_on_record(collector_id, der, ends="-1 second")
        shown = credential(certificate=der, subject=collector_id)
        assert gateway.authenticate(shown)[2] == "client certificate has expired"

    @pytest.mark.parametrize("kind", ["server", "authority"])
    def test_certificate_of_another_kind(self, world, gateway, kind):
        collector_id, _, der, shown = world.with_certificate()
        world.sql(f"UPDATE pganalytics.certificates SET kind = '{kind}', collector_id = NULL "
                  f"WHERE collector_id = '{collector_id}'")
        assert gateway.authenticate(shown)[2] == "client certificate is not on record"

    def test_disabled(self, world, gateway):
        collector_id, token, der, shown = world.with_certificate()
        now = int(time.time())
        signed = credential(token_subject=collector_id, issued_at=now, expires_at=now + 60)
        for one in (shown, credential(token), signed):
            assert gateway.authenticate(one)[0] == 200
        world.sql(f"UPDATE pganalytics.collectors SET enabled = false "
                  f"WHERE collector_id = '{collector_id}'")
        for one in (shown, credential(token), signed):
            assert gateway.authenticate(one)[2] == "collector is disabled"

    def test_signed_token(self, world, gateway):
        collector_id, _ = world.collector()
        now = int(time.time())

        def outcome(**changes):
            values = {"token_subject": collector_id, "issued_at": now, "expires_at": now + 60}
            return gateway.authenticate(credential(**{**values, **changes}))[2]

        assert outcome() == ""
        assert outcome(token_subject=uuid.uuid4()) == "collector is not known"
        assert outcome(expires_at=now - 1) == "token has expired"
        # What no date can hold does not become one.
        for time_of in (-1, 1 << 62, -(1 << 63), (1 << 63) - 1):
            assert outcome(issued_at=time_of) == "token has expired"
            assert outcome(expires_at=time_of) == "token has expired"

    def test_opaque_and_signed_token_at_once(self, world, gateway):
        collector_id, token = world.collector()
        other, _ = world.collector()
        now = int(time.time())
        shown = credential(token, token_subject=other, issued_at=now, expires_at=now + 60)
        assert gateway.authenticate(shown)[0] == 403


class TestTokens:
    def test_what_it_says(self, world, gateway):
        kid, key = world.token_key()
        collector_id, token = world.collector()
        now = int(time.time())
        status, expires_at, signed, _ = gateway.ask_token(credential(token))
        assert status == 200
        header, claims = claims_of(signed, key)
        assert header == {"alg": "ES256", "typ": "JWT", "kid": kid}
        assert uuid.UUID(claims.pop("jti")).version == 4
        assert now <= claims["iat"] <= now + 5
        assert claims == {"iss": "pganalytics", "aud": "pganalytics-collector",
                          "sub": str(collector_id), "iat": claims["iat"],
                          "exp": claims["iat"] + 3600}
        assert expires_at == claims["exp"]
        _, _, another, _ = gateway.ask_token(credential(token))
        assert claims_of(another, key)[1]["jti"] != json.loads(decoded(signed.split(".")[1]))["jti"]
        with pytest.raises(InvalidSignature):
            claims_of(signed, ec.generate_private_key(ec.SECP256R1()))

    def test_bound_to_the_certificate(self, world, gateway):
        _, key = world.token_key()
        _, _, der, shown = world.with_certificate()
        status, _, signed, _ = gateway.ask_token(shown)
        assert status == 200
        digest = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
        assert claims_of(signed, key)[1]["cnf"] == {"x5t#S256": digest}

    def test_refused(self, world, gateway):
        world.token_key()
        collector_id, token = world.collector()
        assert gateway.ask_token(credential("pga_x"))[0] == 403
        assert gateway.ask_token(credential())[0] == 403
        world.sql(f"UPDATE pganalytics.collectors SET enabled = false "
                  f"WHERE collector_id = '{collector_id}'")
        status, _, signed, message = gateway.ask_token(credential(token))
        assert (status, signed, message) == (403, "", "collector is disabled")

    def test_grace_is_for_refreshing_alone(self, world, gateway):
        world.token_key()
        collector_id, _ = world.collector()
        now = int(time.time())
        grace = 7 * 86400

        def shown(expired_for):
            return credential(token_subject=collector_id, issued_at=now - grace - 7200,
                              expires_at=now - expired_for)

        assert gateway.ask_token(shown(60))[0] == 200
        assert gateway.ask_token(shown(grace - 60))[0] == 200
        assert gateway.ask_token(shown(grace + 1))[3] == "token has expired"
        assert gateway.authenticate(shown(60))[2] == "token has expired"

    def test_revoked(self, world, gateway):
        _, key = world.token_key()
        collector_id, token = world.collector("revoked")
        _, _, before, _ = gateway.ask_token(credential(token))

        def shown(signed):
            claims = claims_of(signed, key)[1]
            return credential(token_subject=collector_id, issued_at=claims["iat"],
                              expires_at=claims["exp"])

        assert gateway.authenticate(shown(before))[0] == 200
        world.sql("SELECT pganalytics.revoke_tokens('revoked')")
        assert gateway.authenticate(shown(before))[2] == "token was revoked"
        assert gateway.ask_token(shown(before))[3] == "token was revoked"
        assert gateway.authenticate(credential(token))[2] == "token is not known"
        # The next one is good at once, though the cut lies ahead.
        fresh = world.sql("SELECT token FROM pganalytics.rotate_token('revoked')")
        status, _, after, _ = gateway.ask_token(credential(fresh))
        assert status == 200
        assert gateway.authenticate(shown(after))[0] == 200
        assert gateway.authenticate(shown(before))[2] == "token was revoked"

    def test_key_that_cannot_be_used(self, world, gateway):
        _, usable = world.token_key()
        _, token = world.collector()
        for spoil in ("missing", "readable", "another", "garbage", "link"):
            kid, _ = world.token_key()
            path = world.cluster.data / f"pganalytics_token_{kid}.key"
            if spoil == "missing":
                path.unlink()
            elif spoil == "readable":
                path.chmod(0o644)
            elif spoil == "another":
                other = ec.generate_private_key(ec.SECP256R1())
                product.write_secret(path, other.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption()).decode())
            elif spoil == "garbage":
                product.write_secret(path, "x")
            else:
                real = path.with_suffix(".real")
                path.rename(real)
                path.symlink_to(real)
            # The one before it signs instead.
            status, _, signed, _ = gateway.ask_token(credential(token))
            assert status == 200, spoil
            claims_of(signed, usable)
            world.sql(f"DELETE FROM pganalytics.token_keys WHERE kid = '{kid}'")

    def test_no_key(self, world, gateway):
        _, token = world.collector()
        world.sql("UPDATE pganalytics.token_keys SET revoked_at = now()")
        try:
            # Unless the maintenance worker has made another one meanwhile.
            status, _, _, message = gateway.ask_token(credential(token))
            assert status == 200 or (status, message) == (503, "no key signs tokens yet")
        finally:
            world.token_key()
        assert gateway.ask_token(credential(token))[0] == 200


class TestEnrollment:
    def decide(self, world, csr):
        """decide waits until the maintenance worker has decided about a request; gives the PEM."""
        where = f"r.csr = '\\x{csr.hex()}'"
        wait_until(lambda: world.sql("SELECT 1 FROM pganalytics.certificate_requests r "
                                     f"WHERE {where}") != "", 10, "the request")
        wait_until(lambda: world.sql("SELECT 1 FROM pganalytics.certificate_requests r "
                                     f"WHERE {where} AND r.state <> 'pending'") != "", 10,
                   "the decision")
        return world.sql("SELECT c.pem FROM pganalytics.certificate_requests r JOIN "
                         f"pganalytics.certificates c USING (certificate_id) WHERE {where}")

    def enroll(self, world, *arguments, **options):
        """enroll asks, lets the request be decided, and gives the answer and the certificate."""
        csr = options.get("csr") or request_for_certificate()
        request = world.gateway.send_enrollment(*arguments, **{**options, "csr": csr})
        pem = self.decide(world, csr)
        return world.gateway.take_enrollment(request), pem

    def test_by_token(self, world, gateway):
        collector_id, token = world.enrollment()
        csr = request_for_certificate()
        answer, pem = self.enroll(world, BY_TOKEN, token, csr=csr)
        assert answer["status"] == 200
        assert answer["collector_id"] == collector_id.bytes
        assert answer["certificate"].strip() == pem.strip() != ""
        assert answer["token"] == "" and answer["message"] == ""
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
        assert abs(answer["expires_at"] - end.timestamp()) < 3600
        # An answer that was lost is given again; another request is not.
        assert gateway.enroll(BY_TOKEN, token, csr) == answer
        other = gateway.enroll(BY_TOKEN, token, request_for_certificate())
        assert (other["status"], other["message"]) == (403, "enrollment token was used before")
        assert other["certificate"] == "" and other["trust"] == ""

    def test_one_token_for_twenty(self, world, gateway):
        collector_id, token = world.enrollment()
        csrs = [request_for_certificate() for _ in range(20)]
        requests = [gateway.send_enrollment(BY_TOKEN, token, csr) for csr in csrs]
        refused = [gateway.take_enrollment(request) for request in requests[1:]]
        assert {answer["status"] for answer in refused} == {403}
        self.decide(world, csrs[0])
        assert gateway.take_enrollment(requests[0])["status"] == 200
        assert world.sql("SELECT count(*) FROM pganalytics.certificate_requests "
                         f"WHERE collector_id = '{collector_id}'") == "1"

    def test_tokens_that_are_not_good(self, world, gateway):
        csr = request_for_certificate()

        def outcome(token):
            answer = gateway.enroll(BY_TOKEN, token, csr)
            return answer["status"], answer["message"]

        assert outcome("pge_x") == (403, "enrollment token is not known")
        name = f"c-{uuid.uuid4()}"
        _, token = world.enrollment(name)
        world.sql(f"SELECT pganalytics.revoke_enrollment_token('{name}')")
        assert outcome(token) == (403, "enrollment token was revoked")
        _, token = world.enrollment(valid_for="1 microsecond")
        assert outcome(token) == (403, "enrollment token has expired")
        # A collector's own token is none.
        _, token = world.collector()
        assert outcome(token) == (403, "enrollment token is not known")

    def test_certificate_that_was_revoked_is_not_given_again(self, world, gateway):
        collector_id, token = world.enrollment()
        csr = request_for_certificate()
        assert self.enroll(world, BY_TOKEN, token, csr=csr)[0]["status"] == 200
        world.sql("UPDATE pganalytics.certificates SET state = 'revoked', revoked_at = now(), "
                  f"revocation_reason = 'superseded' WHERE collector_id = '{collector_id}'")
        assert gateway.enroll(BY_TOKEN, token, csr)["status"] == 403

    def test_request_that_the_authority_refuses(self, world, gateway):
        _, token = world.enrollment()
        csr = b"no request at all" + os.urandom(16)
        request = gateway.send_enrollment(BY_TOKEN, token, csr)
        self.decide(world, csr)
        answer = gateway.take_enrollment(request)
        assert answer["status"] == 422 and answer["message"] != ""

    @pytest.mark.parametrize("csr", [b"", b"x" * 4097, b"x" * 20000], ids=len)
    def test_request_of_a_wrong_size(self, world, gateway, csr):
        _, token = world.enrollment()
        assert gateway.enroll(BY_TOKEN, token, csr)["status"] == 422
        # The token is still good.
        assert self.enroll(world, BY_TOKEN, token)[0]["status"] == 200

    def test_renewal(self, world, gateway):
        collector_id, token, _, shown = world.with_certificate()
        csr = request_for_certificate()
        answer, pem = self.enroll(world, RENEWAL, shown=shown, csr=csr)
        assert (answer["status"], answer["collector_id"]) == (200, collector_id.bytes)
        assert answer["certificate"].strip() == pem.strip() != ""
        assert gateway.enroll(RENEWAL, csr=csr, shown=shown) == answer
        for other in (credential(token), credential(), credential(
                certificate=os.urandom(64), subject=collector_id)):
            assert gateway.enroll(RENEWAL, csr=csr, shown=other)["status"] == 403

    def test_renewal_without_end(self, world, gateway):
        _, _, _, shown = world.with_certificate()
        begin = os.urandom(16)
        requests = [gateway.send_enrollment(RENEWAL, csr=begin + bytes([i]), shown=shown)
                    for i in range(21)]
        last = gateway.take_enrollment(requests[-1])
        assert last["status"] == 429 and last["retry_after"] > 0
        self.decide_all(world, begin)
        assert {gateway.take_enrollment(request)["status"] for request in requests[:-1]} == {422}

    def registration(self, world, uses=5):
        return world.sql("SELECT secret FROM pganalytics.create_registration_secret("
                         f"'{uuid.uuid4()}', {uses})")

    def test_registration(self, world, gateway):
        secret, name = self.registration(world), f"old-{uuid.uuid4()}"
        answer, pem = self.enroll(world, REGISTRATION, secret, name=name)
        assert answer["status"] == 200
        assert answer["certificate"].strip() == pem.strip() != ""
        # It cannot renew: what it shows when that has expired would shut it out.
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=825)
        assert abs(answer["expires_at"] - end.timestamp()) < 3600
        status, collector_id, _ = gateway.authenticate(credential(answer["token"]))
        assert (status, collector_id) == (200, answer["collector_id"])
        # The name is taken, until an administrator opens it.
        again = gateway.enroll(REGISTRATION, secret, name=name)
        assert again["status"] == 409 and "allow_registration" in again["message"]
        world.sql(f"SELECT pganalytics.allow_registration('{name}')")
        once_more = gateway.enroll(REGISTRATION, secret, name=name)
        assert once_more["status"] == 200
        assert once_more["collector_id"] == answer["collector_id"]
        assert once_more["certificate"] == ""  # no request, no certificate
        assert gateway.authenticate(credential(answer["token"]))[0] == 403
        assert gateway.authenticate(credential(once_more["token"]))[0] == 200

    def test_registration_without_the_right(self, world, gateway):
        one = self.registration(world, uses=1)
        assert gateway.enroll(REGISTRATION, one, name=f"old-{uuid.uuid4()}")["status"] == 200
        used = gateway.enroll(REGISTRATION, one, name=f"old-{uuid.uuid4()}")
        assert used["status"] == 403 and used["token"] == ""
        assert gateway.enroll(REGISTRATION, "pgr_x", name="old")["status"] == 403
        secret = self.registration(world)
        for name in ("", "x" * 254, "a\nb", b"\xff\xfe", "a\0b"):
            assert gateway.enroll(REGISTRATION, secret, name=name)["status"] == 422, name

    def test_registration_that_gets_no_certificate(self, world, gateway):
        secret, name = self.registration(world), f"old-{uuid.uuid4()}"
        csr = b"no request at all" + os.urandom(16)
        request = gateway.send_enrollment(REGISTRATION, secret, csr, name=name)
        self.decide(world, csr)
        answer = gateway.take_enrollment(request)
        # A token is enough with mtls = optional: both certificate and key, or neither.
        assert (answer["status"], answer["certificate"]) == (200, "")
        assert gateway.authenticate(credential(answer["token"]))[0] == 200

    def decide_all(self, world, begin):
        """decide_all refuses every request that begins with these bytes, unless others were faster."""
        world.sql("UPDATE pganalytics.certificate_requests r SET state = 'refused', message = 'no', "
                  f"decided_at = now() WHERE r.state = 'pending' AND substr(r.csr, 1, {len(begin)}) "
                  f"= '\\x{begin.hex()}'")

    @contextlib.contextmanager
    def nobody_decides(self, world):
        """nobody_decides stops the maintenance worker meanwhile."""
        pid = int(world.sql("SELECT pid FROM pganalytics.workers WHERE kind = 'maintenance'"))
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def test_too_many_wait(self, world, gateway):
        begin, most = os.urandom(16), 64
        tokens = world.sql("SELECT t.token FROM generate_series(1, 70) n, "
                           "pganalytics.create_enrollment_token('many-' || n) t").split("\n")
        with self.nobody_decides(world):
            requests = [gateway.send_enrollment(BY_TOKEN, token, begin + os.urandom(16))
                        for token in tokens]
            for request in requests[most:]:
                answer = gateway.take_enrollment(request)
                assert (answer["status"], answer["message"]) == (503, "too many are enrolling")
                assert answer["retry_after"] > 0
            wait_until(lambda: world.sql("SELECT count(*) FROM pganalytics.certificate_requests r "
                                         "WHERE substr(r.csr, 1, 16) = "
                                         f"'\\x{begin.hex()}'") == str(most), 10, "all requests")
            self.decide_all(world, begin)
            for request in requests[:most]:
                assert gateway.take_enrollment(request)["status"] == 422
        # Those that were sent away come again with their tokens.
        assert self.enroll(world, BY_TOKEN, tokens[-1])[0]["status"] == 200

    def test_pushes_do_not_wait(self, world, gateway):
        """A request that nobody decides leaves the worker free."""
        _, token = world.enrollment()
        csr = b"y" * 40 + os.urandom(16)
        request = gateway.send_enrollment(BY_TOKEN, token, csr)
        began = time.monotonic()
        assert gateway.authenticate(credential("pga_x"))[0] == 403
        assert time.monotonic() - began < 5
        self.decide(world, csr)
        gateway.take_enrollment(request)

    @pytest.mark.parametrize("kind, payload", [
        (puppet.TOKEN_REQUEST, b"\0" * 152),
        (puppet.TOKEN_REQUEST, b"\0" * 168),
        (puppet.ENROLL_REQUEST, b""),
        (puppet.ENROLL_REQUEST, struct.pack("<II", 3, 0) + b"\0" * 216),
        (puppet.ENROLL_REQUEST, b"\0" * 200 + b"\xff" * 24)],
        ids=["cut", "more than a request", "empty", "unknown kind", "text longer than the frame"])
    def test_frames_that_are_none(self, world, kind, payload):
        """The gateway is ended, the worker is not."""
        worker = world.sql("SELECT pid FROM pganalytics.workers WHERE kind = 'ingest'")
        world.gateway.send(kind, payload)
        with pytest.raises((EOFError, ConnectionError)):
            world.gateway.take(puppet.ENROLL_REPLY)
        world.next_gateway()
        assert world.sql("SELECT pid FROM pganalytics.workers WHERE kind = 'ingest'") == worker


class TestSettings:
    """Each changes settings and puts them back: another gateway each time."""

    @pytest.fixture
    def configure(self, world):
        yield world.configure
        world.configure(mtls="optional", ssl_ca_file="", token_refresh_grace="7d")

    def test_certificate_is_required(self, world, configure):
        collector_id, token, der, shown = world.with_certificate()
        configure(mtls="required")
        now = int(time.time())
        for without in (credential(token), credential(token_subject=collector_id, issued_at=now,
                                                      expires_at=now + 60)):
            assert world.gateway.authenticate(without)[2] == "a client certificate is needed"
            assert world.gateway.ask_token(without)[0] == 403
        assert world.gateway.authenticate(shown)[0] == 200
        assert world.gateway.authenticate(credential(token, der, subject=collector_id))[0] == 200

    def test_registration_where_a_certificate_is_required(self, world, configure):
        """What could not be answered whole is taken back, and may be asked for again."""
        configure(mtls="required")
        enrollment = TestEnrollment()
        secret, name = enrollment.registration(world, uses=1), f"old-{uuid.uuid4()}"
        csr = b"no request at all" + os.urandom(16)
        request = world.gateway.send_enrollment(REGISTRATION, secret, csr, name=name)
        enrollment.decide(world, csr)
        answer = world.gateway.take_enrollment(request)
        assert (answer["status"], answer["token"]) == (503, "")
        answer, _ = enrollment.enroll(world, REGISTRATION, secret, name=name)
        assert answer["status"] == 200 and answer["certificate"] and answer["token"]

    def test_no_certificates_are_used(self, world, configure):
        _, token = world.enrollment()
        _, _, _, shown = world.with_certificate()
        configure(mtls="off")
        csr = request_for_certificate()
        for answer in (world.gateway.enroll(BY_TOKEN, token, csr),
                       world.gateway.enroll(RENEWAL, csr=csr, shown=shown)):
            assert answer["status"] == 403 and "pganalytics.mtls" in answer["message"]
        secret = TestEnrollment().registration(world)
        answer = world.gateway.enroll(REGISTRATION, secret, csr, name=f"old-{uuid.uuid4()}")
        assert (answer["status"], answer["certificate"]) == (200, "")
        assert answer["token"].startswith("pga_")

    def test_grace(self, world, configure):
        world.token_key()
        collector_id, _ = world.collector()
        configure(token_refresh_grace="0")
        now = int(time.time())
        expired = credential(token_subject=collector_id, issued_at=now - 60, expires_at=now - 1)
        assert world.gateway.ask_token(expired)[3] == "token has expired"


class TestGivenAuthority:
    """With another's authority a certificate is put on record at its first good use."""

    @pytest.fixture
    def given(self, world, tmp_path):
        path = world.stage.directory / "given.crt"
        path.write_text("whatever: the gateway reads it\n", encoding="ascii")
        world.configure(ssl_ca_file=path)
        yield world
        world.configure(ssl_ca_file="")

    def facts(self, der, **changes):
        now = int(time.time())
        return {"not_before": now - 60, "not_after": now + 3600, "serial": uuid.uuid4().hex,
                "issuer": "ab12", "subject": "CN=given", "certificate": der, **changes}

    def on_record(self, world, der):
        return world.sql("SELECT kind, state, subject, pem FROM pganalytics.certificates "
                         f"WHERE sha256 = '\\x{hashlib.sha256(der).hexdigest()}'")

    def test_recorded_and_revocable(self, given):
        collector_id, _ = given.collector()
        der = os.urandom(200)
        shown = credential(certificate=der, subject=collector_id)
        assert given.gateway.authenticate(shown, **self.facts(der))[:2] == (200, collector_id.bytes)
        kind, state, subject, pem = self.on_record(given, der).split("|")
        assert (kind, state, subject) == ("collector", "active", "CN=given")
        lines = pem.strip().split("\n")
        assert lines[0] == "-----BEGIN CERTIFICATE-----" and lines[-1] == "-----END CERTIFICATE-----"
        assert all(len(line) == 64 for line in lines[1:-2]) and len(lines[-2]) <= 64
        assert base64.b64decode("".join(lines[1:-1])) == der
        # Now it is known without being told of.
        assert given.gateway.authenticate(shown)[0] == 200
        given.sql("UPDATE pganalytics.certificates SET state = 'revoked', revoked_at = now(), "
                  "revocation_reason = 'keyCompromise' "
                  f"WHERE sha256 = '\\x{hashlib.sha256(der).hexdigest()}'")
        status, _, message = given.gateway.authenticate(shown, **self.facts(der))
        assert (status, message) == (403, "client certificate was revoked")

    def test_not_recorded(self, given):
        collector_id, token = given.collector()
        other, other_token = given.collector()
        disabled, _ = given.collector()
        given.sql("UPDATE pganalytics.collectors SET enabled = false "
                  f"WHERE collector_id = '{disabled}'")
        first = os.urandom(200)
        taken = self.facts(first)
        assert given.gateway.authenticate(credential(certificate=first, subject=collector_id),
                                          **taken)[0] == 200
        for name, options, changes in (
                ("no collector of that name", {"subject": uuid.uuid4()}, {}),
                ("disabled", {"subject": disabled}, {}),
                ("token of another", {"subject": collector_id, "token": other_token}, {}),
                ("nothing said", {"subject": collector_id}, {"serial": "", "issuer": ""}),
                ("serial is no number", {"subject": collector_id}, {"serial": "xyz"}),
                ("serial is too long", {"subject": collector_id}, {"serial": "1" * 41}),
                ("issuer", {"subject": collector_id}, {"issuer": "'; --"}),
                ("times", {"subject": collector_id}, {"not_after": 1 << 62}),
                ("subject", {"subject": collector_id}, {"subject": b"\xff"}),
                ("no certificate", {"subject": collector_id}, {"certificate": b""}),
                ("a serial number twice", {"subject": collector_id},
                 {"serial": taken["serial"], "issuer": taken["issuer"]})):
            der = os.urandom(200)
            shown = credential(certificate=der, **options)
            status, _, message = given.gateway.authenticate(shown, **self.facts(der, **changes))
            assert status == 403, (name, message)
            assert self.on_record(given, der) == "", name

    def test_not_where_certificates_are_issued(self, world):
        collector_id, _ = world.collector()
        der = os.urandom(200)
        status, _, message = world.gateway.authenticate(
            credential(certificate=der, subject=collector_id), **self.facts(der))
        assert (status, message) == (403, "client certificate is not on record")
        assert self.on_record(world, der) == ""

    def test_enrolment_is_somebody_elses(self, given):
        _, token = given.enrollment()
        answer = given.gateway.enroll(BY_TOKEN, token, request_for_certificate())
        assert answer["status"] == 403 and "ssl_ca_file" in answer["message"]
