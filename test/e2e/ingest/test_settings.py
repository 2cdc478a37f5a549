"""Reloads under load, certificates, a missing library, database or extension, limits of connections."""
import hashlib
import re
import resource
import ssl
import socket
import time

import psycopg2
import pytest

import cluster
import pki
import product
from client import Client, Load, push_body, query_rows, tls_context
from cluster import wait_until


class Authority(pki.Authority):
    """Authority signs server certificates for localhost; all certificates and keys are files."""

    def __init__(self, directory, name):
        super().__init__(name)
        self.directory = directory
        self.file = directory / f"{name}.pem"
        self.file.write_text(pki.pem(self.certificate))
        self.file.chmod(0o644)
        cluster.own(self.file)

    def issue(self, name):
        """issue writes a certificate and its key and gives both paths."""
        holder = self.leaf(None, names=[pki.dns("localhost")], purposes=(pki.SERVER_AUTH,))
        cert_file = self.directory / f"{name}.crt"
        cert_file.write_text(pki.pem(holder.certificate))
        cluster.own(cert_file)
        return cert_file, product.write_secret(self.directory / f"{name}.key", pki.key_pem(holder.key))


def served_certificate(port):
    """served_certificate is the SHA-256 of the certificate that a new connection gets."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain) as connection:
            return hashlib.sha256(connection.getpeercert(binary_form=True)).hexdigest()


def fingerprint(cert_file):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(cert_file.read_text())).hexdigest()


def test_certificate_changed_under_load(make_server):
    """Several changes of the certificate fail no request; new connections get the new certificate."""
    own = make_server("rotated")
    credentials = own.collector()
    authority = Authority(own.cluster.root, "authority")
    pairs = [authority.issue(f"new{i}") for i in range(3)]
    everything = own.cluster.root / "all-cas.pem"
    everything.write_text(own.db.value("SELECT pganalytics.ca_certificate()") + "\n" +
                          authority.file.read_text())
    with Load(own.port, everything, credentials, 20) as load:
        for cert_file, key_file in pairs:
            before = load.count()
            own.configure(ssl_cert_file=cert_file, ssl_key_file=key_file)
            # The listening sockets of both workers have new gateways.
            assert {served_certificate(own.port) for _ in range(10)} == {fingerprint(cert_file)}
            wait_until(lambda: load.count() > before + 20, 20, "acknowledgements after the change")
        load.stop()
    assert load.failures == []
    assert own.ledger(credentials) == (load.count(), 20 * load.count())
    print(f"{len(pairs)} certificates, {load.count()} pushes, 0 failures")

    # With a broken certificate the old one stays, and the error is shown.
    broken = own.cluster.root / "broken.crt"
    broken.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    offset = len(own.cluster.log_text())
    gateways = [pid for pid, in own.workers("gateway_pid")]
    own.cluster.configure({"pganalytics.ssl_cert_file": broken})
    own.cluster.reload()
    wait_until(lambda: all(error and "certificate" in error.lower()
                           for error, in own.workers("last_error")), 10, "report of both workers")
    assert "certificate" in own.log_since(offset).lower()
    assert [pid for pid, in own.workers("gateway_pid")] == gateways
    assert served_certificate(own.port) == fingerprint(pairs[-1][0])
    # The same holds for a pair that does not match and for a missing file.
    for cert_file, key_file in ((pairs[0][0], pairs[1][1]), (broken.parent / "absent.crt",
                                                             pairs[0][1])):
        offset = len(own.cluster.log_text())
        own.cluster.configure({"pganalytics.ssl_cert_file": cert_file,
                               "pganalytics.ssl_key_file": key_file})
        own.cluster.reload()
        wait_until(lambda: len(re.findall(r"(?i)WARNING:.*", own.log_since(offset))) >= 2, 10,
                   "a warning of each worker")
        assert [pid for pid, in own.workers("gateway_pid")] == gateways
    with Client(own.port, everything, credentials.token) as client:
        assert client.push(push_body(credentials.collector_id, query_rows(1, 1))).status == 200
    own.configure(ssl_cert_file=pairs[0][0], ssl_key_file=pairs[0][1])
    assert served_certificate(own.port) == fingerprint(pairs[0][0])


def test_idle_connections_outlive_a_reload_of_limits(server, credentials):
    """After a reload the next push on a kept connection succeeds, or the connection was closed cleanly."""
    with server.client(credentials) as client:
        assert client.push(push_body(credentials.collector_id, query_rows(1, 1)), "1:1").status == 200
        server.configure(max_connections=150)
        try:
            status = client.push(push_body(credentials.collector_id, query_rows(1, 2)),
                                 "1:2").status
        except OSError as error:
            status = type(error).__name__
        except Exception as error:  # http.client raises this if the server closed between requests
            assert "Remote" in type(error).__name__, error
            status = "closed"
        assert status in (200, "closed", "ConnectionResetError", "BrokenPipeError"), status
    server.configure(max_connections=200)


def test_a_reload_replaces_only_what_has_changed(server, credentials):
    """Whatever a gateway was not given leaves it alone, and no planned replacement is a restart."""
    state = "pid, gateway_pid, restarts, gateway_restarts"
    before = server.workers(state)
    offset = len(server.cluster.log_text())
    for _ in range(5):
        server.configure()
    server.configure(batch_size=51)
    assert server.workers(state) == before
    assert "gateway" not in server.log_since(offset)
    server.configure(max_connections=199)
    after = server.workers(state)
    assert not {gateway for _, gateway, _, _ in before} & {gateway for _, gateway, _, _ in after}
    assert [(pid, *counts) for pid, _, *counts in after] == [(pid, *counts) for pid, _, *counts in before]
    server.configure(max_connections=200, batch_size=50)


@pytest.mark.parametrize("name, value", [
    ("port", "0"), ("port", "70000"), ("ingest_workers", "0"), ("ingest_path", "quick"),
    ("batch_size", "0"), ("max_body_size", "-1"), ("max_body_size", "10 apples"),
    ("connection_timeout", "0"), ("dedup_window", "-5min"), ("database", ""),
    ("max_connections", "0"), ("listen_addresses", ",")])
def test_wrong_values_are_refused(server, name, value):
    with pytest.raises(psycopg2.Error) as refused:
        server.db.execute(f"ALTER SYSTEM SET pganalytics.{name} = '{value}'")
    assert refused.value.pgcode == "22023"


def test_unknown_setting_is_refused(server):
    with pytest.raises(psycopg2.Error) as refused:
        server.db.execute("SET pganalytics.prot = 1")
    assert refused.value.pgcode in ("42602", "42704")


def test_missing_preload(root):
    """Without the preload CREATE EXTENSION works and says what is missing; nothing else breaks."""
    plain = cluster.Cluster(root, "plain")
    plain.init().start()
    try:
        connection = psycopg2.connect(plain.dsn())
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION pganalytics")
            notices = "".join(connection.notices)
            assert "WARNING" in notices and "shared_preload_libraries" in notices, notices
            assert "HINT" in notices
            cursor.execute("SELECT count(*) FROM pganalytics.query_stats")
            assert cursor.fetchone() == (0,)
            with pytest.raises(psycopg2.Error) as refused:
                cursor.execute("SELECT pganalytics.wait_until_running('1 s')")
            assert refused.value.pgcode == "55000"
            cursor.execute("SELECT * FROM pganalytics.create_collector('early')")
            cursor.execute("DROP EXTENSION pganalytics CASCADE")
        connection.close()
    finally:
        plain.remove()


def test_missing_database_and_extension(make_server):
    """Without its database the launcher waits and logs little; all starts once the database exists."""
    own = make_server("waiting", create=False)
    connection = psycopg2.connect(own.cluster.dsn())
    connection.autocommit = True
    launcher = "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pganalytics%'"

    def rows(sql):
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    pids = wait_until(lambda: rows(launcher), 10, "the launcher")
    # The launcher logs fewer messages than it makes tries: wake it to cause many tries.
    log_of = lambda: [line for line in own.cluster.log_text().splitlines()  # noqa: E731
                      if "pganalytics" in line and re.search(r" (LOG|WARNING|ERROR|FATAL): ", line)
                      and f'"{product.DATABASE}"' in line]
    wait_until(log_of, 10, "a word about the missing database")
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        own.cluster.reload()
        wait_until(lambda: True)
        assert rows(launcher) == pids, "the launcher stays"
    assert len(log_of()) == 1, log_of()
    rows_before = len(own.cluster.log_text())
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {product.DATABASE}")
    own.db.execute("CREATE EXTENSION pganalytics")
    own.cluster.wait_until_running()
    own.cluster.write_certificate()
    credentials = own.collector()
    with own.client(credentials) as client:
        assert client.push(push_body(credentials.collector_id, query_rows(4, 1))).status == 200
    assert own.ledger(credentials) == (1, 4)
    assert "FATAL" not in own.cluster.log_text()[rows_before:]
    connection.close()


def private_kilobytes(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        text = file.read()
    return sum(int(n) for n in re.findall(r"Private_(?:Clean|Dirty): +(\d+) kB", text))


def test_memory_of_idle_connections(make_server):
    """2,000 idle TLS connections cost at most 25 kB each, and pushes are served beside them."""
    count = 2000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    own = make_server("idle", max_connections=4000, max_idle_connections=4000,
                      connection_lifetime="10min", ingest_workers=2)
    credentials = own.collector()
    with own.client(credentials) as client:
        for i in range(20):
            assert client.push(push_body(credentials.collector_id, query_rows(100, i)),
                               f"1:{i}").status == 200
        gateways = [pid for pid, in own.workers("gateway_pid")]
        before = sum(private_kilobytes(pid) for pid in gateways)
        context = tls_context(own.ca_file)
        idle = []
        try:
            for i in range(count):
                plain = socket.create_connection(("127.0.0.1", own.port), timeout=20)
                connection = context.wrap_socket(plain, server_hostname="localhost")
                if i % 20 == 0:  # some serve a request before they idle
                    connection.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert connection.recv(4096).startswith(b"HTTP/1.1 ")
                idle.append(connection)
            wait_until(lambda: sum(n for n, in own.workers("connections")) >= count, 15,
                       "count of connections")
            after = sum(private_kilobytes(pid) for pid in gateways)
            assert [pid for pid, in own.workers("gateway_pid")] == gateways
            assert client.push(push_body(credentials.collector_id, query_rows(100, 99)),
                               "1:99").status == 200
        finally:
            for connection in idle:
                connection.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    each = (after - before) * 1024 / count
    print(f"{count} idle connections, {each / 1000:.1f} kB each")
    assert each <= 25_000


def test_connections_over_the_limit_do_not_lock_out_the_others(make_server):
    """max_connections limits the connections of a gateway; collectors are served when there is room."""
    own = make_server("limited", max_connections=10, max_idle_connections=10, ingest_workers=1,
                      connection_timeout="1s")
    credentials = own.collector()
    idle = [socket.create_connection(("127.0.0.1", own.port), timeout=20) for _ in range(40)]
    try:
        with own.client(credentials) as client:
            def push():
                try:
                    return client.push(push_body(credentials.collector_id, query_rows(1, 1)),
                                       "1:1").status == 200
                except (OSError, Exception):
                    client.close()
                    return False
            wait_until(push, 15, "a push once the silent ones were cut")
            assert max(n for n, in own.workers("connections")) <= 10
    finally:
        for connection in idle:
            connection.close()
    assert own.ledger(credentials) == (1, 1)
