"""A TLS server that is not the one that a client means; it records everything that it receives."""
import socket
import ssl
import threading

import pki


class Stranger:
    """Stranger serves one certificate of its own authority on a port of localhost.

    It answers each request with the entry of `answers` for its path, or 404. `received` is what
    clients have sent after the handshake.
    """

    def __init__(self, directory, names=("localhost",), answers=None):
        self.authority = pki.Authority("stranger")
        self.holder = self.authority.leaf(None, names=[pki.dns(name) for name in names],
                                          purposes=(pki.SERVER_AUTH,))
        self.pin = pki.pin(self.holder.key)
        self.ca_file = directory / "stranger-ca.pem"
        self.ca_file.write_text(pki.pem(self.authority.certificate))
        self.ca_file.chmod(0o644)
        self.answers = answers if answers is not None else {}
        self.received = b""
        self.handshakes = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*self.holder.write(directory, "stranger"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        connection.settimeout(20)
        try:
            with self._context.wrap_socket(connection, server_side=True) as tls:
                self.handshakes += 1
                while data := tls.recv(65536):
                    self.received += data
                    path = data.split(b" ", 2)[1].decode(errors="replace")
                    body = self.answers.get(path)
                    status = "404 Not Found" if body is None else "200 OK"
                    body = (body or "").encode()
                    tls.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                                + body)
        except (OSError, ValueError, IndexError):
            pass

    def close(self):
        self._listener.close()
