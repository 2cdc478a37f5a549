"""Receivers of alerts over TLS: they check signatures and answer each delivery as the test asks."""
import hashlib
import hmac
import http.server
import json
import socket
import ssl
import struct
import sys
import threading
import time

SECRET = "the-secret-of-all-receivers"


class Receiver(http.server.ThreadingHTTPServer):
    """Receiver serves on 127.0.0.1.

    `answers` are for the first deliveries, in order: a status, a function of the handler, or None
    for 200. All later deliveries get 200.

    `taken` has (time, alerts) of deliveries that were answered with 200, or cut off during a 200;
    `tries` has the time of each delivery that came whole, `paths` its path.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, certificate, answers=(), port=0, pause=0.0):
        super().__init__(("127.0.0.1", port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.context = context
        self.answers = list(answers)
        self.pause = pause
        self.lock = threading.Lock()
        self.taken, self.tries, self.paths, self.wrong = [], [], [], []
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}/hook"

    def finish_request(self, request, client_address):
        request.settimeout(20)
        # The handshake runs in the connection's own thread.
        super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)

    def handle_error(self, request, client_address):
        # Other errors come from clients that were killed.
        if isinstance(sys.exc_info()[1], AssertionError):
            self.wrong.append(sys.exc_info()[1])

    def sequence(self, host):
        """sequence gives the (status, startsAt) delivered for a host, without repetitions of the last."""
        told = []
        for _, alerts in list(self.taken):
            for alert in alerts:
                if alert["labels"].get("host") == host:
                    word = (alert["status"], alert["startsAt"])
                    if not told or told[-1] != word:
                        told.append(word)
        return told

    def close(self):
        assert not self.wrong
        self.released.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signature = dict(field.split("=", 1) for field in self.headers["X-Pganalytics-Signature"].split(","))
        expected = hmac.new(SECRET.encode(), signature["t"].encode() + b"." + body, hashlib.sha256)
        assert hmac.compare_digest(signature["v1"], expected.hexdigest()), "the signature is wrong"
        assert abs(time.time() - int(signature["t"])) < 60
        message = json.loads(body)
        assert message["version"] == "4"
        time.sleep(self.server.pause)  # the time that the receiver takes
        with self.server.lock:
            answer = self.server.answers.pop(0) if self.server.answers else None
            self.server.tries.append(time.monotonic())
            self.server.paths.append(self.path)
            if answer is None or getattr(answer, "takes", False):
                self.server.taken.append((time.monotonic(), message["alerts"]))
        if callable(answer):
            answer(self)
            return
        status, fields = answer if isinstance(answer, tuple) else (answer or 200, {})
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def reset(handler):
    """reset ends the connection with RST in the middle of the answer's head.

    A whole head with 200 would count as delivered, if the courier reads it before the RST.
    """
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def cut_head(handler):
    """cut_head ends the connection in the middle of the answer's head."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    handler.wfile.flush()
    handler.connection.close()


def no_http(handler):
    """no_http answers with bytes that are not HTTP."""
    handler.wfile.write(b"\0\1\2" * 100 + b"\r\n\r\n")
    handler.wfile.flush()
    handler.connection.close()


def silent(handler):
    """silent sends no answer until the receiver is closed."""
    handler.server.released.wait(60)


reset.takes = cut_head.takes = no_http.takes = silent.takes = True
