"""A push that comes twice is stored once and answered with the first receipt."""
import concurrent.futures
import gzip
import json

import pytest

from client import push_body, query_rows
from identities import decided

COUNTS = ("observed", "stored", "unchanged", "merged", "discarded")


@pytest.mark.parametrize("key", ["7:1", None], ids=["key", "body"])
def test_retry_gets_the_first_receipt(server, client, credentials, key):
    body = json.dumps(push_body(credentials.collector_id, query_rows(40, 5))).encode()
    first = client.push(body, key)
    assert first.status == 200, first
    assert first.receipt["duplicate"] is False
    assert first.receipt["stored"] == 40
    for _ in range(3):
        again = client.push(body, key)
        assert again.status == 200, again
        assert again.receipt["duplicate"] is True
        assert {name: again.receipt[name] for name in COUNTS} == {
            name: first.receipt[name] for name in COUNTS}
        # commit_lsn is a position at which the first commit is stored; later commits may move it
        # on.
        assert server.db.value("SELECT %s::pg_lsn >= %s::pg_lsn", again.receipt["commit_lsn"],
                               first.receipt["commit_lsn"])
    assert server.ledger(credentials) == (1, 40)
    assert server.samples(credentials) == 40


def test_same_key_with_another_body_is_refused(server, client, credentials):
    body = push_body(credentials.collector_id, query_rows(10, 5))
    assert client.push(body, "8:1").status == 200
    body["metrics"][0]["queries"][3]["calls"] = 6
    refused = client.push(body, "8:1")
    assert refused.status == 409, refused
    assert refused.headers["content-type"] == "application/problem+json"
    assert server.ledger(credentials) == (1, 10)
    assert server.samples(credentials) == 10
    assert client.push(body, "8:2").status == 200
    assert server.samples(credentials) == 20


def test_same_key_of_another_collector_is_another_push(server, client, credentials):
    assert client.push(push_body(credentials.collector_id, query_rows(5, 1)), "9:1").status == 200
    other = server.collector()
    with server.client(other) as second:
        answer = second.push(push_body(other.collector_id, query_rows(6, 2)), "9:1")
    assert answer.status == 200, answer
    assert answer.receipt["duplicate"] is False
    assert server.ledger(credentials) == (1, 5)
    assert server.ledger(other) == (1, 6)


def test_one_push_sent_to_both_workers_at_once(server, credentials):
    """The kernel assigns each client's connection to one of the two workers' sockets."""
    senders = 8
    rounds = 12
    clients = [server.client(credentials) for _ in range(senders)]
    try:
        with concurrent.futures.ThreadPoolExecutor(senders) as executor:
            for i in range(rounds):
                body = gzip.compress(json.dumps(push_body(
                    credentials.collector_id, query_rows(20, i + 1))).encode())
                answers = list(executor.map(
                    lambda c, b=body, k=f"10:{i}": decided(lambda: c.push(b, k)), clients))
                assert [a.status for a in answers] == [200] * senders, answers
                assert sum(not a.receipt["duplicate"] for a in answers) == 1
                assert {a.receipt["stored"] for a in answers} == {20}
    finally:
        for client in clients:
            client.close()
    assert server.ledger(credentials) == (rounds, 20 * rounds)
    assert server.samples(credentials) == 20 * rounds
    taking = [pushes for pushes, in server.workers("pushes")]
    print(f"{senders * rounds} requests, {rounds} stored; pushes by worker: {taking}")
