"""A server whose clock, and whose programs' clocks, a test moves while they run."""
import os
import shutil
import subprocess

import cluster
import product

HERE = product.SOURCE / "test" / "e2e" / "lib"


class ShiftedClock:
    """ShiftedClock is a file with seconds, and the library that adds them to the clock."""

    def __init__(self, root):
        self.library, self.file = root / "clock_shift.so", root / "clock_shift"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(self.library),
                        str(HERE / "clock_shift.c"), "-ldl"], check=True)
        self.seconds = 0
        self.file.write_bytes(bytes(8))
        for path in (self.library, self.file):
            cluster.own(path)

    @property
    def environment(self):
        return {"LD_PRELOAD": str(self.library), "CLOCK_SHIFT_FILE": str(self.file)}

    def advance(self, seconds):
        """advance moves the clock of every process that has the library, at once; back if below 0."""
        self.seconds += int(seconds)
        with open(self.file, "r+b") as file:
            file.write(self.seconds.to_bytes(8, "little", signed=True))


def shift(analytics, clock):
    """shift makes a cluster that is not yet started run by that clock, its programs too.

    Those get no environment. So PostgreSQL runs from a copy of its directories, in which a program
    of ours is a line that sets the environment and executes the real one.
    """
    root = analytics.root / f"shifted-{analytics.name}"
    bindir = root / cluster.BINDIR.relative_to("/")
    bindir.mkdir(parents=True)
    shutil.copy2(cluster.pg_program("postgres"), bindir)
    settings = [f"{name}={value}" for name, value in clock.environment.items()]
    for program in cluster.BINDIR.glob("pganalytics-*"):
        line = bindir / program.name
        line.write_text(f"#!/usr/bin/env -S {' '.join(settings)} {program}\n", encoding="ascii")
        line.chmod(0o755)
    # PostgreSQL finds its files by their way from its program.
    for item in ("--pkglibdir", "--sharedir"):
        real = cluster.pg_config(item)
        link = root / os.path.relpath(real, "/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(real)
    for path in root.rglob("*"):
        if not path.is_symlink():
            cluster.own(path)
    cluster.own(root)
    analytics.command = ["/usr/bin/env", *settings, str(bindir / "postgres")]
