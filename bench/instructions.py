"""Counts, with callgrind, the instructions of worker and gateway for pushes, and of a session for COPY.

The same work executes the same number of instructions on any machine, whatever else runs there:
valgrind shows programs the same processor everywhere, so libraries that choose code by the
processor's features choose the same code. Instructions do not show the kernel's part, waits and
cache misses; CPU times do.
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
PUSHES_BY_CERTIFICATE = 60  # pushes of 100, each on its own connection
PUSHES_OF_100 = 200  # one after the other, so that the number per commit is constant
COPIES = 20
START_SECONDS = 180  # everything is fifty times slower under callgrind
END_SECONDS = 60

# Runs outside callgrind: its sandbox allows none of valgrind's system calls, and no push waits for
# it.
CA_PROGRAM = "pganalytics-ca"

# Reads a file with what every session needs of the catalogs, or makes the file if no session has
# done so since the server's start. Which session makes it is chance, and costs a tenth of the
# session.
CHANCE = "RelationCacheInitializePhase3"

Life = collections.namedtuple("Life", "worker gateway session")


def callgrind(out, *more):
    """callgrind gives the command-line prefix that counts a program's instructions."""
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *more]


def total(path):
    """total is the sum in a file of callgrind without CHANCE; None while the file is not complete."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    complete = re.search(r"^totals: (\d+)\n*\Z", text, re.MULTILINE)
    return int(complete[1]) - inclusive(text, CHANCE) if complete else None


def inclusive(text, function):
    """inclusive is the cost of all calls of a function, with everything that they call."""
    # The file gives a name at its first use and later only its number; a call's cost is on the line
    # below.
    name = re.search(rf"^c?fn=\((\d+)\) {function}$", text, re.MULTILINE)
    calls = name and re.findall(rf"^cfn=\({name[1]}\).*\ncalls=.*\n\S+ (\d+)$", text, re.MULTILINE)
    return sum(map(int, calls or ()))


class CountedServer:
    """CountedServer is a server whose processes write their instruction counts when they end.

    A count includes the start. So the server is started once for a little work and once for each
    kind of additional work; the difference is the cost of that work.
    """

    def __init__(self, root, settings):
        self.rig = Rig(root, "counted", {"pganalytics.connection_timeout": "10min",
                                         "pganalytics.api_port": 0, **settings}, wal_segments=8)
        self.rig.checkpoints = False
        self.old = OldCollector(self.rig)
        self.certified = []  # the first collector, with its certificate
        self.out = self.rig.root / "counted-out"

    def start(self):
        """start makes the server and pushes all queries once, which is not counted."""
        self.rig.start()
        self.rig.push(1000, 1)
        self.old.push(self.old.write_minute())
        # The certificate is for the same collector, whose queries the worker knows already.
        name = self.rig.name_of(self.rig.collectors(1)[0])
        self.certified, _ = Enrolled(self.rig).enroll([name])
        self.rig.push(100, 1, collectors=self.certified)
        self.rig.empty()
        self.rig.analytics.stop()
        # The worker starts the gateway that is beside the server's program: here a build without
        # the sandbox, which would allow none of valgrind's system calls. The directory must not be
        # called "bin", or PostgreSQL would look for its other files beside it.
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
        """live starts the server, has it work, and stops it with empty tables; gives a Life."""
        rig = self.rig
        rig.analytics.start(START_SECONDS)
        rig.analytics.wait_until_running(START_SECONDS)
        (worker,), (gateway,) = rig.processes()
        rig.push(1000, 1)
        session = rig.insert("server", 1000, copies)["backend_pid"]
        if work:
            work()
        rig.empty()
        # End the gateway first: a stopping worker does not wait until its gateway has written its
        # counts.
        os.kill(gateway, signal.SIGTERM)
        gateway = self._instructions(gateway)
        rig.analytics.stop(timeout=END_SECONDS)
        return Life(self._instructions(worker), gateway, self._instructions(session))

    def _instructions(self, pid):
        return cluster.wait_until(lambda: total(self.out / str(pid)), END_SECONDS,
                                  f"callgrind's file of process {pid}")

    def measure(self):
        """measure gives the costs by the names in check.py: instructions per 1000 rows."""
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
    """json_stage gives the instructions of decoder and cJSON for a body of 1000 queries."""
    out = root / "json-stage"
    subprocess.run([*callgrind(out), PROGRAMS / "json_stage", "1000", "1"], check=True,
                   capture_output=True)
    costs = {}
    # Each turn of each stage has a file; the first turn also pays for getting its memory.
    for path in sorted(root.glob("json-stage.*"), key=lambda path: int(path.suffix[1:])):
        stage = path.read_text(encoding="utf-8").partition("Client Request: ")[2].split("\n")[0]
        costs[stage] = total(path)
    return costs


def measure(root, settings):
    """measure counts everything once, on servers that it removes afterwards."""
    server = CountedServer(root, settings)
    try:
        server.start()
        return {**server.measure(), **json_stage(server.rig.root)}
    finally:
        server.rig.analytics.remove()
