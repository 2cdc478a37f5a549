"""A gateway without room for another body refuses pushes before they cost anything, and keeps connections."""
import gzip
import json

from client import PUSH, push_body, query_rows
from cluster import wait_until

MAX_BODY = 1 << 20


def test_refused_before_it_is_decoded(make_server):
    """A body whose JSON has no room gets 503 without being looked at; with room it gets what it deserves."""
    own = make_server("no-room", ingest_workers=1, max_body_size="1MB", connection_timeout="60s")
    credentials = own.collector()
    good = push_body(credentials.collector_id, query_rows(1000, 1))
    bad = gzip.compress(json.dumps(good).encode() + b"]")
    assert 128 << 10 < len(json.dumps(good)) and len(bad) < 128 << 10
    small = push_body(credentials.collector_id, query_rows(10, 1))
    head = (f"POST {PUSH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {credentials.token}\r\n"
            f"Content-Length: {MAX_BODY}\r\n\r\n").encode()
    with own.client(credentials) as client:
        assert client.push(bad, headers={"Content-Encoding": "gzip"}).status == 400
        # Two bodies of the largest size are all that one sender may have in memory.
        holders = [client.raw_connection() for _ in range(2)]
        try:
            for holder in holders:
                holder.sendall(head + b" " * (MAX_BODY - 1))
            wait_until(lambda: client.push(bad, headers={"Content-Encoding": "gzip"}).status == 503, 20,
                       "a full memory")
            kept = client.connection
            answer = client.push(bad, headers={"Content-Encoding": "gzip"})
            assert answer.status == 503 and answer.headers["retry-after"] == "5", answer
            assert "too many bodies are in memory" in answer.json["detail"]
            # Small pushes need no room.
            assert client.push(small).status == 200
            assert client.connection is kept is not None
        finally:
            for holder in holders:
                holder.close()
        wait_until(lambda: client.push(bad, headers={"Content-Encoding": "gzip"}).status == 400, 20,
                   "room for a body")
