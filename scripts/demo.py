"""Runs an analytics server, a monitored server under load and a collector, and shows what arrives.

scripts/demo calls it after building. It ends at Ctrl-C, or after DEMO_SECONDS seconds; then the
exit status is 0 only if query rows of the monitored server were committed in the analytics
database.
"""
import fcntl
import os
import sys
import time

import cluster
import product

# Statements that an application might run beside pgbench's own transactions, with their weights.
WORK = {
    "orders": (6, """\\set id random(1, 100000)
SELECT abalance, filler FROM pgbench_accounts WHERE aid = :id;
UPDATE pgbench_tellers SET tbalance = tbalance + 1 WHERE tid = 1 + :id % 10;
"""),
    "report": (2, """SELECT b.bid, count(*), sum(a.abalance) FROM pgbench_accounts a
  JOIN pgbench_branches b USING (bid) GROUP BY b.bid ORDER BY 3 DESC;
SELECT tid, sum(delta), max(mtime) FROM pgbench_history GROUP BY tid ORDER BY 2 DESC LIMIT 5;
"""),
    "search": (3, """\\set n random(1, 1000)
SELECT count(*) FROM pgbench_accounts WHERE aid BETWEEN :n AND :n + 5000 AND abalance > 0;
SELECT relname, reltuples FROM pg_class WHERE relname LIKE 'pgbench%' ORDER BY reltuples DESC;
"""),
}

# A line has 99 characters, so that it fits terminals of 100 columns.
TOP_QUERIES = """
SELECT database AS db, calls, round(total_exec_time::numeric, 1) AS total_ms,
       round((total_exec_time / nullif(calls, 0))::numeric, 3) AS mean_ms, rows,
       left(regexp_replace(query, '\\s+', ' ', 'g'), 46) AS query
FROM pganalytics.top_queries('1 hour', 10)
"""
COMMITTED = """
SELECT count(DISTINCT l.push_key), coalesce(sum(l.stored), 0)
FROM pganalytics.push_ledger l JOIN pganalytics.servers s USING (server_id)
WHERE s.name = 'monitored'
"""
SHOWN = """
SELECT count(*) FROM pganalytics.query_stats
WHERE server = 'monitored' AND query LIKE '%pgbench_accounts%'
"""


def say(text=""):
    print(text, flush=True)


def step(text):
    say(f"\n==> {text}")


def start_load(monitored, root):
    """start_load gives two load generators whose rates leave the machine usable."""
    subprocess_log = root / "pgbench.log"
    environment = {"PGHOST": str(monitored.sockets), "PGPORT": str(monitored.port),
                   "PGUSER": "postgres", "PGDATABASE": "postgres"}
    scripts = []
    for name, (weight, text) in WORK.items():
        path = root / f"{name}.sql"
        path.write_text(text, encoding="ascii")
        cluster.own(path)
        scripts += ["-f", f"{path}@{weight}"]
    forever = ["-n", "-T", "1000000"]
    pgbench = cluster.pg_program("pgbench")
    return [cluster.start_process([pgbench, *forever, "-c", "2", "-R", "40"], subprocess_log,
                                  env=environment),
            cluster.start_process([pgbench, *forever, "-c", "1", "-R", "10", *scripts],
                                  subprocess_log, env=environment)]


def watch(analytics, processes, seconds):
    """watch shows progress until the time is over, and says whether rows were committed."""
    began = time.monotonic()
    show_at = began
    while seconds is None or time.monotonic() - began < seconds:
        for name, process in processes.items():
            if process.poll() is not None:
                say(f"{name} has ended with status {process.returncode}")
                return False
        pushes, rows = analytics.query(COMMITTED).split("|")
        say(f"{time.monotonic() - began:5.0f} s   {pushes} pushes committed, {rows} query rows")
        # The first differences of counters come with the second push.
        if int(pushes) >= 2 and time.monotonic() >= show_at:
            show_at = time.monotonic() + 20
            show(analytics)
        time.sleep(2)
    if int(analytics.query(SHOWN)) == 0:
        return False
    show(analytics)
    return True


def show(analytics):
    say("\nTop queries of the monitored server, out of the analytics database:")
    say(analytics.query(TOP_QUERIES, "-P", "format=aligned", "-P", "tuples_only=off",
                        "-P", "footer=off", "-P", "border=1"))
    say(f"\nLook further:  {analytics.psql_line(product.DATABASE)}")
    say("               SELECT * FROM pganalytics.top_queries('1 hour');")
    say("Stop:          Ctrl-C\n")


def main():
    seconds = float(os.environ["DEMO_SECONDS"]) if os.environ.get("DEMO_SECONDS") else None
    os.umask(0o022)
    lock = open(product.SOURCE / "build/demo.lock", "w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another demo of this clone is running: stop it first")
        return 1
    with cluster.Processes() as running:
        root = cluster.make_root(product.SOURCE / ".demo")
        step("analytics server under ./.demo")
        analytics = product.Analytics(root)
        running.add(analytics.remove)
        analytics.init().start().create()
        collector_id, token, pin = analytics.query(
            "SELECT collector_id, token, pin "
            "FROM pganalytics.create_enrollment_token('demo')").split("|")
        say(f"collectors push to {analytics.url}; collector demo is {collector_id}")

        step("monitored server with pg_stat_statements, under load")
        monitored = product.Monitored(root)
        running.add(monitored.remove)
        monitored.init().start().create()
        monitored.pgbench_init()
        load = start_load(monitored, root)
        for process in load:
            running.add(lambda p=process: cluster.stop_process(p))

        step("collector")
        collector = product.Collector(root / "collector", analytics, None, [monitored])
        running.add(collector.stop)
        enrolled = collector.enroll(token, "--pin", pin)
        say((enrolled.stdout + enrolled.stderr).rstrip())
        if enrolled.returncode != 0:
            return 1
        collector.start()
        try:
            good = watch(analytics, {"the collector": collector.process, "pgbench": load[0]},
                         seconds)
        except BaseException:
            step("stopping")
            raise
        step("stopping")
    if good:
        say("done: query rows of the monitored server were committed")
        return 0
    say(f"no query rows of the monitored server were committed; see {root}/*.log and "
        f"{collector.log}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
