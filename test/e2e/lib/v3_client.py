"""A client that pushes as a v3 collector does: one connection per request, 100-continue, no key."""
import socket
import ssl

from client import Answer
import http.client

EXPECT_FROM = 1 << 20  # libcurl sends Expect for a larger body


class V3Client:
    def __init__(self, port, token, timeout=120):
        self.port = port
        self.token = token
        self.timeout = timeout
        # v3 collectors do not verify the server.
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.set_alpn_protocols(["h2", "http/1.1"])

    def push(self, body):
        """push sends a body of bytes and gives the Answer."""
        expects = len(body) > EXPECT_FROM
        head = ("POST /api/v1/metrics/push HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
                f"Authorization: Bearer {self.token}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n" +
                ("Expect: 100-continue\r\n" if expects else "") + "\r\n")
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout)
        with self.context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(head.encode())
            if expects:
                interim = b""
                while not interim.endswith(b"\r\n\r\n"):
                    interim += tls.recv(1) or self._cut(interim)
                assert interim.startswith(b"HTTP/1.1 100"), interim
            tls.sendall(body)
            response = http.client.HTTPResponse(tls, method="POST")
            response.begin()
            return Answer(response)

    @staticmethod
    def _cut(so_far):
        raise ConnectionError(f"cut after {so_far!r}")
