"""The certificate authority: its files, what it issues, revokes and replaces, and recovery from a crash."""
import socket
import subprocess
import time

import psycopg2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import (CRLEntryExtensionOID, ExtendedKeyUsageOID, ExtensionOID,
                                   NameOID)

import cluster
from authority_view import (certificates_in, is_verified, issue, key_of, lists_in, number_of,
                            request_for, revoke, run_job, serial_of, served)
from client import Load
from cluster import wait_until
from procedures import authority_files


@pytest.fixture(scope="module")
def own(make_server):
    return make_server("authority", server_names="db.example.org, 192.0.2.7")


def test_files_and_their_modes(own):
    """Files with keys are readable for the server alone, and every file holds what its name says."""
    data = own.cluster.data
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in authority_files(data)}
    kid = own.db.value("SELECT kid FROM pganalytics.token_keys")
    assert modes == {
        "pganalytics_ca.crt": "0o644", "pganalytics_ca.key": "0o600",
        "pganalytics_server.crt": "0o644", "pganalytics_server.key": "0o600",
        "pganalytics_server_next.key": "0o600", "pganalytics_crl.pem": "0o644",
        f"pganalytics_token_{kid}.key": "0o600"}
    root, = certificates_in(data / "pganalytics_ca.crt")
    key = serialization.load_pem_private_key((data / "pganalytics_ca.key").read_bytes(), None)
    assert key_of(key) == key_of(root)
    assert root.public_key().curve.name == "secp256r1"
    assert own.db.value("SELECT pganalytics.ca_certificate()").strip() == \
        root.public_bytes(serialization.Encoding.PEM).decode().strip()


def test_extensions_of_the_authority(own):
    root, = certificates_in(own.cluster.data / "pganalytics_ca.crt")
    assert root.subject == root.issuer == x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, "pganalytics CA")])
    constraints = root.extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS)
    assert constraints.critical and constraints.value == x509.BasicConstraints(True, 0)
    usage = root.extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE)
    assert usage.critical and usage.value.key_cert_sign and usage.value.crl_sign
    assert not usage.value.digital_signature
    assert (root.not_valid_after - root.not_valid_before).days == 3651


def test_server_certificate_names_the_host(own):
    certificate = served(own)
    names = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert names.get_values_for_type(x509.DNSName) == [socket.gethostname(), "localhost",
                                                       "db.example.org"]
    assert [str(name) for name in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1", "::1", "192.0.2.7"]
    assert certificate.extensions.get_extension_for_oid(
        ExtensionOID.EXTENDED_KEY_USAGE).value._usages == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert (certificate.not_valid_after - certificate.not_valid_before).days == 91


def test_what_is_issued_is_decided_here(own):
    """Only the key is taken from a request that asks to be an authority with another name."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = issue(own, "prod-1", request_for(key))
    collector_id = own.db.value("SELECT collector_id::text FROM pganalytics.collectors "
                                "WHERE name = 'prod-1'")
    assert key_of(certificate) == key_of(key)
    assert certificate.subject.rfc4514_string() == "CN=prod-1"
    extensions = {e.oid: (e.critical, e.value) for e in certificate.extensions}
    assert set(extensions) == {
        ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER}
    assert extensions[ExtensionOID.BASIC_CONSTRAINTS] == (True, x509.BasicConstraints(False, None))
    assert extensions[ExtensionOID.KEY_USAGE] == (True, x509.KeyUsage(
        True, False, False, False, False, False, False, False, False))
    assert extensions[ExtensionOID.EXTENDED_KEY_USAGE] == (False, x509.ExtendedKeyUsage(
        [ExtendedKeyUsageOID.CLIENT_AUTH]))
    assert extensions[ExtensionOID.SUBJECT_ALTERNATIVE_NAME] == (False, x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier(f"urn:uuid:{collector_id}")]))
    assert 30 <= (certificate.not_valid_after - certificate.not_valid_before).days <= 31
    assert certificate.serial_number.bit_length() == 127
    serial, kind, state = own.db.row(
        "SELECT serial, kind, state FROM pganalytics.certificates WHERE collector_id = %s",
        collector_id)
    assert (serial, kind, state) == (serial_of(certificate), "collector", "active")


@pytest.mark.parametrize("curve, refused", [(ec.SECP384R1(), False), (ec.SECP521R1(), True)])
def test_keys_of_requests(own, curve, refused):
    csr = request_for(ec.generate_private_key(curve))
    if not refused:
        assert issue(own, "curve", csr).public_key().curve.name == curve.name
        return
    with pytest.raises(psycopg2.Error, match="not on P-256 or P-384"):
        issue(own, "curve", csr)


def test_requests_that_are_none(own):
    """An invalid request is refused with a reason, and a good one in the same batch is issued."""
    good = request_for(ec.generate_private_key(ec.SECP256R1()))
    bad = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
    own.db.execute("INSERT INTO pganalytics.collectors (name) VALUES ('batch')")
    requests = own.db.row("SELECT pganalytics.issue_certificate('batch', %s)::text, "
                          "pganalytics.issue_certificate('batch', %s)::text, "
                          "pganalytics.issue_certificate('batch', %s)::text", bad, good, bad)
    assert own.db.value("SELECT pganalytics.issued_certificate(%s)", requests[1]).startswith("-----")
    assert own.db.rows("SELECT state, message FROM pganalytics.certificate_requests "
                       "WHERE certificate_request_id = ANY (%s::uuid[]) ORDER BY state DESC",
                       [requests[0], requests[2]]) == 2 * [
        ("refused", "certificate request is not one request in DER (PKCS #10)")]


def test_disabled_collectors_get_none(own):
    own.db.execute("INSERT INTO pganalytics.collectors (name, enabled) VALUES ('off', false)")
    with pytest.raises(psycopg2.Error, match="disabled"):
        issue(own, "off")


def test_revocation_is_in_the_file_within_a_second(own):
    """Two programs agree with the list: OpenSSL and Python's cryptography."""
    root = own.cluster.data / "pganalytics_ca.crt"
    certificate = issue(own, "revoked")
    file = own.cluster.root / "revoked.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    verify = ["openssl", "verify", "-crl_check", "-x509_strict", "-CAfile", str(root), "-CRLfile",
              str(own.cluster.data / "pganalytics_crl.pem"), str(file)]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0
    before, = lists_in(own)
    began = time.monotonic()
    assert revoke(own, certificate, "keyCompromise")[:2] == ("collector", "CN=revoked")
    entry = wait_until(lambda: lists_in(own)[0].get_revoked_certificate_by_serial_number(
        certificate.serial_number), 5, "the revocation list")
    elapsed = time.monotonic() - began
    assert elapsed < 1, elapsed
    assert entry.extensions.get_extension_for_oid(
        CRLEntryExtensionOID.CRL_REASON).value.reason == x509.ReasonFlags.key_compromise
    after, = lists_in(own)
    assert number_of(after) > number_of(before)
    assert after.is_signature_valid(certificates_in(root)[0].public_key())
    assert (after.next_update - after.last_update).days == 7
    refused = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert refused.returncode != 0 and "certificate revoked" in refused.stderr
    # The file comes first; the table has the list a moment later.
    wait_until(lambda: own.db.value("SELECT pganalytics.certificate_revocation_list()").strip() ==
               (own.cluster.data / "pganalytics_crl.pem").read_text().strip(), 5, "the list in SQL")


def test_numbers_of_lists_increase_under_concurrent_revocations(own):
    certificates = [issue(own, f"many-{i}") for i in range(8)]
    sessions = [psycopg2.connect(own.db.dsn) for _ in certificates]
    try:
        for session, certificate in zip(sessions, certificates):
            session.cursor().execute("SELECT * FROM pganalytics.revoke_certificate(%s, 'superseded')",
                                     [serial_of(certificate)])
        for session in reversed(sessions):
            session.commit()
    finally:
        for session in sessions:
            session.close()
    wait_until(lambda: all(lists_in(own)[0].get_revoked_certificate_by_serial_number(c.serial_number)
                           for c in certificates), 5, "all of them in the list")
    newest = number_of(lists_in(own)[0])
    wait_until(lambda: own.db.value("SELECT max(crl_number) FROM pganalytics.revocation_lists") ==
               newest, 5, "the table to have it too")
    digests = own.db.rows("SELECT crl_number, sha256(der) FROM pganalytics.revocation_lists")
    assert len({bytes(digest) for _, digest in digests}) == len(digests) >= 2


def test_what_revocation_refuses(own):
    certificate = issue(own, "twice")
    revoke(own, certificate)
    with pytest.raises(psycopg2.Error, match="was revoked at"):
        revoke(own, certificate)
    with pytest.raises(psycopg2.Error, match="stays revoked"):
        own.db.execute("UPDATE pganalytics.certificates SET state = 'active', revoked_at = NULL, "
                       "revoked_by = NULL, revocation_reason = NULL WHERE serial = %s",
                       serial_of(certificate))
    root, = certificates_in(own.cluster.data / "pganalytics_ca.crt")
    with pytest.raises(psycopg2.Error, match="cannot be revoked by itself"):
        revoke(own, root)


def test_revoking_the_server_certificate_replaces_it(own):
    before = served(own)
    revoke(own, before, "keyCompromise")
    wait_until(lambda: {served(own).serial_number for _ in range(6)}.isdisjoint(
        {before.serial_number}), 15, "another certificate at every worker")
    assert key_of(served(own)) != key_of(before)
    own.cluster.wait_until_running()


def test_server_rotation_uses_the_key_whose_pin_was_known(own):
    credentials = own.collector()
    pins = own.db.value("SELECT pins FROM pganalytics.trust ORDER BY version DESC LIMIT 1")
    before = served(own)
    with Load(own.port, own.ca_file, credentials, 10) as load:
        run_job(own, "rotate_server_certificate()")
        wait_until(lambda: {served(own).serial_number for _ in range(6)}.isdisjoint(
            {before.serial_number}), 15, "the new certificate at every worker")
        count = load.count()
        wait_until(lambda: load.count() > count + 10, 20, "acknowledgements after the change")
        load.stop()
    assert load.failures == []
    # While gateways change, the document lists the old pin behind the new ones.
    after = wait_until(lambda: own.db.row(
        "SELECT CASE WHEN cardinality(pins) = 2 THEN pins END FROM pganalytics.trust "
        "ORDER BY version DESC LIMIT 1")[0], 10, "the end of the old pin")
    assert after[0] == pins[1] and after[1] not in pins


def test_names_of_the_server_change(own):
    key = key_of(served(own))
    own.cluster.configure({"pganalytics.server_names": "other.example.org"})
    own.cluster.reload()

    def names():
        return served(own).extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value.get_values_for_type(x509.DNSName)
    wait_until(lambda: names() == [socket.gethostname(), "localhost", "other.example.org"], 15,
               "a certificate with the new name")
    assert key_of(served(own)) == key
    own.cluster.wait_until_running()


def test_certificates_name_the_revocation_list(own):
    def addresses():
        try:
            points = served(own).extensions.get_extension_for_oid(
                ExtensionOID.CRL_DISTRIBUTION_POINTS).value
        except x509.ExtensionNotFound:
            return None
        return [name.value for point in points for name in point.full_name]
    assert addresses() is None
    own.cluster.configure({"pganalytics.crl_url": "http://pki.example.org/a,b.crl"})
    own.cluster.reload()
    wait_until(lambda: addresses() == ["http://pki.example.org/a,b.crl"], 15, "the address")
    for wrong in ("pki.example.org", "ftp://pki.example.org/", "http://", "http://a b", "http:///x"):
        with pytest.raises(psycopg2.Error, match="no http: or https: URL"):
            own.db.execute("ALTER SYSTEM SET pganalytics.crl_url = %s", wrong)
    own.cluster.wait_until_running()


def test_authority_is_replaced_without_a_failed_request(own):
    """Clients trust both authorities during a rotation; until its end the old one signs for the server."""
    data = own.cluster.data
    credentials = own.collector()
    old_root, = certificates_in(data / "pganalytics_ca.crt")
    holder = issue(own, "holder")
    with pytest.raises(psycopg2.Error, match="no rotation"):
        own.db.execute("SELECT pganalytics.finish_ca_rotation()")
    with Load(own.port, own.ca_file, credentials, 10) as load:
        run_job(own, "rotate_ca()")
        new_root, second = certificates_in(data / "pganalytics_ca.crt")
        assert second == old_root and key_of(new_root) != key_of(old_root)
        assert (data / "pganalytics_ca_old.key").stat().st_mode & 0o777 == 0o600
        with pytest.raises(psycopg2.Error, match="has begun already"):
            own.db.execute("SELECT pganalytics.rotate_ca()")
        old_root.public_key().verify(served(own).signature, served(own).tbs_certificate_bytes,
                                     ec.ECDSA(hashes.SHA256()))
        # The rotation cannot end while a collector has a certificate of the old authority only.
        with pytest.raises(psycopg2.Error, match="no certificate of the new authority"):
            own.db.execute("SELECT pganalytics.finish_ca_rotation()")
        for name, in own.db.rows("SELECT DISTINCT l.name FROM pganalytics.collectors l "
                                 "JOIN pganalytics.certificates c USING (collector_id) "
                                 "WHERE l.enabled AND c.state = 'active'"):
            renewed = issue(own, name)
            new_root.public_key().verify(renewed.signature, renewed.tbs_certificate_bytes,
                                         ec.ECDSA(hashes.SHA256()))
        # Each authority's list names only that authority's certificates.
        revoke(own, holder, "cessationOfOperation")
        wait_until(lambda: len(lists_in(own)) == 2 and lists_in(own)[1]
                   .get_revoked_certificate_by_serial_number(holder.serial_number), 5,
                   "the old authority's list")
        assert lists_in(own)[0].is_signature_valid(new_root.public_key())
        assert lists_in(own)[1].is_signature_valid(old_root.public_key())
        # From here on the load trusts both authorities, like collectors that follow the trust
        # document.
        own.cluster.write_certificate()
        load.stop()
    assert load.failures == []
    with Load(own.port, own.ca_file, credentials, 10) as load:
        run_job(own, "finish_ca_rotation()")
        count = load.count()
        wait_until(lambda: load.count() > count + 10, 20, "acknowledgements after the change")
        load.stop()
    assert load.failures == []
    assert certificates_in(data / "pganalytics_ca.crt") == [new_root]
    assert not (data / "pganalytics_ca_old.key").exists()
    wait_until(lambda: all(is_verified(own) for _ in range(6)), 15, "the new server certificate")
    own.cluster.write_certificate()
    assert own.db.value("SELECT state FROM pganalytics.certificates WHERE serial = %s",
                        serial_of(old_root)) == "revoked"


def test_token_keys(own):
    """After a rotation another key signs; a revoked key is replaced at once, and its file is removed."""
    data = own.cluster.data
    keys = "SELECT kid FROM pganalytics.token_keys WHERE revoked_at IS NULL ORDER BY signs_from"
    first = [kid for kid, in own.db.rows(keys)]
    run_job(own, "rotate_token_key()")
    both = [kid for kid, in own.db.rows(keys)]
    assert len(both) == len(first) + 1
    for kid in both:
        key = serialization.load_pem_private_key((data / f"pganalytics_token_{kid}.key").read_bytes(),
                                                 None)
        assert own.db.value("SELECT public_key FROM pganalytics.token_keys WHERE kid = %s",
                            kid).tobytes() == key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    for kid in both:
        own.db.execute("SELECT pganalytics.revoke_token_key(%s)", kid)
    wait_until(lambda: own.db.rows(keys), 10, "another key")
    wait_until(lambda: not any((data / f"pganalytics_token_{kid}.key").exists() for kid in both), 10,
               "the end of the files")
    with pytest.raises(psycopg2.Error, match="was revoked"):
        own.db.execute("SELECT pganalytics.revoke_token_key(%s)", both[0])


def test_expiry_is_shown(own):
    rows = own.db.rows("SELECT kind, count(*)::int, bool_and(renew_at < expires_at) "
                       "FROM pganalytics.certificate_expiry WHERE kind <> 'collector' GROUP BY kind")
    assert sorted(rows) == [("authority", 1, True), ("revocation list", 1, True),
                            ("server", 1, True), ("token key", 1, True)]
    assert own.db.row("SELECT days_left FROM pganalytics.certificate_expiry "
                      "WHERE name = 'prod-1'") == (29,)


def test_nothing_changes_with_a_restart(own):
    """A restart repairs what a stopped server left unfinished, and changes nothing else."""
    data = own.cluster.data
    before = {path.name: path.read_bytes() for path in authority_files(data)}
    number = number_of(lists_in(own)[0])
    version = own.db.value("SELECT max(version) FROM pganalytics.trust")
    own.cluster.restart()
    own.cluster.wait_until_running()
    wait_until(lambda: number_of(lists_in(own)[0]) > number, 10, "the list of the start")
    after = {path.name: path.read_bytes() for path in authority_files(data)}
    assert {**after, "pganalytics_crl.pem": None} == {**before, "pganalytics_crl.pem": None}
    assert own.db.value("SELECT max(version) FROM pganalytics.trust") == version
    # Simulate a crash before the next server key was written, and one at the start of a rotation.
    own.cluster.stop()
    (data / "pganalytics_server_next.key").unlink()
    (data / "pganalytics_crl.pem").unlink()
    for name in ("pganalytics_ca_next.key", "pganalytics_ca_old.key"):
        (data / name).write_bytes(before["pganalytics_server.key"])
        (data / name).chmod(0o600)
        cluster.own(data / name)
    own.cluster.start()
    own.cluster.wait_until_running()
    wait_until(lambda: {path.name for path in authority_files(data)} == set(before), 10,
               "the files, and no others")
    assert (data / "pganalytics_ca.key").read_bytes() == before["pganalytics_ca.key"]
    assert served(own) == x509.load_pem_x509_certificate(before["pganalytics_server.crt"])
    assert number_of(lists_in(own)[0]) > number + 1


def test_numbers_go_on_when_the_extension_is_made_anew(own):
    """If the table is lost, the list numbers continue from the file of the lists."""
    number = number_of(lists_in(own)[0])
    own.db.execute("DROP EXTENSION pganalytics CASCADE")
    own.db.execute("CREATE EXTENSION pganalytics")
    own.cluster.wait_until_running()
    wait_until(lambda: number_of(lists_in(own)[0]) > number, 15, "another list")
