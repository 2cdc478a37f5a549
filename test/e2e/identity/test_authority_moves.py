"""The procedures of docs/operate/pki.md: moving to another data directory and to a corporate authority."""
import shutil
import subprocess
import types

import pytest

import cluster
import pki
import product
from cluster import wait_until
from conftest import Server
from identities import RENEW, Enrolled, ask_enrollment, enroll, enrollment_token, holder_of
from procedures import Site, authority_files, make_site, said


@pytest.fixture(scope="module")
def site(make_server):
    return make_site(make_server, "moving")


@pytest.fixture
def collector(site, monitored, request):
    yield from site.enrolled(request.node.name, monitored)


def copy_files(site, data):
    """copy_files copies what the document says before the first start of another data directory."""
    for path in site.data.glob(said("pganalytics_*")):
        shutil.copyfile(path, data / path.name)
        (data / path.name).chmod(path.stat().st_mode & 0o777)
        cluster.own(data / path.name)


@pytest.fixture
def another(site):
    """another is a second cluster, not yet created, with the first one's ports for collectors and people."""
    one = product.Analytics(site.server.cluster.root, "another", site.server.cluster.settings)
    one.https_port, one.api_port = site.server.cluster.https_port, site.server.cluster.api_port
    yield one
    one.remove()
    shutil.rmtree(one.data)
    site.server.cluster.start()
    site.server.cluster.wait_until_running()


def takes_over(site, another, collector, stored):
    """takes_over checks that the other cluster serves with the first one's files and the collector goes on.

    `stored` is the number of the collector's pushes that the first cluster has stored.
    """
    other = Site(Server(another))
    log = len(collector.log_text())
    other.wait_for_pushes(collector)
    assert "public key" not in collector.log_text()[log:]
    # Each start writes another revocation list, so that file may differ.
    files, before = other.files(), site.files()
    assert files.pop("pganalytics_crl.pem") and before.pop("pganalytics_crl.pem")
    assert files == before and other.pushes(collector.id) > stored
    # The audit log was moved whole, up to its last row, and continues.
    assert other.admin.row("SELECT status, gaps, reason FROM pganalytics.verify_audit_log()") == \
        ("unbroken", 0, None)
    assert other.admin.row(
        "SELECT event, lead(event) OVER (ORDER BY id) FROM pganalytics.audit_log "
        "WHERE event IN ('audit.stopped', 'audit.started') ORDER BY id DESC OFFSET 1 LIMIT 1") == \
        ("audit.stopped", "audit.started")
    assert other.admin.rows(said("SELECT state, last_error FROM pganalytics.workers WHERE kind = "
                                 "'maintenance';"))[0][1] in (None, "")
    other.admin.close()


def test_promotion_of_a_standby(site, another, collector):
    """The base backup has the files; they are copied again after a rotation. The collector sees no change."""
    primary = site.server.cluster
    subprocess.run([cluster.pg_program("pg_basebackup"), "-D", str(another.data), "-h",
                    str(primary.sockets), "-p", str(primary.port), "-U", "postgres", "-R",
                    "--checkpoint=fast", "--no-sync"], check=True, **cluster.as_service_user())
    another.configure({"port": another.port, "unix_socket_directories": another.sockets})
    another.log.touch()
    cluster.own(another.log)
    another.start()
    assert {path.name for path in authority_files(another.data)} == set(site.files())
    site.do("rotate_server_certificate()")
    site.wait_for_pushes(collector)
    copy_files(site, another.data)
    stored = site.pushes(collector.id)
    primary.stop()
    another.psql("SELECT pg_promote()")
    another.wait_until_running()
    takes_over(site, another, collector, stored)


def test_pg_upgrade(site, another, collector):
    """pg_upgrade leaves the new data directory without the files: they are copied before its first start."""
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
    """corporate is a corporate root, its intermediate authority, and the files given to the server."""
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
    """Corporate certificates and our own are accepted side by side, until our authority is removed."""
    made = (site.data / said("pganalytics_ca.crt")).read_text()
    one = enroll(site.server, "verified")
    theirs = Enrolled(site.server, one.name, one.collector_id,
                      corporate.middle.leaf(one.collector_id))
    assert (site.status(one), site.status(theirs)) == (200, 403)
    corporate.give(pki.pem(corporate.root.certificate), made)
    assert (site.status(one), site.status(theirs)) == (200, 200)
    site.wait_for_pushes(collector)
    assert site.admin.row("SELECT state, collector_id::text FROM pganalytics.certificates "
                          "WHERE serial = %s", theirs.serial) == ("active", one.collector_id)
    # Our collector uses a certificate that was made elsewhere, and takes up the next one while it
    # runs.
    made_elsewhere = product.Collector(root / "elsewhere", site.server.cluster, None, [monitored],
                                       interval="200ms", env={
        "PGANALYTICS_URL": site.server.cluster.url, "PGANALYTICS_CA_FILE": str(site.server.ca_file)})
    made_elsewhere.name = "elsewhere"
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
    # If a file of lists is configured, it must hold the list of our own authority, too.
    lists = root / "corporate-crl.pem"
    lists.write_text(corporate.root.revocation_list() + corporate.middle.revocation_list())
    cluster.own(lists)
    site.server.configure(ssl_crl_file=lists)
    assert (site.status(one), site.status(theirs)) == (None, 200)
    lists.write_text(lists.read_text() + (site.data / said("pganalytics_crl.pem")).read_text())
    site.server.configure(ssl_crl_file=lists)
    assert (site.status(one), site.status(theirs)) == (200, 200)
    corporate.give(pki.pem(corporate.root.certificate), ssl_crl_file="")
    assert (site.status(one), site.status(theirs)) == (403, 200)
    site.admin.execute("SELECT * FROM pganalytics.revoke_certificate(%s, 'superseded')", theirs.serial)
    # The worker refuses from the COMMIT on (403), the handshake fails milliseconds later (None).
    assert site.status(theirs) in (403, None)


def test_corporate_authority_issues(site, collector, corporate):
    """Renewals are signed by the corporate authority, which collectors learn before ours is removed."""
    made = (site.data / "pganalytics_ca.crt").read_text()
    product.write_secret(corporate.key_file, pki.key_pem(corporate.middle.key))
    chain = [pki.pem(ca.certificate) for ca in (corporate.middle, corporate.root)]
    one = enroll(site.server, "renewed")
    corporate.give(*chain, made, ca_key_file=corporate.key_file)
    assert site.status(one) == 200 and site.verifies()
    key = pki.new_key()
    renewed = Enrolled(site.server, one.name, one.collector_id, holder_of(
        ask_enrollment(site.server, None, key, RENEW, one.presented), key))
    assert (site.status(one), site.status(renewed)) == (200, 200)
    version = site.admin.value("SELECT max(version) FROM pganalytics.trust")
    wait_until(lambda: f'"version":{version}' in (collector.state / "server.json").read_text(), 20,
               "the collector to know both")
    site.let_in(collector)
    corporate.give(*chain)
    assert (site.status(one), site.status(renewed)) == (403, 200)
    # The corporate authority is replaced: the new one stands first, the old one behind it while
    # needed.
    corporate.next = pki.Authority("Corporate Issuing CA 2", issuer=corporate.root, path_length=0)
    product.write_secret(corporate.key_file, pki.key_pem(corporate.next.key))
    chain = [pki.pem(corporate.next.certificate), chain[1], chain[0]]
    corporate.give(*chain)
    key = pki.new_key()
    latest = Enrolled(site.server, one.name, one.collector_id, holder_of(
        ask_enrollment(site.server, None, key, RENEW, renewed.presented), key))
    assert (site.status(renewed), site.status(latest)) == (200, 200)
    assert site.admin.value("SELECT count(DISTINCT issuer) FROM pganalytics.certificates "
                            "WHERE collector_id = %s", one.collector_id) == 3
    site.wait_for_pushes(collector)
    corporate.ca_file.with_suffix(".root").write_text(chain[1])
    wait_until(lambda: site.verifies(corporate.ca_file.with_suffix(".root")), 15,
               "a server certificate of theirs")
