"""Certificates of every bad kind are refused on TLS 1.2 and 1.3, with and without a good token; 0 rows."""
import uuid

import pytest

import bad_certificates
import cluster
from hostile import Stored, attempt
from raw_tls import TLS12, TLS13, Presented

VERSIONS = [TLS12, TLS13]


class Site:
    """Site is a server that trusts authorities of the test, and the credentials of its collectors."""

    def __init__(self, make_server, root):
        self.world = bad_certificates.World()
        file = root / "given-ca.pem"
        file.write_text(self.world.trusted)
        cluster.own(file)
        self.server = make_server("bad-certificates", ssl_ca_file=file, ingest_workers=1)
        self.own = self.server.collector()
        other, disabled = self.server.collector(), self.server.collector()
        self.server.db.execute("UPDATE pganalytics.collectors SET enabled = false "
                               "WHERE collector_id = %s", disabled.collector_id)
        self.world.own, self.world.other = self.own.collector_id, other.collector_id
        self.world.disabled, self.world.unknown = disabled.collector_id, str(uuid.uuid4())
        self.good = self.world.root.leaf(self.world.own)

    def attempt(self, presented, version, **options):
        return attempt(self.server.port, presented, version, self.own.collector_id, **options)

    def good_one_is_stored(self, version, stored):
        """good_one_is_stored shows that a push with a good certificate is stored at this point."""
        assert self.attempt(Presented(self.good.sent, self.good.key), version).status == 200
        stored.something()


@pytest.fixture(scope="module")
def site(make_server, root):
    return Site(make_server, root)


def test_there_are_enough_kinds():
    print(f"\n{len(bad_certificates.KINDS)} kinds of bad certificates")
    assert len(bad_certificates.KINDS) >= 40


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", bad_certificates.KINDS)
def test_bad_certificate(site, kind, version):
    """A bad certificate is refused alone, and a good token does not make up for it."""
    stored = Stored(site.server)
    refused, make = bad_certificates.KINDS[kind]
    for token in (None, site.own.token):
        outcome = site.attempt(make(site.world), version, token=token)
        if refused == "tls":
            assert outcome.status is None, outcome
        else:
            assert outcome.status == 403, outcome
    stored.nothing()
    site.good_one_is_stored(version, stored)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", bad_certificates.GOOD)
def test_good_certificate(site, kind, version):
    stored = Stored(site.server)
    good = bad_certificates.GOOD[kind](site.world)
    assert site.attempt(Presented(good.sent, good.key), version).status == 200
    stored.something()
