"""A server under test: the product on a private cluster, its collectors, and its load generators."""
import collections
import contextlib
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scripts"))

import cluster  # noqa: E402
import product  # noqa: E402
from meters import cpu_seconds  # noqa: E402

BUILT = product.SOURCE / "build/bench"  # made by bench/build
PROGRAMS = BUILT / "bench/load"
# Ways in which a client of PostgreSQL inserts, each into its own table: name, label, sslmode.
Way = collections.namedtuple("Way", "name label sslmode")
CLIENT_WAYS = (
    Way("rows", "client, INSERT row by row, autocommit (the v3.1.0 way)", "disable"),
    Way("pipeline", "client, pipelined INSERTs, one transaction", "disable"),
    Way("copy", "client, COPY binary over TLS", "require"),
    Way("server", "COPY FROM a binary file on the server (the limit)", "disable"),
)
WAL_SEGMENT_MB = 16
# A collector's credentials as pushload reads them: files of certificate and key, "-" for a missing
# one.
Account = collections.namedtuple("Account", "collector_id token certificate key",
                                 defaults=("-", "-"))


def say(text=""):
    print(text, file=sys.stderr, flush=True)


def program(name, *arguments):
    """program runs one of the programs of bench/load and gives its measured values."""
    done = subprocess.run([str(PROGRAMS / name), *map(str, arguments)], text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{name} {arguments[0]}: {done.stderr}")
    return json.loads(done.stdout) if done.stdout else None


class Rig:
    """Rig is one analytics server. It checks that every acknowledged row is stored."""

    # Whether each measurement begins with a checkpoint. A checkpoint before it keeps checkpoints
    # out of the measurement; but then the first change of each page logs the whole page, which
    # costs some milliseconds of CPU in a short measurement.
    checkpoints = True

    def __init__(self, root, name, settings=None, workers=1, wal_segments=64):
        self.root = pathlib.Path(root)
        self.name = name
        self.wal_segments = wal_segments
        self.sequence = 0
        self.acknowledged = 0
        self.refused = 0
        self._collectors = []
        self._names = 0
        self.analytics = product.Analytics(self.root, name, settings={
            "pganalytics.ingest_workers": workers, "pganalytics.max_queries_per_db": 100000,
            # Requests are counted as in production, but no limit is reached: all clients have one
            # address.
            **{f"pganalytics.rate_limit_{name}": 1000000 for name in (
                "address", "address_burst", "collector", "collector_burst")},
            "ssl": "on", "ssl_cert_file": self.root / "tls.crt",
            "ssl_key_file": self.root / "tls.key", "shared_buffers": "512MB",
            "min_wal_size": f"{WAL_SEGMENT_MB * wal_segments}MB", "max_wal_size": "8GB",
            "checkpoint_timeout": "1h", "autovacuum": "off", **(settings or {})})
        self.files = self.root / f"{name}-files"

    def start(self):
        self._make_certificate()
        password = os.urandom(12).hex()
        self.analytics.init().start().create()
        query = self.analytics.query
        query(f"CREATE ROLE bench LOGIN PASSWORD '{password}'; CREATE SCHEMA bench AUTHORIZATION "
              "bench; GRANT pg_read_server_files TO bench")
        for way in CLIENT_WAYS:
            query(f"CREATE TABLE bench.{way.name} (LIKE pganalytics.query_samples) "
                  "PARTITION BY RANGE (sampled_at);"
                  f"CREATE TABLE bench.{way.name}_day PARTITION OF bench.{way.name} FOR VALUES FROM"
                  " (current_date - 1) TO (current_date + 2);"
                  f"CREATE INDEX ON bench.{way.name}_day (series_id, sampled_at);"
                  f"GRANT INSERT ON bench.{way.name} TO bench")
        self._conninfo = (f"host=127.0.0.1 port={self.analytics.port} dbname={product.DATABASE} "
                          f"user=bench password={password} sslmode=")
        self.ca_file = self.analytics.write_certificate()
        self.files.mkdir()
        self.files.chmod(0o755)
        self.root.chmod(0o711)
        self._warm_up_wal()
        return self

    def _make_certificate(self):
        if (self.root / "tls.crt").exists():
            return
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-keyout", str(self.root / "tls.key"), "-out",
                        str(self.root / "tls.crt")], check=True, capture_output=True)
        for name in ("tls.key", "tls.crt"):
            (self.root / name).chmod(0o600)
            cluster.own(self.root / name)

    def _warm_up_wal(self):
        """_warm_up_wal makes the WAL segments that later commits recycle.

        On a fresh cluster each new segment is written out first, which delays commits by 10 ms and
        more.
        """
        self.analytics.psql("CREATE TABLE warm_up (n int);" + self.wal_segments *
                            "INSERT INTO warm_up VALUES (1); SELECT pg_switch_wal();")
        self.analytics.psql("CHECKPOINT")
        self.analytics.psql("CHECKPOINT")

    def name_of(self, account):
        """name_of is the name of an account's collector."""
        return self.analytics.query("SELECT name FROM pganalytics.collectors "
                                    f"WHERE collector_id = '{account.collector_id}'")

    def collectors(self, count):
        """collectors gives the accounts of the first `count` collectors."""
        while len(self._collectors) < count:
            self._collectors.append(self.new_collector())
        return self._collectors[:count]

    def new_collector(self):
        self._names += 1
        return Account(*self.analytics.create_collector(f"bench-{self._names}"))

    def processes(self):
        """processes gives the pids of the ingest workers and the pids of their gateways."""
        lines = self.analytics.query("SELECT pid, gateway_pid FROM pganalytics.workers "
                                     "WHERE kind = 'ingest'").split("\n")
        return tuple(zip(*(map(int, line.split("|")) for line in lines)))

    @contextlib.contextmanager
    def settings(self, settings):
        """settings changes settings by a reload for the length of a with block."""
        self._reload(settings)
        yield
        self._reload({name: None for name in settings})

    def _reload(self, settings):
        if not settings:
            return
        before = self.analytics.query("SELECT clock_timestamp()")
        for name, value in settings.items():
            self.analytics.psql(f"ALTER SYSTEM RESET {name}" if value is None else
                                f"ALTER SYSTEM SET {name} = '{value}'")
        self.analytics.reload()
        cluster.wait_until(lambda: self.analytics.query(
            f"SELECT bool_and(reloaded_at > '{before}') FROM pganalytics.workers") == "t", 20, "a reload")
        self.analytics.wait_until_running()

    def insert(self, way, rows, pushes):
        """insert runs one way of a client once, into that way's table."""
        if way == "server":  # make new files: old samples would belong to another partition
            program("client_inserts", "files", "", "-", rows, pushes, self.files)
        self._checkpoint()
        sslmode = next(known.sslmode for known in CLIENT_WAYS if known.name == way)
        result = program("client_inserts", way, self._conninfo + sslmode, f"bench.{way}", rows,
                         pushes, self.files)
        result["backend_cpu_ms"] = 1e6 * result["backend_cpu_s"] / result["rows"]
        return result

    def cpu_of(self, work):
        """cpu_of runs work() and gives its result and the CPU seconds of workers and gateways."""
        kinds = self.processes()
        before = [sum(map(cpu_seconds, pids)) for pids in kinds]
        result = work()
        return result, [sum(map(cpu_seconds, pids)) - start for pids, start in zip(kinds, before)]

    def push(self, rows, pushes, *flags, collectors=1, first=None):
        """push sends samples with pushload and gives its results and the CPU time of our processes.

        `collectors` is their number or a list of them. worker_cpu_ms, gateway_cpu_ms and
        client_cpu_ms are per 1000 rows.
        """
        if isinstance(collectors, int):
            collectors = self.collectors(collectors)
        accounts = product.write_secret(self.root / f"{self.name}-accounts", "".join(
            " ".join(map(str, account)) + "\n" for account in collectors))
        self._checkpoint()
        result, used = self.cpu_of(lambda: program(
            "pushload", "--url", self.analytics.url, "--ca", self.ca_file, "--accounts", accounts,
            "--rows", rows, "--pushes", pushes, "--first",
            self.sequence if first is None else first, *flags))
        if first is None:
            self.sequence += pushes
        self.acknowledged += result["rows"]
        self.refused += result["refused"]
        thousands = result["rows"] / 1000
        result["worker_cpu_ms"], result["gateway_cpu_ms"] = (1000 * s / thousands for s in used)
        result["client_cpu_ms"] = 1000 * result["client_cpu_s"] / thousands
        return result

    def _checkpoint(self):
        if self.checkpoints:
            self.analytics.psql("CHECKPOINT")

    def rows_stored(self):
        return int(self.analytics.query("SELECT count(*) FROM pganalytics.query_samples"))

    def empty(self):
        """empty checks that every acknowledged row is stored, and removes all samples.

        The check keeps a fast way that loses rows from looking good. Rows are removed so that no
        round has larger indexes than the round before.
        """
        stored = self.rows_stored()
        if stored != self.acknowledged:
            raise SystemExit(f"{self.name}: {stored} rows stored, {self.acknowledged} acknowledged")
        self.acknowledged = 0
        self.analytics.query("TRUNCATE pganalytics.query_samples, " + ", ".join(
            f"bench.{way.name}" for way in CLIENT_WAYS))
        self.analytics.psql("CHECKPOINT")
        return stored
