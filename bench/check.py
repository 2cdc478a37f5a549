"""Guards against regressions: compares what a push costs with what was stored in bench/baseline.json.

Every figure is a ratio of CPU times of one round, or a count; neither depends much on how fast the
machine is and how busy. A figure more than 10 % above the stored one fails. Rounds go on until each
figure is decided (verdict.py says how).
"""
import argparse
import collections
import datetime
import json
import pathlib
import shutil
import statistics
import sys

import memory
import report
import storage
from old_collector import OldCollector
from rig import Rig, cluster, program, say
from verdict import TOLERANCE, Verdict, judge

BASELINE = pathlib.Path(__file__).with_name("baseline.json")
MAX_ROUNDS = 15
UPDATE_ROUNDS = 9
TURNS = 4

Figure = collections.namedtuple("Figure", "key label")
FIGURES = (
    Figure("worker_1000", "worker, pushes of 1000 queries : COPY FROM of the same rows"),
    Figure("gateway_1000", "gateway, pushes of 1000 queries : cJSON reading the body"),
    Figure("worker_100", "worker, pushes of 100 queries in groups : COPY FROM of the same rows"),
    Figure("gateway_100", "gateway, pushes of 100 queries : cJSON reading the bodies in one"),
    Figure("grouped_100", "worker, pushes of 100 queries in groups : each by itself"),
    Figure("worker_minute", "worker, 26 MB of an old collector : COPY FROM of as many rows"),
    Figure("gateway_minute", "gateway, 26 MB of an old collector : cJSON reading as many queries"),
    Figure("decoder", "decoder : cJSON, 1000 queries"),
    Figure("old_minute_mb", "MB above idle, worker and gateway, 26 MB of an old collector"),
    Figure("bytes_per_sample", "bytes on disk per statement and sample"),
    Figure("wal_per_sample", "bytes of WAL per statement and sample"),
)


def least(results, key):
    """least is what a way costs where nothing else disturbs it: disturbance only adds to CPU time."""
    return min(result[key] for result in results)


# How many pushes wait when a commit is done depends on how busy the machine is. Where each commit
# takes this long all the others do, so that groups are of the same size everywhere.
SLOW_COMMITS = {"commit_delay": 60000, "commit_siblings": 0}  # us


class Guard:
    """Guard is the servers that the figures are measured on."""

    def __init__(self, root, settings):
        self.rig = Rig(root, "one", settings, wal_segments=16)
        self.old = OldCollector(self.rig)
        self.grouped = Rig(root, "grouped", {**settings, **SLOW_COMMITS}, wal_segments=8)
        self.single = Rig(root, "single", {**settings, "pganalytics.batch_size": 1}, wal_segments=8)
        self.rigs = (self.rig, self.grouped, self.single)
        for rig in self.rigs:
            rig.checkpoints = False  # a round ends with one, which is enough

    def measure(self, number):
        """measure gives every figure's value of one round, which starts with new processes.

        The ways take short turns, so that what else happens on the machine meets all of them.
        """
        rig = self.rig
        minutes = [memory.measure(self.old)]
        for each in self.rigs:  # the first push of a process reads what the next ones remember
            each.push(1000, 2)
        copy, big, grouped, single = [], [], [], []
        for _ in range(TURNS):
            copy.append(rig.insert("server", 1000, 20))
            big.append(rig.push(1000, 40, "--connections", 4))
            grouped.append(self.grouped.push(100, 320, "--connections", 32))
            single.append(self.single.push(100, 320, "--connections", 32))
        minutes.append(self.old.push(self.old.write_minute()))
        copied = least(copy, "backend_cpu_ms")
        json_stage = program("json_stage", 1000, 25)
        parsed = json_stage["cjson_ms"]
        stored = storage.measure(rig, "changes-as-seen")
        for each in self.rigs:
            each.empty()
        values = {
            "worker_1000": least(big, "worker_cpu_ms") / copied,
            "gateway_1000": least(big, "gateway_cpu_ms") / parsed,
            "worker_100": least(grouped, "worker_cpu_ms") / copied,
            "gateway_100": least(grouped, "gateway_cpu_ms") / parsed,
            "grouped_100": least(grouped, "worker_cpu_ms") / least(single, "worker_cpu_ms"),
            "worker_minute": least(minutes, "worker_cpu_ms") / copied,
            "gateway_minute": least(minutes, "gateway_cpu_ms") / parsed,
            "decoder": json_stage["decoder_ms"] / parsed,
            "old_minute_mb": minutes[0]["above_idle_mb"],
            "bytes_per_sample": stored["samples"],
            "wal_per_sample": stored["wal"],
        }
        say(f"round {number + 1}: " + ", ".join(f"{k} {v:.3f}" for k, v in values.items()))
        return values


def measure_until_decided(guard, stored):
    """measure_until_decided gives the values of each figure and what was decided of it."""
    values = collections.defaultdict(list)
    verdicts = {figure.key: Verdict.OPEN for figure in FIGURES}
    for number in range(MAX_ROUNDS):
        for key, value in guard.measure(number).items():
            # What is decided stays so: a look after every round would find some chance for each.
            if verdicts[key] is Verdict.OPEN:
                values[key].append(value)
                verdicts[key] = judge(values[key], stored[key], number + 1 == MAX_ROUNDS)
        still = [key for key, verdict in verdicts.items() if verdict is Verdict.OPEN]
        if not still:
            break
        say("not decided: " + ", ".join(still))
    return values, verdicts


def update(guard):
    values = collections.defaultdict(list)
    for number in range(UPDATE_ROUNDS):
        for key, value in guard.measure(number).items():
            values[key].append(value)
    document = {
        "measured": f"{datetime.date.today().isoformat()} on {report.machine()}; "
                    f"{report.versions(guard.rig.analytics)}; medians of {UPDATE_ROUNDS} rounds",
        "figures": {figure.key: round(statistics.median(values[figure.key]), 4)
                    for figure in FIGURES},
    }
    BASELINE.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(BASELINE.read_text(encoding="utf-8"), end="")


def compare(guard):
    """compare prints all figures and gives the number of those that are beyond their limits."""
    stored = json.loads(BASELINE.read_text(encoding="utf-8"))["figures"]
    values, verdicts = measure_until_decided(guard, stored)
    beyond = []
    better = []
    print(f"{'stored':>8} {'measured':>9} {'change':>7}  figure")
    for key, label in FIGURES:
        measured = statistics.median(values[key])
        change = measured / stored[key] - 1
        line = f"{stored[key]:8.3f} {measured:9.3f} {change:+7.1%}  {label}"
        print(line)
        if verdicts[key] is Verdict.BEYOND:
            beyond.append(line)
        elif change < -TOLERANCE:
            better.append(label)
    if better:
        print("more than 10 % better than stored; bench/check --update keeps it: " +
              "; ".join(better))
    for line in beyond:
        print(f"WORSE by more than 10 %: {line}")
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
        guard = Guard(root, settings)
        for rig in guard.rigs:
            running.add(rig.analytics.remove)
            rig.start()
        if options.update:
            update(guard)
        elif compare(guard):
            sys.exit(1)


if __name__ == "__main__":
    main()
