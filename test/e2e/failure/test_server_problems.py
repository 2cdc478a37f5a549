"""The page "It does not work", the server's half: each set-up is broken, and the page's command names it."""
import contextlib
import re
import socket
import time

import psycopg2
import pytest

import broken_authority
import pki
import product
from cluster import wait_until
from conftest import Database
from identities import ask_enrollment, enrollment_token

PAGE = (product.SOURCE / "docs/operate/problems.md").read_text(encoding="utf-8")
HALF = PAGE[PAGE.index("## The server"):].split("\n## ", 1)[0]
ROWS = {cells[0]: cells for cells in (
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in HALF.splitlines()
    if line.startswith("| ") and not line.startswith("| what you see"))}
WAIT = "pganalytics.wait_until_running("


class Broken:
    """Broken is the server whose set-up a test breaks."""

    def __init__(self, server, undo):
        self.server, self.undo = server, undo
        self.cluster, self.db = server.cluster, server.db

    def restart(self):
        self.db.close()
        self.cluster.restart()

    def configure(self, apply=None, **settings):
        """configure changes settings and restarts, or calls apply(); after the test it does the same back."""
        conf = self.cluster.data / "postgresql.conf"
        before = conf.read_text()

        def write(text):
            conf.write_text(text)
            (apply or self.restart)()

        self.undo.callback(write, before)
        write(before + "".join(f"\n{name.replace('__', '.')} = '{value}'\n"
                               for name, value in settings.items()))


def no_library(broken):
    broken.configure(shared_preload_libraries="")


def other_database(broken):
    broken.configure(pganalytics__database="other")


def other_encoding(broken):
    broken.cluster.psql("CREATE DATABASE latin ENCODING LATIN1 TEMPLATE template0 LOCALE 'C'")
    broken.undo.callback(broken.cluster.psql, "DROP DATABASE latin WITH (FORCE)")
    broken.cluster.psql("SET client_min_messages = error; CREATE EXTENSION pganalytics", "latin")
    broken.configure(pganalytics__database="latin")
    broken.db = Database(broken.cluster.dsn("latin"))


def port_taken(broken):
    broken.db.close()
    broken.cluster.stop()
    broken.undo.callback(broken.cluster.restart)
    broken.undo.enter_context(socket.create_server(("127.0.0.1", broken.server.port)))
    broken.cluster.start()


def foreign_address(broken):
    broken.configure(pganalytics__listen_addresses="192.0.2.1")


def too_few_processes(broken):
    broken.configure(max_worker_processes=3)


def few_open_files(broken, limit=100):
    command = broken.cluster.command

    def restart_as(arguments):
        broken.cluster.command = arguments
        broken.restart()

    broken.undo.callback(restart_as, command)
    restart_as(["prlimit", f"--nofile={limit}:{limit}", *command])


def no_certificate(broken):
    broken.configure(pganalytics__ssl_key_file="missing.pem", pganalytics__ssl_cert_file="missing.pem")


def no_role(broken):
    broken.db.execute("ALTER ROLE pganalytics_ingest RENAME TO other_ingest")
    broken.undo.callback(broken.db.execute, "ALTER ROLE other_ingest RENAME TO pganalytics_ingest")
    broken.restart()


def standby(broken):
    broken.db.close()
    broken.cluster.stop()
    (broken.cluster.data / "standby.signal").touch()
    broken.cluster.start()
    broken.undo.callback(broken.cluster.psql, "SELECT pg_promote()")


def restore_runs(broken):
    one = psycopg2.connect(broken.cluster.dsn(product.DATABASE), application_name="pg_restore")
    broken.undo.callback(one.close)


def second_extension(broken):
    broken.cluster.psql("CREATE DATABASE other")
    broken.undo.callback(broken.cluster.psql, "DROP DATABASE other")
    broken.db = Database(broken.cluster.dsn("other"))
    broken.undo.callback(broken.db.close)


def broken_rule(broken):
    broken.db.execute("INSERT INTO pganalytics.alert_rules (name, query, threshold, evaluate_every) VALUES "
                      "('broken_rule', 'SELECT 1 / (count(*) - count(*)) AS value FROM pg_class', 0, '1 s')")
    broken.undo.callback(broken.db.execute, "DELETE FROM pganalytics.alert_rules WHERE name = 'broken_rule'")


def locked_servers(broken):
    broken.db.execute("SELECT pganalytics.create_collector('mistyped')")
    one = psycopg2.connect(broken.cluster.dsn(product.DATABASE))
    broken.undo.callback(one.close)
    with one.cursor() as cursor:
        cursor.execute("LOCK TABLE pganalytics.servers IN ROW SHARE MODE")
    broken.db.execute("SELECT pganalytics.forget_collector('mistyped')")


def nothing(_broken):
    pass


BREAK = {
    "the library is not loaded": no_library,
    "the extension is in another database": other_database,
    "the database is not in UTF8": other_encoding,
    "the port is taken": port_taken,
    "the address is not this host's": foreign_address,
    "worker processes are too few": too_few_processes,
    "the limit of open files is too low": few_open_files,
    "the server certificate is not there": no_certificate,
    "a role is missing": no_role,
    "the server is a standby": standby,
    "a restore runs": restore_runs,
    "a new database gets the extension": second_extension,
    "a rule of alerts fails": broken_rule,
    "what was forgotten does not go away": locked_servers,
    "a rotation of the authority does not end": nothing,
    "a host's name is unknown": nothing,
    **broken_authority.BREAK,
}
LAST_ERROR = "SELECT last_error FROM pganalytics.workers WHERE kind = 'maintenance'"


def run(broken, command):
    """run gives what the command prints: rows, an error, and warnings."""
    shown = []
    try:
        shown += [" ".join(map(str, row)) for row in broken.db.rows(command)]
    except psycopg2.ProgrammingError as error:
        if "no results" not in str(error):
            shown.append(str(error))
    except psycopg2.Error as error:
        shown.append(str(error))
    return "\n".join(shown + (broken.db.connection.notices if broken.db.connection else []))


@pytest.fixture(scope="module")
def server(make_server):
    return make_server("server-problems", ingest_workers=1)


def test_the_page_has_what_is_tested():
    assert list(ROWS) == list(BREAK)


@pytest.mark.parametrize("problem", BREAK)
def test_problem(server, problem):
    _, command, printed, _ = ROWS[problem]
    pattern = re.escape(printed.strip("`")).replace("…", "(?s:.*)")
    command = command.strip("`")
    with contextlib.ExitStack() as undo:
        broken = Broken(server, undo)
        BREAK[problem](broken)
        if WAIT in command:
            command = command.replace(f"{WAIT})", f"{WAIT}'1 s')")
        seen = []

        def named():
            seen.append(run(broken, command))
            return re.search(pattern, seen[-1])
        try:
            wait_until(named, 20, problem)
        except TimeoutError:
            raise AssertionError(f"{printed} is not in {seen[-1:]}") from None
    assert server.db.value("SELECT pganalytics.wait_until_running('30 s')")
    if problem in broken_authority.BREAK:
        wait_until(lambda: server.db.value(LAST_ERROR) is None, 20, "the end of the reason")


def enrol(server, token, csr):
    outcome = ask_enrollment(server, token, None, csr=csr)
    return outcome.status, outcome.json.get("detail", "")


@pytest.mark.parametrize("problem", ["the authority's key is damaged", "a given authority has expired",
                                     "something kills the program"])
def test_no_certificate_can_be_issued(server, problem):
    """An enrolment is told so at once, its token is not lost, and the reason stays until it is over."""
    token = enrollment_token(server, f"host-{list(BREAK).index(problem)}")[1]
    csr = pki.signing_request(pki.new_key())
    printed = re.escape(ROWS[problem][2].strip("`")).replace("…", ".*")
    with contextlib.ExitStack() as undo:
        BREAK[problem](Broken(server, undo))
        wait_until(lambda: re.search(printed, server.db.value(LAST_ERROR) or ""), 20, printed)
        begin = time.monotonic()
        status, detail = enrol(server, token, csr)
        assert status == 503 and "no certificates can be issued now" in detail
        assert time.monotonic() - begin < 15
        assert re.search(printed, server.db.value(LAST_ERROR))
    wait_until(lambda: enrol(server, token, csr)[0] == 200, 20, "the certificate")
    wait_until(lambda: server.db.value(LAST_ERROR) is None, 20, "the end of the reason")


def test_a_limit_that_lets_no_program_start(server):
    limit = "could not be started: the limit of open files (ulimit -n) is 70"
    with contextlib.ExitStack() as undo:
        few_open_files(Broken(server, undo), 70)
        wait_until(lambda: limit in (server.db.value(
            "SELECT last_error FROM pganalytics.workers WHERE kind = 'ingest'") or ""), 20, limit)
    assert server.db.value("SELECT pganalytics.wait_until_running('30 s')")
