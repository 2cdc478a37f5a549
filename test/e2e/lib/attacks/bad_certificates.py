"""Certificates that must let nobody in: each kind is one fault in an otherwise good certificate.

A kind is a function that takes a World and gives what the client presents. Its decorator says who
refuses: "tls": the handshake fails; "http": the answer is 403, because the certificate is sound but
its subject may not enter.
"""
import datetime

from cryptography.hazmat.primitives.asymmetric import ec

import der
import pki
from pki import DAY, Authority, alternative_names, uri, urn
from raw_tls import RSA_PKCS1_SHA256, Presented

KINDS = {}


def kind(label, refused="tls"):
    def add(make):
        assert label not in KINDS
        KINDS[label] = (refused, make)
        return make
    return add


class World:
    """World has the authorities that a server trusts and, once the server runs, the ids of its collectors."""

    def __init__(self):
        self.own = self.other = self.disabled = self.unknown = None
        self.root = Authority("Test CA")
        self.rsa_root = Authority("Test RSA CA", key=pki.new_rsa_key())
        self.middle = Authority("Test Issuing CA", issuer=self.root, path_length=0)

    @property
    def trusted(self):
        return "".join(pki.pem(ca.certificate) for ca in (self.root, self.rsa_root))


def show(holder, **options):
    return Presented(holder.sent, holder.key, **options)


def leaf(label, refused="tls", **options):
    """leaf registers a certificate of the root that differs from a good one by these options."""
    KINDS[label] = (refused, lambda w: show(w.root.leaf(w.own, **options)))


def names(label, of, refused="tls"):
    """names registers a certificate whose subject alternative names are `of(world)`."""
    KINDS[label] = (refused, lambda w: show(w.root.leaf(w.own, names=of(w))))


# Validity.
leaf("expired", not_before=pki.now() - 3 * DAY, not_after=pki.now() - datetime.timedelta(minutes=1))
leaf("not yet valid", not_before=pki.now() + datetime.timedelta(hours=1))
leaf("ends before it begins", not_before=pki.now() - DAY, not_after=pki.now() - 2 * DAY)
leaf("time that is no time", not_after=der.tlv(0x17, b"991340256161Z"))
leaf("time without zone", not_after=der.tlv(0x18, b"20991231235959"))

# Purposes.
leaf("no extended key usage", purposes=None)
leaf("for servers only", purposes=(pki.SERVER_AUTH,))
leaf("for any purpose, clients not named", purposes=(pki.ANY_PURPOSE,))
leaf("for mail only", purposes=(pki.EMAIL_PROTECTION,))
leaf("an authority as a client", ca=True, usage=pki.SIGNATURE | pki.CERT_SIGN)
leaf("key usage without signature", usage=pki.ENCIPHERMENT)
leaf("key usage for agreement only", usage=pki.AGREEMENT)
leaf("key usage of an authority", usage=pki.CERT_SIGN)
leaf("unknown critical extension",
     extra=(pki.extension("1.3.6.1.4.1.55555.1", b"\x05\x00", critical=True),))

# Names. The collector must stand in exactly one URI, in its one canonical form.
names("no name", lambda w: ())
KINDS["name in the subject only"] = ("tls", lambda w: show(w.root.leaf(
    w.own, names=(), subject=pki.name(f"urn:uuid:{w.own}"))))
names("two collectors", lambda w: (urn(w.own), urn(w.other)))
names("the same collector twice", lambda w: (urn(w.own), urn(w.own)))
names("a host's name", lambda w: (pki.dns("localhost"),))
names("the id as a host's name", lambda w: (pki.dns(w.own),))
names("the urn as an address of mail", lambda w: (pki.email(f"urn:uuid:{w.own}"),))
names("upper case", lambda w: (urn(w.own.upper()),))
names("upper-case scheme", lambda w: (uri(f"URN:UUID:{w.own}"),))
names("braces", lambda w: (uri(f"urn:uuid:{{{w.own}}}"),))
names("no hyphens", lambda w: (urn(w.own.replace("-", "")),))
names("one hyphen elsewhere", lambda w: (urn(w.own.replace("-", "", 1) + "-"),))
names("one digit less", lambda w: (urn(w.own[:-1]),))
names("one digit more", lambda w: (urn(w.own + "0"),))
names("blank before", lambda w: (uri(f" urn:uuid:{w.own}"),))
names("line end behind", lambda w: (uri(f"urn:uuid:{w.own}\n"),))
names("fragment", lambda w: (uri(f"urn:uuid:{w.own}#x"),))
names("NUL behind the name", lambda w: (uri(f"urn:uuid:{w.own}\0.example"),))
names("NUL inside the name", lambda w: (uri(f"urn:uuid:\0{w.own}"),))
names("another scheme", lambda w: (uri(f"https://collector/{w.own}"),))
names("zero id", lambda w: (urn("00000000-0000-0000-0000-000000000000"),))
names("unknown collector", lambda w: (urn(w.unknown),), "http")
names("disabled collector", lambda w: (urn(w.disabled),), "http")
names("another collector", lambda w: (urn(w.other),), "http")

# Keys and signatures.
for label, make_key in (("P-192", lambda: pki.new_key(ec.SECP192R1)),
                        ("P-224", lambda: pki.new_key(ec.SECP224R1)),
                        ("secp256k1", lambda: pki.new_key(ec.SECP256K1)),
                        ("RSA 1024", lambda: pki.new_rsa_key(1024))):
    KINDS[f"key {label}"] = ("tls", lambda w, make=make_key: show(w.root.leaf(w.own, key=make())))
leaf("signed with SHA-1", signature=pki.ECDSA_SHA1)
KINDS["signed with MD5"] = ("tls", lambda w: show(w.rsa_root.leaf(w.own, signature=pki.RSA_MD5)))
leaf("two algorithms of signature", outer_signature="1.2.840.10045.4.3.3")


@kind("altered signature")
def _(w):
    good = w.root.leaf(w.own)
    return show(good.with_(good.certificate[:-1] + bytes([good.certificate[-1] ^ 1])))


@kind("altered name")
def _(w):
    good = w.root.leaf(w.other)
    return show(good.with_(good.certificate.replace(w.other.encode(), w.own.encode())))


@kind("empty signature")
def _(w):
    good = w.root.leaf(w.own)
    tbs, algorithm = parts_of(good.certificate)[:2]
    return show(good.with_(der.sequence(tbs, algorithm, der.bits(b""))))


@kind("signature of zeros")
def _(w):
    good = w.root.leaf(w.own)
    tbs, algorithm = parts_of(good.certificate)[:2]
    zeros = der.sequence(der.integer(0), der.integer(0))
    return show(good.with_(der.sequence(tbs, algorithm, der.bits(zeros))))


def parts_of(value):
    """parts_of are the values inside a constructed value."""
    content, parts = der.content_of(value), []
    while content:
        head = 2 if content[1] < 0x80 else 2 + (content[1] & 0x7f)
        size = content[1] if content[1] < 0x80 else int.from_bytes(content[2:head], "big")
        parts.append(content[:head + size])
        content = content[head + size:]
    return parts


# The chain to the authority.
@kind("self-signed", "http")
def _(w):
    key = pki.new_key()
    return show(Authority("collector", key=key).leaf(w.own, key=key, subject=pki.name("collector")))


@kind("other authority of the same name")
def _(w):
    return show(Authority("Test CA").leaf(w.own, authority_key_id=pki.key_id(w.root.key)))


@kind("other authority, itself sent along")
def _(w):
    fake = Authority("Test CA")
    return show(fake.leaf(w.own).with_(chain=[fake.certificate]))


@kind("the authority itself")
def _(w):
    return Presented([w.root.certificate], w.root.key)


leaf("key identifier of another authority", authority_key_id=b"\x01" * 20)
leaf("issuer of another name", "http", issuer_name=pki.name("Another CA"))


@kind("intermediate not sent", "http")
def _(w):
    return show(w.middle.leaf(w.own).with_(chain=[]))


@kind("intermediate is no authority")
def _(w):
    return show(Authority("Half CA", issuer=w.root, ca=False).leaf(w.own))


@kind("intermediate may not sign certificates")
def _(w):
    return show(Authority("CRL CA", issuer=w.root, usage=pki.CRL_SIGN).leaf(w.own))


@kind("intermediate is expired")
def _(w):
    return show(Authority("Old CA", issuer=w.root, not_before=pki.now() - 9 * DAY,
                          not_after=pki.now() - DAY).leaf(w.own))


@kind("intermediate for servers only")
def _(w):
    return show(Authority("Web CA", issuer=w.root,
                          extra=(pki.extended_key_usage(pki.SERVER_AUTH),)).leaf(w.own))


@kind("intermediate with a weak key")
def _(w):
    return show(Authority("Weak CA", issuer=w.root, key=pki.new_rsa_key(1024)).leaf(w.own))


@kind("intermediate with a key of an unusual curve")
def _(w):
    """TLS checks the curve of the client's own key only, not the curve of the intermediate's."""
    return show(Authority("Odd CA", issuer=w.root, key=pki.new_key(ec.SECP256K1)).leaf(w.own))


@kind("intermediate for other names")
def _(w):
    permitted = der.explicit(0, der.sequence(uri(".example.com")))
    constraints = pki.extension("2.5.29.30", der.sequence(permitted), critical=True)
    return show(Authority("Narrow CA", issuer=w.root, extra=(constraints,)).leaf(w.own))


@kind("path too long")
def _(w):
    return show(Authority("Third CA", issuer=w.middle).leaf(w.own))


@kind("signed by another collector")
def _(w):
    elder = w.root.leaf(w.other)
    signer = Authority(key=elder.key, certificate=elder.certificate)
    return show(signer.leaf(w.own, subject=pki.name("younger")).with_(chain=[elder.certificate]))


@kind("somebody else's certificate first")
def _(w):
    """The leaf is not first in the chain: the client proves the key of the second certificate."""
    return Presented([w.root.leaf(w.other).certificate, w.root.leaf(w.own).certificate],
                     pki.new_key())


@kind("chain of 200")
def _(w):
    good = w.root.leaf(w.own)
    return show(good.with_(chain=[w.middle.certificate] * 200))


@kind("certificate of 100 kB")
def _(w):
    return show(w.root.leaf(w.own, extra=(
        pki.extension("1.3.6.1.4.1.55555.2", der.octets(bytes(100_000))),)))


# Encodings that are not certificates of RFC 5280.
leaf("version 1", version=0)
leaf("version 2 with extensions", version=1)
leaf("version 9", version=8)
leaf("serial zero", serial=0)
leaf("serial negative", serial=-5)
leaf("serial of 21 octets", serial=1 << 165)
leaf("serial padded", serial=der.tlv(0x02, b"\x00\x00\x05"))
KINDS["names twice"] = ("tls", lambda w: show(w.root.leaf(
    w.own, extra=(alternative_names(urn(w.other)),))))
leaf("constraints twice", extra=(pki.basic_constraints(False),))
leaf("purposes twice", extra=(pki.extended_key_usage(pki.SERVER_AUTH),))
leaf("unknown extension twice",
     extra=(pki.extension("1.3.6.1.4.1.55555.1", b"\x05\x00"),) * 2)
leaf("constraints that are none", ca=None, extra=(pki.extension("2.5.29.19", b"\x04\x00", True),))
leaf("names that are none", names=(), extra=(pki.extension("2.5.29.17", b"\x30\x03urn"),))
leaf("to be signed in BER", encode=der.indefinite)
for label, rewrite in (("bytes behind", lambda c: c + b"\x00"), ("cut short", lambda c: c[:-1]),
                       ("no certificate", lambda c: b"\x00" * 64), ("nothing", lambda c: b"")):
    KINDS[label] = ("tls", lambda w, rewrite=rewrite: show(
        (lambda good: good.with_(rewrite(good.certificate)))(w.root.leaf(w.own))))


# The proof that the client has the key.
@kind("without the key")
def _(w):
    return Presented(w.root.leaf(w.own).sent, pki.new_key())


@kind("no proof")
def _(w):
    return show(w.root.leaf(w.own), silent=True)


@kind("proof of another connection")
def _(w):
    good = w.root.leaf(w.own)
    return Presented(good.sent, proof=lambda data: (0x0403, pki.sign(
        good.key, data[:-1] + bytes([data[-1] ^ 1]), pki.ECDSA_SHA256)))


@kind("empty proof")
def _(w):
    return Presented(w.root.leaf(w.own).sent, proof=lambda data: (0x0403, b""))


@kind("proof by an algorithm of another key")
def _(w):
    return Presented(w.root.leaf(w.own).sent, pki.new_rsa_key(), scheme=RSA_PKCS1_SHA256)


# Unusual but good certificates: without them the test of bad ones could pass by refusing
# everything.
GOOD = {
    "of the root": lambda w: w.root.leaf(w.own),
    "of an intermediate": lambda w: w.middle.leaf(w.own),
    "RSA": lambda w: w.rsa_root.leaf(w.own, key=pki.new_rsa_key()),
    "P-384": lambda w: w.root.leaf(w.own, key=pki.new_key(ec.SECP384R1)),
    "several purposes": lambda w: w.root.leaf(w.own, purposes=(pki.SERVER_AUTH, pki.CLIENT_AUTH)),
    "a host's name beside": lambda w: w.root.leaf(
        w.own, names=(pki.dns("db1.example.com"), urn(w.own))),
    "no key usage, no constraints": lambda w: w.root.leaf(w.own, usage=None, ca=None),
}
