"""A TLS client that sends whatever the test asks: any bytes as certificate, any signature.

A library checks a client's certificate and key before it sends them; this client does not. It
speaks TLS 1.3 with TLS_AES_128_GCM_SHA256 and TLS 1.2 with ECDHE-ECDSA-AES128-GCM-SHA256, both with
X25519, and does not verify the server. RFC 8446, RFC 5246, RFC 5288.
"""
import hashlib
import hmac
import os
import socket

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TLS12, TLS13 = "TLS 1.2", "TLS 1.3"
HANDSHAKE, APPLICATION, ALERT, CHANGE_CIPHER = 22, 23, 21, 20
ECDSA_P256_SHA256, ECDSA_P384_SHA384 = 0x0403, 0x0503
RSA_PSS_SHA256, RSA_PKCS1_SHA256 = 0x0804, 0x0401
ALERTS = {0: "close_notify", 20: "bad_record_mac", 40: "handshake_failure", 42: "bad_certificate",
          43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired",
          46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca", 50: "decode_error",
          51: "decrypt_error", 70: "protocol_version", 80: "internal_error",
          10: "unexpected_message", 116: "certificate_required"}


class Alert(Exception):
    """Alert is a TLS alert that the server sent; `str` is its name."""


def default_scheme(key):
    if isinstance(key, rsa.RSAPrivateKey):
        return RSA_PSS_SHA256
    return ECDSA_P384_SHA384 if key.key_size == 384 else ECDSA_P256_SHA256


def signature_by(key, scheme, data):
    if scheme == RSA_PSS_SHA256:
        return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    if scheme == RSA_PKCS1_SHA256:
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    digest = hashes.SHA384() if scheme == ECDSA_P384_SHA384 else hashes.SHA256()
    return key.sign(data, ec.ECDSA(digest))


class Presented:
    """Presented is what the client shows: certificates (DER, leaf first) and how it proves the key.

    `proof(data)` gives (scheme, signature) over the data to be signed; None sends no
    CertificateVerify at all.
    """

    def __init__(self, certificates=(), key=None, scheme=None, proof=None, silent=False):
        self.certificates = list(certificates)
        self.proof = None
        if not silent and self.certificates:
            chosen = scheme or (default_scheme(key) if proof is None else None)
            self.proof = proof or (lambda data: (chosen, signature_by(key, chosen, data)))


def vector(size, data):
    return len(data).to_bytes(size, "big") + data


def message(kind, body):
    return bytes([kind]) + vector(3, body)


def extensions(*pairs):
    return vector(2, b"".join(kind.to_bytes(2, "big") + vector(2, body) for kind, body in pairs))


def expand(secret, label, context, size):
    """expand is HKDF-Expand-Label (RFC 8446 section 7.1), for at most two blocks."""
    info = size.to_bytes(2, "big") + vector(1, b"tls13 " + label) + vector(1, context)
    first = hmac.digest(secret, info + b"\x01", "sha256")
    return (first + hmac.digest(secret, first + info + b"\x02", "sha256"))[:size]


def prf12(secret, label, seed, size):
    seed, block, out = label + seed, label + seed, b""
    while len(out) < size:
        block = hmac.digest(secret, block, "sha256")
        out += hmac.digest(secret, block + seed, "sha256")
    return out[:size]


class Direction:
    """Direction is the key of one direction of a connection and its record counter."""

    def __init__(self, key, iv):
        self.aead = AESGCM(key)
        self.iv = iv
        self.count = 0

    @classmethod
    def of_secret(cls, secret):
        return cls(expand(secret, b"key", b"", 16), expand(secret, b"iv", b"", 12))

    def nonce13(self):
        mask = self.count.to_bytes(12, "big")
        self.count += 1
        return bytes(a ^ b for a, b in zip(self.iv, mask))


class RawTls:
    """RawTls is one connection to the server; handshake() must be called first."""

    def __init__(self, port, version=TLS13, timeout=10):
        self.version = version
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transcript = b""
        self.pending = b""   # bytes of handshake messages that are not yet read
        self.reading = self.writing = None
        self.private = X25519PrivateKey.generate()
        self.asked_for_certificate = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # Records.

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("closed by the server")
            data += part
        return data

    def _write(self, kind, data):
        records = b""
        for at in range(0, len(data), 16000) or [0]:
            records += self._record(kind, data[at:at + 16000])
        self.socket.sendall(records)

    def _record(self, kind, part):
        if self.writing is None:
            return bytes([kind]) + b"\x03\x03" + vector(2, part)
        one = self.writing
        if self.version == TLS13:
            head = bytes([APPLICATION]) + b"\x03\x03" + (len(part) + 17).to_bytes(2, "big")
            return head + one.aead.encrypt(one.nonce13(), part + bytes([kind]), head)
        count = one.count.to_bytes(8, "big")
        one.count += 1
        about = count + bytes([kind]) + b"\x03\x03" + len(part).to_bytes(2, "big")
        return (bytes([kind]) + b"\x03\x03" +
                vector(2, count + one.aead.encrypt(one.iv + count, part, about)))

    def _read(self):
        """_read gives type and content of the next record; it raises an alert."""
        head = self._exactly(5)
        kind, data = head[0], self._exactly(int.from_bytes(head[3:5], "big"))
        if self.reading is not None and kind != CHANGE_CIPHER:
            one = self.reading
            if self.version == TLS13:
                data = one.aead.decrypt(one.nonce13(), data, head).rstrip(b"\x00")
                kind, data = data[-1], data[:-1]
            else:
                about = (one.count.to_bytes(8, "big") + head[:3] +
                         (len(data) - 24).to_bytes(2, "big"))
                one.count += 1
                data = one.aead.decrypt(one.iv + data[:8], data[8:], about)
        if kind == ALERT:
            raise Alert(ALERTS.get(data[1], str(data[1])))
        return kind, data

    def _next(self):
        """_next gives type and body of the next handshake message."""
        while len(self.pending) < 4 or len(self.pending) < 4 + int.from_bytes(self.pending[1:4],
                                                                              "big"):
            kind, data = self._read()
            if kind == HANDSHAKE:
                self.pending += data
        size = 4 + int.from_bytes(self.pending[1:4], "big")
        whole, self.pending = self.pending[:size], self.pending[size:]
        self.before = self.transcript
        self.transcript += whole
        return whole[0], whole[4:]

    def _say(self, *messages):
        for one in messages:
            self.transcript += one
        self._write(HANDSHAKE, b"".join(messages))

    # The handshake.

    def handshake(self, presented=Presented()):
        """handshake returns when the client has sent its Finished; in TLS 1.3 the server may still refuse."""
        self.random = os.urandom(32)
        public = self.private.public_key().public_bytes(serialization.Encoding.Raw,
                                                        serialization.PublicFormat.Raw)
        share = [(43, vector(1, b"\x03\x04")), (51, vector(2, b"\x00\x1d" + vector(2, public)))]
        schemes = b"\x04\x03\x08\x04\x04\x01\x05\x03\x08\x05\x08\x06\x05\x01\x06\x01"
        self._say(message(1, b"\x03\x03" + self.random + vector(1, os.urandom(32)) +
                          vector(2, b"\x13\x01" if self.version == TLS13 else b"\xc0\x2b") +
                          vector(1, b"\x00") + extensions(
            (0, vector(2, b"\x00" + vector(2, b"localhost"))), (10, vector(2, b"\x00\x1d\x00\x17\x00\x18")),
            (11, vector(1, b"\x00")), (13, vector(2, schemes)),
            (16, vector(2, vector(1, b"http/1.1"))), *(share if self.version == TLS13 else []))))
        kind, hello = self._next()
        assert kind == 2, kind
        self.server_random = hello[2:34]
        rest = hello[35 + hello[34]:]
        if self.version == TLS13:
            self._handshake13(rest[3:], presented)
        else:
            assert rest[:2] == b"\xc0\x2b", rest[:2]
            self._handshake12(presented)

    def _hash(self, data=None):
        return hashlib.sha256(self.transcript if data is None else data).digest()

    def _handshake13(self, after_suite, presented):
        found = {}
        data = after_suite[2:]
        while data:
            size = int.from_bytes(data[2:4], "big")
            found[int.from_bytes(data[:2], "big")] = data[4:4 + size]
            data = data[4 + size:]
        shared = self.private.exchange(X25519PublicKey.from_public_bytes(found[51][4:36]))
        empty = self._hash(b"")
        early = hmac.digest(bytes(32), bytes(32), "sha256")
        secret = hmac.digest(expand(early, b"derived", empty, 32), shared, "sha256")
        ours = expand(secret, b"c hs traffic", self._hash(), 32)
        self.reading = Direction.of_secret(expand(secret, b"s hs traffic", self._hash(), 32))
        kind = context = None
        while kind != 20:
            kind, body = self._next()
            if kind == 13:
                self.asked_for_certificate, context = True, body[1:1 + body[0]]
        master = hmac.digest(expand(secret, b"derived", empty, 32), bytes(32), "sha256")
        own_traffic = expand(master, b"c ap traffic", self._hash(), 32)
        self.reading = Direction.of_secret(expand(master, b"s ap traffic", self._hash(), 32))
        self.writing = Direction.of_secret(ours)
        messages = []

        def add(one):
            messages.append(one)
            self.transcript += one

        if self.asked_for_certificate:
            entries = b"".join(vector(3, c) + b"\x00\x00" for c in presented.certificates)
            add(message(11, vector(1, context) + vector(3, entries)))
            if presented.proof is not None:
                scheme, signature = presented.proof(
                    b" " * 64 + b"TLS 1.3, client CertificateVerify\x00" + self._hash())
                add(message(15, scheme.to_bytes(2, "big") + vector(2, signature)))
        add(message(20, hmac.digest(expand(ours, b"finished", b"", 32), self._hash(), "sha256")))
        self._write(HANDSHAKE, b"".join(messages))
        self.writing = Direction.of_secret(own_traffic)

    def _handshake12(self, presented):
        kind = point = None
        while kind != 14:
            kind, body = self._next()
            if kind == 12:
                assert body[:3] == b"\x03\x00\x1d", body[:3]
                point = body[4:4 + body[3]]
            if kind == 13:
                self.asked_for_certificate = True
        shared = self.private.exchange(X25519PublicKey.from_public_bytes(point))
        master = prf12(shared, b"master secret", self.random + self.server_random, 48)
        if self.asked_for_certificate:
            self._say(message(11, vector(3, b"".join(vector(3, c)
                                                     for c in presented.certificates))))
        public = self.private.public_key().public_bytes(serialization.Encoding.Raw,
                                                        serialization.PublicFormat.Raw)
        self._say(message(16, vector(1, public)))
        if self.asked_for_certificate and presented.proof is not None:
            scheme, signature = presented.proof(self.transcript)
            self._say(message(15, scheme.to_bytes(2, "big") + vector(2, signature)))
        self._write(CHANGE_CIPHER, b"\x01")
        block = prf12(master, b"key expansion", self.server_random + self.random, 40)
        self.writing = Direction(block[:16], block[32:36])
        self._say(message(20, prf12(master, b"client finished", self._hash(), 12)))
        kind = None
        while kind != CHANGE_CIPHER:
            kind, _ = self._read()
        self.reading = Direction(block[16:32], block[36:40])
        kind, _ = self._next()
        assert kind == 20, kind

    # After the handshake.

    def send(self, data):
        self._write(APPLICATION, data)

    def receive(self):
        """receive gives the bytes of the next record with data; b"" after close_notify."""
        while True:
            try:
                kind, data = self._read()
            except Alert as alert:
                if str(alert) == "close_notify":
                    return b""
                raise
            if kind == APPLICATION and data:
                return data
