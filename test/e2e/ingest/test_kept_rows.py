"""Repeated rows are not stored again: extensions and schema until they change, log lines never."""
import concurrent.futures
import datetime

import pytest

from client import rfc3339
from cluster import wait_until
from metric_pushes import (UTC, at, check_accounts, counts, extensions, log, minutes_ago, push_of,
                           server_ids)


class Extensions:
    """Extensions pushes extension samples of one collector and reads what is stored of them."""

    def __init__(self, server, client, credentials):
        self.server, self.client, self.credentials = server, client, credentials

    def push(self, *metrics):
        answer = self.client.push(push_of(self.credentials, *metrics))
        assert answer.status == 200, answer
        check_accounts(self.server, self.credentials)
        return answer.receipt["stored"], answer.receipt["unchanged"]

    def stored(self):
        return self.server.db.rows(
            "SELECT m.labels[1], s.version, s.sampled_at FROM pganalytics.extension_samples s "
            "JOIN pganalytics.metric_series m USING (server_id, series_id) "
            "WHERE s.server_id = ANY(%s) ORDER BY 3, 1, 2",
            server_ids(self.server, self.credentials))

    def gone(self):
        return dict(self.server.db.rows(
            "SELECT labels[1], gone_at FROM pganalytics.metric_series "
            "WHERE server_id = ANY(%s) AND gone_at IS NOT NULL",
            server_ids(self.server, self.credentials)))


@pytest.fixture
def watched(server, client, credentials):
    return Extensions(server, client, credentials)


def test_extensions_are_stored_when_they_change(watched, today):
    assert watched.push(extensions(at(today, 1), app={"a": "1", "b": "1"})) == (2, 0)
    assert watched.push(extensions(at(today, 2), app={"a": "1", "b": "1"})) == (0, 2)
    # One extension changes, one is new, one vanishes.
    assert watched.push(extensions(at(today, 3), app={"a": "2", "c": "1"})) == (2, 0)
    assert watched.gone() == {"b": at(today, 3)}
    assert watched.push(extensions(at(today, 4), app={"a": "2", "c": "1"})) == (0, 2)
    assert watched.gone() == {"b": at(today, 3)}
    # The vanished one comes back unchanged, and is stored again.
    assert watched.push(extensions(at(today, 5), app={"a": "2", "b": "1", "c": "1"})) == (1, 2)
    assert watched.gone() == {}
    assert watched.push(extensions(at(today, 6), app={"a": "2", "b": "1", "c": "1"})) == (0, 3)
    assert watched.stored() == [
        ("a", "1", at(today, 1)), ("b", "1", at(today, 1)), ("a", "2", at(today, 3)),
        ("c", "1", at(today, 3)), ("b", "1", at(today, 5))]


def test_changes_within_one_push(watched, today):
    """A v3 collector sends hundreds of samples per push, in any order, and each about twice."""
    samples = [extensions(at(today, second), app={"a": "1"} if second < 4 else {"a": "2", "b": "1"})
               for second in (3, 1, 1, 2, 6, 4, 5, 5)]
    assert watched.push(*samples) == (3, 9)
    assert watched.stored() == [("a", "1", at(today, 1)), ("a", "2", at(today, 4)),
                                ("b", "1", at(today, 4))]
    # gone_at is the time of the first sample without the extension, even if more follow.
    assert watched.push(extensions(at(today, 7), app={"a": "2", "b": "1"}),
                        extensions(at(today, 9), app={"a": "2"}),
                        extensions(at(today, 8), app={"a": "2"})) == (0, 4)
    assert watched.gone() == {"b": at(today, 8)}


def test_other_databases_are_not_gone(watched, today):
    assert watched.push(extensions(at(today, 1), app={"a": "1"}, shop={"a": "1", "b": "1"})) == (3, 0)
    assert watched.push(extensions(at(today, 2), app={"a": "1"})) == (0, 1)
    assert watched.gone() == {}
    assert watched.push(extensions(at(today, 3), app={"a": "1"}, shop={"a": "1"})) == (0, 2)
    assert watched.gone() == {"b": at(today, 3)}


def test_first_sample_of_a_day_is_stored(watched, today):
    """Each day holds a first sample of its own, because the day before may have been dropped."""
    assert watched.push(extensions(at(today, -20), app={"a": "1"}),
                        extensions(at(today, -10), app={"a": "1"})) == (1, 1)
    assert watched.push(extensions(at(today, 0), app={"a": "1"})) == (1, 0)
    assert watched.push(extensions(at(today, 10), app={"a": "1"})) == (0, 1)
    assert watched.stored() == [("a", "1", at(today, -20)), ("a", "1", at(today, 0))]


def test_late_retry_does_not_turn_time_back(watched, today):
    assert watched.push(extensions(at(today, 10), app={"a": "2", "b": "1"})) == (2, 0)
    # The older sample differs in one extension and lacks the other.
    assert watched.push(extensions(at(today, 5), app={"a": "1"})) == (1, 0)
    assert watched.gone() == {}
    assert watched.push(extensions(at(today, 6), app={"a": "2", "b": "1"})) == (0, 2)
    # The worker still knows the newest state.
    assert watched.push(extensions(at(today, 11), app={"a": "2", "b": "1"})) == (0, 2)
    assert watched.push(extensions(at(today, 12), app={"a": "2"})) == (0, 1)
    assert watched.push(extensions(at(today, 11), app={"a": "2", "b": "1"})) == (1, 1)
    assert watched.gone() == {"b": at(today, 12)}
    assert watched.stored() == [
        ("a", "1", at(today, 5)), ("a", "2", at(today, 10)), ("b", "1", at(today, 10)),
        ("b", "1", at(today, 11))]


def test_rows_of_one_series_are_a_set(server, client, credentials, today):
    """Triggers with one name and several events share a series: their rows are compared as a set."""
    def schema(seconds, *definitions):
        return push_of(credentials, {
            "type": "pg_schema", "timestamp": rfc3339(at(today, seconds)), "databases": {"app": {
                "triggers": [{"schema": "public", "table": "t", "name": "g", "event": event}
                             for event in definitions]}}})

    def push(*arguments):
        answer = client.push(schema(*arguments))
        assert answer.status == 200, answer
        return answer.receipt["stored"], answer.receipt["unchanged"]

    assert push(1, "INSERT", "UPDATE") == (2, 0)
    assert push(2, "UPDATE", "INSERT", "UPDATE") == (0, 3)
    assert push(3, "UPDATE", "DELETE") == (2, 0)
    assert push(4, "DELETE") == (1, 0)
    assert push(5, "DELETE", "DELETE") == (0, 2)
    check_accounts(server, credentials)


def test_one_change_seen_by_two_workers_is_stored_once(server, credentials, today):
    """The kernel assigns each client's connection to one of the two workers' sockets."""
    senders = 8
    clients = [server.client(credentials) for _ in range(senders)]
    try:
        with concurrent.futures.ThreadPoolExecutor(senders) as executor:
            for version in range(10):
                # All samples have the same time: the first one that arrives is stored.
                body = extensions(at(today, version + 1), app={
                    f"e{n}": str(version) for n in range(5)}, shop={"a": str(version)})
                answers = list(executor.map(
                    lambda c, b=body: c.push(push_of(credentials, b), f"21:{id(c)}:{version}"),
                    clients))
                assert {a.status for a in answers} == {200}, answers
                assert sum(a.receipt["stored"] for a in answers) == 6
                assert sum(a.receipt["unchanged"] for a in answers) == 6 * (senders - 1)
    finally:
        for client in clients:
            client.close()
    check_accounts(server, credentials)
    assert counts(server, credentials)["extension_samples"] == 60


def test_repeated_log_lines_are_stored_once(server, client, credentials):
    when = minutes_ago(10)

    def push(one, *metrics):
        answer = one.push(push_of(credentials, *metrics))
        assert answer.status == 200, answer
        return answer.receipt["stored"], answer.receipt["unchanged"]

    lines = [f"line {i}" for i in range(100)]
    # Lines repeat within a push and in later pushes.
    assert push(client, *(log(at(when, i), lines) for i in range(20))) == (100, 1900)
    assert push(client, log(at(when, 30), lines)) == (0, 100)
    assert push(client, log(at(when, 31), lines[1:] + ["line 100"])) == (1, 99)
    # The same line from another database is another line.
    assert push(client, log(at(when, 32), lines[:3], "shop")) == (3, 0)
    # Both workers know the line, not only the one that stored it.
    pushed = {pid: 0 for pid, _ in server.workers("pid, pushes")}
    for _ in range(40):
        before = dict(server.workers("pid, pushes"))
        with server.client(credentials) as other:
            assert push(other, log(at(when, 33), lines)) == (0, 100)
        wait_until(lambda b=before: dict(server.workers("pid, pushes")) != b, 5, "a counted push")
        for pid, count in server.workers("pid, pushes"):
            pushed[pid] += count - before[pid]
        if all(pushed.values()):
            break
    assert all(pushed.values()), pushed
    assert counts(server, credentials)["log_lines"] == 104
    assert server.db.value(
        "SELECT count(DISTINCT (series_id, content_hash))::int FROM pganalytics.log_lines "
        "WHERE server_id = ANY(%s)", server_ids(server, credentials)) == 104
    check_accounts(server, credentials)


def test_one_line_seen_by_two_workers_is_stored_once(server, credentials):
    senders = 8
    when = minutes_ago(10)
    clients = [server.client(credentials) for _ in range(senders)]
    try:
        with concurrent.futures.ThreadPoolExecutor(senders) as executor:
            for turn in range(12):
                lines = [f"turn {turn}, line {i}" for i in range(50)]
                answers = list(executor.map(
                    lambda n, x=lines, t=turn: clients[n].push(
                        push_of(credentials, log(at(when, n), x if n % 2 else x[::-1])),
                        f"22:{n}:{t}"),
                    range(senders)))
                assert {a.status for a in answers} == {200}, answers
                assert sum(a.receipt["stored"] for a in answers) == 50
    finally:
        for client in clients:
            client.close()
    assert counts(server, credentials)["log_lines"] == 600
    check_accounts(server, credentials)


def test_line_is_stored_again_when_the_first_has_expired(server, client, credentials):
    """A quiet server's log is sent for weeks: a line that retention has dropped is stored again."""
    old = datetime.datetime.now(UTC) - datetime.timedelta(days=3)
    assert client.push(push_of(credentials, log(old, ["a", "b"]))).receipt["stored"] == 2
    again = push_of(credentials, log(minutes_ago(1), ["a"]))
    assert client.push(again).receipt["unchanged"] == 1
    server.configure(retention_logs="2")
    try:
        with server.client(credentials) as other:
            assert other.push(push_of(credentials, log(minutes_ago(1), ["a", "b"]))).receipt[
                "stored"] == 2
    finally:
        server.configure(retention_logs="7")
