"""Frames between a worker and its gateway (src/protocol/messages.hpp), for a test that plays either side."""
import hashlib
import ipaddress
import struct

MAGIC, VERSION = 0x46414750, 1
CONFIG, DRAIN, AUTH_REPLY, RECEIPT, HEALTH_REPLY = 1, 2, 3, 4, 5
IDENTITY, ENROLL_REPLY, TOKEN_REPLY = 6, 7, 8
READY, FAILED, LOG, COUNTERS, AUTH_REQUEST, PUSH, HEALTH_REQUEST = 64, 65, 66, 67, 68, 69, 70
ENROLL_REQUEST, TOKEN_REQUEST = 71, 72
DRAINING, REFUSED = 74, 75
COURIER_CONFIG, DELIVERY, DELIVERED = 192, 193, 194
BY_TOKEN, RENEWAL, REGISTRATION = 0, 1, 2  # kinds of an EnrollRequest
HEAD = struct.Struct("<IHHII")  # magic, kind, version, size of the payload, request


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(data)) + data


def frame(kind, request_id, payload):
    payload += b"\0" * (-len(payload) % 8)
    return HEAD.pack(MAGIC, kind, VERSION, len(payload), request_id) + payload


def read_frame(read):
    """read_frame gives (kind, request, payload); read(size) must return that many bytes."""
    magic, kind, version, size, request_id = HEAD.unpack(read(HEAD.size))
    assert (magic, version, size % 8) == (MAGIC, VERSION, 0)
    return kind, request_id, read(size)


def packed_address(address):
    """packed_address is an IPv4 address in the form of frames; "" means no address."""
    return bytes(10) + b"\xff\xff" + ipaddress.ip_address(address).packed if address else bytes(16)


def credential(token=None, certificate=None, spki=bytes(32), subject=None, token_subject=None,
               token_id=bytes(16), issued_at=0, expires_at=0, address="192.0.2.7"):
    """credential packs a Credential: token is the opaque token's text, the gateway has read the rest."""
    return struct.pack("<32s32s32s16s16s16sqq16s",
                       hashlib.sha256(token.encode()).digest() if token else bytes(32),
                       hashlib.sha256(certificate).digest() if certificate else bytes(32), spki,
                       subject.bytes if subject else bytes(16),
                       token_subject.bytes if token_subject else bytes(16), token_id, issued_at,
                       expires_at, packed_address(address))


class Reader:
    """Reader reads the fields of a payload in order."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def unpack(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def text(self):
        (size,) = self.unpack("I")
        self.at += size
        return self.data[self.at - size:self.at]
