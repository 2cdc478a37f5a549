"""DER written by hand: what a library of certificates would refuse to write.

Each function gives the bytes of one value, tag and length included. Values are bytes, so that a test
can put anything anywhere.
"""
import datetime


def tlv(tag, content):
    """tlv is one value with the shortest encoding of its length, as DER requires."""
    size = len(content)
    if size < 0x80:
        length = bytes([size])
    else:
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + length + content


def long_length(value):
    """long_length writes the outer length of a value in one octet more than DER allows (BER)."""
    content = content_of(value)
    octets = b"\x00" + len(content).to_bytes((len(content).bit_length() + 7) // 8 or 1, "big")
    return value[:1] + bytes([0x80 | len(octets)]) + octets + content


def indefinite(value):
    """indefinite gives a constructed value the indefinite length of BER."""
    return value[:1] + b"\x80" + content_of(value) + b"\x00\x00"


def content_of(value):
    """content_of is the content of a value, without tag and length."""
    if value[1] < 0x80:
        return value[2:]
    return value[2 + (value[1] & 0x7f):]


def sequence(*parts):
    return tlv(0x30, b"".join(parts))


def set_of(*parts):
    return tlv(0x31, b"".join(sorted(parts)))


def integer(number):
    size = number.bit_length() // 8 + 1
    return tlv(0x02, number.to_bytes(size, "big", signed=True))


def boolean(value):
    return tlv(0x01, b"\xff" if value else b"\x00")


def octets(content):
    return tlv(0x04, content)


def bits(content, unused=0):
    return tlv(0x03, bytes([unused]) + content)


def utf8(text):
    return tlv(0x0c, text if isinstance(text, bytes) else text.encode())


def explicit(number, content):
    """explicit is a constructed context-specific value, [number]."""
    return tlv(0xa0 | number, content)


def implicit(number, content):
    """implicit is a primitive context-specific value, [number]."""
    return tlv(0x80 | number, content)


def oid(dotted):
    first, second, *rest = (int(part) for part in dotted.split("."))
    content = b""
    for arc in (40 * first + second, *rest):
        septets = [arc & 0x7f]
        while arc > 0x7f:
            arc >>= 7
            septets.append(0x80 | arc & 0x7f)
        content += bytes(reversed(septets))
    return tlv(0x06, content)


def time(moment):
    """time is a UTCTime, from 2050 on a GeneralizedTime (RFC 5280 section 4.1.2.5)."""
    moment = moment.astimezone(datetime.timezone.utc)
    if moment.year < 2050:
        return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())
