"""What the tests of the certificate authority ask the server and read in its files."""
import re
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID

from cluster import wait_until


def certificates_in(path):
    return [x509.load_pem_x509_certificate(pem) for pem in re.findall(
        b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", path.read_bytes(), re.S)]


def key_of(holder):
    """key_of gives the encoded public key of a certificate or of a private key, for comparison."""
    return holder.public_key().public_bytes(serialization.Encoding.DER,
                                            serialization.PublicFormat.SubjectPublicKeyInfo)


def served(server):
    """served is the server certificate that a client gets if it trusts the authority alone."""
    context = ssl.create_default_context(cadata=server.db.value("SELECT pganalytics.ca_certificate()"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))


def is_verified(server):
    """is_verified says whether such a client verifies the server; a gateway of before may still fail it."""
    try:
        return served(server) is not None
    except ssl.SSLCertVerificationError:
        return False


def request_for(key):
    return x509.CertificateSigningRequestBuilder().subject_name(x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, "whatever it says")])).add_extension(
            x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()).public_bytes(
                serialization.Encoding.PEM).decode()


def issue(server, name, csr=None):
    """issue makes a collector and gives its certificate, by SQL."""
    csr = csr or request_for(ec.generate_private_key(ec.SECP256R1()))
    server.db.execute("INSERT INTO pganalytics.collectors (name) VALUES (%s) ON CONFLICT DO NOTHING", name)
    request = server.db.value("SELECT pganalytics.issue_certificate(%s, %s)", name, csr)
    pem = server.db.value("SELECT pganalytics.issued_certificate(%s)", request)
    return x509.load_pem_x509_certificate(pem.encode())


def serial_of(certificate):
    return format(certificate.serial_number, "x")


def revoke(server, certificate, reason="unspecified"):
    return server.db.row("SELECT * FROM pganalytics.revoke_certificate(%s, %s)",
                         serial_of(certificate), reason)


def lists_in(server):
    """lists_in are the revocation lists in the file, by their number."""
    text = (server.cluster.data / "pganalytics_crl.pem").read_text()
    return [x509.load_pem_x509_crl(pem.encode()) for pem in
            re.findall("-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", text, re.S)]


def number_of(revocation_list):
    return revocation_list.extensions.get_extension_for_oid(ExtensionOID.CRL_NUMBER).value.crl_number


def run_job(server, sql):
    job = server.db.value(f"SELECT pganalytics.{sql}")
    outcome = "SELECT state, message FROM pganalytics.authority_jobs WHERE authority_job_id = %s"
    wait_until(lambda: server.db.row(outcome, job)[0] != "pending", 15, "the end of the job")
    assert server.db.row(outcome, job) == ("done", None)
