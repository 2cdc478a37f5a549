"""The worker's side of identity, as a gateway sees it: the identities it sends and its decisions.

The gateway is a puppet (puppet.py), so the test can send everything that a gateway could send.
"""
import base64
import hashlib
import json
import os
import time
import uuid

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import pki
import product
from bad_tokens import confirmation, unb64
from identity_world import gateway, world  # noqa: F401
from worker_frames import BY_TOKEN, IDENTITY, REGISTRATION, credential


def claims_of(token, key):
    """claims_of verifies a token's signature and gives its header and claims."""
    header, claims, signature = token.split(".")
    raw = unb64(signature)
    assert len(raw) == 64
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"),
                                     int.from_bytes(raw[32:], "big"))
    key.public_key().verify(der, f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    return json.loads(unb64(header)), json.loads(unb64(claims))


class TestIdentity:
    def wait_for(self, world, matches):
        """wait_for takes identity frames until one matches, and gives the seconds that took."""
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
        self.wait_for(world, lambda identity: identity[1].get(kid) == pki.point(key))
        world.sql(f"UPDATE pganalytics.token_keys SET revoked_at = now() WHERE kid = '{kid}'")
        self.wait_for(world, lambda identity: kid not in identity[1])

    def told(self, gateway):
        """told gives the number of identity frames that the worker has sent since the last call."""
        # The worker sends changed identities before it takes the next frame.
        for _ in range(2):
            gateway.authenticate(credential("pga_x"))
        identities = [frame for frame in gateway.kept if frame[0] == IDENTITY]
        gateway.kept = [frame for frame in gateway.kept if frame[0] != IDENTITY]
        return len(identities)

    def test_nothing_is_told_of_a_rollback(self, world, gateway):
        change = "UPDATE pganalytics.collectors SET name = name"
        self.told(gateway)
        world.sql(f"BEGIN; {change}; ROLLBACK")
        assert self.told(gateway) == 0
        world.sql(change)
        assert self.told(gateway) == 1

    def test_strangers_make_nothing_be_told(self, world, gateway):
        """Otherwise a wrong token would make every worker and gateway reload identities."""
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
        # A time outside the range of timestamptz is treated as expired.
        for time_of in (-1, 1 << 62, -(1 << 63), (1 << 63) - 1):
            assert outcome(issued_at=time_of) == "token has expired"
            assert outcome(expires_at=time_of) == "token has expired"

    def test_opaque_and_signed_token_at_once(self, world, gateway):
        collector_id, token = world.collector()
        other, _ = world.collector()
        now = int(time.time())
        shown = credential(token, token_subject=other, issued_at=now, expires_at=now + 60)
        assert gateway.authenticate(shown)[0] == 403

    def test_each_push_is_asked_again(self, world, gateway):
        """The worker checks every push again, whatever the gateway has checked or not."""
        collector_id, token, der, shown = world.with_certificate()
        assert gateway.push(collector_id, shown) == (200, "")
        assert gateway.push(collector_id, credential()) == (
            403, "a client certificate or a bearer token is needed")
        world.sql("UPDATE pganalytics.certificates SET state = 'revoked', revoked_at = now(), "
                  f"revocation_reason = 'superseded' WHERE collector_id = '{collector_id}'")
        assert gateway.push(collector_id, shown) == (403, "client certificate was revoked")
        assert gateway.push(collector_id, credential(token)) == (200, "")
        world.sql(f"UPDATE pganalytics.collectors SET enabled = false WHERE collector_id = '{collector_id}'")
        assert gateway.push(collector_id, credential(token)) == (403, "collector is disabled")
        assert world.sql("SELECT count(*) FROM pganalytics.push_ledger "
                         f"WHERE collector_id = '{collector_id}'") == "2"

    def test_gateway_names_another_collector(self, world, gateway):
        """A gateway that names another collector still needs that collector's credentials."""
        collector_id, token = world.collector()
        other, _ = world.collector()
        assert gateway.push(collector_id, credential(token)) == (200, "")
        assert gateway.figures(collector_id, credential(token))[0] == 200
        status, message = gateway.push(other, credential(token))
        assert (status, message) == (403, "push comes from another collector than it names")
        assert gateway.figures(other, credential(token)) == (403, "collector is not known")
        pushes = dict(line.split("|") for line in world.sql(
            "SELECT collector_id, count(*) FROM pganalytics.push_ledger GROUP BY 1").splitlines())
        assert pushes.get(str(collector_id)) == "1" and str(other) not in pushes


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
        assert claims_of(another, key)[1]["jti"] != json.loads(unb64(signed.split(".")[1]))["jti"]
        with pytest.raises(InvalidSignature):
            claims_of(signed, pki.new_key())

    def test_bound_to_the_certificate(self, world, gateway):
        _, key = world.token_key()
        _, _, der, shown = world.with_certificate()
        status, _, signed, _ = gateway.ask_token(shown)
        assert status == 200
        assert claims_of(signed, key)[1]["cnf"] == confirmation(der)

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
        # A new token is valid at once, although the cutoff lies ahead.
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
                product.write_secret(path, pki.key_pem(pki.new_key()))
            elif spoil == "garbage":
                product.write_secret(path, "x")
            else:
                real = path.with_suffix(".real")
                path.rename(real)
                path.symlink_to(real)
            # The previous key signs instead.
            status, _, signed, _ = gateway.ask_token(credential(token))
            assert status == 200, spoil
            claims_of(signed, usable)
            world.sql(f"DELETE FROM pganalytics.token_keys WHERE kid = '{kid}'")

    def test_no_key(self, world, gateway):
        _, token = world.collector()
        world.sql("UPDATE pganalytics.token_keys SET revoked_at = now()")
        try:
            # The maintenance worker may have made another key meanwhile: then the status is 200.
            status, _, _, message = gateway.ask_token(credential(token))
            assert status == 200 or (status, message) == (503, "no key signs tokens yet")
        finally:
            world.token_key()
        assert gateway.ask_token(credential(token))[0] == 200


class TestGivenAuthority:
    """With a corporate authority a certificate is recorded when it is first used with success."""

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
        # The certificate is recorded now, so its facts need not be sent again.
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
        answer = given.gateway.enroll(BY_TOKEN, token, pki.signing_request_der(pki.new_key()))
        assert answer["status"] == 403 and "ssl_ca_file" in answer["message"]
