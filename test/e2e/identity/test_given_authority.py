"""A corporate authority: its revocation lists, and the recording of certificates at first sight."""
import os
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (decode_dss_signature,
                                                             encode_dss_signature)

import cluster
import der
import pki
from bad_certificates import parts_of, show
from bad_tokens import ORDER
from hostile import Hostile, Stored, attempt
from identities import ask_enrollment, enrollment_token
from raw_tls import TLS12, TLS13


class Site:
    def __init__(self, make_server, root):
        self.ca = pki.Authority("Corporate CA")
        self.middle = pki.Authority("Corporate Issuing CA", issuer=self.ca)
        ca_file = root / "corporate.pem"
        self.crl_file = root / "corporate-crl.pem"
        ca_file.write_text(pki.pem(self.ca.certificate))
        cluster.own(ca_file)
        self.write_lists()
        self.server = make_server("given-authority", ssl_ca_file=ca_file,
                                  ssl_crl_file=self.crl_file, ingest_workers=1)
        self.own = self.server.collector()

    def write_lists(self, revoked=(), middle_revoked=(), **options):
        """write_lists replaces the whole file at once, as a program that fetches lists would."""
        temporary = self.crl_file.with_suffix(".new")
        temporary.write_text(self.ca.revocation_list(middle_revoked, **options) +
                             self.middle.revocation_list(revoked, **options))
        cluster.own(temporary)
        os.rename(temporary, self.crl_file)

    def reload(self):
        """reload has the server read the lists, and waits until new gateways serve with them."""
        self.server.configure()

    def attempt(self, holder, version=TLS13, **options):
        return attempt(self.server.port, show(holder), version, self.own.collector_id, **options)

    def leaf(self):
        return self.middle.leaf(self.own.collector_id)


@pytest.fixture(scope="module")
def site(make_server, root):
    return Site(make_server, root)


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_revoked_by_a_list(site, version):
    """A listed certificate is refused from the reload on, on open connections too."""
    holder, innocent = site.leaf(), site.leaf()
    stored = Stored(site.server)
    assert site.attempt(holder, version).status == 200
    stored.something()
    with Hostile(site.server.port, show(holder), version) as live, \
            Hostile(site.server.port, show(holder), version) as idle:
        assert live.push(site.own.collector_id).status == 200
        assert idle.request("GET", "/api/v1/health").status == 200
        stored.something()
        site.write_lists([holder.serial])
        site.reload()
        outcome = live.push(site.own.collector_id)
        assert outcome.status == 403 or outcome.end, outcome
        assert idle.is_closed(timeout=2)
        outcome = site.attempt(holder, version, token=site.own.token)
        assert outcome.status is None, outcome
        stored.nothing()
        assert site.attempt(innocent, version).status == 200
    site.write_lists()
    site.reload()
    assert site.attempt(holder, version).status == 200


def test_revoked_intermediate(site):
    stored = Stored(site.server)
    site.write_lists(middle_revoked=[serial_of(site.middle)])
    site.reload()
    try:
        assert site.attempt(site.leaf()).status is None
        stored.nothing()
    finally:
        site.write_lists()
        site.reload()
    assert site.attempt(site.leaf()).status == 200


def serial_of(authority):
    return pki.Holder(authority.key, authority.certificate).serial


@pytest.mark.parametrize("times", [
    {"this_update": pki.now() - 9 * pki.DAY, "next_update": pki.now() - pki.DAY},
    {"this_update": pki.now() + pki.DAY, "next_update": pki.now() + 9 * pki.DAY}],
    ids=["expired", "of tomorrow"])
def test_list_out_of_its_time(site, times):
    """While the list is not valid, certificates are refused, because one may be revoked; the log says why."""
    stored, before = Stored(site.server), len(site.server.cluster.log_text())
    site.write_lists(**times)
    site.reload()
    try:
        assert site.attempt(site.leaf()).status is None
        stored.nothing()
        # A client without a certificate is not affected.
        assert attempt(site.server.port, collector_id=site.own.collector_id,
                       token=site.own.token).status == 200
        log = site.server.log_since(before)
        assert "revocation list" in log.lower() or "crl" in log.lower(), log
    finally:
        site.write_lists()
        site.reload()
    assert site.attempt(site.leaf()).status == 200


def test_list_of_one_authority_missing(site):
    """Every authority in the chain must have a list."""
    stored = Stored(site.server)
    site.crl_file.write_text(site.ca.revocation_list())
    site.reload()
    try:
        assert site.attempt(site.leaf()).status is None
        stored.nothing()
    finally:
        site.write_lists()
        site.reload()


@pytest.mark.parametrize("content", ["", "no list\n", None], ids=["empty", "garbage", "missing"])
def test_file_that_cannot_be_read(site, content):
    """The running gateway keeps the lists that it has, and last_error shows the reason."""
    revoked = site.leaf()
    site.write_lists([revoked.serial])
    site.reload()
    if content is None:
        site.crl_file.unlink()
    else:
        site.crl_file.write_text(content)
    site.server.cluster.reload()
    try:
        cluster.wait_until(lambda: site.server.workers("last_error")[0][0], 10, "an error")
        assert site.attempt(site.leaf()).status == 200
        assert site.attempt(revoked).status is None
    finally:
        site.write_lists()
        site.reload()
    assert site.attempt(revoked).status == 200


def test_certificate_is_recorded_at_first_sight(site):
    holder = site.leaf()
    count = ("SELECT count(*) FROM pganalytics.certificates WHERE sha256 = %s "
             "AND collector_id = %s AND state = 'active'")
    digest = pki.sha256(holder.certificate)
    assert site.server.db.value(count, digest, site.own.collector_id) == 0
    assert site.attempt(holder).status == 200
    assert site.server.db.value(count, digest, site.own.collector_id) == 1


def other_signature(holder):
    """other_signature is the same certificate with the other valid ECDSA signature, (r, n - s)."""
    tbs, algorithm, bits = parts_of(holder.certificate)
    r, s = decode_dss_signature(der.content_of(bits)[1:])
    changed = encode_dss_signature(r, ORDER - s)
    return holder.with_(der.sequence(tbs, algorithm, der.bits(changed)))


def long_form(holder):
    return holder.with_(der.long_length(holder.certificate))


def indefinite_form(holder):
    return holder.with_(der.indefinite(holder.certificate))


@pytest.mark.parametrize("disguise", [None, other_signature, long_form, indefinite_form])
def test_revoked_here_in_disguise(site, disguise):
    """Other bytes are the same certificate: a signature has two forms, and a certificate many encodings."""
    holder = site.leaf()
    assert site.attempt(holder).status == 200
    serial = f"{holder.serial:x}"
    with Hostile(site.server.port, show(holder)) as live:
        assert live.push(site.own.collector_id).status == 200
        began = time.monotonic()
        site.server.db.execute("SELECT pganalytics.revoke_certificate(%s, 'keyCompromise')", serial)
        outcome = live.push(site.own.collector_id)
        assert outcome.status == 403 or outcome.end, outcome
        assert live.is_closed() and time.monotonic() - began < 1
    stored = Stored(site.server)
    shown = disguise(holder) if disguise else holder
    for version in (TLS12, TLS13):
        for token in (None, site.own.token):
            outcome = site.attempt(shown, version, token=token)
            assert outcome.status in (None, 403), outcome
    stored.nothing()


def test_nothing_is_issued_here(site):
    """Without the authority's key enrolment is refused with a clear reason, and the token is not used."""
    _, token = enrollment_token(site.server, "wants a certificate")
    outcome = ask_enrollment(site.server, token, pki.new_key())
    assert outcome.status in (403, 503), outcome
    assert "authority" in outcome.json["detail"], outcome
    assert site.server.db.value("SELECT count(*) FROM pganalytics.enrollment_tokens "
                                "WHERE used_at IS NOT NULL") == 0
