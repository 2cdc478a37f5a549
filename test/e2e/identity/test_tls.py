"""What TLS offers to strangers, by checks of our own and by testssl.sh."""
import concurrent.futures
import json
import socket
import ssl
import subprocess

import pytest

PORTS = ("collectors", "people")
SUITES_12 = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
             "ECDHE-ECDSA-CHACHA20-POLY1305"}
SUITES_13 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
GROUPS = {"X25519", "P-256", "P-384"}
# Findings of testssl.sh that are not faults of this server.
EXPLAINED = {
    "engine_problem": "the openssl program that does the testing knows no GOST",
}
GOOD = {"OK", "INFO"}
# Some checks that a report must hold, so that an empty or incomplete report fails.
LOOKED_AT = {"SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cert_chain_of_trust",
             "cert_trust", "cert_validityPeriod", "HSTS_time", "banner_server", "cipher_order", "PFS",
             "heartbleed", "ticketbleed", "secure_renego", "secure_client_renego", "CRIME_TLS",
             "ROBOT", "SWEET32", "LOGJAM", "LUCKY13", "RC4"}
# Protocols, forward secrecy, order of suites, defaults of the server, headers, known attacks.
SECTIONS = ("-p", "-f", "-P", "-S", "-h", "-U")


@pytest.fixture(scope="module")
def server(make_server):
    # testssl.sh wants certificates to name the place of a revocation list.
    return make_server("tls", crl_url="http://pki.example.com/pganalytics.crl")


def port_of(server, whose):
    return server.port if whose == "collectors" else server.cluster.api_port


@pytest.fixture(params=PORTS)
def port(request, server):
    return port_of(server, request.param)


def openssl(server, port, *options, say="Q\n"):
    """openssl runs s_client; its returncode is 0 if TLS was agreed and the server verified."""
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost",
         "-CAfile", str(server.ca_file), "-verify_return_error", *options], input=say, text=True,
        capture_output=True, timeout=20, check=False)


def agreed(done):
    """agreed is the cipher suite of a successful handshake, None after a failed one."""
    line = next((line for line in done.stdout.splitlines() if line.startswith("New, ")), "(NONE)")
    suite = line.rsplit(" ", 1)[-1]
    return None if suite == "(NONE)" else suite


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(server, port, version):
    done = openssl(server, port, version, "-cipher", "ALL:@SECLEVEL=0")
    assert agreed(done) is None
    assert "alert protocol version" in done.stderr, done.stderr


def test_suites_of_tls12_are_ecdhe_and_aead(server, port):
    offered = "ALL:COMPLEMENTOFALL"
    found = set()
    # Remove each agreed suite from the offer until the server agrees on none.
    while suite := agreed(openssl(server, port, "-tls1_2", "-cipher", f"{offered}:@SECLEVEL=0")):
        assert suite not in found
        found.add(suite)
        offered += f":!{suite}"
    assert found == SUITES_12


def test_suites_of_tls13(server, port):
    found = {suite for suite in (*SUITES_13, "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256")
             if agreed(openssl(server, port, "-tls1_3", "-ciphersuites", suite))}
    assert found == SUITES_13


def test_groups(server, port):
    def agreed_on(version, groups):
        return {group for group in groups if agreed(openssl(server, port, version, "-groups", group))}

    others = ("P-521", "X448", "brainpoolP256r1", "ffdhe2048")
    assert agreed_on("-tls1_3", (*GROUPS, *others)) == GROUPS
    # In TLS 1.2 the list of groups also limits the curves of certificates.
    assert agreed_on("-tls1_2", ("P-256", *others)) == {"P-256"}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_is_resumed(server, port, version):
    """A resumed session would skip the check of the client's certificate."""
    context = ssl.create_default_context(cafile=str(server.ca_file))
    context.minimum_version = context.maximum_version = version
    session = None
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain, \
                context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
            tls.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert tls.recv(4096).startswith(b"HTTP/1.1 ")
            assert not tls.session_reused
            session = tls.session
            assert session is None or not (session.has_ticket or session.id)


def test_no_ticket_comes_after_the_handshake(server, port):
    for version in ("-tls1_2", "-tls1_3"):
        done = openssl(server, port, version)
        assert agreed(done) and "Verify return code: 0 (ok)" in done.stdout
        assert "session ticket" not in done.stdout.lower()
        # Without a ticket a client cannot send early data.
        assert "Early data was not sent" in done.stdout or version == "-tls1_2"


def test_no_compression_and_no_renegotiation(server, port):
    done = openssl(server, port, "-tls1_2", "-comp")
    assert "Compression: NONE" in done.stdout
    # openssl's command R starts a renegotiation.
    done = openssl(server, port, "-tls1_2", say="R\nGET / HTTP/1.1\n\n")
    assert "RENEGOTIATING" in done.stderr + done.stdout
    assert "no renegotiation" in done.stderr and "HTTP/1.1" not in done.stdout


def test_only_http11_is_agreed_on(server, port):
    assert "ALPN protocol: http/1.1" in openssl(server, port, "-alpn", "h2,http/1.1").stdout
    done = openssl(server, port, "-alpn", "h2")
    assert agreed(done) is None and "no application protocol" in done.stderr


def test_what_is_no_tls_is_told_nothing(server, port):
    for words in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x80\x2e\x01\x00\x02" + bytes(43)):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            plain.sendall(words)
            said = plain.recv(4096)
            # The server sends at most an alert.
            assert said == b"" or (said[0] == 21 and len(said) == 7), said


def scan(server, port, directory):
    report = directory / f"{port}.json"
    done = subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip",
         "127.0.0.1", "--add-ca", str(server.ca_file), "--jsonfile", str(report),
         *SECTIONS, f"https://localhost:{port}/api/v1/health"], cwd=directory, text=True,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=570, check=False)
    assert report.exists(), done.stdout + done.stderr
    return json.loads(report.read_text(encoding="utf-8"))


def test_testssl_finds_nothing(server, tmp_path):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        scans = {whose: pool.submit(scan, server, port_of(server, whose), tmp_path)
                 for whose in PORTS}
        reports = {whose: one.result() for whose, one in scans.items()}
    for whose, report in reports.items():
        found = {one["id"]: one for one in report}
        assert not LOOKED_AT - found.keys(), whose
        bad = {name: one for name, one in found.items()
               if one["severity"] not in GOOD and name not in EXPLAINED}
        assert not bad, (whose, bad)
        assert found["cert_chain_of_trust"]["finding"].startswith("passed")
