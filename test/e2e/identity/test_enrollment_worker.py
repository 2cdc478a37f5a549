"""Certificate requests as a gateway sends them: who gets a certificate, and the other outcomes.

The gateway is a puppet (puppet.py), so the test can send everything that a gateway could send.
"""
import contextlib
import datetime
import os
import signal
import struct
import time
import uuid

import pytest

import pki
from cluster import wait_until
from identity_world import gateway, world  # noqa: F401
from worker_frames import (BY_TOKEN, ENROLL_REPLY, ENROLL_REQUEST, LOG, REFUSED, REGISTRATION, RENEWAL,
                           TOKEN_REQUEST, credential, packed_address, text)

ONLY_A_WORKER_S = 13  # the first kind of refusal that only a worker may record


def refused(kind, count=1, address="192.0.2.7", collector=bytes(16), route=""):
    """refused packs a frame in which a gateway reports refusals to its worker."""
    payload = struct.pack("<IIQ16s16s", kind, 0, count, packed_address(address), collector)
    payload += text(route)
    return payload + b"\0" * (-len(payload) % 8)


def new_request():
    return pki.signing_request_der(pki.new_key())


class TestEnrollment:
    def decide(self, world, csr):
        """decide waits for the maintenance worker's decision on a request, and gives the PEM."""
        where = f"r.csr = '\\x{csr.hex()}'"
        wait_until(lambda: world.sql("SELECT 1 FROM pganalytics.certificate_requests r "
                                     f"WHERE {where}") != "", 10, "the request")
        wait_until(lambda: world.sql("SELECT 1 FROM pganalytics.certificate_requests r "
                                     f"WHERE {where} AND r.state <> 'pending'") != "", 10,
                   "the decision")
        return world.sql("SELECT c.pem FROM pganalytics.certificate_requests r JOIN "
                         f"pganalytics.certificates c USING (certificate_id) WHERE {where}")

    def enroll(self, world, *arguments, **options):
        """enroll sends a request, waits for the decision, and gives the answer and the certificate."""
        csr = options.get("csr") or new_request()
        request = world.gateway.send_enrollment(*arguments, **{**options, "csr": csr})
        pem = self.decide(world, csr)
        return world.gateway.take_enrollment(request), pem

    def test_by_token(self, world, gateway):
        collector_id, token = world.enrollment()
        csr = new_request()
        answer, pem = self.enroll(world, BY_TOKEN, token, csr=csr)
        assert answer["status"] == 200
        assert answer["collector_id"] == collector_id.bytes
        assert answer["certificate"].strip() == pem.strip() != ""
        assert answer["token"] == "" and answer["message"] == ""
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
        assert abs(answer["expires_at"] - end.timestamp()) < 3600
        # The same request gets the same answer again, which may have been lost; another request
        # does not.
        assert gateway.enroll(BY_TOKEN, token, csr) == answer
        other = gateway.enroll(BY_TOKEN, token, new_request())
        assert (other["status"], other["message"]) == (403, "enrollment token was used before")
        assert other["certificate"] == "" and other["trust"] == ""

    def test_one_token_for_twenty(self, world, gateway):
        collector_id, token = world.enrollment()
        csrs = [new_request() for _ in range(20)]
        requests = [gateway.send_enrollment(BY_TOKEN, token, csr) for csr in csrs]
        refused = [gateway.take_enrollment(request) for request in requests[1:]]
        assert {answer["status"] for answer in refused} == {403}
        self.decide(world, csrs[0])
        assert gateway.take_enrollment(requests[0])["status"] == 200
        assert world.sql("SELECT count(*) FROM pganalytics.certificate_requests "
                         f"WHERE collector_id = '{collector_id}'") == "1"

    def test_tokens_that_are_not_good(self, world, gateway):
        csr = new_request()

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
        # A collector's own token is no enrolment token.
        _, token = world.collector()
        assert outcome(token) == (403, "enrollment token is not known")

    def test_certificate_that_was_revoked_is_not_given_again(self, world, gateway):
        collector_id, token = world.enrollment()
        csr = new_request()
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
        # The refusal has not used the token.
        assert self.enroll(world, BY_TOKEN, token)[0]["status"] == 200

    def test_renewal(self, world, gateway):
        collector_id, token, _, shown = world.with_certificate()
        csr = new_request()
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
        # A v3 collector cannot renew and would be shut out when its certificate expires: so it
        # lives 825 days.
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=825)
        assert abs(answer["expires_at"] - end.timestamp()) < 3600
        status, collector_id, _ = gateway.authenticate(credential(answer["token"]))
        assert (status, collector_id) == (200, answer["collector_id"])
        # The name is taken until an administrator allows another registration.
        again = gateway.enroll(REGISTRATION, secret, name=name)
        assert again["status"] == 409 and "allow_registration" in again["message"]
        world.sql(f"SELECT pganalytics.allow_registration('{name}')")
        once_more = gateway.enroll(REGISTRATION, secret, name=name)
        assert once_more["status"] == 200
        assert once_more["collector_id"] == answer["collector_id"]
        assert once_more["certificate"] == ""  # without a certificate request there is no certificate
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
        # With mtls = optional a token is enough: the answer has certificate and key, or neither.
        assert (answer["status"], answer["certificate"]) == (200, "")
        assert gateway.authenticate(credential(answer["token"]))[0] == 200

    def decide_all(self, world, begin):
        """decide_all refuses every pending request that begins with these bytes."""
        world.sql("UPDATE pganalytics.certificate_requests r SET state = 'refused', message = 'no', "
                  f"decided_at = now() WHERE r.state = 'pending' AND substr(r.csr, 1, {len(begin)}) "
                  f"= '\\x{begin.hex()}'")

    @contextlib.contextmanager
    def nobody_decides(self, world):
        """nobody_decides stops the maintenance worker during a with block."""
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
        # A refused collector can retry with its token.
        assert self.enroll(world, BY_TOKEN, tokens[-1])[0]["status"] == 200

    def test_pushes_do_not_wait(self, world, gateway):
        """The worker serves others while a request waits for its decision."""
        _, token = world.enrollment()
        csr = b"y" * 40 + os.urandom(16)
        request = gateway.send_enrollment(BY_TOKEN, token, csr)
        began = time.monotonic()
        assert gateway.authenticate(credential("pga_x"))[0] == 403
        assert time.monotonic() - began < 5
        self.decide(world, csr)
        gateway.take_enrollment(request)

    @pytest.mark.parametrize("kind, payload", [
        (TOKEN_REQUEST, b"\0" * 168),
        (TOKEN_REQUEST, b"\0" * 184),
        (ENROLL_REQUEST, b""),
        (REFUSED, refused(9999)),
        (REFUSED, refused(ONLY_A_WORKER_S)),
        (REFUSED, refused(0, count=0)),
        (REFUSED, refused(0, count=1 << 60)),
        (REFUSED, refused(0, route="GET /\n")),
        (REFUSED, refused(0, route="x" * 64)),
        (REFUSED, refused(0)[:-8]),
        (LOG, struct.pack("<I", 0) + text("it serves\n2026-11-22 08:54:22 UTC [1] LOG:  forged")),
        (LOG, struct.pack("<I", 1) + text("\x1b[2J")),
        (LOG, struct.pack("<I", 1) + text(b"\xff")),
        (ENROLL_REQUEST, struct.pack("<II", 3, 0) + b"\0" * 232),
        (ENROLL_REQUEST, b"\0" * 216 + b"\xff" * 24)],
        ids=["cut", "more than a request", "empty", "unknown refusal", "refusal that is not a gateway's",
             "no refusal", "too many refusals", "route with a line in it", "long route", "cut refusal",
             "line of the log that is two", "line of the log with an escape", "line that is no text",
             "unknown kind", "text longer than the frame"])
    def test_frames_that_are_none(self, world, kind, payload):
        """The worker ends a gateway that sends an invalid frame, and itself goes on."""
        worker = world.sql("SELECT pid FROM pganalytics.workers WHERE kind = 'ingest'")
        world.gateway.send(kind, payload)
        with pytest.raises((EOFError, ConnectionError)):
            world.gateway.take(ENROLL_REPLY)
        world.next_gateway()
        assert world.sql("SELECT pid FROM pganalytics.workers WHERE kind = 'ingest'") == worker


class TestSettings:
    """Each test changes settings and restores them, so each has another gateway."""

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
        """A registration that gets no certificate is undone, and the collector can register again."""
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
        csr = new_request()
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


class TestRefusals:
    """The worker summarizes the refusals that a gateway reports, so a gateway cannot fill the audit log."""

    def test_a_push_that_names_another(self, world, gateway):
        """The worker records the collector of the credential, whichever collector the push names."""
        (own, token), (other, _) = world.collector(), world.collector()
        mark = world.sql("SELECT coalesce(max(id), 0) FROM pganalytics.audit_log")
        assert gateway.push(other, credential(token, address="192.0.2.8"))[0] == 403
        world.sql(f"UPDATE pganalytics.collectors SET enabled = false WHERE collector_id = '{own}'")
        assert gateway.push(own, credential(token, address="192.0.2.8"))[0] == 403
        told = ("SELECT event, details->>'reason' FROM pganalytics.audit_log "
                f"WHERE id > {mark} AND address = '192.0.2.8' ORDER BY id")
        wait_until(lambda: world.sql(told).count("|") == 2, 10, "both")
        assert world.sql(told).splitlines() == [
            "access.violation|the push comes from another collector than it names",
            "access.denied|the collector is disabled"]

    def test_a_flood_of_frames(self, world, gateway):
        kinds = range(ONLY_A_WORKER_S)
        mark = world.sql("SELECT coalesce(max(id), 0) FROM pganalytics.audit_log")
        for number in range(3000):
            gateway.send(REFUSED, refused(number % len(kinds), 7,
                                          f"10.1.{number // 250}.{number % 250}",
                                          uuid.uuid4().bytes, f"GET /{number}"))
        assert gateway.authenticate(credential("pga_x"))[0] == 403
        # At its end the audit worker stores all counts.
        worker = world.sql("SELECT pid FROM pganalytics.workers WHERE kind = 'audit'")
        world.sql(f"SELECT pg_terminate_backend({worker})")
        # Refusals of earlier tests have another address.
        told = ("SELECT count(*), sum((details->>'count')::bigint) FROM pganalytics.audit_log "
                f"WHERE id > {mark} AND details ? 'count' AND address IS DISTINCT FROM '192.0.2.7' "
                "AND details->>'reason' <> 'a token that is not known'")
        wait_until(lambda: world.sql(told).split("|")[1] == str(3000 * 7), 20, "all of them")
        assert int(world.sql(told).split("|")[0]) < 300
