"""Who a request is from: every combination of certificate, token and body, in every mode of mtls.

The expected outcome is computed by one rule, `identity()`. The server has its own implementation,
spread over three processes.
"""
import itertools

import pytest

from hostile import Hostile, Stored, attempt
from identities import REFRESH, enroll, forge_for
from raw_tls import TLS12, TLS13, Presented

MODES = ["off", "optional", "required"]
CERTIFICATES = [None, "own", "other"]
# Token -> (whose it is, whether it is bound to the certificate of the same collector).
TOKENS = {"none": (None, False), "opaque": ("own", False), "signed": ("own", False),
          "bound": ("own", True), "opaque of the other": ("other", False),
          "signed of the other": ("other", False), "bound of the other": ("other", True)}
BODIES = ["own", "other", "unknown"]
UNKNOWN = "5e9c1d2a-7d07-4b8f-9f10-6a1f0b1f7c11"


def identity(mode, certificate, token):
    """identity says who a request is from: "own", "other", or None if it must be refused."""
    if mode == "off":
        certificate = None  # the server does not request a certificate
    if mode == "required" and certificate is None:
        return None
    whose, bound = TOKENS[token]
    if bound and certificate != whose:
        return None
    named = {one for one in (certificate, whose) if one is not None}
    return named.pop() if len(named) == 1 else None


class Site:
    def __init__(self, make_server):
        self.server = make_server("identity-matrix", ingest_workers=1)
        self.own, self.other = enroll(self.server, "own"), enroll(self.server, "other")
        self.certificates = {None: Presented(), "own": self.own.presented,
                             "other": self.other.presented}
        own, other = (forge_for(self.server, one.collector_id) for one in (self.own, self.other))
        self.tokens = {
            "none": None, "opaque": self.own.token, "signed": own.token(),
            "bound": self.own.signed_token(with_certificate=True),
            "opaque of the other": self.other.token, "signed of the other": other.token(),
            "bound of the other": self.other.signed_token(with_certificate=True)}
        self.ids = {"own": self.own.collector_id, "other": self.other.collector_id,
                    "unknown": UNKNOWN}
        self.mode = "optional"

    def header(self, token):
        value = self.tokens[token]
        return [] if value is None else [("Authorization", f"Bearer {value}")]


@pytest.fixture(scope="module")
def site(make_server):
    return Site(make_server)


@pytest.fixture(scope="module", params=MODES)
def mode(request, site):
    if site.mode != request.param:
        site.server.configure(mtls=request.param)
        site.mode = request.param
    return request.param


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_push(site, mode, certificate, token):
    who = identity(mode, certificate, token)
    for body, version in zip(BODIES, itertools.cycle([TLS13, TLS12])):
        stored = Stored(site.server)
        outcome = attempt(site.server.port, site.certificates[certificate], version,
                          site.ids[body], headers=site.header(token))
        if who == body:
            assert outcome.status == 200, (body, outcome)
            assert outcome.json["collector_id"] == site.ids[who]
            stored.something()
        else:
            assert outcome.status == 403, (body, outcome)
            stored.nothing()


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_routes_without_a_body(site, mode, certificate, token):
    """The answer is about the collector that asks."""
    who = identity(mode, certificate, token)
    expected = 403 if who is None else 200
    for method, path in (("GET", "/api/v1/metrics/health"), ("GET", "/api/v1/config/x"),
                         ("POST", REFRESH), ("GET", "/api/v1/metrics/health")):
        with Hostile(site.server.port, site.certificates[certificate]) as hostile:
            outcome = hostile.request(method, path, headers=site.header(token))
        assert outcome.status == expected, (path, outcome)
        if expected == 200 and path.endswith("/metrics/health"):
            assert outcome.json["collector_id"] == site.ids[who]


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_one_connection_two_collectors(site, mode, version):
    """The identity of one request must not carry over to the next one on the same connection."""
    if mode == "required":
        pytest.skip("a connection then has one identity for good")
    with Hostile(site.server.port, version=version) as hostile:
        def ask(token):
            """ask gives the collector whose figures are in the answer, or the status of a refusal."""
            outcome = hostile.request("GET", "/api/v1/metrics/health", headers=site.header(token))
            return outcome.json["collector_id"] if outcome.status == 200 else outcome.status

        def push(body, token):
            return hostile.push(site.ids[body], headers=site.header(token)).status

        stored = Stored(site.server)
        assert push("own", "opaque") == 200
        stored.something()
        assert [ask("opaque"), ask("opaque of the other"), ask("none"), ask("signed")] == [
            site.ids["own"], site.ids["other"], 403, site.ids["own"]]
        assert push("other", "signed of the other") == 200
        stored.something()
        # The server refuses this push before it reads the body, so the connection ends.
        assert push("own", "opaque of the other") == 403
        stored.nothing()


def test_open_routes_ask_for_no_certificate(site, mode):
    """A collector without a certificate must be able to get one."""
    with Hostile(site.server.port) as hostile:
        assert hostile.tls.asked_for_certificate == (mode != "off")
        for path in ("/api/v1/health", "/api/v1/pki/crl", "/api/v1/pki/trust"):
            assert hostile.request("GET", path).status == 200, path
        # The reason of the refusal is the missing token, not a missing certificate.
        for path in ("enroll", "register"):
            outcome = hostile.request("POST", f"/api/v1/collectors/{path}", b"{}")
            assert outcome.status in (400, 403, 422), outcome
            assert "certificate" not in outcome.json["detail"], outcome
