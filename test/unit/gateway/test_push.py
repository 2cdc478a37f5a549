"""Pushes over real TLS: every way to send a body, receipts, idempotency keys, the worker's refusals."""
import gzip
import hashlib
import json

import pytest

from fake_worker import COLLECTOR, receipt
from requests_data import body, chunked, fixture, head, push, zstd


def test_v3_fixture_is_accepted(gateway, client):
    worker = gateway()
    c = client(worker)
    data = fixture()
    c.send(push(data, "Content-Type: application/json"))
    status, fields, answer = c.response()
    answer = json.loads(answer)
    assert status == 200 and fields["content-type"] == "application/json"
    assert answer["status"] == "success" and answer["collector_id"] == str(COLLECTOR)
    assert answer["rows"] == dict(observed=742, stored=571, unchanged=0, merged=171,
                                  discarded=dict(too_old=0, in_future=0, too_large=0,
                                                 over_quota=0))
    assert (answer["metrics_inserted"], answer["bytes_received"]) == (571, len(data))
    assert answer["commit_lsn"] == "1/600B3740" and answer["duplicate"] is False
    assert answer["not_stored"] == {}
    assert (answer["next_config_version"], answer["next_check_in_seconds"]) == (1, 300)
    sent = worker.pushes[0]
    assert sent.hostname == "db-host-01" and sent.server_name == ""
    assert sent.collector_version == "3.0.0" and sent.body_bytes == len(data)
    assert sent.body_hash == hashlib.sha256(data).digest()[:16]
    assert sent.push_key == hashlib.sha256(b"body:" + data).digest()[:16]
    queryids = {w[1 + 3] for w in sent.rows}
    assert -2391193142182492982 % 2**64 in queryids


@pytest.mark.parametrize("data,fields", [
    (body(), []),
    (gzip.compress(body()), ["Content-Encoding: gzip"]),
    (gzip.compress(body()), []),
    (body(), ["Content-Encoding: gzip"]),
    (gzip.compress(body()[:100]) + gzip.compress(body()[100:]), ["Content-Encoding: x-gzip"]),
    (zstd(body()), ["Content-Encoding: zstd"]),
    (zstd(body()), []),
    (body(), ["Content-Type: application/json; charset=utf-8"]),
], ids=["plain", "gzip", "gzip-unsaid", "gzip-claimed", "gzip-members", "zstd", "zstd-unsaid",
        "charset"])
def test_encodings(gateway, client, data, fields):
    worker = gateway()
    c = client(worker)
    c.send(push(data, *fields))
    assert c.response()[0] == 200
    assert len(worker.pushes[0].rows) == 1 and worker.pushes[0].body_bytes == len(data)


def test_chunked_with_extension_and_trailer(gateway, client):
    worker = gateway()
    c = client(worker)
    c.send(head(["Transfer-Encoding: chunked"]) +
           chunked(gzip.compress(body(50)), 100, b";x=y", b"Later: field\r\n"))
    assert c.response()[0] == 200 and len(worker.pushes[0].rows) == 50


def test_expect_continue_after_the_token_was_checked(gateway, client):
    worker = gateway()
    c = client(worker)
    data = body()
    c.send(head([f"Content-Length: {len(data)}", "Expect: 100-continue"]))
    assert c.take_head()[0] == 100
    assert worker.auth_requests == 1
    c.send(data)
    assert c.response()[0] == 200
    c.send(head([f"Content-Length: {len(data)}", "Expect: 100-continue"], token="bad"))
    status, fields, _ = c.response()
    assert status == 403 and fields["connection"] == "close"


def test_keep_alive_asks_for_a_token_once(gateway, client):
    worker = gateway()
    c = client(worker)
    for _ in range(3):
        c.send(push())
        status, fields, _ = c.response()
        assert status == 200 and "connection" not in fields
    assert (worker.auth_requests, len(worker.pushes)) == (1, 3)
    c.send(push(token="other"))
    assert c.response()[0] == 403 and worker.auth_requests == 2


def test_pipelined_requests_are_answered_in_order(gateway, client):
    worker = gateway()
    c = client(worker)
    c.send(push(body(1)) + head(method="GET", path="/api/v1/health") + push(body(2)) +
           push(b"{") + push(body(3)))
    answers = [c.response() for _ in range(5)]
    assert [a[0] for a in answers] == [200, 200, 200, 400, 200]
    assert [json.loads(answers[i][2])["metrics_inserted"] for i in (0, 2, 4)] == [1, 2, 3]


def test_http10_closes(gateway, client):
    c = client(gateway())
    c.send(push(version="1.0"))
    status, fields, _ = c.response()
    assert status == 200 and fields["connection"] == "close" and c.closed()


@pytest.mark.parametrize("key,sequence", [
    ("7:42", (1, 7, 42)), ("-3:9223372036854775807", (1, -3, 2**63 - 1)), ("7:42x", (0, 0, 0)),
    ("7:9223372036854775808", (0, 0, 0)), ("any text", (0, 0, 0))])
def test_idempotency_key(gateway, client, key, sequence):
    worker = gateway()
    c = client(worker)
    c.send(push(None, f"Idempotency-Key: {key}"))
    assert c.response()[0] == 200
    sent = worker.pushes[0]
    assert sent.push_key == hashlib.sha256(b"key:" + key.encode()).digest()[:16]
    assert (sent.has_sequence, sent.epoch, sent.sequence) == sequence


@pytest.mark.parametrize("key", ["", "x" * 256, "gr\u00fcn"])
def test_bad_idempotency_key(gateway, client, key):
    c = client(gateway())
    c.send(push(None, f"Idempotency-Key: {key}"))
    assert c.response()[0] == 400


def test_duplicate_is_told(gateway, client):
    worker = gateway()
    worker.on_push = lambda p: receipt(p, duplicate=1)
    c = client(worker)
    c.send(push())
    assert json.loads(c.response()[2])["duplicate"] is True


@pytest.mark.parametrize("status,retry", [(403, 0), (409, 0), (422, 0), (503, 7)])
def test_worker_refuses(gateway, client, status, retry):
    worker = gateway()
    worker.on_push = lambda p: receipt(p, status=status, retry=retry, sqlstate=b"55P03",
                                       message="lock not available", detail="Someone has it.")
    c = client(worker)
    c.send(push())
    got, fields, answer = c.response()
    answer = json.loads(answer)
    assert got == status and fields["content-type"] == "application/problem+json"
    assert fields.get("retry-after") == (str(retry) if retry else None)
    assert answer["sqlstate"] == "55P03" and answer["status"] == answer["code"] == status
    assert answer["detail"] == "lock not available: Someone has it."
    c.send(push())
    assert c.response()[0] == status
    # After a 403 the gateway asks the worker about the token again.
    assert worker.auth_requests == (2 if status == 403 else 1)


def test_another_collectors_id_is_refused(gateway, client):
    worker = gateway()
    c = client(worker)
    c.send(push(body().replace(b"1111-2222", b"1111-9999")))
    status, _, answer = c.response()
    assert status == 403 and json.loads(answer)["path"] == "collector_id" and not worker.pushes


def test_worker_that_cannot_check_a_token(gateway, client):
    worker = gateway()
    worker.tokens["good-token"] = (503, COLLECTOR, "the database is starting")
    c = client(worker)
    c.send(push())
    status, fields, _ = c.response()
    assert status == 503 and int(fields["retry-after"]) > 0 and fields["connection"] == "close"


def test_unanswered_push_may_be_sent_again(gateway, client):
    worker = gateway()
    worker.on_push = lambda p: None
    c = client(worker)
    c.send(push())
    status, fields, answer = c.response()
    assert status == 503 and fields["retry-after"] == "5"
    assert "not known" in json.loads(answer)["detail"]
    worker.on_push = receipt
    c.send(push())
    assert c.response()[0] == 200


def test_receipt_says_the_version_of_the_trust_document(gateway, client):
    """trust_version is the number in the trust document; collectors fetch the document when it changes."""
    worker = gateway()
    c = client(worker)

    def answered():
        c.send(push(body()))
        status, _, answer = c.response()
        assert status == 200
        return json.loads(answer).get("trust_version")

    assert answered() is None
    for trust, version in (('{"version": 41}', 41), ('{"version": 42, "pins": []}', 42),
                           ('{"version": "43"}', None), ("", None)):
        before = answered()
        worker.tell_identity(trust=trust)
        while answered() == before != version:  # the identity frame has not arrived yet
            pass
        assert answered() == version
