"""Client of the port for people."""
import http.client
import json

from client import Client


class ApiClient(Client):
    """ApiClient is somebody at the port for people, logged in or not."""

    def __init__(self, server, token=None, address=None, **options):
        super().__init__(server.cluster.api_port, server.ca_file, token, **options)
        self.address = address  # of this side
        self.refresh_token = None

    def connect(self):
        return http.client.HTTPSConnection(
            "localhost", self.port, timeout=self.timeout, context=self.context,
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
        """log_in logs in and keeps the tokens; the Answer tells whether it could."""
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
