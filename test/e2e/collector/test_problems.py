"""The page "It does not work", the collector's half: each set-up is broken, and the command names it."""
import contextlib
import os
import re
import shlex
import socket
import threading

import pytest

import cluster
import pki
import product
from shifted import ShiftedClock

PAGE = (product.SOURCE / "docs" / "operate" / "problems.md").read_text()
HALF = PAGE[PAGE.index("## The collector"):].split("\n## ", 1)[0]
OTHER_PIN = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def tables():
    """tables maps the title of each section of the collector's half to the rows of its table."""
    found = {}
    for section in HALF.split("\n### ")[1:]:
        title, text = section.split("\n", 1)
        lines = [line for line in text.splitlines() if line.startswith("|")][2:]
        found[title] = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return found


TABLES = tables()
LOG = "Other lines of its log"
ROWS = {f"{title}: {row[0]}": row for title, rows in TABLES.items() if title != LOG for row in rows}


class Broken:
    """Broken is a collector whose set-up a test breaks, with all that surrounds it."""

    def __init__(self, server, monitored, root, clock, name):
        self.server, self.monitored, self.clock = server, monitored, clock
        self.credentials = server.collector()
        self.undo = contextlib.ExitStack()
        self.collector = product.Collector(root / f"problem-{name}", server.cluster,
                                           self.credentials, [monitored], interval="200ms")
        self.options = []

    def edit(self, old, new):
        text = self.collector.config.read_text()
        assert re.search(old, text), f"{old} is not in {text}"
        product.write_secret(self.collector.config, re.sub(old, new, text))

    def conninfo(self, **changes):
        for name, value in changes.items():
            self.edit(rf"\b{name}=\S+?(?=[ \"])", f"{name}={value}")

    def sql(self, statements, back):
        """sql breaks the monitored server, and mends it after the test."""
        self.undo.callback(self.monitored.psql, back)
        self.monitored.psql(statements)

    def setting(self, name, value):
        self.undo.callback(self.monitored.reload)
        self.sql(f"ALTER SYSTEM SET {name} = {value}", f"ALTER SYSTEM RESET {name}")
        self.monitored.reload()
        cluster.wait_until(lambda: self.monitored.psql(f"SHOW {name}") == value, 10, name)

    def hba(self, line, others=True):
        """hba puts a line before all others of the monitored server, or in place of them."""
        file = self.monitored.data / "pg_hba.conf"
        before = file.read_text()

        def write(text):
            file.write_text(text)
            self.monitored.reload()

        self.undo.callback(write, before)
        write(f"{line}\n{before if others else ''}")

    def shift(self, hours):
        self.clock.advance(3600 * hours)
        self.undo.callback(self.clock.advance, -3600 * hours)
        self.collector.env = self.clock.environment

    def token(self):
        return self.server.db.row("SELECT token, pin FROM pganalytics.create_enrollment_token("
                                  "%s)", f"problem-{os.urandom(4).hex()}")

    def enrolled(self, name):
        """enrolled makes the collector one with a certificate."""
        self.edit(r"(?s)collector_id.*?(?=\[\[postgres)", "")
        token, = self.server.db.row("SELECT token FROM pganalytics.create_enrollment_token(%s)", name)
        done = self.collector.enroll(token, "--ca-file", str(self.server.ca_file))
        assert done.returncode == 0, done.stderr

    def enroll(self, token=None, pin=None, port=None, host="localhost"):
        """enroll sets the options that the command on the page lacks."""
        made = self.token()
        self.options = ["--server", f"https://{host}:{port or self.server.port}",
                        "--pin", pin or made[1], "--token", token or made[0],
                        "--state-dir", str(self.collector.state)]


def listener(broken, answer):
    """listener is the port of a program that answers each connection by answer(connection)."""
    one = broken.undo.enter_context(socket.create_server(("127.0.0.1", 0)))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = one.accept()
                answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    return one.getsockname()[1]


def refuse_in_plain_http(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    connection.close()


def write_v3(broken):
    product.write_secret(broken.collector.config, '[collector]\nid = "collector-001"\n\n[backend]\n'
                         'url = "https://localhost:8080"\n')


def foreign_directory(broken):
    broken.enrolled("problem-" + os.urandom(4).hex())
    if os.geteuid() == 0:
        os.chown(broken.collector.state, 0, 0)
    broken.collector.state.chmod(0o700 if os.geteuid() == 0 else 0)


def open_directory(broken):
    broken.collector.state.mkdir()
    cluster.own(broken.collector.state)
    broken.collector.state.chmod(0o777)


def second_collector(broken):
    broken.collector.state.mkdir()
    cluster.own(broken.collector.state)
    broken.collector.start()
    broken.undo.callback(broken.collector.stop)
    cluster.wait_until(lambda: "first push stored" in broken.collector.log_text(), 20, "a push")


def used_token(broken):
    token, pin = broken.token()
    broken.enroll(token, pin)
    assert broken.collector.run("enroll", *broken.options).returncode == 0
    for file in broken.collector.state.iterdir():
        file.unlink()


def stranger(broken):
    other = product.write_secret(broken.collector.directory / "stranger.pem",
                                 pki.pem(pki.Authority("stranger").certificate))
    broken.edit(re.escape(str(broken.server.ca_file)), str(other))


def revoked(broken):
    name = "problem-" + os.urandom(4).hex()
    broken.enrolled(name)
    serial = broken.server.db.value(
        "SELECT serial FROM pganalytics.certificates JOIN pganalytics.collectors"
        " USING (collector_id) WHERE name = %s", name)
    broken.server.db.execute("SELECT pganalytics.revoke_certificate(%s, 'superseded')", serial)


def disabled(broken):
    broken.server.db.execute("UPDATE pganalytics.collectors SET enabled = false "
                             "WHERE collector_id = %s", broken.credentials.collector_id)


def expired(broken):
    broken.enrolled("problem-" + os.urandom(4).hex())
    broken.shift(24 * 4000)


def not_loaded(broken):
    def restart(libraries):
        broken.monitored.configure({"shared_preload_libraries": libraries})
        broken.monitored.stop()
        broken.monitored.start()

    broken.undo.callback(restart, "pg_stat_statements")
    restart("")


def closed_schema(broken):
    broken.sql("CREATE SCHEMA closed; ALTER EXTENSION pg_stat_statements SET SCHEMA closed",
               "ALTER EXTENSION pg_stat_statements SET SCHEMA public; DROP SCHEMA closed")


def other_encoding(broken):
    # DROP DATABASE also takes the statements of the database out of pg_stat_statements.
    broken.undo.callback(broken.monitored.psql, "DROP DATABASE narrow")
    broken.monitored.psql("CREATE DATABASE narrow ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    broken.monitored.psql("CREATE EXTENSION pg_stat_statements", "narrow")
    broken.sql('SELECT 1 AS "€"', "SELECT pg_stat_statements_reset()")
    broken.conninfo(dbname="narrow")


def peer(broken):
    broken.sql("CREATE ROLE nobody_here LOGIN", "DROP ROLE nobody_here")
    broken.hba("local all nobody_here peer")
    broken.conninfo(host=str(broken.monitored.sockets), user="nobody_here")


# By section and what one sees, as on the page: what breaks a set-up that works.
BREAK = {
    "It does not start": {
        "there is no file": lambda b: b.collector.config.unlink(),
        "a key is unknown": lambda b: b.edit("interval", "intervall"),
        "a value is wrong": lambda b: b.edit('"200ms"', '"fast"'),
        "there is no server to read": lambda b: b.edit(r"(?s)\[\[postgres.*", ""),
        "the file is that of a v3 collector": write_v3,
        "it has neither certificate nor token": lambda b: b.edit("token_file.*\n", ""),
        "a file of a secret is open to others":
            lambda b: (b.collector.directory / "token").chmod(0o644),
        "it was enrolled by another user": foreign_directory,
        "others may write to its directory": open_directory,
        "another collector runs with its directory": second_collector,
    },
    "It does not enrol": {
        "nothing listens there": lambda b: b.enroll(port=cluster.free_port()),
        "the name is unknown": lambda b: b.enroll(host="nowhere.invalid"),
        "it is PostgreSQL's own port": lambda b: b.enroll(port=b.monitored.port),
        "it is a port for plain HTTP": lambda b: b.enroll(port=listener(b, refuse_in_plain_http)),
        "it is the port for people": lambda b: b.enroll(port=b.server.cluster.api_port),
        "the pin is another server's": lambda b: b.enroll(pin=OTHER_PIN),
        "the token was used before": used_token,
        "the host's clock is wrong": lambda b: (
            b.enroll(), b.options.__setitem__(slice(2, 4), ["--ca-file", str(b.server.ca_file)]),
            b.shift(-48)),
    },
    "It does not push": {
        "nothing listens there": lambda b: b.edit(f":{b.server.port}", f":{cluster.free_port()}"),
        "the server is not the one it knows": stranger,
        "it pushes to the port for people":
            lambda b: b.edit(f":{b.server.port}", f":{b.server.cluster.api_port}"),
        "its token is not known":
            lambda b: product.write_secret(b.collector.directory / "token", "pga_" + "0" * 64),
        "its certificate was revoked": revoked,
        "it was disabled": disabled,
        "its certificate has expired": expired,
        "the host's clock is ahead": lambda b: b.shift(3),
        "the host's clock is behind": lambda b: b.shift(-48),
    },
    "It cannot read a server": {
        "the server is down": lambda b: b.conninfo(port=cluster.free_port()),
        "the server does not answer":
            lambda b: b.conninfo(port=listener(b, lambda _, kept=[]: kept.append(_))),
        "the password is wrong": lambda b: product.write_secret(
            b.collector.directory / f"{b.monitored.name}.password", "wrong"),
        "there is no password": lambda b: b.edit("password_file.*\n", ""),
        "the user is not that of the role": peer,
        "`pg_hba.conf` does not let it in":
            lambda b: b.hba("local all postgres trust", others=False),
        "the database is missing": lambda b: b.conninfo(dbname="none"),
        "the extension is missing": lambda b: b.conninfo(dbname="template1"),
        "the library is not loaded": not_loaded,
        "the schema is closed to the role": closed_schema,
        "the role sees only its own statements": lambda b: b.sql(
            "REVOKE pg_monitor FROM pganalytics", "GRANT pg_monitor TO pganalytics"),
        "nothing is counted": lambda b: b.setting("pg_stat_statements.track", "none"),
        "statements have no numbers": lambda b: b.setting("compute_query_id", "off"),
        "times of blocks are zero": lambda b: b.setting("track_io_timing", "off"),
        "texts do not fit the encoding": other_encoding,
    },
}


@pytest.fixture(scope="module")
def second(root):
    one = product.Monitored(root, "problems")
    one.init().start().create()
    yield one
    one.remove()


@pytest.fixture(scope="module")
def clock(root):
    directory = root / "problems-clock"
    directory.mkdir()
    cluster.own(directory)
    return ShiftedClock(directory)


def says(output, cell):
    """says is true if the output has all fragments in the cell, in their order; … stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in cell.strip("`").split("…"))
    return re.search(pattern, output) is not None


def test_page_and_tests_have_the_same_rows():
    assert list(ROWS) == [f"{title}: {row}" for title, rows in BREAK.items() for row in rows]


@pytest.mark.parametrize("row", ROWS)
def test_page_names_it(server, second, root, clock, row):
    title, symptom = row.split(": ", 1)
    _, command, prints, remedy = ROWS[row]
    assert remedy
    program, *arguments = shlex.split(command.strip("`"))
    assert program == "pganalytics-collector"
    broken = Broken(server, second, root, clock, str(list(ROWS).index(row)))
    with broken.undo:
        if title != "It does not enrol":
            before = broken.collector.run("check")
            assert before.returncode == 0, before.stdout + before.stderr
            assert not says(before.stdout + before.stderr, prints)
        BREAK[title][symptom](broken)
        done = broken.collector.run(*arguments, *broken.options, timeout=60)
        output = done.stdout + done.stderr
        assert says(output, prints), output
        assert done.returncode == (0 if prints.startswith("`WARN") else
                                   78 if "collector.toml:" in prints else done.returncode)
        assert (done.returncode == 0) == prints.startswith("`WARN")
        for secret in (broken.credentials.token, second.password):
            assert secret not in output


def test_lines_of_the_log_are_those_of_the_program():
    source = "".join(path.read_text() for path in
                     sorted((product.SOURCE / "src" / "collector").rglob("*.cpp")))
    source = re.sub(r'"\s*\+?\s*"', "", source)
    for line, meaning, remedy in TABLES[LOG]:
        assert meaning and remedy
        for fragment in re.findall(r"`([^`]*)`", line):
            assert fragment in source, fragment
