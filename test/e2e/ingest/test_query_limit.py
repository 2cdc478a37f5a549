"""The limit of queries in the collector: reports give the same totals whatever the limit is."""
import contextlib
import random

import psycopg2
import pytest

import product
from cluster import wait_until

STATEMENTS = 350
# 1000 exceeds the number of statements; the environment sets the last limit, over the file's value.
LIMITS = (1000, 50, 10)

ACTIVITY = ("SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(rows), 0)::bigint,"
            " round(coalesce(sum(total_exec_time), 0)::numeric, 3) FROM pganalytics.{} "
            "WHERE collector = %s AND database = 'shop'")


@pytest.fixture(scope="module")
def source(root):
    """source is a server whose database shop runs only the tests' statements."""
    one = product.Monitored(root, "shop")
    one.init().start().create()
    one.psql("CREATE DATABASE shop")
    yield one
    one.remove()


@pytest.fixture(scope="module")
def server(make_server):
    """server holds only these tests' series, because reports read all servers of a period."""
    return make_server("limits")


class Shop:
    """Shop runs statements, and reads from the source server what has run since Shop was made."""

    def __init__(self, source):
        self.source = source
        self.random = random.Random(7)
        self.forgotten = (0, 0, 0)  # what ran before the last reset
        self.base = (0, 0, 0)
        self.base = self.done()

    def now(self):
        calls, rows, time = self.source.psql(
            "SELECT coalesce(sum(calls), 0), coalesce(sum(rows), 0), coalesce(sum(total_exec_time), 0)"
            " FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
            " WHERE datname = 'shop'").split("|")
        return int(calls), int(rows), float(time)

    def done(self):
        return tuple(now + before - base for now, before, base
                     in zip(self.now(), self.forgotten, self.base))

    def run(self, repetitions):
        """run executes statement n as often as the dictionary says; each n is a different query."""
        connection = psycopg2.connect(self.source.dsn("shop"))
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            for n, times in repetitions.items():
                for _ in range(times):
                    cursor.execute("SELECT " + ", ".join(["1"] * (n + 1)))

    def forget(self):
        done = self.done()
        self.source.psql("SELECT pg_stat_statements_reset()")
        self.forgotten = tuple(was + base - now for was, base, now
                               in zip(done, self.base, self.now()))


@pytest.fixture
def collectors(server, source, root, monkeypatch):
    """collectors gives a function that starts a collector per limit and maps the limit to it."""
    made = {}
    for limit in LIMITS:
        credentials = server.collector()
        one = product.Collector(root / f"limit-{limit}", server.cluster, credentials, [source],
                                interval="200ms")
        in_file = 1000 if limit == LIMITS[-1] else limit
        product.write_secret(one.config,
                             f"max_queries_per_db = {in_file}\n" + one.config.read_text())
        made[limit] = (one, credentials, server.db.value(
            "SELECT name FROM pganalytics.collectors WHERE collector_id = %s",
            credentials.collector_id))

    def start():
        for limit, (one, _, _) in made.items():
            if limit == LIMITS[-1]:
                monkeypatch.setenv("MAX_QUERIES_PER_DB", str(limit))
            one.start()
        monkeypatch.delenv("MAX_QUERIES_PER_DB")
        return made

    yield start
    for one, _, _ in made.values():
        one.stop()


def activity(server, name, report, *arguments):
    calls, rows, time = server.db.row(ACTIVITY.format(report), *arguments, name)
    return calls, rows, float(time)


def same(found, true):
    return found[:2] == true[:2] and abs(found[2] - true[2]) < 0.01


def moment(server):
    return server.db.value("SELECT clock_timestamp()")


def reports(server, name, begin, end):
    """reports gives the totals of a period from both reports."""
    return [activity(server, name, "top_queries_between(%s, %s, 100000)", begin, end),
            activity(server, name, "query_activity(%s, %s)", begin, end)]


def first_pushes(server, made):
    return all(server.samples(credentials) > 0 for _, credentials, _ in made.values())


def await_totals(server, name, begin, true, what):
    found = [None]

    def arrived():
        found[0], _ = reports(server, name, begin, moment(server))
        return same(found[0], true)
    try:
        wait_until(arrived, 30, what)
    except TimeoutError as late:
        raise AssertionError(f"{late}: {found[0]} of {true}") from late


def test_totals_are_the_same_with_any_limit(server, source, collectors):
    Shop(source).run({n: 1 + n % 3 for n in range(STATEMENTS)})
    shop = Shop(source)
    counters = shop.now()
    begin = moment(server)
    made = collectors()
    wait_until(lambda: first_pushes(server, made), 30, "a push of each collector")

    # The first sample has the true sums, whatever was merged, and no more rows than the limit
    # allows. A base whose push was acknowledged late is there twice with equal values.
    for limit, (_, _, name) in made.items():
        queries, calls, rows, time, others = server.db.row(
            "SELECT count(*), sum(calls)::bigint, sum(rows)::bigint, sum(total_exec_time),"
            " count(*) FILTER (WHERE query = '(other queries beyond the limit)')"
            " FROM (SELECT DISTINCT * FROM pganalytics.query_stats"
            "       WHERE collector = %s AND database = 'shop' AND sampled_at ="
            "             (SELECT min(sampled_at) FROM pganalytics.query_stats"
            "              WHERE collector = %s)) AS first_sample", name, name)
        assert same((calls, rows, time), counters), limit
        if limit > STATEMENTS:
            assert queries >= STATEMENTS and others == 0
        else:
            assert queries == limit + 1 and others == 1

    # In each round other statements lead and some are new; in one round all counters are reset.
    ends = [begin]
    truths = [(0, 0, 0)]
    for step in range(5):
        if step == 3:
            shop.forget()
        hot = shop.random.sample(range(STATEMENTS), 40)
        work = {n: shop.random.randint(1, 4 + 12 * step) for n in hot}
        work.update({STATEMENTS + 20 * step + n: 2 for n in range(20)})
        shop.run(work)
        true = shop.done()
        for limit, (_, _, name) in made.items():
            await_totals(server, name, begin, true, f"round {step} with limit {limit}")
        ends.append(moment(server))
        truths.append(true)
    for one, _, _ in made.values():
        one.stop()

    for limit, (_, credentials, name) in made.items():
        for first in range(len(ends)):
            for last in range(first + 1, len(ends)):
                true = tuple(b - a for a, b in zip(truths[first], truths[last]))
                for found in reports(server, name, ends[first], ends[last]):
                    assert same(found, true), (limit, first, last, found, true)
        check_accounts(server, limit, credentials, name)


def check_accounts(server, limit, credentials, name):
    merged, beyond, exact = server.db.row(
        "SELECT sum(a.merged)::bigint, sum(a.beyond_limit)::bigint,"
        " bool_and(a.observed = a.stored + a.unchanged + a.merged)"
        " FROM pganalytics.push_accounts a JOIN pganalytics.servers USING (server_id)"
        " WHERE collector_id = %s", credentials.collector_id)
    assert exact and merged == beyond
    moved = server.db.value("SELECT count(DISTINCT sampled_at) FROM pganalytics.query_stats"
                            " WHERE collector = %s AND rebased", name)
    if limit > STATEMENTS:
        assert (merged, moved) == (0, 0)
    else:
        assert merged > 0
        assert moved > 2  # the first sample, and later moves of queries


def test_the_view_itself_is_reported(server, source, collectors):
    Shop(source).run({n: 1 for n in range(STATEMENTS)})
    made = collectors()
    wait_until(lambda: first_pushes(server, made), 30, "a push of each collector")
    for _, _, name in made.values():
        wait_until(lambda: server.db.value("SELECT count(*) FROM pganalytics.statements_info"
                                           " WHERE collector = %s", name) > 0, 30, "the info")
        statements, most, dealloc, reset = server.db.row(
            "SELECT min(statements), max(max_statements), max(dealloc), max(stats_reset)"
            " FROM pganalytics.statements_info WHERE collector = %s", name)
        assert STATEMENTS < statements < 5000
        assert (most, dealloc) == (5000, 0)
        assert str(reset.timestamp())[:10] == source.psql(
            "SELECT extract(epoch FROM stats_reset) FROM pg_stat_statements_info")[:10]


def test_once_needs_no_sample_before_it(server, source, credentials, root):
    """Rows that `once` sends are no bases, so one run counts from the run before it."""
    shop = Shop(source)
    shop.run({n: 1 for n in range(STATEMENTS)})
    one = product.Collector(root / f"once-{credentials.collector_id[:8]}", server.cluster,
                            credentials, [source], env={"MAX_QUERIES_PER_DB": "10"})
    done = one.run("once")
    assert done.returncode == 0, done.stderr
    begin = moment(server)
    shop.run({n: 3 for n in range(STATEMENTS)})
    done = one.run("once")
    assert done.returncode == 0, done.stderr
    name = server.db.value("SELECT name FROM pganalytics.collectors WHERE collector_id = %s",
                           credentials.collector_id)
    assert server.db.value("SELECT count(*) FROM pganalytics.query_stats"
                           " WHERE collector = %s AND rebased", name) == 0
    assert reports(server, name, begin, moment(server))[0][0] > 0
