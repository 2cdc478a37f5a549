"""Client of the port for people."""
import itertools
import json

import bad_tokens
from client import Client, Connection

PASSWORD = "correct-horse-7"
_addresses = itertools.count(2)


class ApiClient(Client):
    """ApiClient is a person at the port for people, logged in or not."""

    def __init__(self, server, token=None, address=None, **options):
        super().__init__(server.cluster.api_port, server.ca_file, token, **options)
        self.address = address  # the client's own address
        self.refresh_token = None

    def connect(self):
        return Connection(self.port, self.context, timeout=self.timeout,
                          source_address=self.address and (self.address, 0))

    def call(self, method, path, body=None, token=None, headers=None):
        """call sends a request with a JSON body (or bytes as they are) and gives the Answer."""
        all_headers = {}
        token = self.token if token is None else token
        if token:
            all_headers["Authorization"] = f"Bearer {token}"
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            all_headers["Content-Type"] = "application/json"
        return self.request(method, f"/api/v1/{path}", data, {**all_headers, **(headers or {})})

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.call("POST", path, body, **options)

    def log_in(self, username, password):
        """log_in logs in and keeps the tokens if it succeeds; gives the Answer."""
        answer = self.post("auth/login", {"username": username, "password": password}, token="")
        self.keep(answer)
        return answer

    def refresh(self, refresh_token=None):
        answer = self.post("auth/refresh",
                           {"refresh_token": refresh_token or self.refresh_token}, token="")
        self.keep(answer)
        return answer

    def keep(self, answer):
        if answer.status == 200:
            self.token = answer.json["token"]
            self.refresh_token = answer.json["refresh_token"]


def fresh_address():
    """fresh_address is a loopback address from which no request has come yet."""
    number = next(_addresses)
    return f"127.77.{number // 250}.{number % 250 + 1}"


def assert_problem(answer, status, *words):
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == status
    for word in words:
        assert word in problem["detail"], problem
    assert ("www-authenticate" in answer.headers) == (status == 401)
    return problem


def session_of(token):
    """session_of gives the claims of a signed token."""
    return json.loads(bad_tokens.unb64(token.split(".")[1]))


def end_of(server, token):
    """end_of gives the reason why the session of a token has ended; None while the session lives."""
    return server.db.value("SELECT end_reason FROM pganalytics.api_sessions WHERE session_id = %s",
                           session_of(token)["sid"])
