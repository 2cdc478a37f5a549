"""A server certificate that an administrator configures: the trust document, and its replacement."""
import pytest

import cluster
import pki
import product
from client import Client
from cluster import wait_until
from hostile import Hostile
from identities import enroll


class Given:
    """Given is a corporate authority and the certificate files that it gives the server."""

    def __init__(self, root):
        self.directory = root / "given-server-files"
        self.directory.mkdir()
        cluster.own(self.directory)
        self.ca = pki.Authority("Corporate CA")
        self.cert_file = self.directory / "server.crt"
        self.key = pki.new_key()
        self.key_file = product.write_secret(self.directory / "server.key", pki.key_pem(self.key))
        self.renew()

    def renew(self):
        """renew writes another certificate for the same key."""
        leaf = self.ca.leaf(None, key=self.key, names=[pki.dns("localhost")],
                            purposes=(pki.SERVER_AUTH,))
        self.cert_file.write_text(pki.pem(leaf.certificate) + pki.pem(self.ca.certificate))
        cluster.own(self.cert_file)

    def chain(self):
        """chain is the content of the file in the form of the trust document."""
        return [[certificate] for certificate in pki.from_pem(self.cert_file.read_text())]


@pytest.fixture(scope="module")
def given(root):
    return Given(root)


@pytest.fixture(scope="module")
def server(make_server, given):
    return make_server("given-server", ingest_workers=1, ssl_cert_file=given.cert_file,
                       ssl_key_file=given.key_file)


def trust_of(server):
    with Hostile(server.port) as hostile:
        outcome = hostile.request("GET", "/api/v1/pki/trust")
    assert outcome.status == 200, outcome
    return outcome.json


def job(server, call):
    """job requests a job of the authority, waits for its end, and gives (state, message)."""
    number = server.db.value(f"SELECT pganalytics.{call}")
    outcome = "SELECT state, message FROM pganalytics.authority_jobs WHERE authority_job_id = %s"
    wait_until(lambda: server.db.row(outcome, number)[0] != "pending", 10, call)
    return server.db.row(outcome, number)


def test_one_pin_and_the_chain(server, given):
    """No next key is known, so there is one pin; the chain also verifies the server without the pin."""
    trust = trust_of(server)
    assert trust["pins"] == [pki.pin(given.key)]
    assert [pki.from_pem(one) for one in trust["authorities"]] == given.chain()
    assert server.db.value("SELECT pin FROM pganalytics.create_enrollment_token('pinned')") == \
        trust["pins"][0]
    assert job(server, "rotate_server_certificate()") == \
        ("failed", "the server certificate is an administrator's")
    assert trust_of(server) == trust


def test_renewed_with_its_key(server, given):
    """Clients with the former trust document still verify the server; the next document has the new chain."""
    collector = enroll(server, "renewed", with_token=False)
    before = trust_of(server)
    ca_file = given.directory / "known-before.pem"
    ca_file.write_text("".join(before["authorities"]))
    given.renew()
    server.configure()
    wait_until(lambda: trust_of(server)["version"] > before["version"], 10, "a new version")
    after = trust_of(server)
    assert after["pins"] == before["pins"]
    assert [pki.from_pem(one) for one in after["authorities"]] == given.chain()
    with Client(server.port, ca_file, None) as client, client.raw_connection() as connection:
        assert [connection.getpeercert(True)] == given.chain()[0]
    with Hostile(server.port, collector.presented) as hostile:
        assert hostile.push(collector.collector_id).status == 200


@pytest.mark.parametrize("content", ["", "no certificate\n", None], ids=["empty", "garbage", "gone"])
def test_file_that_cannot_be_read(server, given, content):
    """The running certificate stays, and the trust document is not emptied, which would trust anybody."""
    before = trust_of(server)
    if content is None:
        given.cert_file.unlink()
    else:
        given.cert_file.write_text(content)
    try:
        seen = server.workers("last_error_at")
        server.cluster.reload()
        wait_until(lambda: server.workers("last_error_at") != seen, 10, "an error")
        # The maintenance worker reads the certificate at the reload, before it does this job.
        assert job(server, "rotate_token_key()")[0] == "done"
        assert trust_of(server) == before
    finally:
        given.renew()
        server.configure()
    wait_until(lambda: trust_of(server)["version"] > before["version"], 10, "the mended file")
    assert trust_of(server)["pins"] == before["pins"]
