"""The procedures of docs/operate/pki.md as printed: issuing by hand, and stolen keys."""
import re
import subprocess

import psycopg2
import pytest

import cluster
import pki
import product
from api_client import ApiClient
from cluster import wait_until
from identities import Enrolled, ask_enrollment, authority_of, enroll, forge_for, holder_of
from procedures import IN_USE, TEXT, WORDS, block_with, make_site, said


@pytest.fixture(scope="module")
def site(make_server):
    return make_site(make_server, "procedures")


@pytest.fixture
def collector(site, monitored, request):
    yield from site.enrolled(request.node.name, monitored)


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


def test_passphrase_for_a_key_that_is_there(site):
    """The command is set first, so that the plain key and the encrypted one can both be read."""
    key_file = site.data / "pganalytics_ca.key"
    plain = key_file.read_bytes()
    seal, move = re.search(r"```sh\n(openssl pkcs8 .*?)```", TEXT, re.S).group(1).splitlines()
    try:
        site.server.configure(ca_passphrase_command="echo correct horse")
        issue_one(site)
        subprocess.run([*seal.split(), "-passout", "pass:correct horse"], check=True,
                       capture_output=True, **{**cluster.as_service_user(), "cwd": str(site.data)})
        subprocess.run(move.split(), check=True, cwd=site.data)
        assert b"ENCRYPTED" in key_file.read_bytes() and key_file.stat().st_mode & 0o777 == 0o600
        issue_one(site)
    finally:
        key_file.write_bytes(plain)
        site.server.configure(ca_passphrase_command="")


def issue_one(site):
    request = site.admin.value("SELECT pganalytics.issue_certificate('prod-1', %s)",
                               pki.signing_request(pki.new_key()))
    assert site.admin.value("SELECT pganalytics.issued_certificate(%s)", request)


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
    # The worker refuses from the COMMIT on (403), the handshake fails milliseconds later (None).
    assert site.status(stolen) in (403, None)
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


def server_serial(site):
    """server_serial is None after one certificate has ended and before the next one is made."""
    rows = site.admin.rows("SELECT serial FROM pganalytics.certificate_expiry WHERE kind = 'server'")
    return rows[0][0] if rows else None


def test_stolen_key_of_the_server(site, collector):
    """Enrolled collectors already know the next key and follow the change."""
    serial, pins = server_serial(site), site.admin.value(IN_USE)
    site.admin.execute(said("SELECT pganalytics.revoke_certificate(serial, 'keyCompromise')",
                            serial=f"'{serial}'"))
    wait_until(lambda: server_serial(site) not in (None, serial), 15, "another certificate")
    site.wait_for_pushes(collector, 4)
    assert site.admin.value(IN_USE)[0] == pins[1] and site.verifies()
    assert "ERROR" not in collector.log_text(), collector.log_text()


def test_both_keys_of_the_server_stolen(site, collector):
    """The collector knows neither new key: it waits until an administrator gives it the new pin."""
    certificates = site.admin.value("SELECT pganalytics.ca_certificate()")
    site.server.cluster.stop()
    for path in site.data.glob(said("pganalytics_server*")):
        path.unlink()
    site.server.cluster.start()
    site.server.cluster.wait_until_running()
    assert site.admin.value("SELECT pganalytics.ca_certificate()") == certificates
    assert site.verifies()
    wait_until(lambda: "public key" in collector.log_text(), 40,
               f"a word about the key: {collector.log_text()}")
    site.let_in(collector)
    site.wait_for_pushes(collector)


def test_stolen_token_key(site, collector):
    """After the revocation tokens of the key are refused; collectors with certificates are not affected."""
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
    """A forged certificate is refused with 403; after the rotation the handshake fails."""
    one = enroll(site.server, "forged")
    forged = Enrolled(site.server, one.name, one.collector_id,
                      authority_of(site.server).leaf(one.collector_id))
    assert (site.status(one), site.status(forged)) == (200, 403)
    site.do("rotate_ca()")
    assert site.admin.value("SELECT pganalytics.ca_certificate()").count("BEGIN CERT") == 2
    with pytest.raises(psycopg2.Error, match="no certificate of the new authority"):
        site.admin.execute(said("SELECT pganalytics.finish_ca_rotation();"))
    # Collectors must push first: one that knows only the old authority could not verify the server
    # later.
    site.wait_for_pushes(collector)
    site.do("finish_ca_rotation(true)")
    site.server.cluster.write_certificate()
    wait_until(site.verifies, 15, "the server's certificate of the new authority")
    assert (site.status(one), site.status(forged)) == (None, None)
    assert site.status(collector_id=one.collector_id, token=one.token) == 200
    wait_until(lambda: "enrol" in collector.log_text(), 40, collector.log_text())
    site.let_in(collector)
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
    # The data directory holds only a hash of this token.
    assert site.status(collector_id=one.collector_id, token=one.token) == 200
    assert site.status(collector_id=one.collector_id, token=one.signed_token()) == 200
    site.let_in(collector)
    site.wait_for_pushes(collector)


def see_a_long_reason_once(site):
    """A reason that is cut, between characters, is shown as of when it was found, not anew each second."""
    def maintenance():
        return site.admin.value("SELECT last_error_at FROM pganalytics.workers WHERE kind = 'maintenance'")

    # The cut of one of them lies inside a character.
    for path in ("/" + "\u00e4" * 110, "/x" + "\u00e4" * 110):
        site.server.cluster.configure({"pganalytics.ssl_ca_file": path, "pganalytics.ca_key_file": path})
        site.server.cluster.reload()
        wait_until(lambda: any(path[:20] in error for error, in site.server.workers("last_error")), 10, path)
        found = site.server.workers("last_error, last_error_at")
        for _ in range(2):
            tried_at = maintenance()
            wait_until(lambda: maintenance() != tried_at, 10, "another try")
        assert site.server.workers("last_error, last_error_at") == found
    site.server.cluster.configure({"pganalytics.ssl_ca_file": "", "pganalytics.ca_key_file": ""})


def test_files_of_two_authorities(site):
    """With files that do not match nothing is served, and the view says why, until the files match again."""
    kept = site.files()
    site.server.cluster.stop()
    product.write_secret(site.data / "pganalytics_ca.key", pki.key_pem(pki.new_key()))
    (site.data / "pganalytics_server.crt").unlink()
    site.server.cluster.start()
    sign = said("waits for the certificate authority")
    other = 'private key file "./pganalytics_ca.key" does not belong to'
    wait_until(lambda: all(sign in (error or "") for error, in site.server.workers("last_error")), 20,
               sign)
    (state, error), = site.admin.rows(said("SELECT state, last_error FROM pganalytics.workers WHERE "
                                           "kind = 'maintenance';"))
    assert other in error, (state, error)
    see_a_long_reason_once(site)
    request = site.admin.value("SELECT pganalytics.issue_certificate('prod-1', %s)",
                               pki.signing_request(pki.new_key()))
    for name, content in kept.items():
        (site.data / name).write_bytes(content)
        cluster.own(site.data / name)
    site.server.cluster.reload()
    site.server.cluster.wait_until_running()
    assert site.admin.value("SELECT pganalytics.issued_certificate(%s)", request)
    # Each start writes another revocation list, so that file may differ.
    now = site.files()
    assert now.pop("pganalytics_crl.pem") and kept.pop("pganalytics_crl.pem")
    assert now == kept
