"""Measures the ways in which samples get into the database, in one run of interleaved rounds.

Every way inserts the same rows into a table of the shape of query_samples, partitioned by day with
the same index. Each round measures every way once, in an order that rotates, so that a machine
that slows down slows all of them; the table shows medians over the rounds.
"""
import argparse
import collections
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scripts"))

import cluster  # noqa: E402
import product  # noqa: E402

PROGRAMS = product.SOURCE / "build/bench/bench"
SIZES = (100, 1000, 5000)
# (name, label, pushes of one measurement for each size): about a second each.
Way = collections.namedtuple("Way", "name label pushes")
WAYS = (
    Way("rows", "client, INSERT row by row, autocommit (the v3.1.0 way)", (10, 1, 1)),
    Way("pipeline", "client, pipelined INSERTs, one transaction", (100, 20, 5)),
    Way("copy", "client, COPY binary over TLS", (200, 50, 12)),
    Way("server", "COPY FROM a binary file on the server (the limit)", (200, 50, 12)),
    Way("whole", "whole way: HTTPS request to receipt", (600, 150, 30)),
)
WARM_UP_SEGMENTS = 64


def say(text=""):
    print(text, file=sys.stderr, flush=True)


def cpu_seconds(pid):
    """cpu_seconds is what a process has used so far, its own and the kernel's on its behalf."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, root, connections):
        self.root = root
        self.connections = connections
        self.pushes = 0
        self.analytics = product.Analytics(root, settings={
            "pganalytics.ingest_workers": 1, "pganalytics.max_queries_per_db": 100000, "ssl": "on",
            "ssl_cert_file": root / "tls.crt", "ssl_key_file": root / "tls.key",
            "min_wal_size": f"{16 * WARM_UP_SEGMENTS}MB", "max_wal_size": "8GB",
            "shared_buffers": "512MB", "checkpoint_timeout": "1h", "autovacuum": "off"})

    def start(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-keyout", str(self.root / "tls.key"), "-out",
                        str(self.root / "tls.crt")], check=True, capture_output=True)
        for name in ("tls.key", "tls.crt"):
            (self.root / name).chmod(0o600)
            cluster.own(self.root / name)
        password = os.urandom(12).hex()
        self.analytics.init().start().create()
        query = self.analytics.query
        query(f"CREATE ROLE bench LOGIN PASSWORD '{password}'; CREATE SCHEMA bench AUTHORIZATION "
              "bench; GRANT pg_read_server_files TO bench")
        for way in WAYS[:-1]:
            query(f"CREATE TABLE bench.{way.name} (LIKE pganalytics.query_samples) "
                  "PARTITION BY RANGE (sampled_at);"
                  f"CREATE TABLE bench.{way.name}_day PARTITION OF bench.{way.name} FOR VALUES FROM"
                  " (current_date - 1) TO (current_date + 2);"
                  f"CREATE INDEX ON bench.{way.name}_day (series_id, sampled_at);"
                  f"GRANT INSERT ON bench.{way.name} TO bench")
        self.credentials = self.analytics.create_collector("bench")
        self.token_file = product.write_secret(self.root / "token", self.credentials.token)
        self.ca_file = self.analytics.write_certificate()
        base = (f"host=127.0.0.1 port={self.analytics.port} dbname={product.DATABASE} user=bench "
                f"password={password} sslmode=")
        self.conninfo = {"rows": base + "disable", "pipeline": base + "disable",
                         "copy": base + "require", "server": base + "disable"}
        self.files = self.root / "files"
        self.files.mkdir()
        self.files.chmod(0o755)
        self.root.chmod(0o711)

    def program(self, name, *arguments):
        done = subprocess.run([str(PROGRAMS / name), *map(str, arguments)], text=True,
                              capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{name} {arguments[0]}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout else None

    def warm_up(self):
        """warm_up makes the WAL segments that later commits recycle, and the first series and texts.

        On a fresh cluster each new segment is written out first, which costs commits 10 ms and more.
        """
        self.analytics.psql("CREATE TABLE warm_up (n int)")
        for _ in range(WARM_UP_SEGMENTS):
            self.analytics.psql("INSERT INTO warm_up VALUES (1); SELECT pg_switch_wal()")
        self.analytics.psql("CHECKPOINT")
        self.analytics.psql("CHECKPOINT")
        for size in SIZES:
            self.measure(WAYS[-1], size, 4)

    def measure(self, way, size, pushes):
        """measure runs one way once; rows per second, latencies, CPU of our two processes."""
        if way.name == "server":  # anew each time: samples of the past would be inserted elsewhere
            self.program("client_inserts", "files", "", "-", size, pushes, self.files)
        self.analytics.psql("CHECKPOINT")
        if way.name != "whole":
            return self.program("client_inserts", way.name, self.conninfo[way.name],
                                f"bench.{way.name}", size, pushes, self.files)
        pids = self.analytics.query("SELECT pid, gateway_pid FROM pganalytics.workers "
                                    "WHERE kind = 'ingest'").split("|")
        before = [cpu_seconds(pid) for pid in pids]
        result = self.program("pushload", self.analytics.url, self.ca_file, self.token_file,
                              self.credentials.collector_id, size, pushes, self.connections,
                              self.pushes)
        self.pushes += pushes
        used = [cpu_seconds(pid) - start for pid, start in zip(pids, before)]
        result["worker_cpu_ms"], result["gateway_cpu_ms"] = (
            1e6 * seconds / result["rows"] for seconds in used)
        return result

    def rows_stored(self):
        return int(self.analytics.query("SELECT count(*) FROM pganalytics.query_samples"))


def machine():
    """machine names what the numbers were measured on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file
                      if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB"


def versions(analytics):
    server = analytics.query("SHOW server_version").split()[0]
    ours = analytics.query("SELECT extversion FROM pg_extension WHERE extname = 'pganalytics'")
    commit = subprocess.run(["git", "-C", str(product.SOURCE), "rev-parse", "--short", "HEAD"],
                            text=True, capture_output=True, check=False).stdout.strip()
    return f"pganalytics {ours} ({commit or 'no git'}), PostgreSQL {server}"


def table(results, rounds, connections, about):
    """table gives the markdown lines: medians, and ratios of medians."""
    def median(way, size, key):
        return statistics.median(r[key] for r in results[way, size])

    speeds = {(way.name, size): statistics.median(
        r["rows"] / r["seconds"] for r in results[way.name, size])
        for way in WAYS for size in SIZES}
    lines = [f"Measured {datetime.date.today().isoformat()} on {about[0]}; {about[1]}; medians of "
             f"{rounds} interleaved rounds,", f"synchronous_commit = on, one ingest worker, "
             f"{connections} connections for the whole way, one for the others.", "",
             "| way | queries per push | rows/s | ms per push p50 | p99 |", "|---|--:|--:|--:|--:|"]
    for way in WAYS:
        for size in SIZES:
            lines.append(f"| {way.label} | {size} | {speeds[way.name, size]:,.0f} "
                         f"| {median(way.name, size, 'p50_ms'):.1f} "
                         f"| {median(way.name, size, 'p99_ms'):.1f} |")
    lines += ["", "| whole way, queries per push | against row by row | against pipelined "
              "| against the limit | worker CPU ms per 1000 rows | gateway CPU ms per 1000 rows |",
              "|--:|--:|--:|--:|--:|--:|"]
    for size in SIZES:
        whole = speeds["whole", size]
        lines.append(
            f"| {size} | {whole / speeds['rows', size]:.0f}x "
            f"| {whole / speeds['pipeline', size]:.1f}x | {whole / speeds['server', size]:.2f} "
            f"| {median('whole', size, 'worker_cpu_ms'):.1f} "
            f"| {median('whole', size, 'gateway_cpu_ms'):.1f} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=4)
    options = parser.parse_args()

    results = collections.defaultdict(list)
    with cluster.Processes() as running:
        root = cluster.make_root()
        running.add(lambda: shutil.rmtree(root))
        bench = Bench(root, options.connections)
        running.add(bench.analytics.remove)
        say("starting the server")
        bench.start()
        bench.warm_up()
        stored = bench.rows_stored()
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            order = WAYS[number % len(WAYS):] + WAYS[:number % len(WAYS)]
            for index, size in enumerate(SIZES):
                for way in order:
                    result = bench.measure(way, size, way.pushes[index])
                    results[way.name, size].append(result)
                    if way.name == "whole":
                        stored += result["rows"]
        # A fast way to lose rows is not what this measures.
        if bench.rows_stored() != stored:
            raise SystemExit(f"{bench.rows_stored()} rows stored, {stored} acknowledged")
        about = (machine(), versions(bench.analytics))
    print("\n".join(table(results, options.rounds, options.connections, about)))


if __name__ == "__main__":
    main()
