"""What one collector may add: servers, databases, series, texts. Rows beyond it are discarded and counted."""
import concurrent.futures
import time

import pytest

from client import push_body, query_rows
from cluster import wait_until

QUOTAS = {"quota_servers": 3, "quota_databases": 4, "quota_series": 30, "quota_texts": "2kB",
          "quota_query_text": "1kB"}


@pytest.fixture(scope="module")
def limited(make_server):
    return make_server("quotas", **QUOTAS)


def body_of(collector, server=None, rows=(), database="app"):
    body = push_body(collector.collector_id, list(rows), database=database)
    if server is not None:
        body["server"] = {"name": server}
    return body


def usage(server, collector):
    return server.db.row("SELECT u.servers, u.databases, u.series, u.text_bytes "
                         "FROM pganalytics.collector_usage u JOIN pganalytics.collectors c "
                         "ON c.name = u.collector WHERE c.collector_id = %s", collector.collector_id)


def assert_adds_up(server):
    assert not server.db.rows("SELECT * FROM pganalytics.accounting_violations")


def await_a_lasting_day(server):
    """await_a_lasting_day waits while the day, for which texts are counted, is about to end."""
    wait_until(lambda: server.db.value(
        "SELECT u.now + interval '15 s' < date_trunc('day', u.now) + interval '1 day' "
        "FROM (SELECT now() AT TIME ZONE 'UTC') AS u(now)"), 30, "a new day")


def test_servers_beyond_the_quota(limited):
    """Their pushes are acknowledged and counted, with each row discarded; a retry finds its receipt."""
    one = limited.collector()
    with limited.client(one) as client:
        for n in range(8):
            body = body_of(one, f"s{n}", query_rows(2, 1))
            answer = client.push(body, f"{n + 1}:1")
            assert answer.status == 200, answer
            stored = 2 if n < 3 else 0
            assert answer.receipt["stored"] == stored
            assert answer.receipt["discarded"]["over_quota"] == 2 - stored
        retry = client.push(body, "8:1")
        assert retry.receipt["duplicate"] and retry.receipt["discarded"]["over_quota"] == 2
        again = client.push(body_of(one, "s7", query_rows(2, 1)), "8:1")
        assert again.status == 409, again  # the time differs, so it is another body
        assert client.push(body_of(one, "s1", query_rows(2, 2)), "2:2").receipt["stored"] == 2
    assert limited.db.rows("SELECT name, over_quota FROM pganalytics.servers WHERE collector_id = %s "
                           "ORDER BY server_id", one.collector_id) == [
        ("s0", False), ("s1", False), ("s2", False), ("(over quota)", True)]
    assert usage(limited, one)[0] == 3
    assert limited.db.value(
        "SELECT sum(discarded_over_quota)::int FROM pganalytics.ingest_accounting a JOIN "
        "pganalytics.collectors c ON c.name = a.collector WHERE c.collector_id = %s AND server = "
        "'(over quota)'", one.collector_id) == 10
    assert_adds_up(limited)


def test_databases_beyond_the_quota(limited):
    """20,000 names in one push: the first are kept, the rest is counted."""
    await_a_lasting_day(limited)
    one = limited.collector()
    body = body_of(one, rows=query_rows(1, 1))
    metric = body["metrics"][0]
    metric["queries"][0]["text"] = "SELECT FROM t_of_many_databases"
    body["metrics"] = [{**metric, "database": f"d{n:05}"} for n in range(20000)]
    body["metrics_count"] = 20000
    with limited.client(one) as client:
        began = time.monotonic()
        answer = client.push(body, "1:1")
        seconds = time.monotonic() - began
    assert answer.status == 200, answer
    assert answer.receipt["observed"] == 20000
    assert answer.receipt["stored"] == 4
    assert answer.receipt["discarded"]["over_quota"] == 19996
    assert usage(limited, one) == (1, 4, 4, len(metric["queries"][0]["text"]))
    assert limited.db.value("SELECT count(*)::int FROM pganalytics.push_accounts "
                            "JOIN pganalytics.servers USING (server_id) WHERE collector_id = %s",
                            one.collector_id) == 5
    assert_adds_up(limited)
    print(f"20,000 databases in one push: {seconds * 1000:.0f} ms")


def test_series_beyond_the_quota(limited):
    """Series that are known go on; of new ones those within the quota are stored, whichever metric."""
    one = limited.collector()
    disks = {"type": "disk_usage", "filesystems": [
        {"device": "d", "mount": f"/{n}", "total_gb": 1} for n in range(10)]}
    with limited.client(one) as client:
        def push(number, rows, *metrics):
            body = body_of(one, "a", rows)
            body["metrics"] += metrics
            body["metrics_count"] = len(body["metrics"])
            answer = client.push(body, f"1:{number}")
            assert answer.status == 200, answer
            return answer.receipt["stored"], answer.receipt["discarded"]["over_quota"]

        assert push(1, query_rows(25, 1)) == (25, 0)
        assert push(2, query_rows(25, 2), disks) == (30, 5)
        assert push(3, query_rows(28, 3), disks) == (30, 8)
        # Another worker, which has read nothing yet, decides the same.
        clients = [limited.client(one) for _ in range(6)]
        for i, other in enumerate(clients):
            with other:
                answer = other.push(body_of(one, "b", query_rows(2, i)), f"2:{i}")
                assert answer.receipt["discarded"]["over_quota"] == 2
    assert usage(limited, one)[2] == 30
    assert limited.db.value(
        "SELECT (SELECT count(*) FROM pganalytics.query_series JOIN pganalytics.servers v USING "
        "(server_id) WHERE v.collector_id = %s) + (SELECT count(*) FROM pganalytics.metric_series "
        "JOIN pganalytics.servers v USING (server_id) WHERE v.collector_id = %s)",
        one.collector_id, one.collector_id) == 30
    assert_adds_up(limited)


def test_texts_beyond_the_quota(limited):
    """A long text is cut; beyond the day's quota texts are left out; the samples are stored, and say so."""
    await_a_lasting_day(limited)
    one = limited.collector()
    rows = query_rows(5, 1)
    lengths = (5000, 600, 600, 600, 200)  # of which 1024, 600, 200 fit into 2 kB
    for row, length in zip(rows, lengths):
        filler = "é" if row["hash"] == 1 else "x"
        row["text"] = (f"SELECT c{row['hash']}_" + filler * length)[:length]  # no constant
    with limited.client(one) as client:
        for i in range(5):
            answer = client.push(body_of(one, "a", rows), f"1:{i}")
            assert answer.receipt["stored"] == 5, answer
        # The same text costs nothing a second time.
        answer = client.push(body_of(one, "b", rows[:1]), "2:1")
        assert answer.receipt["stored"] == 1, answer
    texts = limited.db.rows(
        "SELECT v.name, q.queryid, q.text_note, octet_length(t.text) FROM pganalytics.query_series q "
        "JOIN pganalytics.servers v USING (server_id) LEFT JOIN pganalytics.query_texts t USING (text_id) "
        "WHERE v.collector_id = %s ORDER BY 1, 2", one.collector_id)
    size = {row["hash"]: len(row["text"].encode()) for row in rows}
    kept = {queryid: length for name, queryid, note, length in texts if name == "a" and length}
    assert {note for name, queryid, note, _ in texts if queryid == 1} == {"cut"}
    assert kept[1] in (1023, 1024) and sum(kept.values()) <= 2048
    for name, queryid, note, length in texts:
        if queryid != 1:
            assert (note, length) in (("left out", None), (None, size[queryid])), texts
    assert "left out" in {note for _, _, note, _ in texts}
    assert usage(limited, one)[3] == sum(kept.values())
    assert_adds_up(limited)


def test_many_servers_at_once(server, credentials):
    """Seven thousand names from one token leave as many rows as the quota allows."""
    def push(numbers):
        with server.client(credentials) as client:
            for n in numbers:
                answer = client.push(body_of(credentials, f"s{n}", query_rows(1, 1)), f"{n}:1")
                assert answer.status == 200, answer

    names = 700  # a tenth: each name costs the same
    with concurrent.futures.ThreadPoolExecutor(4) as executor:
        began = time.monotonic()
        list(executor.map(push, [range(k, names, 4) for k in range(4)]))
        seconds = time.monotonic() - began
    kept = server.db.value("SELECT count(*)::int FROM pganalytics.servers WHERE collector_id = %s "
                           "AND NOT over_quota", credentials.collector_id)
    # Neither of the two workers sees what the other adds at the same moment, with two pushes each.
    assert 50 <= kept <= 52
    assert server.samples(credentials) == kept
    assert server.ledger(credentials) == (names, kept)
    print(f"{names} names in {seconds:.1f} s, {kept} kept")
