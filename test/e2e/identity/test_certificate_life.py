"""The certificate of our collector with a real server: enrolment, renewal, rotations, expiry."""
import re
import shlex

import pytest

import cluster
import product
from cluster import wait_until
from shifted import ShiftedClock, shift

DAY = 86400


@pytest.fixture(scope="module")
def clock(root):
    directory = root / "server-clock"
    directory.mkdir()
    cluster.own(directory)
    directory.chmod(0o755)
    return ShiftedClock(directory)


@pytest.fixture(scope="module")
def server(root, clock):
    """server issues certificates; its clock, shared by its programs, can be moved."""
    from conftest import Server
    analytics = product.Analytics(root, "issuing", {"pganalytics.server_names": "localhost"})
    shift(analytics, clock)
    analytics.init().start().create()
    yield Server(analytics)
    analytics.remove()


@pytest.fixture
def collector(server, clock, monitored, root, request):
    """collector is enrolled and not started; its clock follows the server's until a test moves it."""
    directory = root / request.node.name.replace("[", "_").replace("]", "")
    directory.mkdir()
    cluster.own(directory)
    own_clock = ShiftedClock(directory)
    own_clock.advance(clock.seconds)
    one = product.Collector(directory / "collector", server.cluster, None, [monitored],
                            interval="200ms", env=own_clock.environment)
    one.clock, one.name = own_clock, request.node.name
    enrol(server, one)
    yield one
    one.stop()


def enrol(server, one):
    """enrol runs the command of create_enrollment_token(), as an administrator and a host would together."""
    one.id, one.token, command = server.db.row(
        "SELECT collector_id::text, token, command FROM pganalytics.create_enrollment_token(%s)",
        one.name)
    program, *arguments = shlex.split(command)
    assert program == "pganalytics-collector" and one.token not in command

    def try_once():
        one.enrolled = one.run(*arguments, input=one.token + "\n")
        return "is asking for a certificate" not in one.enrolled.stderr

    # A running collector that tries to renew locks the directory for a moment.
    wait_until(try_once, 20, "the state directory")
    assert one.enrolled.returncode == 0, one.enrolled.stderr
    return one


def pushes(server, one):
    return server.db.value("SELECT count(*) FROM pganalytics.push_ledger WHERE collector_id = %s",
                           one.id)


def wait_for_pushes(server, one, more=3, timeout=20):
    before = pushes(server, one)
    wait_until(lambda: pushes(server, one) >= before + more, timeout,
               f"pushes of {one.name}:\n{one.log_text()}")


def serials(server, one):
    return [serial for serial, in server.db.rows(
        "SELECT serial FROM pganalytics.certificates WHERE collector_id = %s ORDER BY issued_at, serial",
        one.id)]


def nothing_was_refused(one):
    return not re.search(r"ERROR|not stored|not taken|not renewed", one.log_text())


def no_gap(server, one):
    """no_gap says whether the stored pushes of each run of the collector have consecutive numbers."""
    return server.db.value("SELECT bool_and(n = last) FROM (SELECT count(DISTINCT sequence) AS n,"
                           " max(sequence) AS last FROM pganalytics.push_ledger"
                           " WHERE collector_id = %s GROUP BY epoch) runs", one.id)


def trust_version(one):
    return int(re.search(r'"version":(\d+)', (one.state / "server.json").read_text()).group(1))


def test_enrolled_collector_pushes_without_a_token(server, collector):
    collector.start()
    wait_for_pushes(server, collector)
    collector.stop()
    assert collector.process.returncode == 0 and nothing_was_refused(collector)
    assert "token" not in re.findall(r"^[a-z_]+", collector.config.read_text(), re.M)
    assert (collector.state / "identity.pem").stat().st_mode & 0o777 == 0o600
    key = (collector.state / "identity.pem").read_text().split("-----BEGIN PRIVATE KEY-----")[1]
    (serial,) = serials(server, collector)
    done = collector.run("check")
    assert done.returncode == 0, done.stdout
    for part in (f"certificate {serial} of collector {collector.id}, good until", "renews itself",
                 "server verified by the authorities known from enrolment and pin",
                 "certificate accepted"):
        assert part in done.stdout, done.stdout
    for secret in (collector.token, key.strip()[:40]):
        assert secret not in done.stdout + done.stderr + collector.log_text() + \
            collector.enrolled.stdout + collector.enrolled.stderr + server.cluster.log_text()


def test_token_is_good_once(server, collector):
    before = (collector.state / "identity.pem").read_text()
    done = collector.enroll(collector.token)
    assert done.returncode == 1
    assert "used before" in done.stderr and "create_enrollment_token" in done.stderr
    assert (collector.state / "identity.pem").read_text() == before


def test_lost_answer_is_asked_for_again(server, collector, own_stranger):
    """A retry with the same key and token gets the same certificate; here the first answer got lost."""
    collector.id, token = server.db.row("SELECT collector_id::text, token "
                                        "FROM pganalytics.create_enrollment_token(%s)",
                                        collector.name)
    done = collector.enroll(token, "--pin", own_stranger.pin,
                            server=f"https://localhost:{own_stranger.port}")
    assert done.returncode == 1
    request = (collector.state / "request.pem").read_text()
    pin = server.db.value("SELECT pins[1] FROM pganalytics.trust ORDER BY version DESC LIMIT 1")
    kept = []
    for _ in range(2):
        product.write_secret(collector.state / "request.pem", request)
        done = collector.enroll(token, "--pin", pin)
        assert done.returncode == 0, done.stderr
        kept.append((collector.state / "identity.pem").read_text().partition("-----BEGIN")[2])
    assert kept[0] == kept[1]
    assert len(serials(server, collector)) == 2


@pytest.fixture
def own_stranger(root, request):
    import json
    import pki
    from stranger import Stranger
    directory = root / f"stranger-{request.node.name}"
    directory.mkdir()
    one = Stranger(directory)
    one.answers.update({"/api/v1/health": "{}", "/api/v1/pki/trust": json.dumps(
        {"version": 1, "authorities": [pki.pem(one.authority.certificate)], "pins": [one.pin]})})
    yield one
    one.close()


def test_renews_itself_while_it_pushes(server, collector):
    collector.start()
    wait_for_pushes(server, collector)
    for round_ in range(1, 3):
        collector.clock.advance(22 * DAY if round_ == 1 else 3600)
        wait_until(lambda: len(serials(server, collector)) >= 2, 20, "a new certificate")
        wait_for_pushes(server, collector)
    collector.stop()
    assert "certificate renewed" in collector.log_text()
    assert nothing_was_refused(collector) and no_gap(server, collector)
    assert len(serials(server, collector)) == 2


def test_failed_renewal_keeps_the_old_certificate(server, collector):
    """A failing renewal is logged once and pushes go on; when it is possible again it succeeds."""
    collector.start()
    wait_for_pushes(server, collector)
    server.db.execute("REVOKE EXECUTE ON FUNCTION pganalytics.renew_certificate(uuid, bytea, text) "
                      "FROM pganalytics_ingest")
    try:
        collector.clock.advance(22 * DAY)
        wait_until(lambda: "certificate not renewed" in collector.log_text(), 20, "a failure")
        wait_for_pushes(server, collector, 5)
        assert collector.log_text().count("certificate not renewed") == 1
    finally:
        server.db.execute("GRANT EXECUTE ON FUNCTION pganalytics.renew_certificate(uuid, bytea, text)"
                          " TO pganalytics_ingest")
    wait_until(lambda: "certificate renewed" in collector.log_text(), 60, "the renewal")
    collector.stop()
    assert no_gap(server, collector)


def test_revoked_is_locked_out_and_enrols_again(server, collector):
    collector.start()
    wait_for_pushes(server, collector)
    server.db.execute("SELECT pganalytics.revoke_certificate(%s, 'keyCompromise')",
                      serials(server, collector)[0])
    wait_until(lambda: "enrol this collector again" in collector.log_text(), 10,
               f"a word about it: {collector.log_text()}")
    late = server.db.value(
        "SELECT max(l.received_at) - max(c.revoked_at) FROM pganalytics.push_ledger l"
        " JOIN pganalytics.certificates c USING (collector_id) WHERE collector_id = %s",
        collector.id)
    assert late.total_seconds() < 1
    stored, identity = pushes(server, collector), collector.id
    done = collector.run("check")  # check also makes a push
    assert done.returncode == 1 and "revoked" in done.stdout, done.stdout
    assert pushes(server, collector) == stored
    enrol(server, collector)
    assert collector.id == identity
    wait_for_pushes(server, collector)
    # The pushes that waited were stored too: no number is missing.
    assert no_gap(server, collector)
    assert len(serials(server, collector)) == 2


def test_expired_enrols_again_and_keeps_its_history(server, collector, clock):
    collector.start()
    wait_for_pushes(server, collector)
    identity = collector.id
    known_as = "SELECT server_id FROM pganalytics.servers WHERE collector_id = %s"
    server_id = server.db.value(known_as, identity)
    clock.advance(31 * DAY)
    collector.clock.advance(31 * DAY)
    wait_until(lambda: "enrol" in collector.log_text(), 20, f"a word: {collector.log_text()}")
    done = collector.run("check")
    assert done.returncode == 1 and "it has expired" in done.stdout, done.stdout
    enrol(server, collector)
    assert collector.id == identity
    wait_for_pushes(server, collector)
    assert server.db.value(known_as, identity) == server_id


def test_server_certificate_is_rotated_under_pushes(server, collector):
    """The server's key changes each time, so the pins known before and after must overlap."""
    collector.start()
    wait_for_pushes(server, collector)
    for _ in range(3):
        version = trust_version(collector)
        server.db.execute("SELECT pganalytics.rotate_server_certificate()")
        wait_until(lambda before=version: trust_version(collector) > before, 20,
                   f"new trust: {collector.log_text()}")
        wait_for_pushes(server, collector, 5)
    collector.stop()
    assert nothing_was_refused(collector) and no_gap(server, collector), collector.log_text()
    assert len(serials(server, collector)) == 1


def test_authority_is_rotated_under_pushes(server, collector):
    """Both roots are trusted for a while; then the old one is not, and no push was refused."""
    collector.start()
    wait_for_pushes(server, collector)
    version = trust_version(collector)
    server.db.execute("SELECT pganalytics.rotate_ca()")
    wait_until(lambda: trust_version(collector) > version, 20, "both roots")
    wait_until(lambda: (collector.state / "server.json").read_text().count("BEGIN CERT") == 2, 20,
               "both roots here")
    wait_for_pushes(server, collector)
    collector.clock.advance(22 * DAY)  # the renewed certificate is of the new root
    wait_until(lambda: len(serials(server, collector)) == 2, 20, "the new root's certificate")
    wait_for_pushes(server, collector)
    server.db.execute("SELECT pganalytics.finish_ca_rotation(true)")
    wait_until(lambda: (collector.state / "server.json").read_text().count("BEGIN CERT") == 1, 20,
               f"one root again: {collector.log_text()}")
    wait_for_pushes(server, collector, 5)
    collector.stop()
    assert nothing_was_refused(collector) and no_gap(server, collector), collector.log_text()
    issuers = server.db.value("SELECT count(DISTINCT issuer) FROM pganalytics.certificates "
                              "WHERE collector_id = %s", collector.id)
    assert issuers == 2


def assert_nothing_wrong(done):
    """assert_nothing_wrong lets check complain about the monitored server's clock, which no test moves."""
    wrong = [line for line in done.stdout.splitlines() if not line.startswith("OK")]
    assert all("this host's clock is" in line and "of monitored" in line for line in wrong), wrong
    assert "an empty push was stored" in done.stdout, done.stdout


def test_certificate_is_enough_where_it_is_required(server, collector, monitored, root):
    """With mtls = required a token alone is refused, and the collector's output shows the 403."""
    server.configure(mtls="required")
    with_token = product.Collector(root / "token-only", server.cluster,
                                   server.cluster.create_collector("token-only"), [monitored],
                                   interval="200ms", env=collector.env)
    try:
        collector.start()
        wait_for_pushes(server, collector)
        done = with_token.run("check")
        assert done.returncode == 1 and "403" in done.stdout, done.stdout
        assert_nothing_wrong(collector.run("check"))
    finally:
        server.configure(mtls="optional")
    assert_nothing_wrong(with_token.run("check"))
