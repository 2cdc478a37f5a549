"""Identities that a server has made: collectors enrolled as real ones enrol, and the server's keys."""
import json

import pki
from bad_tokens import Forge, collector_claims
from cluster import wait_until
from hostile import Hostile
from raw_tls import Presented

ENROLL, RENEW = "/api/v1/collectors/enroll", "/api/v1/collectors/renew"
REFRESH = "/api/v1/collectors/refresh-token"


class Enrolled:
    """Enrolled is a collector with a certificate that the server issued, and with its opaque token."""

    def __init__(self, server, name, collector_id, holder, token=None):
        self.server, self.name, self.collector_id = server, name, collector_id
        self.holder, self.token = holder, token

    @property
    def presented(self):
        return Presented(self.holder.sent, self.holder.key)

    @property
    def serial(self):
        return f"{self.holder.serial:x}"

    def signed_token(self, with_certificate=False):
        """signed_token gets a token from refresh-token, bound to the certificate if that is presented."""
        shown = self.presented if with_certificate else Presented()
        header = [] if with_certificate else [("Authorization", f"Bearer {self.token}")]
        with Hostile(self.server.port, shown) as hostile:
            outcome = hostile.request("POST", REFRESH, headers=header)
        assert outcome.status == 200, outcome
        return outcome.json["token"]


def enrollment_token(server, name):
    """enrollment_token is (collector_id, token) of a new one-time token."""
    return server.db.row("SELECT collector_id::text, token "
                         "FROM pganalytics.create_enrollment_token(%s)", name)


def decided(ask):
    """decided asks again while the answer is 503, and returns the first other answer.

    A client is told to do so: of requests that want one row at once, some may wait for its lock in
    vain on a busy machine.
    """
    def answer():
        got = ask()
        return None if got.status == 503 else got

    return wait_until(answer, 20, "an answer other than 503")


def ask_enrollment(server, token, key, path=ENROLL, presented=Presented(), timeout=30, csr=None):
    """ask_enrollment is the Outcome of one request for a certificate of this key."""
    document = {"csr": csr or pki.signing_request(key)}
    if token is not None:
        document["token"] = token
    with Hostile(server.port, presented, timeout=timeout) as hostile:
        return hostile.request("POST", path, json.dumps(document).encode(),
                               [("Content-Type", "application/json")])


def holder_of(outcome, key):
    assert outcome.status == 200, outcome
    first, *chain = pki.from_pem(outcome.json["certificate"])
    return pki.Holder(key, first, chain)


def enroll(server, name, with_token=True):
    """enroll makes a collector as an administrator and its host would together."""
    opaque = None
    if with_token:
        opaque = server.db.value("SELECT token FROM pganalytics.create_collector(%s)", name)
    collector_id, token = enrollment_token(server, name)
    key = pki.new_key()
    holder = holder_of(ask_enrollment(server, token, key), key)
    return Enrolled(server, name, collector_id, holder, opaque)


def authority_of(server):
    """authority_of is the server's own authority; its key is read from the server's data directory."""
    data = server.cluster.data
    key = pki.load_key((data / "pganalytics_ca.key").read_bytes())
    (certificate, *_) = pki.from_pem((data / "pganalytics_ca.crt").read_text())
    return pki.Authority(key=key, certificate=certificate)


def token_key(server, kid=None):
    """token_key is (kid, key) of the key that signs tokens now."""
    if kid is None:
        kid = server.db.value("SELECT kid FROM pganalytics.token_keys WHERE revoked_at IS NULL "
                              "ORDER BY created_at DESC LIMIT 1")
    file = server.cluster.data / f"pganalytics_token_{kid}.key"
    return kid, pki.load_key(file.read_bytes())


def forge_for(server, collector_id, other=None):
    """forge_for makes tokens of a collector with the server's own key."""
    kid, key = token_key(server)
    return Forge(key, kid, collector_claims(collector_id), other)
