"""Sessions for the tests of what PostgreSQL's own sessions record in the audit log."""
import contextlib
import subprocess

import psycopg2

import cluster
import product


class Sessions:
    """Sessions opens connections to one server and closes them all."""

    def __init__(self, server):
        self.server = server
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def dsn(self, user, database=product.DATABASE, **options):
        more = "".join(f" {key}='{value}'" for key, value in options.items())
        return self.server.cluster.dsn(database, user) + more

    def tcp(self, user, password, database=product.DATABASE):
        return (f"host=127.0.0.1 port={self.server.cluster.port} user={user} "
                f"password='{password}' dbname={database}")

    def open(self, user, database=product.DATABASE, **options):
        """open gives a cursor of a new session in autocommit mode."""
        connection = psycopg2.connect(self.dsn(user, database, **options))
        connection.autocommit = True
        self.stack.callback(connection.close)
        return connection.cursor()


def code_of(cursor, sql, *arguments):
    """code_of runs a statement and gives the SQLSTATE of its error, or None."""
    try:
        cursor.execute(sql, arguments or None)
    except psycopg2.Error as error:
        return error.pgcode
    return None


def refused(dsn):
    """refused tries to connect and gives the message of the refusal."""
    done = subprocess.run([cluster.pg_program("psql"), "-XAtqw", "-d", dsn, "-c", "SELECT 1"],
                          text=True, capture_output=True, check=False)
    assert done.returncode != 0, "the connection was not refused"
    return done.stderr
