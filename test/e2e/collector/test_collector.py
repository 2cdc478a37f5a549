"""Our collector with servers that go away: no counts are lost, and no other server has to wait."""
import itertools
import json
import signal
import time

import pytest

import pki
import product
from cluster import wait_until

ACTIVITY = ("SELECT coalesce(sum(calls), 0)::int FROM (SELECT DISTINCT ON (q.server_id, q.queryid, "
            "q.username, q.toplevel) calls FROM pganalytics.query_stats q "
            "JOIN pganalytics.servers s USING (server_id) "
            "WHERE s.collector_id = %s AND s.name = %s AND q.query = %s "
            "ORDER BY q.server_id, q.queryid, q.username, q.toplevel, q.sampled_at DESC) newest")


@pytest.fixture(scope="module")
def second(root):
    one = product.Monitored(root, "second")
    one.init().start().create()
    yield one
    one.remove()


@pytest.fixture
def collector(server, monitored, second, credentials, root):
    one = product.Collector(root / f"collector-{credentials.collector_id[:8]}", server.cluster,
                            credentials, [monitored, second], interval="200ms")
    yield one
    one.stop()


def test_one_monitored_server_down(server, monitored, second, credentials, collector):
    collector.start()
    wait_until(lambda: server.pushes(credentials, "second") > 1, 20, "pushes of the second")
    second.stop()
    try:
        before = server.pushes(credentials, "monitored")
        wait_until(lambda: server.pushes(credentials, "monitored") > before + 4, 20,
                   "pushes of the other")
        stale = server.pushes(credentials, "second")
    finally:
        second.start()
    wait_until(lambda: server.pushes(credentials, "second") > stale, 30, "the second again")
    assert collector.process.poll() is None


def test_analytics_down_and_back(server, monitored, credentials, collector):
    """Statements that ran while the analytics server was away are in the counters sent afterwards."""
    text = f"SELECT {credentials.collector_id.replace('-', '')!r}::text"
    normal = "SELECT $1::text"
    base = server_calls(monitored, normal)
    collector.start()
    wait_until(lambda: server.pushes(credentials, "monitored") > 1, 20, "first pushes")
    server.cluster.stop()
    try:
        for _ in range(25):
            monitored.psql(text)
    finally:
        server.cluster.start().wait_until_running()
    assert server_calls(monitored, normal) == base + 25
    wait_until(lambda: server.db.value(ACTIVITY, credentials.collector_id, "monitored", normal)
               == base + 25, 40, "all calls stored")
    assert server.db.value(
        "SELECT count(*) FROM (SELECT FROM pganalytics.query_samples JOIN pganalytics.servers s"
        " USING (server_id) WHERE s.collector_id = %s GROUP BY server_id, series_id, sampled_at"
        " HAVING count(*) > 1) twice", credentials.collector_id) == 0
    began = time.monotonic()
    collector.stop()
    assert collector.process.returncode == 0
    assert time.monotonic() - began < 5


def server_calls(monitored, text):
    return int(monitored.psql("SELECT coalesce(sum(calls), 0) FROM pg_stat_statements "
                              f"WHERE query = '{text}'"))


def test_killed_collector_starts_again(server, monitored, credentials, collector):
    """After a kill at any point the next collector sends a full snapshot, and no row is stored twice."""
    for _ in range(4):
        before = server.pushes(credentials, "monitored")
        collector.start()
        wait_until(lambda: server.pushes(credentials, "monitored") > before + 1, 20, "pushes")
        collector.stop(signal.SIGKILL)
    assert server.db.value(
        "SELECT count(*) FROM (SELECT FROM pganalytics.query_samples JOIN pganalytics.servers s"
        " USING (server_id) WHERE s.collector_id = %s GROUP BY server_id, series_id, sampled_at"
        " HAVING count(*) > 1) twice", credentials.collector_id) == 0
    assert server.db.value("SELECT bool_and(observed = stored + unchanged + merged"
                           " + discarded_too_old + discarded_in_future)"
                           " FROM pganalytics.push_ledger WHERE collector_id = %s",
                           credentials.collector_id) is True


def test_unchanged_statements_are_counted_not_sent(server, monitored, credentials, collector):
    monitored.psql("".join(f"SELECT 1{', 1' * i};" for i in range(150)))
    collector.start()
    ledger = ("SELECT observed, stored, unchanged, body_bytes FROM pganalytics.push_ledger "
              "JOIN pganalytics.servers s USING (server_id) "
              "WHERE s.collector_id = %s AND s.name = 'monitored' ORDER BY sequence")

    def after_acknowledgement():
        # Samples taken before the first push is acknowledged are full snapshots, too.
        rows = server.db.rows(ledger, credentials.collector_id)
        return [*itertools.dropwhile(lambda row: row[2] == 0, rows)]

    wait_until(lambda: len(after_acknowledgement()) > 4, 20, "pushes of what has changed")
    collector.stop()
    first, later = server.db.rows(ledger, credentials.collector_id)[0], after_acknowledgement()
    assert first[1] == first[0] > 100 and first[2] == 0
    for observed, stored, unchanged, body_bytes in later:
        assert unchanged > stored
        assert observed == stored + unchanged
        assert body_bytes < first[3] / 3


def test_check_says_what_works(collector):
    done = collector.run("check")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    for word in ("monitored", "second", "pg_stat_statements"):
        assert word in said


def test_check_says_what_is_missing(server, second, credentials, root, collector):
    second.psql("REVOKE pg_monitor FROM pganalytics")
    try:
        done = collector.run("check")
        assert done.returncode != 0
        assert "pg_monitor" in done.stdout + done.stderr or \
            "pg_read_all_stats" in done.stdout + done.stderr
    finally:
        second.psql("GRANT pg_monitor TO pganalytics")
    product.write_secret(collector.directory / "token", "pga_wrong")
    done = collector.run("check")
    assert done.returncode != 0
    assert "token" in (done.stdout + done.stderr).lower()
    product.write_secret(collector.directory / "token", credentials.token)
    second.stop()
    try:
        done = collector.run("check")
        assert done.returncode != 0
        assert "second" in done.stdout + done.stderr
        assert second.password not in done.stdout + done.stderr
    finally:
        second.start()


def test_wrong_ca_is_refused(server, credentials, collector):
    stranger = product.write_secret(collector.directory / "stranger.pem",
                                    pki.pem(pki.Authority("stranger").certificate))
    text = collector.config.read_text()
    product.write_secret(collector.config, text.replace(str(server.ca_file), str(stranger)))
    done = collector.run("check")
    assert done.returncode != 0
    assert "certificate" in (done.stdout + done.stderr).lower()
    assert server.ledger(credentials) == (0, 0)


def test_dry_run_prints_and_sends_nothing(server, credentials, collector):
    done = collector.run("once", "--dry-run")
    assert done.returncode == 0, done.stderr
    first, _ = json.JSONDecoder().raw_decode(done.stdout.lstrip())
    assert first["collector_id"] == credentials.collector_id
    assert any(metric["type"] == "pg_query_stats" for metric in first["metrics"])
    assert credentials.token not in done.stdout + done.stderr
    assert server.ledger(credentials) == (0, 0)
