"""pg_restore into the configured database of a running server: no error, whatever the workers do."""
import os
import subprocess

import psycopg2
import pytest

import cluster
import product
from client import push_body, query_rows
from cluster import wait_until

ROUNDS = 3


@pytest.fixture(scope="module")
def server(make_server):
    return make_server("restored", ingest_workers=1)


@pytest.fixture(scope="module")
def dump(server):
    """dump is an archive of the database, with a stored push."""
    credentials = server.collector()
    with server.client(credentials) as client:
        assert client.push(push_body(credentials.collector_id, query_rows(20, 1))).status == 200
    path = server.cluster.root / "restored.dump"
    run(server, "pg_dump", "-Fc", "-f", str(path), product.DATABASE)
    return path


def run(server, program, *arguments, **environment):
    done = subprocess.run(
        [cluster.pg_program(program), "-h", str(server.cluster.sockets), "-p", str(server.cluster.port),
         "-U", "postgres", *arguments], text=True, capture_output=True, check=False,
        env={**os.environ, **environment})
    assert done.returncode == 0 and "ERROR" not in done.stderr, done.stderr


def make_anew(server):
    server.db.close()
    server.cluster.psql(f"DROP DATABASE {product.DATABASE} WITH (FORCE)")
    server.cluster.psql(f"CREATE DATABASE {product.DATABASE} ENCODING 'UTF8' TEMPLATE template0")


def pids(server):
    return server.db.rows("SELECT pid FROM pganalytics.workers WHERE kind <> 'launcher'")


def test_restore_into_the_configured_database(server, dump):
    for round_number in range(ROUNDS):
        make_anew(server)
        run(server, "pg_restore", *(["-j", "3"] if round_number % 2 else []), "-d", product.DATABASE,
            str(dump))
        server.cluster.wait_until_running()
        assert server.db.value("SELECT count(*) FROM pganalytics.query_samples") == 20
    print(f"{ROUNDS} restores without an error")


def test_workers_wait_for_a_restore_and_for_nothing_like_it(server):
    """The name alone stops nobody: the session must belong to a superuser or the database's owner."""
    server.cluster.wait_until_running()
    before = pids(server)
    server.cluster.psql("CREATE ROLE passer_by LOGIN")
    waiting = ("SELECT count(*) FROM pganalytics.workers WHERE state = 'waiting' "
               "AND last_error LIKE 'a restore of the database runs%'")
    options = {"application_name": "pg_restore"}
    other = psycopg2.connect(server.cluster.dsn(product.DATABASE, "passer_by"), **options)
    admin = psycopg2.connect(server.cluster.dsn(product.DATABASE), **options)
    wait_until(lambda: server.db.value(waiting) == len(before), 15, "the workers to wait")
    with pytest.raises(psycopg2.Error, match="a restore of the database runs"):
        server.db.execute("SELECT pganalytics.wait_until_running('0 s')")
    admin.close()
    server.cluster.wait_until_running()
    assert other.closed == 0 and not set(pids(server)) & set(before)
    other.close()
