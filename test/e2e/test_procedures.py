"""The procedures of docs/pki.md, done by the statements that it prints, as a member of pganalytics_admin."""
import re
import shutil
import subprocess
import types

import psycopg2
import pytest
from cryptography.hazmat.primitives import serialization

import cluster
import pki
import product
from api_client import ApiClient
from client import Client
from cluster import wait_until
from conftest import Database, Server
from hostile import attempt
from identities import (RENEW, Enrolled, ask_enrollment, authority_of, enroll, enrollment_token, forge_for,
                        holder_of)

TEXT = (product.SOURCE / "docs" / "pki.md").read_text(encoding="utf-8")
WORDS = " ".join(TEXT.split())
IN_USE = "SELECT pins FROM pganalytics.trust ORDER BY version DESC LIMIT 1"


def said(statement, **values):
    """said is a statement that the document prints, with what stands there as an example replaced."""
    assert " ".join(statement.split()) in WORDS, statement
    for example, value in values.items():
        statement = statement.replace(example, value)
    return statement


def block_with(word):
    """block_with is the one block of SQL of the document in which the word stands."""
    block, = (text for text in re.findall("```sql\n(.*?)```", TEXT, re.S) if word in text)
    return block


class Site:
    """Site is a server, its administrator, and what the tests look at."""

    def __init__(self, server):
        self.server = server
        self.data = server.cluster.data
        self.admin = Database(server.cluster.dsn(product.DATABASE, "keeper"))

    def files(self):
        return {path.name: path.read_bytes() for path in self.data.glob("pganalytics_*")}

    def do(self, job):
        """do asks for a job and waits for its end, in the table that the document names."""
        number = self.admin.value(said(f"SELECT pganalytics.{job};").rstrip(";"))
        look = said("SELECT * FROM pganalytics.authority_jobs ORDER BY 1;")

        def ended():
            return next(row for row in self.admin.rows(look) if row[0] == number)[4] != "pending"
        wait_until(ended, 20, f"the end of {job}")
        assert next(row for row in self.admin.rows(look) if row[0] == number)[4:6] == ("done", None)

    def pushes(self, collector_id):
        return self.admin.value("SELECT count(*) FROM pganalytics.push_ledger WHERE collector_id = %s",
                                collector_id)

    def wait_for_pushes(self, one, more=2, timeout=40):
        before = self.pushes(one.id)
        wait_until(lambda: self.pushes(one.id) >= before + more, timeout,
                   f"pushes of {one.id}:\n{one.log_text()}\n{self.server.cluster.log_text()[-3000:]}")

    def status(self, holder=None, collector_id=None, token=None):
        shown = (holder.presented,) if holder is not None else ()
        return attempt(self.server.port, *shown, token=token,
                       collector_id=collector_id or holder.collector_id).status


@pytest.fixture(scope="module")
def site(make_server):
    server = make_server("procedures", ingest_workers=1, server_names="localhost")
    server.db.execute("CREATE ROLE keeper LOGIN IN ROLE pganalytics_admin")
    return Site(server)


@pytest.fixture
def collector(site, monitored, root, request):
    """collector is a real one that has enrolled and runs."""
    one = product.Collector(root / request.node.name, site.server.cluster, None, [monitored],
                            interval="200ms")
    one.name = request.node.name
    let_in(site, one)
    one.start()
    site.wait_for_pushes(one)
    yield one
    one.stop()


def let_in(site, one):
    """let_in enrols a collector, for the first time or again."""
    one.id, token, pin = site.admin.row("SELECT collector_id::text, token, pin "
                                        "FROM pganalytics.create_enrollment_token(%s)", one.name)
    done = one.enroll(token, "--pin", pin)
    assert done.returncode == 0, done.stderr


def test_overview(site):
    block = block_with("certificate_expiry")
    for statement in block.split(";\n")[:-1]:
        assert site.admin.rows(re.sub("--.*", "", statement)) or "authority_jobs" in statement


def test_issue_by_hand(site, root):
    directory = root / "by-hand"
    directory.mkdir()
    site.admin.execute("SELECT pganalytics.create_collector('prod-1')")
    command, = re.findall(r"openssl req .*?prod-1\.csr", WORDS)
    subprocess.run(command.split(), check=True, capture_output=True, cwd=directory)
    made = subprocess.run(
        [cluster.pg_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", site.admin.dsn],
        input=block_with("issue_certificate"), text=True, check=True, capture_output=True,
        cwd=directory).stdout
    (directory / "prod-1.crt").write_text(made)
    shown = subprocess.run(
        ["curl", "--silent", "--show-error", "--cacert", str(site.server.ca_file), "--cert", "prod-1.crt",
         "--key", "prod-1.key", f"{site.server.cluster.url}/api/v1/metrics/health"],
        text=True, check=True, capture_output=True, cwd=directory).stdout
    assert shown.startswith("{") and "status" not in shown, shown


def test_stolen_key_of_a_collector(site):
    stolen = enroll(site.server, "prod-2")
    signed = stolen.signed_token()
    assert site.status(stolen) == 200
    pushed = site.pushes(stolen.collector_id)
    named = {"prod-1": "prod-2"}
    serials = [serial for serial, _ in site.admin.rows(said(
        "SELECT serial, issued_at FROM pganalytics.certificates WHERE collector_id = "
        "pganalytics.collector_named('prod-1') AND state = 'active'", **named))]
    assert serials == [stolen.serial]
    site.admin.execute(said("SELECT * FROM pganalytics.revoke_certificate('5f3a...', 'keyCompromise');",
                            **{"5f3a...": serials[0]}))
    assert site.status(stolen) is None
    site.admin.execute("SELECT pganalytics." + said("revoke_tokens('prod-1')", **named))
    for token in (stolen.token, signed):
        assert site.status(collector_id=stolen.collector_id, token=token) == 403
    key = pki.new_key()
    _, token, *_ = site.admin.row("SELECT * FROM pganalytics." +
                                  said("create_enrollment_token('prod-1')", **named))
    again = Enrolled(site.server, "prod-2", stolen.collector_id,
                     holder_of(ask_enrollment(site.server, token, key), key))
    assert site.status(again) == 200
    assert site.pushes(stolen.collector_id) == pushed + 1


def verifies(site, ca_file=None):
    """verifies: a client that trusts the authority alone gets an answer."""
    with Client(site.server.port, ca_file or site.server.ca_file, None) as client:
        return client.request("GET", "/api/v1/health").status == 200


def server_serial(site):
    """server_serial is None between the end of one certificate and the making of the next."""
    rows = site.admin.rows("SELECT serial FROM pganalytics.certificate_expiry WHERE kind = 'server'")
    return rows[0][0] if rows else None


def test_stolen_key_of_the_server(site, collector):
    """Collectors that enrolled know the next key and follow."""
    serial, pins = server_serial(site), site.admin.value(IN_USE)
    site.admin.execute(said("SELECT pganalytics.revoke_certificate(serial, 'keyCompromise')",
                            serial=f"'{serial}'"))
    wait_until(lambda: server_serial(site) not in (None, serial), 15, "another certificate")
    site.wait_for_pushes(collector, 4)
    assert site.admin.value(IN_USE)[0] == pins[1] and verifies(site)
    assert "ERROR" not in collector.log_text(), collector.log_text()


def test_both_keys_of_the_server_stolen(site, collector):
    """No key is left that a collector could know: it waits until somebody gives it the new pin."""
    certificates = site.admin.value("SELECT pganalytics.ca_certificate()")
    site.server.cluster.stop()
    for path in site.data.glob(said("pganalytics_server*")):
        path.unlink()
    site.server.cluster.start()
    site.server.cluster.wait_until_running()
    assert site.admin.value("SELECT pganalytics.ca_certificate()") == certificates
    assert verifies(site)
    wait_until(lambda: "public key" in collector.log_text(), 40,
               f"a word about the key: {collector.log_text()}")
    let_in(site, collector)
    site.wait_for_pushes(collector)


def test_stolen_token_key(site, collector):
    """Once gateways know it, no token of it is taken; collectors with certificates notice nothing."""
    one = enroll(site.server, "holder of tokens")
    signed, bound = one.signed_token(), one.signed_token(with_certificate=True)
    forged = forge_for(site.server, one.collector_id)
    signing = "SELECT name FROM pganalytics.certificate_expiry WHERE kind = 'token key'"
    kid = site.admin.value(signing)
    assert site.status(collector_id=one.collector_id, token=signed) == 200
    site.server.db.execute("CREATE ROLE ann LOGIN PASSWORD 'secret' IN ROLE pganalytics_viewer")
    person = ApiClient(site.server)
    assert person.log_in("ann", "secret").status == 200 and person.get("auth/me").status == 200
    site.admin.execute(said("SELECT pganalytics.revoke_token_key(kid)", kid=f"'{kid}'"))
    wait_until(lambda: site.status(collector_id=one.collector_id, token=signed) == 403, 5, "a refusal")
    assert site.status(collector_id=one.collector_id, token=forged.token()) == 403
    assert site.status(one, token=bound) == 403
    wait_until(lambda: site.admin.rows(signing), 10, "another key")
    assert not (site.data / f"pganalytics_token_{kid}.key").exists()
    assert site.status(collector_id=one.collector_id, token=one.signed_token()) == 200
    wait_until(lambda: person.get("auth/me").status == 401, 10, "the port for people to know it")
    assert person.refresh().status == 200 and person.get("auth/me").status == 200
    site.wait_for_pushes(collector)


def test_stolen_key_of_the_authority(site, collector):
    """A forged certificate gets in nowhere; afterwards not even the handshake takes it."""
    one = enroll(site.server, "forged")
    forged = Enrolled(site.server, one.name, one.collector_id,
                      authority_of(site.server).leaf(one.collector_id))
    assert (site.status(one), site.status(forged)) == (200, 403)
    site.do("rotate_ca()")
    assert site.admin.value("SELECT pganalytics.ca_certificate()").count("BEGIN CERT") == 2
    with pytest.raises(psycopg2.Error, match="have no certificate of the new authority"):
        site.admin.execute(said("SELECT pganalytics.finish_ca_rotation();"))
    # Without it, whoever knows the old one alone could not verify the server from here on.
    site.wait_for_pushes(collector)
    site.do("finish_ca_rotation(true)")
    site.server.cluster.write_certificate()
    wait_until(lambda: verifies(site), 15, "the server's certificate of the new authority")
    assert (site.status(one), site.status(forged)) == (None, None)
    assert site.status(collector_id=one.collector_id, token=one.token) == 200
    wait_until(lambda: "enrol" in collector.log_text(), 40, collector.log_text())
    let_in(site, collector)
    site.wait_for_pushes(collector)


def test_stolen_data_directory(site, collector):
    one = enroll(site.server, "everything")
    thief = Enrolled(site.server, one.name, one.collector_id,
                     authority_of(site.server).leaf(one.collector_id))
    forged = forge_for(site.server, one.collector_id)
    assert site.status(collector_id=one.collector_id, token=forged.token()) == 200
    before = site.files()
    site.admin.execute(said("SELECT pganalytics.revoke_token_key(kid) FROM pganalytics.token_keys "
                            "WHERE revoked_at IS NULL"))
    wait_until(lambda: site.status(collector_id=one.collector_id, token=forged.token()) == 403, 5,
               "a refusal")
    site.server.cluster.stop()
    for path in site.data.glob(said("pganalytics_*")):
        path.unlink()
    site.server.cluster.start()
    site.server.cluster.wait_until_running()
    site.server.cluster.write_certificate()
    after = site.files()
    keys = {name for name in before if name.endswith(".key")}
    assert not {before[name] for name in keys} & {after[name] for name in after}
    assert "no longer trusts certificate authority" in site.server.cluster.log_text()
    assert (site.status(one), site.status(thief)) == (None, None)
    assert site.status(collector_id=one.collector_id, token=forged.token()) == 403
    # Of these there is only a hash in the directory.
    assert site.status(collector_id=one.collector_id, token=one.token) == 200
    assert site.status(collector_id=one.collector_id, token=one.signed_token()) == 200
    let_in(site, collector)
    site.wait_for_pushes(collector)


def copy_files(site, data):
    """copy_files is what the document says to do before the first start of another data directory."""
    for path in site.data.glob(said("pganalytics_*")):
        shutil.copyfile(path, data / path.name)
        (data / path.name).chmod(path.stat().st_mode & 0o777)
        cluster.own(data / path.name)


@pytest.fixture
def another(site):
    """another is a second cluster, not yet made, that takes over the ports for collectors and people."""
    one = product.Analytics(site.server.cluster.root, "another", site.server.cluster.settings)
    one.https_port, one.api_port = site.server.cluster.https_port, site.server.cluster.api_port
    yield one
    one.remove()
    shutil.rmtree(one.data)
    site.server.cluster.start()
    site.server.cluster.wait_until_running()


def takes_over(site, another, collector, stored):
    """takes_over: the other cluster serves with the files of the first, and the collector goes on.

    `stored` is how many pushes of it the first one has.
    """
    other = Site(Server(another))
    log = len(collector.log_text())
    other.wait_for_pushes(collector)
    assert "public key" not in collector.log_text()[log:]
    assert other.files() == site.files() and other.pushes(collector.id) > stored
    assert other.admin.rows(said("SELECT state, last_error FROM pganalytics.workers WHERE kind = "
                                 "'maintenance';"))[0][1] in (None, "")
    other.admin.close()


def test_promotion_of_a_standby(site, another, collector):
    """Its base backup has the files; after a rotation they are copied again. Nobody notices."""
    primary = site.server.cluster
    subprocess.run([cluster.pg_program("pg_basebackup"), "-D", str(another.data), "-h",
                    str(primary.sockets), "-p", str(primary.port), "-U", "postgres", "-R",
                    "--checkpoint=fast", "--no-sync"], check=True, **cluster.as_service_user())
    another.configure({"port": another.port, "unix_socket_directories": another.sockets})
    another.log.touch()
    cluster.own(another.log)
    another.start()
    assert {path.name for path in another.data.glob("pganalytics_*")} == set(site.files())
    site.do("rotate_server_certificate()")
    site.wait_for_pushes(collector)
    copy_files(site, another.data)
    stored = site.pushes(collector.id)
    primary.stop()
    another.psql("SELECT pg_promote()")
    another.wait_until_running()
    takes_over(site, another, collector, stored)


def test_pg_upgrade(site, another, collector):
    """A new data directory has none of the files: they are copied before its first start."""
    old = site.server.cluster
    another.init()
    stored = site.pushes(collector.id)
    old.stop()
    done = subprocess.run(
        [cluster.pg_program("pg_upgrade"), "-b", str(cluster.BINDIR), "-B", str(cluster.BINDIR), "-d",
         str(old.data), "-D", str(another.data), "-p", str(old.port), "-P", str(another.port), "-U",
         "postgres", "-s", str(another.sockets), "--no-sync"], text=True, capture_output=True,
        **{**cluster.as_service_user(), "cwd": str(another.sockets)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(another.data.glob("pganalytics_*"))
    copy_files(site, another.data)
    another.start()
    another.wait_until_running()
    takes_over(site, another, collector, stored)


@pytest.fixture
def corporate(site, root):
    """corporate is an authority of others, its intermediate one, and the files given to the server."""
    one = types.SimpleNamespace(root=pki.Authority("Corporate Root"), ca_file=root / "corporate.pem",
                                key_file=root / "corporate.key")
    one.middle = pki.Authority("Corporate Issuing CA", issuer=one.root, path_length=0)

    def give(*certificates, **settings):
        one.ca_file.write_text("".join(certificates))
        cluster.own(one.ca_file)
        site.server.configure(ssl_ca_file=one.ca_file, **settings)
    one.give = give
    yield one
    site.server.configure(ssl_ca_file="", ca_key_file="", ssl_crl_file="")
    site.server.cluster.write_certificate()


def test_corporate_authority_verifies(site, collector, corporate, monitored, root):
    """Theirs and those issued here are good side by side, until the made authority is taken out."""
    made = (site.data / said("pganalytics_ca.crt")).read_text()
    one = enroll(site.server, "verified")
    theirs = Enrolled(site.server, one.name, one.collector_id,
                      corporate.middle.leaf(one.collector_id))
    assert (site.status(one), site.status(theirs)) == (200, None)
    corporate.give(pki.pem(corporate.root.certificate), made)
    assert (site.status(one), site.status(theirs)) == (200, 200)
    site.wait_for_pushes(collector)
    assert site.admin.row("SELECT state, collector_id::text FROM pganalytics.certificates "
                          "WHERE serial = %s", theirs.serial) == ("active", one.collector_id)
    # Our collector takes one that was made elsewhere, and the next one while it runs.
    made_elsewhere = product.Collector(root / "elsewhere", site.server.cluster, None, [monitored],
                                       interval="200ms", env={
        "PGANALYTICS_URL": site.server.cluster.url, "PGANALYTICS_CA_FILE": str(site.server.ca_file)})
    made_elsewhere.id = site.admin.value("SELECT collector_id::text FROM "
                                         "pganalytics.create_collector('elsewhere')")
    made_elsewhere.state.mkdir(mode=0o700)
    cluster.own(made_elsewhere.state)
    for round_ in range(2):
        holder = corporate.middle.leaf(made_elsewhere.id)
        _, key_file = holder.write(root, f"elsewhere-{round_}")
        product.write_secret(made_elsewhere.state / said("identity.pem"),
                             "".join(map(pki.pem, holder.sent)) + key_file.read_text())
        if round_ == 0:
            assert made_elsewhere.run("check").returncode == 0, made_elsewhere.run("check").stdout
            made_elsewhere.start()
        wait_until(lambda: site.admin.value(
            "SELECT count(*) FROM pganalytics.certificates WHERE serial = %s", f"{holder.serial:x}"),
            20, f"its certificate on record: {made_elsewhere.log_text()}")
        site.wait_for_pushes(made_elsewhere)
    made_elsewhere.stop()
    refused = ask_enrollment(site.server, enrollment_token(site.server, "too late")[1], pki.new_key())
    assert refused.status == 403 and "authority" in refused.json["detail"], refused
    # With lists of theirs, the made authority's is wanted too.
    lists = root / "corporate-crl.pem"
    lists.write_text(corporate.root.revocation_list() + corporate.middle.revocation_list())
    cluster.own(lists)
    site.server.configure(ssl_crl_file=lists)
    assert (site.status(one), site.status(theirs)) == (None, 200)
    lists.write_text(lists.read_text() + (site.data / said("pganalytics_crl.pem")).read_text())
    site.server.configure(ssl_crl_file=lists)
    assert (site.status(one), site.status(theirs)) == (200, 200)
    corporate.give(pki.pem(corporate.root.certificate), ssl_crl_file="")
    assert (site.status(one), site.status(theirs)) == (None, 200)
    site.admin.execute("SELECT * FROM pganalytics.revoke_certificate(%s, 'superseded')", theirs.serial)
    assert site.status(theirs) is None


def test_corporate_authority_issues(site, collector, corporate):
    """What is renewed is theirs; collectors learn them from the server before the made one goes."""
    made = (site.data / "pganalytics_ca.crt").read_text()
    key_text = corporate.middle.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    product.write_secret(corporate.key_file, key_text.decode())
    chain = [pki.pem(ca.certificate) for ca in (corporate.middle, corporate.root)]
    one = enroll(site.server, "renewed")
    corporate.give(*chain, made, ca_key_file=corporate.key_file)
    assert site.status(one) == 200 and verifies(site)
    key = pki.new_key()
    renewed = Enrolled(site.server, one.name, one.collector_id, holder_of(
        ask_enrollment(site.server, None, key, RENEW, one.presented), key))
    assert (site.status(one), site.status(renewed)) == (200, 200)
    version = site.admin.value("SELECT max(version) FROM pganalytics.trust")
    wait_until(lambda: f'"version":{version}' in (collector.state / "server.json").read_text(), 20,
               "the collector to know both")
    let_in(site, collector)
    corporate.give(*chain)
    assert (site.status(one), site.status(renewed)) == (None, 200)
    site.wait_for_pushes(collector)
    corporate.ca_file.with_suffix(".root").write_text(chain[1])
    assert verifies(site, corporate.ca_file.with_suffix(".root"))
