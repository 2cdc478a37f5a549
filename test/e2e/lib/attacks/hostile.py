"""An attacker's requests on a raw TLS client, with their outcome and the rows that they stored."""
import contextlib
import json

from client import PUSH, push_body, query_rows
from raw_tls import TLS13, Alert, Presented, RawTls


class Outcome:
    """Outcome is an HTTP answer, or the reason why there was none: the name of a TLS alert, or "closed"."""

    def __init__(self, status=None, headers=None, body=b"", end=None):
        self.status = status
        self.headers = headers or {}
        self.body = body
        self.end = end

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.end or self.status} {self.body[:300]!r}>"


class Hostile:
    """Hostile is one connection that presents `presented`; it can send several requests."""

    def __init__(self, port, presented=Presented(), version=TLS13, timeout=10):
        self.tls = RawTls(port, version, timeout)
        self.buffer = b""
        self.end = None
        try:
            self.tls.handshake(presented)
        except (Alert, OSError) as error:
            self.end = str(error) if isinstance(error, Alert) else "closed"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tls.close()

    def request(self, method, path, body=b"", headers=()):
        """request gives the Outcome; on a connection that has ended it gives the same end again."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost",
                 *(f"{name}: {value}" for name, value in headers)]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        return self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def raw(self, data):
        if self.end is None:
            # The server may have refused the handshake; its alert is then in our buffer.
            with contextlib.suppress(OSError):
                self.tls.send(data)
            try:
                return self._answer(head_only=data.startswith(b"HEAD "))
            except Alert as alert:
                self.end = str(alert)
            except (OSError, EOFError):
                self.end = "closed"
        return Outcome(end=self.end)

    def _until(self, done):
        while not done(self.buffer):
            data = self.tls.receive()
            if not data:
                raise EOFError
            self.buffer += data

    def _answer(self, head_only):
        self._until(lambda b: b"\r\n\r\n" in b)
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        headers = {n.lower(): v for n, v in (field.split(": ", 1) for field in fields)}
        size = 0 if head_only else int(headers.get("content-length", 0))
        self._until(lambda b: len(b) >= len(head) + 4 + size)
        rest = self.buffer[len(head) + 4:]
        self.buffer = rest[size:]
        return Outcome(int(first.split(" ")[1]), headers, rest[:size])

    def push(self, collector_id, token=None, headers=(), rows=1):
        """push sends a push of that collector; its rows are stored if the server lets it in."""
        shown = [("Authorization", f"Bearer {token}")] if token is not None else []
        body = json.dumps(push_body(str(collector_id), query_rows(rows, 1))).encode()
        return self.request("POST", PUSH, body, [*shown, ("Content-Type", "application/json"),
                                                 *headers])

    def is_closed(self, timeout=5):
        """is_closed waits for the server to close an idle connection."""
        self.tls.socket.settimeout(timeout)
        try:
            return self.tls.receive() == b""
        except TimeoutError:
            return False
        except (OSError, Alert):
            return True


def attempt(port, presented=Presented(), version=TLS13, collector_id=None, token=None, **options):
    """attempt makes one push on its own connection."""
    with Hostile(port, presented, version) as hostile:
        return hostile.push(collector_id, token, **options)


class Stored:
    """Stored counts the rows of the whole server, so that none can hide under another collector's name."""

    SQL = ("SELECT (SELECT count(*) FROM pganalytics.push_ledger),"
           " (SELECT count(*) FROM pganalytics.query_samples),"
           " (SELECT count(*) FROM pganalytics.servers)")

    def __init__(self, server):
        self.server = server
        self.before = server.db.row(self.SQL)

    def nothing(self):
        """nothing asserts that nothing was stored since the last call."""
        after = self.server.db.row(self.SQL)
        before, self.before = self.before, after
        assert after == before, f"(ledger, samples, servers) grew from {before} to {after}"

    def something(self):
        after = self.server.db.row(self.SQL)
        before, self.before = self.before, after
        assert after[0] == before[0] + 1 and after[1] > before[1], (before, after)
