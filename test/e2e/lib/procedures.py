"""Shared by the tests of docs/operate/pki.md: its statements, and a server with an administrator."""
import re
import ssl

import product
from client import Client
from cluster import wait_until
from conftest import Database
from hostile import attempt

TEXT = (product.SOURCE / "docs/operate/pki.md").read_text(encoding="utf-8")
WORDS = " ".join(TEXT.split())
IN_USE = "SELECT pins FROM pganalytics.trust ORDER BY version DESC LIMIT 1"


def said(statement, **values):
    """said checks that the document prints a statement, and gives it with the examples in it replaced."""
    assert " ".join(statement.split()) in WORDS, statement
    for example, value in values.items():
        statement = statement.replace(example, value)
    return statement


def block_with(word):
    """block_with is the only SQL block of the document that contains the word."""
    block, = (text for text in re.findall("```sql\n(.*?)```", TEXT, re.S) if word in text)
    return block


# Files that the audit worker keeps in the data directory; they change at each start.
AUDIT_FILES = {"pganalytics_audit_head", "pganalytics_settings"}


def authority_files(data):
    """authority_files are the paths of the complete files that certificates and tokens are made with."""
    return [path for path in data.glob("pganalytics_*")
            if path.name not in AUDIT_FILES and path.suffix != ".new"]


class Site:
    """Site is a server, its administrator, and helpers of the tests of the procedures."""

    def __init__(self, server):
        self.server = server
        self.data = server.cluster.data
        self.admin = Database(server.cluster.dsn(product.DATABASE, "keeper"))

    def files(self):
        return {path.name: path.read_bytes() for path in authority_files(self.data)}

    def do(self, job):
        """do requests a job and waits for its end, in the table that the document names."""
        number = self.admin.value(said(f"SELECT pganalytics.{job};").rstrip(";"))
        look = said("SELECT * FROM pganalytics.authority_jobs ORDER BY 1;")

        def outcome():
            one, = (row for row in self.admin.rows(look) if row[0] == number)
            return one[4:6]
        wait_until(lambda: outcome()[0] != "pending", 20, f"the end of {job}")
        assert outcome() == ("done", None)

    def pushes(self, collector_id):
        return self.admin.value("SELECT count(*) FROM pganalytics.push_ledger WHERE collector_id = %s",
                                collector_id)

    def wait_for_pushes(self, one, more=2, timeout=40):
        before = self.pushes(one.id)
        wait_until(lambda: self.pushes(one.id) >= before + more, timeout,
                   f"pushes of {one.name}, whose log was\n{one.log_text()}\nthen")

    def status(self, holder=None, collector_id=None, token=None):
        shown = (holder.presented,) if holder is not None else ()
        return attempt(self.server.port, *shown, token=token,
                       collector_id=collector_id or holder.collector_id).status

    def verifies(self, ca_file=None):
        """verifies says whether a client that trusts the authority alone gets an answer."""
        try:
            with Client(self.server.port, ca_file or self.server.ca_file, None) as client:
                return client.request("GET", "/api/v1/health").status == 200
        except ssl.SSLCertVerificationError:
            return False

    def let_in(self, one):
        """let_in has a collector enrol, for the first time or again."""
        one.id, token, pin = self.admin.row("SELECT collector_id::text, token, pin FROM "
                                            "pganalytics.create_enrollment_token(%s)", one.name)
        done = one.enroll(token, "--pin", pin)
        assert done.returncode == 0, done.stderr

    def enrolled(self, name, monitored):
        """enrolled gives a real collector that has enrolled and runs; it stops it at the end."""
        one = product.Collector(self.server.cluster.root / name, self.server.cluster, None, [monitored],
                                interval="200ms")
        one.name = name
        self.let_in(one)
        one.start()
        self.wait_for_pushes(one)
        yield one
        one.stop()


def make_site(make_server, name):
    server = make_server(name, ingest_workers=1, server_names="localhost")
    server.db.execute("CREATE ROLE keeper LOGIN IN ROLE pganalytics_admin")
    return Site(server)
