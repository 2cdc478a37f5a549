"""The lists of docs/operate/upkeep.md, run as they are printed: backup, restore, rename, clone, uninstall."""
import os
import re
import signal
import subprocess

import pytest

import cluster
import product
from client import push_body, query_rows
from cluster import wait_until

PAGE = (product.SOURCE / "docs/operate/upkeep.md").read_text(encoding="utf-8")
RESTART = "systemctl restart postgresql"


def steps(heading):
    """steps gives (commands, what they print or None) of each step below a heading, in order."""
    section, = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    found = []
    for language, text in re.findall(r"^   ```(sh|text)\n(.*?)^   ```$", section, re.M | re.S):
        text = re.sub(r"^   ", "", text, flags=re.M)
        if language == "sh":
            found.append([text, None])
        else:
            found[-1][1] = text
    assert found, heading
    return found


class Host:
    """Host runs commands as the service user of a server, in a directory of its own."""

    def __init__(self, server, directory, examples=()):
        self.server, self.directory, self.examples = server, directory, dict(examples)
        analytics = server.cluster
        self.environment = {
            "PATH": f"{cluster.BINDIR}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGHOST": str(analytics.sockets),
            "PGPORT": str(analytics.port), "PGUSER": "postgres", "PGDATA": str(analytics.data)}

    def follow(self, heading, between=()):
        """follow runs each step, and compares what it prints. `between` maps a step's number to a call."""
        between = dict(between)
        for number, (commands, printed) in enumerate(steps(heading), 1):
            for example, value in self.examples.items():
                assert example in PAGE
                commands = commands.replace(example, value)
            output = ""
            for place, part in enumerate(re.split(rf"^{RESTART}$", commands, flags=re.M)):
                if place > 0:
                    self.restart()
                output += self.run(part)
            # A line of … alone stands for any number of lines.
            pattern = re.sub(r"^…\n|\n…$", "…", (printed or "").strip())
            pattern = re.escape(pattern).replace("…", "(?s:.*)")
            assert re.fullmatch(pattern, output.strip()), (heading, number, output)
            if number in between:
                between[number]()

    def restart(self):
        self.server.db.close()
        self.server.cluster.restart()

    def run(self, commands):
        if not commands.strip():
            return ""
        options = cluster.as_service_user()
        done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", commands], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              **{**options, "cwd": str(self.directory), "env": self.environment})
        assert done.returncode == 0, (commands, done.stdout)
        return done.stdout


@pytest.fixture(scope="module")
def host(make_server, root):
    directory = root / "upkeep-files"
    directory.mkdir()
    cluster.own(directory)
    return Host(make_server("upkeep", ingest_workers=1), directory)


def push(server, credentials):
    with server.client(credentials) as client:
        return client.push(push_body(credentials.collector_id, query_rows(3, 1))).status


@pytest.fixture(scope="module")
def collector(host):
    credentials = host.server.collector()
    assert push(host.server, credentials) == 200
    return credentials


def test_backup_and_restore(host, collector, make_server):
    """A restored server lets the same collectors in, and clients trust it as they did."""
    before = host.server.ledger(collector)[0]
    host.follow("Backup")
    restored = make_server("from_backup", create=False, ingest_workers=1)
    Host(restored, host.directory).follow("Restore")
    restored.ca_file.write_bytes(host.server.ca_file.read_bytes())
    assert push(restored, collector) == 200
    assert restored.ledger(collector)[0] == before + 1


def test_clone(host, collector):
    ports = {port: str(cluster.free_port()) for port in ("5433", "9443", "9444")}
    one = Host(host.server, host.directory, ports)
    try:
        one.follow("Clone")
    finally:
        pid_file = host.directory / "clone/postmaster.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
    # The original has noticed nothing.
    assert push(host.server, collector) == 200


def test_rename(host, collector):
    host.follow("Rename the database")
    assert push(host.server, collector) == 200
    server = host.server.cluster
    server.psql("ALTER SYSTEM RESET pganalytics.database")
    host.restart()
    server.psql("ALTER DATABASE metrics RENAME TO analytics")
    server.wait_until_running()


def test_an_extension_that_is_created_again_raises_no_critical_alert(host):
    db = host.server.db
    db.execute("DROP EXTENSION pganalytics")
    db.execute("CREATE EXTENSION pganalytics")
    host.server.cluster.wait_until_running()
    wait_until(lambda: db.rows("SELECT FROM pganalytics.alert_rule_states WHERE rule = 'audit_gap' "
                               "AND evaluated_at IS NOT NULL"), 30, "an evaluation")
    wait_until(lambda: db.rows("SELECT FROM pganalytics.audit_log WHERE event = 'audit.replaced'"), 20,
               "audit.replaced")
    assert not db.rows("SELECT * FROM pganalytics.alerts WHERE severity = 'critical'")


def test_uninstall(host):
    """Nothing of the product stays in the server."""
    server = host.server.cluster

    def edit():
        conf = server.data / "postgresql.conf"
        conf.write_text("".join(line for line in conf.read_text().splitlines(True)
                                if not line.startswith(("pganalytics.", "shared_preload_libraries"))))

    host.follow("Uninstall", {3: edit})
    assert server.psql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'pganalytics%'") == "0"
    assert server.psql("SHOW shared_preload_libraries") == ""
    assert not list(server.data.glob("pganalytics_*"))
