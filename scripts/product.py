"""The product's own processes: an analytics server with the extension, a monitored server, a collector.

Shared by the demo, the end-to-end tests and the benches; standard library only.
"""
import collections
import os
import pathlib
import shutil
import signal
import subprocess

import cluster

SOURCE = pathlib.Path(__file__).resolve().parent.parent
DATABASE = "analytics"

Credentials = collections.namedtuple("Credentials", "collector_id token")


def collector_program():
    """collector_program is the installed pganalytics-collector."""
    path = f"{cluster.BINDIR}:/usr/local/bin:/usr/bin:{os.environ.get('PATH', '')}"
    found = shutil.which("pganalytics-collector", path=path)
    if found is None:
        raise FileNotFoundError("pganalytics-collector is not installed: run make && make install")
    return found


def write_secret(path, text):
    """write_secret writes a file that only the service user may read, and gives its path."""
    path = pathlib.Path(path)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    cluster.own(path)
    return path


class Analytics(cluster.Cluster):
    """Analytics is a server with the extension preloaded, whose ports are on localhost."""

    def __init__(self, root, name="analytics", settings=None):
        self.https_port = cluster.free_port()
        self.api_port = cluster.free_port()
        super().__init__(root, name, {
            "shared_preload_libraries": "pganalytics", "pganalytics.database": DATABASE,
            "pganalytics.port": self.https_port, "pganalytics.api_port": self.api_port,
            **(settings or {})})

    @property
    def url(self):
        return f"https://localhost:{self.https_port}"

    def create(self, timeout=30):
        """create makes the database and the extension and waits until the workers accept pushes."""
        self.psql(f"CREATE DATABASE {DATABASE}")
        self.query("CREATE EXTENSION pganalytics")
        return self.wait_until_running(timeout)

    def wait_until_running(self, timeout=30):
        self.query(f"SELECT pganalytics.wait_until_running('{timeout} s')")
        return self

    def query(self, sql, *options):
        """query runs psql in the analytics database."""
        return self.psql(sql, DATABASE, *options)

    def create_collector(self, name):
        row = self.query("SELECT collector_id, token FROM pganalytics.create_collector("
                         f"'{name}')")
        return Credentials(*row.split("|"))

    def write_certificate(self):
        """write_certificate writes the certificates that verify the server to a file, and gives its path."""
        path = self.root / f"{self.name}-ca.pem"
        path.write_text(self.query("SELECT pganalytics.ca_certificate()") + "\n",
                        encoding="ascii")
        path.chmod(0o644)
        cluster.own(path)
        return path


class Monitored(cluster.Cluster):
    """Monitored is a server with pg_stat_statements and a role for the collector."""

    def __init__(self, root, name="monitored", settings=None):
        super().__init__(root, name, {"shared_preload_libraries": "pg_stat_statements",
                                      "pg_stat_statements.max": "5000", "track_io_timing": "on",
                                      **(settings or {})})
        self.password = os.urandom(12).hex()

    def create(self):
        """create makes the view and the role; call it once after start()."""
        self.psql("CREATE EXTENSION pg_stat_statements;"
                  f"CREATE ROLE pganalytics LOGIN PASSWORD '{self.password}';"
                  "GRANT pg_monitor TO pganalytics;")
        return self

    def pgbench_init(self, scale=5):
        subprocess.run([cluster.pg_program("pgbench"), "-i", "-q", "-s", str(scale),
                        "-h", str(self.sockets), "-p", str(self.port), "-U", "postgres",
                        "postgres"], check=True, capture_output=True)


class Collector:
    """Collector is one pganalytics-collector with its configuration in `directory`.

    With credentials it has a token; without them it must be enrolled.
    """

    def __init__(self, directory, analytics, credentials, monitored, interval="2s", env=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)
        cluster.own(self.directory)
        self.analytics = analytics
        self.config = self.directory / "collector.toml"
        self.state = self.directory / "state"
        self.log = self.directory / "collector.log"
        self.env = env or {}
        self.process = None
        lines = [f'interval = "{interval}"', f'state_dir = "{self.state}"']
        if credentials is not None:
            token_file = write_secret(self.directory / "token", credentials.token)
            lines += [
                f'collector_id = "{credentials.collector_id}"',
                f'token_file = "{token_file}"',
                "",
                "[server]",
                f'url = "{analytics.url}"',
                f'ca_file = "{analytics.write_certificate()}"',
            ]
        for server in monitored:
            password_file = write_secret(self.directory / f"{server.name}.password",
                                         server.password)
            lines += [
                "", "[[postgres]]",
                f'name = "{server.name}"',
                f'conninfo = "host=127.0.0.1 port={server.port} user=pganalytics dbname=postgres"',
                f'password_file = "{password_file}"',
            ]
        write_secret(self.config, "\n".join(lines) + "\n")

    def run(self, *arguments, **options):
        """run executes one collector command to its end and gives its CompletedProcess."""
        return subprocess.run([collector_program(), *arguments, "--config", str(self.config)],
                              text=True, capture_output=True, check=False,
                              env={**os.environ, **self.env},
                              **cluster.as_service_user(), **options)

    def enroll(self, token, *arguments, server=None):
        """enroll runs the collector's enroll command with a one-time token."""
        return self.run("enroll", "--server", server or self.analytics.url, "--token-file", "-",
                        *arguments, input=token + "\n")

    def start(self):
        self.process = cluster.start_process(
            [collector_program(), "run", "--config", str(self.config)], self.log, env=self.env)
        return self

    def log_text(self):
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def stop(self, how=signal.SIGTERM):
        cluster.stop_process(self.process, how)
