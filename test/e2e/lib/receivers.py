"""Receivers of deliveries on 127.0.0.1: good ones, and ones with each fault."""
import datetime
import ipaddress
import socket
import ssl
import struct
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(status, body=b"", *fields):
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def make_key():
    return ec.generate_private_key(ec.SECP256R1())


def make_certificate(directory, name, names=("localhost", "127.0.0.1"), issuer=None, days=1, ca=False):
    """make_certificate writes NAME.pem, certificate and key; gives (certificate, key, file).

    Without an issuer the certificate is self-signed; with days < 0 it has expired.
    """
    key = make_key()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    end = now + datetime.timedelta(days=days)
    alternatives = []
    for one in names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(one)))
        except ValueError:
            alternatives.append(x509.DNSName(one))
    builder = (x509.CertificateBuilder().subject_name(subject)
               .issuer_name(issuer[0].subject if issuer else subject).public_key(key.public_key())
               .serial_number(x509.random_serial_number())
               .not_valid_before(min(now, end) - datetime.timedelta(days=2)).not_valid_after(end)
               .add_extension(x509.BasicConstraints(ca, None), True)
               .add_extension(x509.SubjectAlternativeName(alternatives), False))
    certificate = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    path = f"{directory}/{name}.pem"
    with open(path, "wb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
        file.write(key.private_bytes(serialization.Encoding.PEM,
                                     serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption()))
    return certificate, key, path


class Request:
    def __init__(self, head, body):
        lines = head.decode().split("\r\n")
        self.method, self.path, _ = lines[0].split(" ")
        self.fields = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1) if ": " in line else (line.rstrip(":"), "")
            assert name.lower() not in self.fields
            self.fields[name.lower()] = value
        self.body = body


class Receiver:
    """An HTTP server with one request per connection. `reply` is bytes, or a function of the connection.

    `tls` is a file with certificate and key; `requests` are the requests that came whole.
    """

    def __init__(self, reply=OK, tls=None, address="127.0.0.1"):
        self.reply = reply
        self.requests = []
        self.connections = 0
        self.released = threading.Event()  # set when the test is over; replies may wait for it
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(tls)
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=self.family)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def url(self, path="/hook", host="localhost", scheme=None):
        return f"{scheme or ('https' if self.context else 'http')}://{host}:{self.port}{path}"

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        connection.settimeout(20)
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            data = b""
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head, body = data.split(b"\r\n\r\n", 1)
            request = Request(head, b"")
            while len(body) < int(request.fields["content-length"]):
                body += connection.recv(65536)
            request.body = body
            self.requests.append(request)
            if callable(self.reply):
                self.reply(connection)
            else:
                connection.sendall(self.reply)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        self.released.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # a thread that waits in accept() would keep it open
        except OSError:
            pass
        self.listener.close()


def reset(connection):
    """reset ends a connection with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
