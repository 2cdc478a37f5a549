"""The requests of unmodified v3 collectors, made by libcurl as they make them."""
import base64
import datetime
import hashlib
import hmac
import json
import subprocess

import pytest

import v3_bodies
from client import PUSH, push_body, query_rows
from cluster import wait_until

REFRESH = "/api/v1/collectors/refresh-token"
CONFIG = "/api/v1/config/collector-001"
# libcurl waits this many seconds for a 100 Continue that does not come.
EXPECT_WAIT = 1.0


class Reply:
    """Reply is the final answer that curl received, and facts about the connection."""

    def __init__(self, stdout, stderr):
        body, facts = stdout.rsplit(b"\n", 1)
        self.body = body
        self.facts = json.loads(facts)
        self.status = self.facts["http_code"]
        lines = [line[2:].decode().strip() for line in stderr.splitlines()
                 if line[:2] in (b"< ", b"> ")]
        self.lines = lines
        self.continued = "HTTP/1.1 100 Continue" in lines
        at = max(i for i, line in enumerate(lines) if line.startswith("HTTP/1.1 "))
        self.headers = {name.lower(): value for name, value in
                        (line.split(": ", 1) for line in lines[at + 1:] if ": " in line)}
        self.seconds = self.facts["time_total"]
        self.alpn = [line for line in stderr.splitlines() if b"ALPN" in line]

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


@pytest.fixture
def curl(server):
    """curl makes one request on its own connection, with the headers of a v3 collector."""
    replies = []

    def request(path, *options, token=None, data=None):
        authorization = ["-H", f"Authorization: Bearer {token}"] if token is not None else []
        # Like libcurl in v3: offers HTTP/2, does not verify the server, sends no User-Agent.
        done = subprocess.run(
            ["curl", "-sSvk", "--http2", "-H", "User-Agent:", *authorization, *options,
             "-w", "\n%{json}", f"{server.cluster.url}{path}"],
            input=data, capture_output=True, check=True, timeout=60)
        replies.append(Reply(done.stdout, done.stderr))
        return replies[-1]

    yield request
    for reply in replies:
        assert reply.facts["http_version"] == "1.1" and reply.facts["num_connects"] == 1
        assert any(b"h2" in line for line in reply.alpn), reply.alpn
        assert reply.status != 401 and "www-authenticate" not in reply.headers


def refresh(curl, token, data=b"", *options):
    """refresh sends a POST with a chunked, empty body after 100 Continue."""
    reply = curl(REFRESH, "-X", "POST", "-T", "-", "-H", "Expect: 100-continue", *options,
                 token=token, data=data)
    assert "Transfer-Encoding: chunked" in reply.lines and "Expect: 100-continue" in reply.lines
    return reply


def push(curl, token, data, *options):
    """push sends plain JSON; curl itself asks for 100 Continue if the body exceeds 1 MiB."""
    reply = curl(PUSH, "-H", "Content-Type: application/json", "--data-binary", "@-", *options,
                 token=token, data=data)
    assert f"Content-Length: {len(data)}" in reply.lines
    return reply


def config(curl, token, path=CONFIG):
    return curl(path, "-H", "Accept: text/plain", token=token)


def unsigned_jwt(collector_id):
    """unsigned_jwt is the token of a v3 collector without a token file: HS256 with an empty secret."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    now = int(datetime.datetime.now().timestamp())
    claims = {"iss": "pganalytics-collector", "jti": "1", "sub": collector_id, "iat": now,
              "exp": now + 900}
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(b"", signed, hashlib.sha256))).decode()


def disable(server, credentials, enabled=False):
    server.db.execute("UPDATE pganalytics.collectors SET enabled = %s WHERE collector_id = %s",
                      enabled, credentials.collector_id)


def v3_body(credentials, samples=3):
    return v3_bodies.body(samples=samples, collector_id=credentials.collector_id)


def test_a_round_of_requests(server, credentials, curl):
    """Refresh, push and config pull are repeated with the token that each refresh gives."""
    token = credentials.token
    for number in range(3):
        refreshed = refresh(curl, token)
        assert refreshed.status == 200, refreshed
        token = refreshed.json["token"]
        expires = datetime.datetime.strptime(refreshed.json["expires_at"], "%Y-%m-%dT%H:%M:%SZ")
        ahead = expires - datetime.datetime.utcnow()
        assert datetime.timedelta(minutes=59) < ahead <= datetime.timedelta(hours=1)
        body = push_body(credentials.collector_id, query_rows(5, number + 1))
        pushed = push(curl, token, json.dumps(body).encode())
        assert pushed.status == 200 and pushed.json["status"] == "success", pushed
        pulled = config(curl, token)
        assert pulled.status == 200 and pulled.body == b"", pulled
        assert pulled.headers["content-type"].startswith("text/plain")
        # Each request has a new connection, and none waits for an interim response in vain.
        for reply in (refreshed, pushed, pulled):
            assert reply.seconds < EXPECT_WAIT * 0.9
        assert refreshed.continued and not pushed.continued
    assert server.samples(credentials) == 15


def test_token_of_the_registration_stays_good(server, credentials, curl):
    """v3 does not write a refreshed token to disk: after a restart it uses the first one again."""
    refreshed = refresh(curl, credentials.token).json["token"]
    assert refreshed.count(".") == 2
    assert push(curl, refreshed, v3_body(credentials, 1)).status == 200
    assert refresh(curl, credentials.token).status == 200
    assert push(curl, credentials.token, v3_body(credentials, 1)).status == 200


@pytest.mark.parametrize("data", [b"", b"{}", b"x" * 100_000], ids=["empty", "json", "any"])
def test_refresh_takes_any_body(server, credentials, curl, data):
    reply = refresh(curl, credentials.token, data)
    assert reply.status == 200 and reply.continued and reply.seconds < EXPECT_WAIT * 0.9


def test_refresh_without_chunks(server, credentials, curl):
    reply = curl(REFRESH, "-X", "POST", "-d", "", token=credentials.token)
    assert reply.status == 200 and "Content-Length: 0" in reply.lines


def test_large_push_waits_for_100_continue_and_no_longer(server, credentials, curl):
    body = v3_body(credentials, 8)
    assert len(body) > 1 << 20
    reply = push(curl, credentials.token, body)
    assert reply.status == 200 and reply.continued, reply
    # curl measures the time from the first byte of the body to the answer.
    assert reply.seconds < EXPECT_WAIT * 0.9


def test_gzip_claimed_over_plain_json(server, credentials, curl):
    """v3's retry after a 401 says gzip but is plain: the first two bytes decide the encoding."""
    body = v3_body(credentials)
    reply = push(curl, credentials.token, body, "-H", "Content-Encoding: gzip")
    assert reply.status == 200, reply
    # The idempotency key comes from the body, so both encodings are the same push.
    again = push(curl, credentials.token, body)
    assert again.status == 200 and again.json["duplicate"] is True


@pytest.mark.parametrize("path", [CONFIG, "/api/v1/config/x", "/api/v1/config/a%20b/c"])
def test_config_of_any_name_is_empty(server, credentials, curl, path):
    reply = config(curl, credentials.token, path)
    assert (reply.status, reply.body) == (200, b"")


def test_config_without_a_name_is_not_found(server, credentials, curl):
    assert config(curl, credentials.token, "/api/v1/config/").status == 404


TOKENS = {
    "none": lambda c: None,
    "empty": lambda c: "",
    "unknown": lambda c: "0" * 64,
    "signed with an empty secret": lambda c: unsigned_jwt(c.collector_id),
    "too long": lambda c: "x" * 5000,
    "not visible": lambda c: "a b",
}


@pytest.mark.parametrize("kind", TOKENS)
def test_unfit_token_is_403_everywhere(server, credentials, curl, kind):
    """After a 401 a v3 collector drops the push's data, or repeats a config pull for ever."""
    token = TOKENS[kind](credentials)
    replies = [refresh(curl, token), config(curl, token), push(curl, token, v3_body(credentials, 1)),
               push(curl, token, v3_body(credentials, 8)), curl("/api/v1/metrics/health", token=token)]
    assert [reply.status for reply in replies] == [403] * len(replies)
    for reply in replies:
        assert reply.json["code"] == 403 and reply.seconds < EXPECT_WAIT * 0.9
    assert server.ledger(credentials) == (0, 0)


def test_disabled_collector_is_403_everywhere_at_once(server, credentials, curl):
    """This includes a connection whose token was accepted a moment ago."""
    def ask(client, method, path):
        return client.request(method, path, headers={"Authorization": f"Bearer {client.token}"})

    asked = [("POST", REFRESH), ("GET", CONFIG), ("GET", "/api/v1/metrics/health")]
    with server.client(credentials) as client:
        assert [ask(client, *one).status for one in asked] == [200] * 3
        disable(server, credentials)
        assert [ask(client, *one).status for one in asked] == [403] * 3
        assert refresh(curl, credentials.token).status == 403
        disable(server, credentials, True)
        assert [ask(client, *one).status for one in asked] == [200] * 3


def test_a_minute_of_an_old_collector(server, credentials, curl):
    """A push of 26 MB is acknowledged with complete accounts; its retry is recognised."""
    body = v3_bodies.body(collector_id=credentials.collector_id)
    reply = push(curl, credentials.token, body)
    assert reply.status == 200 and reply.continued, reply
    rows = reply.json["rows"]
    assert rows["observed"] == (rows["stored"] + rows["unchanged"] + rows["merged"] +
                                sum(rows["discarded"].values()))
    print(f"\n{len(body) / 1e6:.1f} MB, {rows['observed']} rows: {reply.seconds:.2f} s, "
          f"{reply.json['processing_time_ms']} ms of it in the server")
    assert reply.seconds < 4
    again = push(curl, credentials.token, body)
    assert again.json["duplicate"] is True and again.json["rows"] == rows


def test_health_figures(server, credentials, client):
    """GET /api/v1/metrics/health gives the result of pganalytics.metrics_health(), never a cached one."""
    def health():
        return client.request("GET", "/api/v1/metrics/health",
                              headers={"Authorization": f"Bearer {credentials.token}"})

    before = health()
    assert before.status == 200 and before.headers["content-type"] == "application/json"
    assert before.json["collector_id"] == credentials.collector_id
    assert client.push(push_body(credentials.collector_id, query_rows(7, 1))).status == 200
    after = health()
    expected = server.db.value("SELECT pganalytics.metrics_health(%s)", credentials.collector_id)
    moving = ("from", "to")
    assert {k: v for k, v in after.json.items() if k not in moving} == \
        {k: v for k, v in expected.items() if k not in moving}
    assert after.json != before.json


def test_slow_health_is_given_up(server, credentials, client):
    """A health query that takes too long is canceled with 503, so it cannot delay pushes."""
    header = {"Authorization": f"Bearer {credentials.token}"}
    assert client.push(push_body(credentials.collector_id, query_rows(1, 1))).status == 200
    server.db.execute("ALTER FUNCTION pganalytics.metrics_health(uuid) RENAME TO metrics_health_kept")
    server.db.execute("CREATE FUNCTION pganalytics.metrics_health(collector uuid) RETURNS json "
                      "LANGUAGE sql AS $$ SELECT json_build_object('slept', pg_sleep(30)) $$")
    try:
        server.db.execute("GRANT EXECUTE ON FUNCTION pganalytics.metrics_health(uuid) "
                          "TO pganalytics_ingest")
        answer = client.request("GET", "/api/v1/metrics/health", headers=header)
        assert answer.status == 503 and "SQLSTATE 57014" in answer.json["detail"], answer
        assert int(answer.headers["retry-after"]) > 0
        # The time limit holds for that statement alone.
        assert client.push(push_body(credentials.collector_id, query_rows(1, 2))).status == 200
        server.db.execute("REVOKE EXECUTE ON FUNCTION pganalytics.metrics_health(uuid) "
                          "FROM pganalytics_ingest, PUBLIC")
        answer = client.request("GET", "/api/v1/metrics/health", headers=header)
        assert answer.status == 503 and "SQLSTATE 42501" in answer.json["detail"], answer
        assert "permission denied" not in answer.json["detail"]
        wait_until(lambda: "permission denied for function metrics_health" in server.db.value(
            "SELECT string_agg(last_error, ' ') FROM pganalytics.workers"), what="the reason")
    finally:
        server.db.execute("DROP FUNCTION pganalytics.metrics_health(uuid)")
        server.db.execute("ALTER FUNCTION pganalytics.metrics_health_kept(uuid) "
                          "RENAME TO metrics_health")
    assert client.request("GET", "/api/v1/metrics/health", headers=header).status == 200


def test_several_databases_in_one_metric(server, credentials):
    """v3's other form of query statistics is stored as if each database were a metric."""
    body = push_body(credentials.collector_id, [])
    body["metrics"] = [{"type": "pg_query_stats", "timestamp": body["timestamp"], "databases": [
        {"database": name, "queries": query_rows(3, calls)}
        for calls, name in enumerate(("app", "shop"), start=1)]}]
    with server.client(credentials) as client:
        answer = client.push(body)
    assert answer.status == 200, answer
    assert answer.receipt["stored"] == 6
    assert server.db.rows(
        "SELECT d.name, q.calls, count(*) FROM pganalytics.query_samples q "
        "JOIN pganalytics.query_series s USING (server_id, series_id) "
        "JOIN pganalytics.databases d USING (database_id) "
        "JOIN pganalytics.servers v ON v.server_id = q.server_id WHERE v.collector_id = %s "
        "GROUP BY 1, 2 ORDER BY 1", credentials.collector_id) == [("app", 1, 3), ("shop", 2, 3)]


@pytest.mark.parametrize("hostname, name", [("db-7", "db-7"), ("x" * 62 + "é", "x" * 62), ("", "default"),
                                            (None, "default")])
def test_server_is_named_after_its_host(server, credentials, hostname, name):
    """A v3 collector names no server; a repeated push finds its first receipt."""
    body = push_body(credentials.collector_id, query_rows(2, 1))
    body["hostname"] = hostname
    if hostname is None:
        del body["hostname"]
    with server.client(credentials) as client:
        assert client.push(body).status == 200
        assert client.push(body).receipt["duplicate"]
    assert server.db.rows("SELECT name FROM pganalytics.servers WHERE collector_id = %s",
                          credentials.collector_id) == [(name,)]
