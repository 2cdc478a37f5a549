"""A server whose clock a test moves while it runs, together with the clocks of its programs."""
import datetime
import os
import pathlib
import shutil
import subprocess
import time

import cluster
import product

HERE = product.SOURCE / "test" / "e2e" / "lib"


def own_shift():
    """own_shift is the number of seconds by which this process's own clock is moved (scripts/dates)."""
    file = os.environ.get("CLOCK_SHIFT_FILE")
    return int.from_bytes(pathlib.Path(file).read_bytes(), "little", signed=True) if file else 0


class ShiftedClock:
    """ShiftedClock is a file with a number of seconds, and the library that adds them to the clock.

    The clock begins as that of the process that makes it; `seconds` is how far it is ahead of that.
    """

    def __init__(self, root):
        self.library, self.file = root / "clock_shift.so", root / "clock_shift"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(self.library),
                        str(HERE / "clock_shift.c"), "-ldl"], check=True)
        self.seconds = 0
        self._write()
        for path in (self.library, self.file):
            cluster.own(path)

    def _write(self):
        shift = own_shift() + self.seconds
        # Write in place, because the processes have mapped the file.
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(shift.to_bytes(8, "little", signed=True))

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self.library), "CLOCK_SHIFT_FILE": str(self.file)}

    def advance(self, seconds):
        """advance moves the clock of every process that has loaded the library at once; back if below 0."""
        self.seconds += int(seconds)
        self._write()

    def now(self):
        return datetime.datetime.fromtimestamp(time.time() + self.seconds, datetime.timezone.utc)

    def advance_to(self, moment):
        """advance_to sets the clock to a moment, a datetime with a time zone."""
        self.advance((moment - self.now()).total_seconds())


def shifted_postgres(root, clock):
    """shifted_postgres makes a postgres in a new directory whose programs run by that clock.

    The server does not pass its environment to these programs. So PostgreSQL runs from a copy of
    its directories, in which each of our programs is a script that sets the environment and
    executes the real program.
    """
    bindir = root / cluster.BINDIR.relative_to("/")
    bindir.mkdir(parents=True)
    shutil.copy2(cluster.pg_program("postgres"), bindir)
    settings = [f"{name}={value}" for name, value in clock.environment.items()]
    for program in cluster.BINDIR.glob("pganalytics-*"):
        line = bindir / program.name
        line.write_text(f"#!/usr/bin/env -S {' '.join(settings)} {program}\n", encoding="ascii")
        line.chmod(0o755)
    # PostgreSQL finds its files relative to the path of its program.
    for item in ("--pkglibdir", "--sharedir"):
        real = cluster.pg_config(item)
        link = root / os.path.relpath(real, "/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(real)
    for path in root.rglob("*"):
        if not path.is_symlink():
            cluster.own(path)
    cluster.own(root)
    return bindir / "postgres"


def shift(analytics, clock):
    """shift makes a cluster that has not started yet, and its programs, run by that clock."""
    settings = [f"{name}={value}" for name, value in clock.environment.items()]
    postgres = shifted_postgres(analytics.root / f"shifted-{analytics.name}", clock)
    analytics.command = ["/usr/bin/env", *settings, str(postgres)]
