"""What the audit log costs a server's sessions: pgbench with the extension and without it."""
import os
import pathlib
import re
import statistics
import subprocess

from meters import cpu_seconds
from rig import cluster
from report import Table, median

RIGS = ("audited", "plain")
SCALE = 10
SECONDS = 3
CLIENTS = 2
TURNS = 4  # of each server in a round, alternating
TICKS = os.sysconf("SC_CLK_TCK")

# The options of pgbench for each load, and what the audit log records of it.
LOADS = (
    ("select", ("-S",), "pgbench -S: nothing is told"),
    ("prepared", ("-S", "-M", "prepared"), "pgbench -S -M prepared: nothing is told"),
    ("connect", ("-S", "-C"), "pgbench -S -C: a login for each transaction"),
    ("ddl", ("-f", "ddl"), "CREATE and DROP TABLE: two events for each transaction"),
    ("denied", ("-f", "denied", "-R", "500"), "a denied SELECT, swallowed, 500 a second: an event each"),
)
SCRIPTS = {
    "ddl": "CREATE TABLE t:client_id (n int);\nDROP TABLE t:client_id;\n",
    "denied": "SELECT try();\n",
}


class Plain:
    """Plain is a server without the extension, with the other settings of a rig."""

    refused = 0

    def __init__(self, rig):
        kept = {name: value for name, value in rig.analytics.settings.items()
                if not name.startswith(("pganalytics.", "ssl")) and name != "shared_preload_libraries"}
        self.analytics = cluster.Cluster(rig.root, "plain", kept)

    def start(self):
        self.analytics.init().start()
        return self

    def empty(self):
        pass


def prepare(rig):
    """prepare makes the database that pgbench uses on a server."""
    server = rig.analytics
    server.psql("CREATE DATABASE pgbench; CREATE ROLE visitor LOGIN")
    server.psql("CREATE TABLE closed (n int); GRANT CREATE ON SCHEMA public TO visitor;"
                "CREATE FUNCTION try() RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
                "RETURN (SELECT n FROM closed); EXCEPTION WHEN insufficient_privilege THEN "
                "RETURN 0; END $$", "pgbench")
    bench(server, "-i", "-s", SCALE, "-q", user="postgres")
    server.psql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO visitor;"
                "REVOKE ALL ON closed FROM visitor; VACUUM ANALYZE", "pgbench")
    rig.scripts = pathlib.Path(server.root) / f"{server.name}-scripts"
    rig.scripts.mkdir()
    for name, text in SCRIPTS.items():
        (rig.scripts / name).write_text(text, encoding="ascii")
    server.psql("CHECKPOINT")


def bench(server, *arguments, user="visitor"):
    done = subprocess.run(
        [cluster.pg_program("pgbench"), "-h", str(server.sockets), "-p", str(server.port),
         "-U", user, "-n", *map(str, arguments), "pgbench"], text=True, capture_output=True,
        check=False)
    if done.returncode != 0:
        raise SystemExit(f"pgbench {arguments}: {done.stderr}")
    return done.stdout


def ended_cpu_seconds(pid):
    """ended_cpu_seconds is the CPU time of a postmaster's sessions that have ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICKS


def workers_cpu_seconds(rig):
    """workers_cpu_seconds is the CPU time of the audit worker, 0 for a server without one."""
    if isinstance(rig, Plain):
        return 0.0
    pid = rig.analytics.query("SELECT pid FROM pganalytics.workers WHERE kind = 'audit'")
    return cpu_seconds(pid)


def run(rig, flags):
    flags = [str(rig.scripts / flag) if flag in SCRIPTS else flag for flag in flags]
    server = rig.analytics
    before = ended_cpu_seconds(server.process.pid), workers_cpu_seconds(rig)
    said = bench(server, "-c", CLIENTS, "-j", CLIENTS, "-T", SECONDS, *flags)
    done = int(re.search(r"transactions actually processed: (\d+)", said)[1])
    # When the postmaster answers a new session, it has reaped the ended ones.
    server.psql("SELECT 1")
    return {"tps": float(re.search(r"tps = ([\d.]+)", said)[1]),
            "session_cpu_us": (ended_cpu_seconds(server.process.pid) - before[0]) / done * 1e6,
            "worker_cpu_us": (workers_cpu_seconds(rig) - before[1]) / done * 1e6}


def compare(rigs, flags):
    """compare runs both servers in turns, so that a slow moment of the machine slows both."""
    prepared = [rig for rig in (rigs["audited"], rigs["plain"]) if hasattr(rig, "scripts")]
    for rig in (rigs["audited"], rigs["plain"]):
        if rig not in prepared:
            prepare(rig)
    results = {"audited": [], "plain": []}
    for turn in range(TURNS):
        for name in sorted(results, reverse=turn % 2 == 1):
            results[name].append(run(rigs[name], flags))
    return {"ratios": [a["tps"] / p["tps"] for a, p in zip(results["audited"], results["plain"])],
            **{f"{name}_{key}": statistics.median(r[key] for r in of)
               for name, of in results.items() for key in of[0]}}


def measurements(rigs):
    for name, flags, _ in LOADS:
        yield ("audit", name), lambda f=flags: compare(rigs, f)


def tables(results):
    table = Table("load, 2 clients", "transactions/s without", "with", "ratio",
                  "CPU us per transaction, session without", "with", "audit worker")
    for name, _, label in LOADS:
        of = results["audit", name]
        table.add(label, f"{median(of, 'plain_tps'):,.0f}", f"{median(of, 'audited_tps'):,.0f}",
                  f"{statistics.median(r for one in of for r in one['ratios']):.3f}",
                  f"{median(of, 'plain_session_cpu_us'):.1f}",
                  f"{median(of, 'audited_session_cpu_us'):.1f}",
                  f"{median(of, 'audited_worker_cpu_us'):.1f}")
    return [table]
