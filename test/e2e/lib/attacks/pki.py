"""A test's own authorities, certificates and revocation lists: good ones, and ones with any fault.

python3-cryptography makes keys and signatures. The structures are written here, so that every field
can hold what no library would write. A certificate is good unless an argument says otherwise.
"""
import base64
import datetime
import hashlib
import itertools

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import der

ECDSA_SHA256, ECDSA_SHA1 = "1.2.840.10045.4.3.2", "1.2.840.10045.4.1"
RSA_SHA256, RSA_MD5 = "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.4"
CLIENT_AUTH, SERVER_AUTH = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"
EMAIL_PROTECTION, ANY_PURPOSE = "1.3.6.1.5.5.7.3.4", "2.5.29.37.0"
# Bits of a key usage, first bit first (RFC 5280 section 4.2.1.3).
SIGNATURE, ENCIPHERMENT, AGREEMENT, CERT_SIGN, CRL_SIGN = 0x80, 0x20, 0x08, 0x04, 0x02
DAY = datetime.timedelta(days=1)
UTC = datetime.timezone.utc

_serials = itertools.count(0x1000)


def now():
    return datetime.datetime.now(UTC)


def new_key(curve=ec.SECP256R1):
    return ec.generate_private_key(curve())


def new_rsa_key(size=2048):
    return rsa.generate_private_key(65537, size)


def load_key(text):
    return serialization.load_pem_private_key(text, None)


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


def point(key):
    """point is the public key of an elliptic curve, uncompressed (SEC 1 section 2.3.3)."""
    return key.public_key().public_bytes(serialization.Encoding.X962,
                                         serialization.PublicFormat.UncompressedPoint)


def spki(key):
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(serialization.Encoding.DER,
                               serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(key):
    """key_id is the SHA-1 of the bits of the public key (RFC 5280 section 4.2.1.2)."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return x509.SubjectKeyIdentifier.from_public_key(public).digest


def pin(key):
    return "sha256/" + base64.b64encode(hashlib.sha256(spki(key)).digest()).decode()


def pem(certificate, label="CERTIFICATE"):
    text = base64.encodebytes(certificate).decode().replace("\n", "")
    lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def from_pem(text):
    """from_pem gives the DER of each certificate in a text."""
    blocks = text.split("-----BEGIN CERTIFICATE-----")[1:]
    return [base64.b64decode(block.split("-----END")[0]) for block in blocks]


def sha256(data):
    return hashlib.sha256(data).digest()


def algorithm(dotted):
    return der.sequence(der.oid(dotted), *([] if dotted.startswith("1.2.840.10045") else
                                           [b"\x05\x00"]))


def sign(key, data, dotted):
    digest = {ECDSA_SHA1: hashes.SHA1, RSA_MD5: hashes.MD5}.get(dotted, hashes.SHA256)()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), digest)
    return key.sign(data, ec.ECDSA(digest))


def name(*common_names):
    return der.sequence(*(der.set_of(der.sequence(der.oid("2.5.4.3"), der.utf8(text)))
                          for text in common_names))


def name_of(certificate):
    """name_of is the encoded subject of a certificate, byte for byte."""
    return x509.load_der_x509_certificate(certificate).subject.public_bytes()


def extension(dotted, value, critical=False):
    return der.sequence(der.oid(dotted), *([der.boolean(True)] if critical else []),
                        der.octets(value))


def basic_constraints(ca, path_length=None):
    parts = [der.boolean(True)] if ca else []
    if path_length is not None:
        parts.append(der.integer(path_length))
    return extension("2.5.29.19", der.sequence(*parts), True)


def key_usage(usage):
    unused = (usage & -usage).bit_length() - 1 if usage else 0
    return extension("2.5.29.15", der.bits(bytes([usage]), unused), True)


def extended_key_usage(*purposes):
    return extension("2.5.29.37", der.sequence(*map(der.oid, purposes)))


def uri(text):
    return der.implicit(6, text if isinstance(text, bytes) else text.encode())


def dns(text):
    return der.implicit(2, text.encode())


def email(text):
    return der.implicit(1, text.encode())


def alternative_names(*names, critical=False):
    return extension("2.5.29.17", der.sequence(*names), critical)


def urn(collector_id):
    return uri(f"urn:uuid:{collector_id}")


class Holder:
    """Holder is a key, its certificate, and the certificates that are sent with it, leaf first."""

    def __init__(self, key, certificate, chain=()):
        self.key = key
        self.certificate = certificate
        self.chain = list(chain)

    @property
    def sent(self):
        return [self.certificate, *self.chain]

    @property
    def serial(self):
        return x509.load_der_x509_certificate(self.certificate).serial_number

    def with_(self, certificate=None, key=None, chain=None):
        """with_ is this holder with another certificate, key or chain."""
        return Holder(key or self.key, self.certificate if certificate is None else certificate,
                      self.chain if chain is None else chain)

    def write(self, directory, stem):
        """write makes PEM files for Python's ssl module and gives their paths."""
        certificate, key = directory / f"{stem}.crt", directory / f"{stem}.key"
        certificate.write_text("".join(map(pem, self.sent)))
        key.write_text(key_pem(self.key))
        return certificate, key


class Authority:
    """Authority issues certificates; it is self-signed, or another Authority has issued it."""

    def __init__(self, common_name="Test CA", key=None, issuer=None, certificate=None,
                 path_length=None, ca=True, usage=CERT_SIGN | CRL_SIGN, extra=(),
                 not_before=None, not_after=None):
        self.key = key or new_key()
        self.name = name_of(certificate) if certificate else name(common_name)
        self.issuer = issuer
        self.crl_number = 0
        moment = now()
        signer = issuer or self
        self.certificate = certificate or signer.certify(
            self.name, self.key, (basic_constraints(ca, path_length), key_usage(usage), *extra),
            not_before=not_before or moment - DAY, not_after=not_after or moment + 365 * DAY)

    @property
    def chain(self):
        """chain is what a client sends after its own certificate: every authority but the root."""
        return [self.certificate, *self.issuer.chain] if self.issuer else []

    def certify(self, subject, key, extensions, serial=None, not_before=None, not_after=None,
                signature=None, outer_signature=None, version=2, issuer_name=None, signing_key=None,
                authority_key_id=None, encode=lambda tbs: tbs):
        """certify gives the DER of one certificate with these extensions, in this order.

        version 0 is X.509 v1, which has no extensions. `encode` may give the to-be-signed part
        another encoding than DER before it is signed.
        """
        moment = now()
        signing_key = signing_key or self.key
        if signature is None:
            signature = RSA_SHA256 if isinstance(signing_key, rsa.RSAPrivateKey) else ECDSA_SHA256
        if serial is None:
            serial = next(_serials)
        identifiers = [
            extension("2.5.29.14", der.octets(key_id(key))),
            extension("2.5.29.35", der.sequence(der.implicit(0, authority_key_id or
                                                             key_id(self.key))))]
        fields = [
            *([der.explicit(0, der.integer(version))] if version else []),
            serial if isinstance(serial, bytes) else der.integer(serial), algorithm(signature),
            issuer_name or self.name,
            der.sequence(*(moment if isinstance(moment, bytes) else der.time(moment) for moment in
                           (not_before or moment - DAY, not_after or moment + 30 * DAY))),
            subject, spki(key)]
        if version:
            fields.append(der.explicit(3, der.sequence(*extensions, *identifiers)))
        tbs = encode(der.sequence(*fields))
        return der.sequence(tbs, algorithm(outer_signature or signature),
                            der.bits(sign(signing_key, tbs, signature)))

    def leaf(self, collector_id, key=None, names=None, purposes=(CLIENT_AUTH,), usage=SIGNATURE,
             ca=False, extra=(), subject=None, **options):
        """leaf is a collector's certificate; None leaves out names, purposes, usage or ca."""
        key = key or new_key()
        if names is None:
            names = (urn(collector_id),)
        extensions = [*extra]
        if names:
            extensions.append(alternative_names(*names))
        if purposes:
            extensions.append(extended_key_usage(*purposes))
        if usage is not None:
            extensions.append(key_usage(usage))
        if ca is not None:
            extensions.append(basic_constraints(ca))
        certificate = self.certify(subject if subject is not None else name("collector"), key,
                                   extensions, **options)
        return Holder(key, certificate, self.chain)

    def revocation_list(self, serials=(), this_update=None, next_update=None, number=None):
        """revocation_list is a CRL in PEM, with the next number unless one is given."""
        self.crl_number = self.crl_number + 1 if number is None else number
        moment = now()
        entries = [der.sequence(der.integer(serial), der.time(moment - DAY)) for serial in serials]
        signature = RSA_SHA256 if isinstance(self.key, rsa.RSAPrivateKey) else ECDSA_SHA256
        tbs = der.sequence(
            der.integer(1), algorithm(signature), self.name,
            der.time(this_update or moment - DAY), der.time(next_update or moment + 7 * DAY),
            *([der.sequence(*entries)] if entries else []),
            der.explicit(0, der.sequence(
                extension("2.5.29.35", der.sequence(der.implicit(0, key_id(self.key)))),
                extension("2.5.29.20", der.integer(self.crl_number)))))
        return pem(der.sequence(tbs, algorithm(signature),
                                der.bits(sign(self.key, tbs, signature))), "X509 CRL")


def signing_request_der(key, common_name="collector", signing_key=None):
    """signing_request_der is a PKCS #10 request for `key`, signed by that key unless another is given."""
    body = der.sequence(der.integer(0), name(common_name), spki(key), der.tlv(0xa0, b""))
    return der.sequence(body, algorithm(ECDSA_SHA256), der.bits(
        sign(signing_key or key, body, ECDSA_SHA256)))


def signing_request(key, **options):
    return pem(signing_request_der(key, **options), "CERTIFICATE REQUEST")
