"""Authorities whose key is not a plain file of the server: a corporate key, or one with a passphrase."""
import psycopg2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import cluster
import pki
import product
from authority_view import issue, lists_in, number_of, request_for, revoke, served
from cluster import wait_until


def test_given_authority_with_its_key(make_server):
    """A corporate intermediate authority issues; its root publishes no list here, and none is required."""
    own = make_server("given", create=False)
    root = pki.Authority("Corporate Root", path_length=1)
    middle = pki.Authority("Corporate CA", issuer=root, path_length=0)
    ca_file = own.cluster.root / "corporate.pem"
    ca_file.write_text(pki.pem(middle.certificate) + pki.pem(root.certificate))
    cluster.own(ca_file)
    key_file = product.write_secret(own.cluster.root / "corporate.key", pki.key_pem(middle.key))
    own.cluster.configure({"pganalytics.ssl_ca_file": ca_file, "pganalytics.ca_key_file": key_file})
    own.cluster.restart()
    own.cluster.create()
    assert not (own.cluster.data / "pganalytics_ca.crt").exists()
    assert served(own).issuer.public_bytes() == middle.name
    certificate = issue(own, "prod")
    middle.key.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes,
                                   ec.ECDSA(hashes.SHA256()))
    revoke(own, certificate, "superseded")
    wait_until(lambda: lists_in(own)[0].get_revoked_certificate_by_serial_number(
        certificate.serial_number), 5, "the list")
    listed = number_of(lists_in(own)[0])
    issue(own, "another")
    assert number_of(lists_in(own)[0]) == listed and len(lists_in(own)) == 1
    for sql in ("rotate_ca()", "finish_ca_rotation()"):
        with pytest.raises(psycopg2.Error):
            own.db.execute(f"SELECT pganalytics.{sql}")


def test_passphrase(make_server):
    """The key is encrypted; without the passphrase the server goes on serving with its certificate."""
    own = make_server("passphrase", create=False)
    secret = own.cluster.root / "passphrase.txt"
    secret.write_text("correct horse\nand no more\n")
    cluster.own(secret)
    own.cluster.configure({"pganalytics.ca_passphrase_command": f"cat {secret}"})
    own.cluster.restart()
    own.cluster.create()
    data = own.cluster.data
    text = (data / "pganalytics_ca.key").read_bytes()
    assert text.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    serialization.load_pem_private_key(text, b"correct horse")
    issue(own, "first")
    own.cluster.configure({"pganalytics.ca_passphrase_command": "echo wrong"})
    own.cluster.restart()
    own.cluster.wait_until_running()
    own.db.execute("INSERT INTO pganalytics.collectors (name) VALUES ('second')")
    request = own.db.value("SELECT pganalytics.issue_certificate('second', %s)",
                           request_for(pki.new_key()))
    error = "SELECT last_error FROM pganalytics.workers WHERE kind = 'maintenance'"
    wait_until(lambda: "could not be decrypted with the passphrase" in (own.db.value(error) or ""), 10,
               "the reason")
    with pytest.raises(psycopg2.Error, match="is not decided yet"):
        own.db.value("SELECT pganalytics.issued_certificate(%s, '0 s')", request)
    # A failing command is reported. Then the right command is set, and the waiting request is
    # served.
    own.cluster.configure({"pganalytics.ca_passphrase_command": "exit 3"})
    own.cluster.reload()
    wait_until(lambda: "ended with exit code 3" in (own.db.value(error) or ""), 10, "the reason")
    own.cluster.configure({"pganalytics.ca_passphrase_command": f"cat {secret}"})
    own.cluster.reload()
    assert own.db.value("SELECT pganalytics.issued_certificate(%s)", request).startswith("-----")
    assert "correct horse" not in own.cluster.log_text()
