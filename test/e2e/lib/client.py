"""HTTP client of the collectors' port and maker of push bodies."""
import concurrent.futures
import datetime
import gzip
import http.client
import itertools
import json
import random
import socket
import ssl
import threading
import time

PUSH = "/api/v1/metrics/push"
COUNTERS = ("calls", "rows", "total_time", "mean_time", "min_time", "max_time", "stddev_time",
            "shared_blks_hit", "shared_blks_read", "shared_blks_dirtied", "shared_blks_written",
            "local_blks_hit", "local_blks_read", "local_blks_dirtied", "local_blks_written",
            "temp_blks_read", "temp_blks_written", "blk_read_time", "blk_write_time",
            "wal_records", "wal_fpi", "wal_bytes")


def rfc3339(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def query_rows(count, calls, first_hash=1):
    """query_rows makes `count` different queries; every counter shows which push the row was in."""
    return [{"hash": first_hash + i, "text": f"SELECT {first_hash + i} FROM t WHERE id = $1",
             **{name: calls for name in COUNTERS}} for i in range(count)]


def push_body(collector_id, rows, moment=None, database="app"):
    """push_body is a v3 push with one pg_query_stats of the given rows."""
    now = rfc3339(moment or datetime.datetime.now(datetime.timezone.utc))
    return {"collector_id": collector_id, "hostname": "db-host-01", "version": "3.0.0",
            "timestamp": now, "metrics_count": 1,
            "metrics": [{"type": "pg_query_stats", "timestamp": now, "database": database,
                         "queries": rows}]}


ON_EVERY_ANSWER = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
}


class Answer:
    """Answer is one answer; it checks that every answer has the security headers and names no program."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.raw = response.read()
        for name, value in ON_EVERY_ANSWER.items():
            assert self.headers.get(name) == value, (name, self.headers)
        assert not {"server", "via", "x-powered-by"} & self.headers.keys(), self.headers

    @property
    def json(self):
        return json.loads(self.raw)

    @property
    def receipt(self):
        """receipt is the answer to a push, with its counts of rows as members of the top level."""
        document = self.json
        return {**document, **document.pop("rows")}

    def __repr__(self):
        return f"<{self.status} {self.raw[:300]!r}>"


def tls_context(ca_file):
    """tls_context verifies the server and its name."""
    context = ssl.create_default_context(cafile=str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Connection(http.client.HTTPSConnection):
    """Connection connects to 127.0.0.1 and requires a certificate for localhost.

    On most machines localhost is also ::1. The counts of an address would then depend on which
    address comes first.
    """

    def __init__(self, port, context, **options):
        super().__init__("localhost", port, context=context, **options)
        self.context = context

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout, self.source_address)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as http.client does
        self.sock = self.context.wrap_socket(plain, server_hostname=self.host)


class Client:
    """Client holds one keep-alive connection, which it makes when needed."""

    def __init__(self, port, ca_file, token, timeout=20):
        self.port = port
        self.context = tls_context(ca_file)
        self.token = token
        self.timeout = timeout
        self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def connect(self):
        return Connection(self.port, self.context, timeout=self.timeout)

    def request(self, method, path, body=b"", headers=None):
        self.send(method, path, body, headers)
        return self.receive()

    def send(self, method, path, body=b"", headers=None):
        """send gives the request to the kernel; receive() waits for the Answer."""
        if self.connection is None:
            self.connection = self.connect()
        try:
            self.connection.request(method, path, body, headers or {})
        except BaseException:
            self.close()
            raise

    def receive(self):
        try:
            answer = Answer(self.connection.getresponse())
        except BaseException:
            self.close()
            raise
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def push(self, body, key=None, headers=None):
        """push sends a body (dict, or bytes as they are) and gives the Answer."""
        self.send_push(body, key, headers)
        return self.receive()

    def send_push(self, body, key=None, headers=None):
        """send_push sends a body as push does; receive() waits for the Answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {"Content-Type": "application/json"}
        if self.token is not None:
            all_headers["Authorization"] = f"Bearer {self.token}"
        if key is not None:
            all_headers["Idempotency-Key"] = key
        all_headers.update(headers or {})
        self.send("POST", PUSH, data, all_headers)

    def raw_connection(self):
        """raw_connection is a TLS socket for bytes that no client library would send."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout)
        return self.context.wrap_socket(plain, server_hostname="localhost")


class Load:
    """Load pushes from several threads until stopped, and records which pushes were acknowledged.

    Push i has i + 1 in every counter, a time of its own and the key `epoch:i`. A push that gets no
    200 is sent again, the same bytes under the same key, until it gets one. So after stop() every
    push is acknowledged, and each must be stored exactly once.
    """

    def __init__(self, port, ca_file, credentials, rows=50, threads=4, give_up_after=30):
        self.port = port
        self.ca_file = ca_file
        self.credentials = credentials
        self.rows = rows
        self.threads = threads
        self.give_up_after = give_up_after
        self.epoch = random.randrange(1, 1 << 40)
        self.numbers = itertools.count()
        self.began = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=20)
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged = {}  # number -> (time of the 200, duplicate)
        self.failures = []      # (time, number, what)
        self.executor = concurrent.futures.ThreadPoolExecutor(threads)
        self.tasks = []

    def __enter__(self):
        self.tasks = [self.executor.submit(self._run) for _ in range(self.threads)]
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.executor.shutdown(wait=True)

    def stop(self):
        """stop ends the load, and raises the exception of a thread if there was one."""
        self.stopping.set()
        for task in self.tasks:
            task.result()
        return self

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def last_acknowledgement(self):
        with self.lock:
            return max((moment for moment, _ in self.acknowledged.values()), default=0.0)

    def first_acknowledgement_after(self, moment):
        with self.lock:
            return min((m for m, _ in self.acknowledged.values() if m > moment), default=None)

    def body(self, number):
        moment = self.began + datetime.timedelta(milliseconds=10 * number)
        return gzip.compress(json.dumps(push_body(
            self.credentials.collector_id, query_rows(self.rows, number + 1), moment)).encode(), 1)

    def _run(self):
        with Client(self.port, self.ca_file, self.credentials.token) as client:
            while not self.stopping.is_set():
                self._push_until_acknowledged(client, next(self.numbers))

    def _push_until_acknowledged(self, client, number):
        body = self.body(number)
        deadline = time.monotonic() + self.give_up_after
        while True:
            try:
                answer = client.push(body, f"{self.epoch}:{number}", {"Content-Encoding": "gzip"})
                what = f"{answer.status} {answer.raw[:200]!r}"
                if answer.status == 200:
                    with self.lock:
                        self.acknowledged[number] = (time.monotonic(), answer.json["duplicate"])
                    return
                if answer.status != 503:
                    raise AssertionError(f"push {number}: {what}")
            except (OSError, http.client.HTTPException) as error:
                what = f"{type(error).__name__}: {error}"
            with self.lock:
                self.failures.append((time.monotonic(), number, what))
            if time.monotonic() > deadline:
                raise AssertionError(f"push {number} not acknowledged: {what}")
            time.sleep(0.02)  # the client's pause between tries; no assertion depends on it
