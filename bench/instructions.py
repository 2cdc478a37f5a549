"""Instructions that worker and gateway execute for pushes, and a session for COPY, by callgrind.

The same work is the same number on any machine and beside anything: valgrind shows each program the
same processor, so that libraries which choose code by what it can do choose the same everywhere.
What instructions do not show is the kernel's part, waits and cache misses; CPU times do.
"""
import collections
import os
import re
import shutil
import signal
import subprocess

from enrolled import Enrolled
from old_collector import OldCollector
from rig import BUILT, PROGRAMS, Rig, cluster

PUSHES_OF_1000 = 30
PUSHES_BY_CERTIFICATE = 60  # of 100, on a connection each
PUSHES_OF_100 = 200  # one after the other: how many share a commit would depend on the time
COPIES = 20
START_SECONDS = 180  # all is fifty times slower than by itself
END_SECONDS = 60

# Runs by itself: its sandbox knows none of valgrind's system calls, and no push waits for it.
CA_PROGRAM = "pganalytics-ca"

# Reads a file of what every session needs of the catalogs, or makes it if no other has yet since the
# server started: which of the sessions that start together finds it is chance, a tenth of their costs.
CHANCE = "RelationCacheInitializePhase3"

Life = collections.namedtuple("Life", "worker gateway session")


def callgrind(out, *more):
    """callgrind gives the arguments that stand before a program to count its instructions."""
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *more]


def total(path):
    """total is the sum in a file of callgrind, but CHANCE; None while the file is not complete."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    complete = re.search(r"^totals: (\d+)\n*\Z", text, re.MULTILINE)
    return int(complete[1]) - inclusive(text, CHANCE) if complete else None


def inclusive(text, function):
    """inclusive is what the calls of a function take, with all that it calls."""
    # A name stands where it comes first, later its number alone; below a call's line is its cost.
    name = re.search(rf"^c?fn=\((\d+)\) {function}$", text, re.MULTILINE)
    calls = name and re.findall(rf"^cfn=\({name[1]}\).*\ncalls=.*\n\S+ (\d+)$", text, re.MULTILINE)
    return sum(map(int, calls or ()))


class CountedServer:
    """CountedServer is a server whose processes write down their instructions when they end.

    Starting is among them. So it is started for a little work, then for each kind of work on top of
    that; what the work takes is the difference.
    """

    def __init__(self, root, settings):
        self.rig = Rig(root, "counted", {"pganalytics.connection_timeout": "10min",
                                         "pganalytics.api_port": 0, **settings}, wal_segments=8)
        self.rig.checkpoints = False
        self.old = OldCollector(self.rig)
        self.certified = []  # the first collector, by its certificate
        self.out = self.rig.root / "counted-out"

    def start(self):
        """start makes the server and lets it meet all queries, not yet counted."""
        self.rig.start()
        self.rig.push(1000, 1)
        self.old.push(self.old.write_minute())
        # Of the same collector, whose queries the worker has met.
        name = self.rig.name_of(self.rig.collectors(1)[0])
        self.certified, _ = Enrolled(self.rig).enroll([name])
        self.rig.push(100, 1, collectors=self.certified)
        self.rig.empty()
        self.rig.analytics.stop()
        # The worker starts the gateway that it finds beside the server's program: a build without
        # the sandbox, which knows none of valgrind's system calls. Were the directory called "bin",
        # PostgreSQL would look for its other files beside it too.
        programs = self.rig.root / "counted-programs"
        programs.mkdir(mode=0o755)
        for program in (cluster.pg_program("postgres"), cluster.pg_program(CA_PROGRAM),
                        BUILT / "src/gateway/pganalytics-gateway"):
            shutil.copy2(program, programs)
        self.out.mkdir()
        cluster.own(self.out)
        self.rig.analytics.command = callgrind(
            self.out / "%p", "--trace-children=yes", f"--trace-children-skip=*/{CA_PROGRAM}",
            "--vgdb=no", programs / "postgres")

    def live(self, work=None, copies=1):
        """live starts the server, has it work, and stops it with empty tables: a Life."""
        rig = self.rig
        rig.analytics.start(START_SECONDS)
        rig.analytics.wait_until_running(START_SECONDS)
        (worker,), (gateway,) = rig.processes()
        rig.push(1000, 1)
        session = rig.insert("server", 1000, copies)["backend_pid"]
        if work:
            work()
        rig.empty()
        # First, because a worker that stops does not wait until its gateway has written all.
        os.kill(gateway, signal.SIGTERM)
        gateway = self._instructions(gateway)
        rig.analytics.stop(timeout=END_SECONDS)
        return Life(self._instructions(worker), gateway, self._instructions(session))

    def _instructions(self, pid):
        return cluster.wait_until(lambda: total(self.out / str(pid)), END_SECONDS,
                                  f"callgrind's file of process {pid}")

    def measure(self):
        """measure gives the costs by the names of check.py: instructions for 1000 rows."""
        minute = self.old.write_minute()
        little = self.live()
        costs = {}
        for name, rows, work in (
                (" 1000", 1000 * PUSHES_OF_1000, lambda: self.rig.push(1000, PUSHES_OF_1000)),
                (" 100", 100 * PUSHES_OF_100, lambda: self.rig.push(100, PUSHES_OF_100)),
                (" certificate", 100 * PUSHES_BY_CERTIFICATE, lambda: self.rig.push(
                    100, PUSHES_BY_CERTIFICATE, "--connect", collectors=self.certified)),
                (" minute", minute.rows, lambda: self.old.push(minute))):
            life = self.live(work)
            for process in ("worker", "gateway"):
                costs[process + name] = (getattr(life, process) -
                                         getattr(little, process)) / rows * 1000
        life = self.live(copies=1 + COPIES)
        costs["copy"] = (life.session - little.session) / COPIES
        return costs


def json_stage(root):
    """json_stage gives what decoder and cJSON take for a body of 1000 queries."""
    out = root / "json-stage"
    subprocess.run([*callgrind(out), PROGRAMS / "json_stage", "1000", "1"], check=True,
                   capture_output=True)
    costs = {}
    # A file for each turn of each stage; the first turn has to fetch its memory.
    for path in sorted(root.glob("json-stage.*"), key=lambda path: int(path.suffix[1:])):
        stage = path.read_text(encoding="utf-8").partition("Client Request: ")[2].split("\n")[0]
        costs[stage] = total(path)
    return costs


def measure(root, settings):
    """measure counts everything once; the servers it needs live no longer."""
    server = CountedServer(root, settings)
    try:
        server.start()
        return {**server.measure(), **json_stage(server.rig.root)}
    finally:
        server.rig.analytics.remove()
