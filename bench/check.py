"""Guards against regressions: compares what a push costs with what was stored in bench/baseline.json.

What a push costs is compared with what COPY FROM and cJSON cost for the same rows, in instructions
and again in CPU time; other figures are counts. Which of them may grow by how much says verdict.py;
rounds go on until each figure is decided or one has failed.
"""
import argparse
import collections
import contextlib
import datetime
import json
import os
import pathlib
import shutil
import sys

import instructions
import memory
import report
import storage
from old_collector import OldCollector
from rig import Rig, cluster, program, say
from verdict import COUNT, INSTRUCTIONS, MAX_ROUNDS, TIMED, Verdict, judge, ratio

BASELINE = pathlib.Path(__file__).with_name("baseline.json")
TURNS = 4
QUERIES_IN_NEW_MEMORY = 20000

# A figure is a cost divided by a unit, both for 1000 rows, or a count without a unit.
Figure = collections.namedtuple("Figure", "key cost unit kind label")
RATIOS = (
    ("worker_1000", "worker 1000", "copy", "worker, pushes of 1000 queries : COPY FROM of the rows"),
    ("gateway_1000", "gateway 1000", "cjson", "gateway, pushes of 1000 queries : cJSON reading one"),
    ("worker_100", "worker 100", "copy", "worker, pushes of 100 queries : COPY FROM of the rows"),
    ("gateway_100", "gateway 100", "cjson", "gateway, pushes of 100 queries : cJSON reading 10 as one"),
    ("worker_minute", "worker minute", "copy",
     "worker, 26 MB of an old collector : COPY FROM of as many rows"),
    ("gateway_minute", "gateway minute", "cjson",
     "gateway, 26 MB of an old collector : cJSON reading as many queries"),
    ("decoder", "decoder", "cjson", "decoder : cJSON, 1000 queries"),
)
# The units of CPU time that differ from those of instructions. A large body needs memory that the
# gateway has not got yet: 15,000 pages. The kernel's time for them doubled this cost from one machine
# to another, so cJSON must fetch its memory too.
TIMED_UNITS = {"gateway_minute": "cjson new memory"}
# These are counted and not timed, because the time of a handshake has other ratios on other
# processors.
COUNTED = (
    ("worker_certificate", "worker certificate", "copy",
     "worker, pushes of 100 by certificate, a connection each : COPY FROM of the rows"),
    ("gateway_certificate", "gateway certificate", "cjson",
     "gateway, pushes of 100 by certificate, a connection each : cJSON reading 10 as one"),
)
FIGURES = (
    *(Figure(key, cost, unit, INSTRUCTIONS, f"instructions: {label}")
      for key, cost, unit, label in (*RATIOS, *COUNTED)),
    Figure("old_minute_mb", "minute MB", None, COUNT,
           "MB above idle, worker and gateway, 26 MB of an old collector"),
    Figure("bytes_per_sample", "bytes", None, COUNT, "bytes on disk per statement and sample"),
    Figure("wal_per_sample", "wal", None, COUNT, "bytes of WAL per statement and sample"),
    Figure("commits_100", "commits 100", None, TIMED,
           "commits per push of 100 queries, 32 connections"),
    # Pushes of 100 queries come in groups that share a commit here.
    *(Figure(f"{key}_time", f"{cost} ms", f"{TIMED_UNITS.get(key, unit)} ms", TIMED,
             f"CPU time: {label}")
      for key, cost, unit, label in RATIOS),
)


# How many pushes wait for a commit depends on how busy the machine is. If each commit takes this
# long, most of the other pushes wait for it, and groups have about the same size everywhere.
SLOW_COMMITS = {"commit_delay": 60000, "commit_siblings": 0}  # us


def commits(rig):
    return int(rig.analytics.query("SELECT sum(commits) FROM pganalytics.workers"))


class Guard:
    """Guard is the servers on which everything but the instructions is measured."""

    def __init__(self, root, settings):
        self.rig = Rig(root, "one", settings, wal_segments=16)
        self.old = OldCollector(self.rig)
        self.grouped = Rig(root, "grouped", {**settings, **SLOW_COMMITS}, wal_segments=8)
        self.rigs = (self.rig, self.grouped)
        for rig in self.rigs:
            rig.checkpoints = False  # one checkpoint at the end of a round is enough

    def measure(self, costs):
        """measure appends one round, which starts with new processes, to the lists of costs.

        The ways take short turns, so that other load on the machine affects all of them.
        """
        rig = self.rig
        minutes = [memory.measure(self.old)]
        for each in self.rigs:  # the first push of a process fills its caches
            each.push(1000, 2)
        for _ in range(TURNS):
            costs["copy ms"].append(rig.insert("server", 1000, 20)["backend_cpu_ms"])
            before = commits(self.grouped)
            grouped = self.grouped.push(100, 320, "--connections", 32)
            costs["commits 100"].append((commits(self.grouped) - before) / grouped["pushes"])
            for size, result in ((" 1000", rig.push(1000, 40, "--connections", 4)),
                                 (" 100", grouped)):
                costs[f"worker{size} ms"].append(result["worker_cpu_ms"])
                costs[f"gateway{size} ms"].append(result["gateway_cpu_ms"])
            stage = program("json_stage", 1000, 10)
            costs["decoder ms"].append(stage["decoder_ms"])
            costs["cjson ms"].append(stage["cjson_ms"])
        minutes.append(self.old.push(self.old.write_minute()))
        for minute in minutes:
            stage = program("json_stage", QUERIES_IN_NEW_MEMORY, 0)
            costs["cjson new memory ms"].append(
                stage["cjson_new_memory_ms"] / QUERIES_IN_NEW_MEMORY * 1000)
            costs["worker minute ms"].append(minute["worker_cpu_ms"])
            costs["gateway minute ms"].append(minute["gateway_cpu_ms"])
        costs["minute MB"].append(minutes[0]["above_idle_mb"])
        stored = storage.measure(rig, "changes-as-seen")
        costs["bytes"].append(stored["samples"])
        costs["wal"].append(stored["wal"])
        for each in self.rigs:
            each.empty()


def figures(costs):
    return {figure.key: ratio(costs[figure.cost], costs[figure.unit] if figure.unit else [])
            for figure in FIGURES}


def measure_until_decided(guard, costs, stored):
    """measure_until_decided gives the figures and their verdicts; it stops at the first failure."""
    for rounds in range(1, MAX_ROUNDS + 1):
        guard.measure(costs)
        values = figures(costs)
        say(f"{rounds} rounds: " + ", ".join(f"{k} {v:.3f}" for k, v in values.items()))
        verdicts = {figure.key: judge(values[figure.key], stored[figure.key], figure.kind, rounds)
                    for figure in FIGURES}
        decided = verdicts.values()
        if Verdict.BEYOND in decided or Verdict.OPEN not in decided:
            break
    return values, verdicts


@contextlib.contextmanager
def awake_machine():
    """awake_machine keeps every core busy during a with block.

    A process that is woken on a sleeping core costs more CPU time: a third and more for small
    pushes. So the ratios of an idle machine would differ from those of a busy one.
    """
    # Where the kernel shares CPU time among sessions, the whole session must be nice.
    spin = "echo 19 > /proc/self/autogroup; exec nice -n 19 python3 -c 'while True: pass'"
    spinners = [cluster.start_process(["sh", "-c", spin], os.devnull)
                for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for process in spinners:
            cluster.stop_process(process)


def update(guard, costs):
    for number in range(MAX_ROUNDS):
        guard.measure(costs)
        say(f"round {number + 1} of {MAX_ROUNDS}")
    document = {
        "measured": f"{datetime.date.today().isoformat()} on {report.machine()}; "
                    f"{report.versions(guard.rig.analytics)}; least of {MAX_ROUNDS} rounds",
        "figures": {key: round(value, 4) for key, value in figures(costs).items()},
    }
    BASELINE.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(BASELINE.read_text(encoding="utf-8"), end="")


def compare(guard, costs):
    """compare prints all figures and gives the number of figures beyond their limits."""
    stored = json.loads(BASELINE.read_text(encoding="utf-8"))["figures"]
    values, verdicts = measure_until_decided(guard, costs, stored)
    beyond = []
    better = []
    print(f"{'stored':>8} {'measured':>9} {'change':>7} {'limit':>5}  figure")
    for figure in FIGURES:
        measured = values[figure.key]
        change = measured / stored[figure.key] - 1
        line = (f"{stored[figure.key]:8.3f} {measured:9.3f} {change:+7.1%} "
                f"{figure.kind.tolerance:+5.0%}  {figure.label}")
        print(line)
        if verdicts[figure.key] is Verdict.BEYOND:
            beyond.append(line)
        elif change < -figure.kind.tolerance:
            better.append(figure.label)
    if better:
        print("better than stored by more than the limit; bench/check --update keeps it: " +
              "; ".join(better))
    for line in beyond:
        print(f"WORSE than the limit: {line}")
    return len(beyond)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="store what is measured")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help="a setting of the servers under test, to see what it would cost")
    options = parser.parse_args()
    settings = dict(pair.split("=", 1) for pair in options.set)
    with cluster.Processes() as running:
        root = cluster.make_root()
        running.add(lambda: shutil.rmtree(root))
        costs = collections.defaultdict(list)
        for name, value in instructions.measure(root, settings).items():
            costs[name].append(value)
        guard = Guard(root, settings)
        for rig in guard.rigs:
            running.add(rig.analytics.remove)
            rig.start()
        with awake_machine():
            if options.update:
                update(guard, costs)
            elif compare(guard, costs):
                sys.exit(1)


if __name__ == "__main__":
    main()
