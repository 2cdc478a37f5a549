"""CREATE EXTENSION warns of what keeps the workers from serving, and they serve once it is over.

test_server_problems.py has what wait_until_running() says of each cause.
"""
import socket

import psycopg2
import pytest

import product
from cluster import wait_until
from conftest import Database


@pytest.fixture(scope="module")
def server(make_server):
    return make_server("reasons", create=False)


def reason(database):
    """reason is what wait_until_running() says instead of true."""
    with pytest.raises(psycopg2.Error) as refused:
        database.execute("SELECT pganalytics.wait_until_running('0 s')")
    assert refused.value.pgcode == "55000"
    return refused.value.diag


def notices(database):
    """notices are the warnings of CREATE EXTENSION."""
    database.execute("SELECT 1")
    database.connection.notices.clear()
    database.execute("CREATE EXTENSION pganalytics")
    return "".join(database.connection.notices)


def test_another_database(server):
    other = Database(server.cluster.dsn("postgres"))
    warning = notices(other)
    assert f'pganalytics.database is "{product.DATABASE}"' in warning and "HINT" in warning
    launcher = "SELECT last_error FROM pganalytics.workers WHERE kind = 'launcher'"
    wait_until(lambda: f'database "{product.DATABASE}" does not exist' in (other.value(launcher) or ""),
               10, "the launcher's reason")
    # There is no certificate yet, so a token has no pin.
    other.connection.notices.clear()
    assert other.value("SELECT pin FROM pganalytics.create_enrollment_token('early')") is None
    assert "no pin" in "".join(other.connection.notices)
    other.execute("DROP EXTENSION pganalytics CASCADE")
    other.close()


def test_another_encoding(server):
    server.cluster.psql(f"CREATE DATABASE {product.DATABASE} ENCODING 'LATIN1' LC_COLLATE 'C' "
                        "LC_CTYPE 'C' TEMPLATE template0")
    warning = notices(server.db)
    assert "has the encoding LATIN1" in warning and "createdb -E UTF8 -T template0" in warning
    server.db.close()
    server.cluster.psql(f"DROP DATABASE {product.DATABASE} WITH (FORCE)")


def test_a_port_that_is_taken(server):
    with socket.create_server(("127.0.0.1", server.port)):
        server.cluster.psql(f"CREATE DATABASE {product.DATABASE}")
        assert notices(server.db) == ""
        said = wait_until(lambda: next(filter(lambda one: "in use" in one.message_primary,
                                              [reason(server.db)]), None), 10, "the reason")
        assert str(server.port) in said.message_primary
        assert "launcher 1 is waiting" in said.message_detail
    server.cluster.wait_until_running()
    # That a worker has ended with an error, when its database was dropped, is shown a few seconds longer.
    wait_until(lambda: not server.db.rows(
        "SELECT FROM pganalytics.workers WHERE last_error IS NOT NULL"), 10, "no error")


def test_a_certificate_that_comes_later(server):
    # Our workers take all of these processes. Only the log warns of that.
    server.cluster.configure({"pganalytics.ssl_cert_file": "absent.crt",
                              "pganalytics.ssl_key_file": "absent.key", "max_worker_processes": 8})
    server.cluster.restart()
    assert "which leaves 0 for parallel queries" in server.cluster.log_text()
    wait_until(lambda: "absent.crt" in reason(server.db).message_primary, 10, "the reason")
    server.cluster.configure({"pganalytics.ssl_cert_file": "", "pganalytics.ssl_key_file": ""})
    server.cluster.reload()
    server.cluster.wait_until_running()
