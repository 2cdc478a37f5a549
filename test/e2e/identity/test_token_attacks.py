"""Signed tokens of every bad kind are refused with 403 on TLS 1.2 and 1.3, and 0 rows are stored."""
import hashlib
import json
import time

import pytest

import bad_tokens
from bad_tokens import b64, collector_claims
from cluster import wait_until
from hostile import Hostile, Stored, attempt
from identities import REFRESH, enroll, forge_for, token_key
from raw_tls import TLS12, TLS13, Presented

VERSIONS = [TLS12, TLS13]
# A refresh accepts these tokens, because their grace has not passed.
REFRESHABLE = ("expired a second ago", "expired long ago")
# Values that are not even valid HTTP headers.
MALFORMED = {"byte above 127": (400, 403), "20 kB": (403, 431)}


class Site:
    def __init__(self, make_server):
        self.server = make_server("token-attacks", ingest_workers=1)
        self.own = enroll(self.server, "own")
        self.other = enroll(self.server, "other")

    @property
    def forge(self):
        return forge_for(self.server, self.own.collector_id, self.other.collector_id)

    def push(self, authorization, presented=Presented(), version=TLS13, collector_id=None):
        return attempt(self.server.port, presented, version, collector_id or self.own.collector_id,
                       headers=[("Authorization", authorization)] if authorization else [])

    def refresh(self, authorization, presented=Presented(), version=TLS13):
        with Hostile(self.server.port, presented, version) as hostile:
            return hostile.request("POST", REFRESH, headers=[("Authorization", authorization)])


@pytest.fixture(scope="module")
def site(make_server):
    return Site(make_server)


def test_there_are_enough_kinds():
    print(f"\n{len(bad_tokens.KINDS)} kinds of bad tokens")
    assert len(bad_tokens.KINDS) >= 30


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", bad_tokens.KINDS)
def test_bad_token(site, kind, version):
    stored, forge = Stored(site.server), site.forge
    authorization = bad_tokens.KINDS[kind](forge)
    outcome = site.push(authorization, version=version)
    assert outcome.status in MALFORMED.get(kind, (403,)), outcome
    refreshed = site.refresh(authorization, version=version)
    assert refreshed.status in ((200,) if kind in REFRESHABLE else MALFORMED.get(kind, (403,)))
    stored.nothing()
    # A token signed by the same key without the fault is accepted.
    assert site.push("Bearer " + forge.token(), version=version).status == 200
    stored.something()


@pytest.mark.parametrize("kind", ["signature a bit changed", "cnf of another certificate",
                                  "expired a second ago", "sub twice", "none"])
def test_bad_token_beside_a_good_certificate(site, kind):
    """Every credential that is presented must be good: a certificate does not make up for a token."""
    stored = Stored(site.server)
    authorization = ("Bearer " if kind == "none" else bad_tokens.KINDS[kind](site.forge))
    outcome = site.push(authorization, site.own.presented)
    assert outcome.status == 403, outcome
    stored.nothing()
    assert site.push(None, site.own.presented).status == 200
    stored.something()


def test_token_of_another_collector(site):
    stored = Stored(site.server)
    others = "Bearer " + forge_for(site.server, site.other.collector_id).token()
    assert site.push(others).status == 403
    assert site.push(others, site.own.presented).status == 403
    assert site.push(others, site.own.presented, collector_id=site.other.collector_id).status == 403
    stored.nothing()
    assert site.push(others, collector_id=site.other.collector_id).status == 200
    stored.something()


def test_token_of_nobody(site):
    """Tokens signed by the right key, for a subject that does not exist or is disabled."""
    stored = Stored(site.server)
    unknown = "00000000-0000-4000-8000-000000000000"
    for subject in (unknown, "postgres", f"urn:uuid:{site.own.collector_id}",
                    site.own.collector_id.upper(), f"{{{site.own.collector_id}}}",
                    site.own.collector_id.replace("-", "")):
        outcome = site.push("Bearer " + site.forge.token(sub=subject))
        assert outcome.status == 403, (subject, outcome)
    outcome = site.push("Bearer " + site.forge.token(sub=unknown), collector_id=unknown)
    assert outcome.status == 403, outcome
    site.server.db.execute("SELECT pganalytics.set_collector_enabled('other', false)")
    others = "Bearer " + forge_for(site.server, site.other.collector_id).token()
    try:
        assert site.push(others, collector_id=site.other.collector_id).status == 403
        assert site.refresh(others).status == 403
    finally:
        site.server.db.execute("SELECT pganalytics.set_collector_enabled('other', true)")
    stored.nothing()
    assert site.push(others, collector_id=site.other.collector_id).status == 200


def test_bound_token_needs_its_certificate(site):
    """A token bound to a certificate is refused without exactly that certificate."""
    stored = Stored(site.server)
    token = "Bearer " + site.own.signed_token(with_certificate=True)
    claims = json.loads(bad_tokens.unb64(token.split(".")[1]))
    assert claims["cnf"] == bad_tokens.confirmation(site.own.holder.certificate)
    younger = enroll(site.server, "own", with_token=False)
    assert younger.collector_id == site.own.collector_id
    for presented in (Presented(), younger.presented, site.other.presented):
        assert site.push(token, presented).status == 403
        assert site.refresh(token, presented).status == 403
    stored.nothing()
    assert site.push(token, site.own.presented).status == 200
    stored.something()
    assert site.push(None, younger.presented).status == 200


def test_places_where_no_token_belongs(site):
    stored, token = Stored(site.server), site.forge.token()
    body = json.dumps({"collector_id": site.own.collector_id, "token": token}).encode()
    for path, headers in ((f"/api/v1/metrics/push?token={token}", []),
                          (f"/api/v1/metrics/push?access_token={token}", []),
                          ("/api/v1/metrics/push", [("Cookie", f"token={token}")]),
                          ("/api/v1/metrics/push", [("X-Auth-Token", token)]),
                          ("/api/v1/metrics/push", [("Proxy-Authorization", f"Bearer {token}")])):
        with Hostile(site.server.port) as hostile:
            outcome = hostile.request("POST", path, body, headers)
            assert outcome.status in (403, 404), outcome
    # Two Authorization headers are refused: another program may read the one that this server does
    # not.
    for pair in ((token, "x"), ("x", token), (token, token)):
        outcome = attempt(site.server.port, collector_id=site.own.collector_id,
                          headers=[("Authorization", f"Bearer {one}") for one in pair])
        assert outcome.status in (400, 403), outcome
    stored.nothing()


def test_token_of_a_megabyte(site):
    """The token is refused because of its size, before it is decoded."""
    stored = Stored(site.server)
    outcome = site.push("Bearer " + site.forge.token(x="y" * (1 << 20)))
    assert outcome.status == 431 or outcome.end, outcome
    stored.nothing()


def test_opaque_token_is_no_subject(site):
    """A text with two dots is a signed token, whatever its beginning."""
    stored = Stored(site.server)
    for value in (site.own.token + ".e30.e30", site.own.token[:-1], site.own.token.upper(),
                  site.own.token + "\0", site.own.token[4:], "pga_" + "0" * 64,
                  hashlib.sha256(site.own.token.encode()).hexdigest()):
        outcome = site.push(f"Bearer {value}")
        assert outcome.status in (400, 403), (value, outcome)
    stored.nothing()
    assert site.push(f"Bearer {site.own.token}").status == 200


def test_revoked_tokens(site):
    """revoke_tokens() revokes all earlier tokens, on open connections too."""
    one = enroll(site.server, "revoked tokens")
    stored = Stored(site.server)
    tokens = [one.token, one.signed_token(), one.signed_token(with_certificate=True)]

    def push(hostile, token):
        return hostile.push(one.collector_id, token)

    with Hostile(site.server.port) as hostile, \
            Hostile(site.server.port, one.presented) as certified:
        connections = [hostile, hostile, certified]
        for connection, token in zip(connections, tokens):
            assert push(connection, token).status == 200
            stored.something()
        site.server.db.execute("SELECT pganalytics.revoke_tokens('revoked tokens')")
        for connection, token in zip(connections, tokens):
            outcome = push(connection, token)
            assert outcome.status == 403 or outcome.end, outcome
    for token in tokens:
        for presented in (Presented(), one.presented):
            assert site.refresh(f"Bearer {token}", presented).status == 403
    stored.nothing()
    # A token signed later is accepted, and so is the certificate.
    fresh = forge_for(site.server, one.collector_id).token(iat=int(time.time()) + 20)
    assert site.push(f"Bearer {fresh}", collector_id=one.collector_id).status == 200
    assert site.push(None, one.presented, collector_id=one.collector_id).status == 200


def test_rotated_opaque_token(site):
    one = enroll(site.server, "rotated token")
    stored = Stored(site.server)
    with Hostile(site.server.port) as hostile:
        assert hostile.push(one.collector_id, one.token).status == 200
        stored.something()
        fresh = site.server.db.value("SELECT token FROM pganalytics.rotate_token('rotated token')")
        assert hostile.push(one.collector_id, one.token).status == 403
    assert site.refresh(f"Bearer {one.token}").status == 403
    stored.nothing()
    with Hostile(site.server.port) as hostile:
        assert hostile.push(one.collector_id, fresh).status == 200


def test_keys_of_tokens_change(site):
    """After rotate_token_key() the former key still verifies; after revoke_token_key() it does not."""
    stored, before = Stored(site.server), site.forge
    count = "SELECT count(*) FROM pganalytics.token_keys WHERE kid <> %s"
    known = site.server.db.value(count, before.kid)
    site.server.db.execute("SELECT pganalytics.rotate_token_key()")
    wait_until(lambda: site.server.db.value(count, before.kid) > known, 10, "another key")
    # The new key signs 10 s later, when every gateway knows it; the test does not wait for that.
    site.server.db.execute("UPDATE pganalytics.token_keys SET signs_from = now() "
                           "WHERE signs_from > now()")
    wait_until(lambda: token_key_signing(site) != before.kid, 10, "a token of it")
    after = site.own.signed_token()
    assert json.loads(bad_tokens.unb64(after.split(".")[0]))["kid"] != before.kid
    assert site.push("Bearer " + before.token()).status == 200
    stored.something()
    with Hostile(site.server.port) as hostile:
        old = [("Authorization", "Bearer " + before.token())]
        assert hostile.push(site.own.collector_id, headers=old).status == 200
        site.server.db.execute("SELECT pganalytics.revoke_token_key(%s)", before.kid)
        # Gateways verify signatures themselves, so the token is accepted until they learn of the
        # revocation.
        deadline, outcome = time.monotonic() + 1, None
        while outcome is None or outcome.status == 200:
            outcome = hostile.push(site.own.collector_id, headers=old)
            assert time.monotonic() < deadline
        assert outcome.status == 403, outcome
    stored = Stored(site.server)
    assert site.refresh("Bearer " + before.token()).status == 403
    assert site.push(bad_tokens.KINDS["kid unknown"](before)).status == 403
    stored.nothing()
    assert site.push("Bearer " + after).status == 200


def token_key_signing(site):
    return json.loads(bad_tokens.unb64(site.own.signed_token().split(".")[0]))["kid"]


def test_grace_of_refresh(site):
    """Within the grace an expired token can only be refreshed; beyond the grace it is good for nothing."""
    stored, now = Stored(site.server), int(time.time())
    week = 7 * 86400

    def token(ended, **changes):
        return "Bearer " + site.forge.token(iat=now - ended - 60, exp=now - ended, **changes)

    assert site.refresh(token(week - 60)).status == 200
    assert site.refresh(token(week + 60)).status == 403
    other = hashlib.sha256(b"x").digest()
    assert site.refresh(token(week - 60, cnf={"x5t#S256": b64(other)})).status == 403
    for path in ("/api/v1/config/x", "/api/v1/metrics/health"):
        with Hostile(site.server.port) as hostile:
            outcome = hostile.request("GET", path, headers=[("Authorization", token(60))])
        assert outcome.status == 403, outcome
    assert site.push(token(60)).status == 403
    stored.nothing()


def test_refreshed_token_is_good(site):
    claims = json.loads(bad_tokens.unb64(site.own.signed_token().split(".")[1]))
    assert set(claims) == set(collector_claims("x"))
    assert claims["sub"] == site.own.collector_id and claims["exp"] - claims["iat"] == 3600
    kid, _ = token_key(site.server)
    assert json.loads(bad_tokens.unb64(site.own.signed_token().split(".")[0])) == {
        "alg": "ES256", "typ": "JWT", "kid": kid}
