"""Measures what docs/inside/performance.md says, in interleaved rounds.

Each round measures everything once, in an order that rotates, so that a machine that slows down
slows all of it; the tables show medians over the rounds, and medians of the ratios of each round.
"""
import argparse
import collections
import datetime
import shutil

import alerts
import audit
import fleet
import identity
import reach
import report
import ways
from rig import Rig, cluster, say

PARTS = {"ways": ways, "fleet": fleet, "reach": reach, "identity": identity,
         "audit": audit, "alerts": alerts}


def make_rigs(root, parts):
    """make_rigs gives the servers: idle ones cost nothing, and a measurement changes no other server."""
    rigs = {
        "one": Rig(root, "one"),
        "two": Rig(root, "two", workers=2),
        "single": Rig(root, "single", {"pganalytics.batch_size": 1}, wal_segments=32),
        "fleet": Rig(root, "fleet", workers=2),
        "old": Rig(root, "old", wal_segments=16),
        "storage": Rig(root, "storage", wal_segments=16),
        "large": Rig(root, "large", wal_segments=16),
        "identity": Rig(root, "identity", wal_segments=16),
        "audited": Rig(root, "audited", wal_segments=32),
    }
    rigs["plain"] = audit.Plain(rigs["audited"])
    rigs |= alerts.make_rigs(root)
    return {name: rig for name, rig in rigs.items()
            if any(name in PARTS[part].RIGS for part in parts)}


def warm_up(rigs):
    for name in {"one", "two", "single"} & rigs.keys():
        for rows in ways.SIZES:
            rigs[name].push(rows, 4, collectors=1)
    if "one" in rigs:
        rigs["one"].push(100, 10, collectors=5)
    if "fleet" in rigs:
        fleet.warm_up(rigs)


def measure(rigs, parts, rounds):
    measurements = [each for part in parts for each in PARTS[part].measurements(rigs)]
    results = collections.defaultdict(list)
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        turn = len(measurements) * number // rounds
        for key, run in measurements[turn:] + measurements[:turn]:
            results[key].append(run())
        for rig in rigs.values():
            rig.empty()
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    if "reach" in options.parts and "ways" not in options.parts:
        parser.error("part reach compares with part ways")
    with cluster.Processes() as running:
        root = cluster.make_root()
        running.add(lambda: shutil.rmtree(root))
        rigs = make_rigs(root, options.parts)
        say("starting the servers")
        for rig in rigs.values():
            running.add(rig.analytics.remove)
            rig.start()
        warm_up(rigs)
        results = measure(rigs, options.parts, options.rounds)
        about = (report.machine(), report.versions(next(iter(rigs.values())).analytics))
        refused = sum(rig.refused for rig in rigs.values())
    print(f"Measured {datetime.date.today().isoformat()} on {about[0]}; {about[1]}; medians of "
          f"{options.rounds} interleaved rounds,\nsynchronous_commit = on. Pushes cut or answered with 503 "
          f"and sent again: {refused}.")
    for part in options.parts:
        for table in PARTS[part].tables(results):
            print(f"\n{table}")


if __name__ == "__main__":
    main()
