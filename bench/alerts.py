"""What alert rules cost: each rule by itself, and all of them on a server that takes pushes."""
import pathlib
import statistics
import time

from meters import cpu_seconds
from report import Table, median, rate
from rig import Rig

RIGS = ("alerted", "quiet")
WORKERS = 2
COLLECTORS = 5
TURNS = 10  # of each rule, for the table of rules
DATA = pathlib.Path(__file__).with_name("alert_data.sql")

# How often each rule is evaluated, seconds of pushes meanwhile, and number of turns.
LOADS = (("1 min", 70, 1), ("5 s", 15, 3))


class Watching(Rig):
    """Watching is a server with data for the rules. Its pushes add rows, which are not removed."""

    checkpoints = False  # push() makes a checkpoint before it looks at the worker

    def start(self):
        super().start()
        self.analytics.query(f"SET timezone = 'UTC'; {DATA.read_text(encoding='utf-8')}")
        self.analytics.query("VACUUM ANALYZE")
        self.loaded = super().rows_stored()
        self.evaluate(None)
        return self

    def evaluate(self, every):
        """evaluate has every rule evaluated at this interval; None disables all rules."""
        self.analytics.query(
            "UPDATE pganalytics.alert_rules SET enabled = false" if every is None else
            f"UPDATE pganalytics.alert_rules SET enabled = true, evaluate_every = '{every}'")

    def rows_stored(self):
        return super().rows_stored() - self.loaded

    def empty(self):
        stored = self.rows_stored()
        if stored != self.acknowledged:
            raise SystemExit(f"{self.name}: {stored} rows stored, {self.acknowledged} acknowledged")
        return stored


def make_rigs(root):
    return {name: Watching(root, name, workers=WORKERS, wal_segments=32) for name in RIGS}


def worker(rig):
    """worker gives the alerts worker's CPU seconds and its number of evaluations."""
    pid, done = rig.analytics.query("SELECT pid, commits FROM pganalytics.workers "
                                    "WHERE kind = 'alerts'").split("|")
    return cpu_seconds(int(pid)), int(done)


def push(rig, pushes):
    rig.analytics.psql("CHECKPOINT")
    # The load generator first makes its bodies, so the worker is measured for a longer time.
    before = time.monotonic(), *worker(rig)
    result = rig.push(1000, pushes, collectors=COLLECTORS)
    seconds, cpu, evaluations = (now - then for now, then in zip((time.monotonic(), *worker(rig)), before))
    return {"rate": rate(result), "seconds": seconds, "cpu": cpu, "evaluations": evaluations,
            "p99_ms": result["p99_ms"]}


def compare(rigs, every, seconds, turns):
    """compare pushes to both servers in turns, for about this many seconds each time."""
    rigs["alerted"].evaluate(every)
    # The first pushes make new series and partitions, and show how many pushes fill the time.
    probes = [rigs[name].push(1000, 300, collectors=COLLECTORS) for name in RIGS]
    pushes = int(seconds * min(map(rate, probes)) / 1000)
    results = {"alerted": [], "quiet": []}
    for turn in range(turns):
        for name in sorted(results, reverse=turn % 2 == 1):
            results[name].append(push(rigs[name], pushes))
    rigs["alerted"].evaluate(None)
    rules = int(rigs["alerted"].analytics.query("SELECT count(*) FROM pganalytics.alert_rules"))
    for one in results["alerted"]:
        if one["evaluations"] < rules:
            raise SystemExit(f"only {one['evaluations']} evaluations of {rules} rules")
    if any(one["evaluations"] for one in results["quiet"]):
        raise SystemExit("the server without rules has evaluated some")
    return {"ratios": [a["rate"] / q["rate"] for a, q in zip(results["alerted"], results["quiet"])],
            **{f"{name}_{key}": statistics.median(one[key] for one in of)
               for name, of in results.items() for key in of[0]}}


def each_rule(rig):
    """each_rule runs every rule by itself, as the engine does, on the server without pushes."""
    said = rig.analytics.query(f"""
        CREATE TEMP TABLE took (rule text, found bigint, ms float8);
        DO $$
        DECLARE
            one record;
            began timestamptz;
            found bigint;
        BEGIN
            FOR one IN SELECT r.name, r.query FROM pganalytics.alert_rules r, generate_series(1, {TURNS}) LOOP
                began := clock_timestamp();
                SELECT count(*) INTO found FROM pganalytics.run_rule(one.query, now());
                INSERT INTO took
                VALUES (one.name, found, extract(epoch FROM clock_timestamp() - began) * 1000);
            END LOOP;
        END $$;
        SELECT rule, max(found), percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FROM took
        GROUP BY rule ORDER BY 3 DESC;""")
    return [(rule, int(found), float(ms)) for rule, found, ms in
            (line.split("|") for line in said.splitlines())]


def measurements(rigs):
    yield ("alerts", "rules"), lambda: each_rule(rigs["quiet"])
    for every, seconds, turns in LOADS:
        yield ("alerts", every), lambda e=every, s=seconds, t=turns: compare(rigs, e, s, t)


def tables(results):
    rules = Table("rule", "label sets", "ms")
    rounds = results["alerts", "rules"]
    for rule, found, _ in rounds[0]:
        rules.add(f"`{rule}`", found, "{:.1f}".format(statistics.median(
            ms for one in rounds for name, _, ms in one if name == rule)))
    cost = Table("every rule evaluated each", "rows/s without", "with", "ratio", "evaluations/s",
                 "% of a processor", "p99 ms without", "with")
    for every, _, _ in LOADS:
        of = results["alerts", every]
        cost.add(every, f"{median(of, 'quiet_rate'):,.0f}", f"{median(of, 'alerted_rate'):,.0f}",
                 f"{statistics.median(r for one in of for r in one['ratios']):.3f}",
                 f"{median(of, lambda r: r['alerted_evaluations'] / r['alerted_seconds']):.1f}",
                 f"{median(of, lambda r: 100 * r['alerted_cpu'] / r['alerted_seconds']):.1f}",
                 f"{median(of, 'quiet_p99_ms'):.0f}", f"{median(of, 'alerted_p99_ms'):.0f}")
    return [rules, cost]
