"""Signed tokens that must let nobody in: each kind is one fault in an otherwise good token.

A kind is a function that takes a Forge and gives the value of an Authorization header. Most tokens
are signed by the server's own key, so that only the fault can be the reason of the refusal.
"""
import base64
import hashlib
import hmac
import json
import time
import uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import pki

ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551  # of P-256
KINDS = {}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def dumps(value):
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def es256(key, data):
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def es384(key, data):
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA384())))
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


class Forge:
    """Forge signs with a key of the server; `claims` are those of a good token."""

    def __init__(self, key, kid, claims, other=None):
        self.key = key
        self.kid = kid
        self.claims = claims
        self.other = other  # another subject that exists
        self.header = {"alg": "ES256", "typ": "JWT", "kid": kid}

    def signed(self, header, claims, sign=es256, key=None):
        """signed is a token with this header and these claims, each a dict or bytes as they are."""
        data = f"{b64(dumps(header))}.{b64(dumps(claims))}"
        return f"{data}.{b64(sign(key or self.key, data.encode()))}"

    def token(self, drop=(), **changes):
        """token is a good token with these claims changed or dropped."""
        claims = {k: v for k, v in {**self.claims, **changes}.items() if k not in drop}
        return self.signed(self.header, claims)

    def headed(self, drop=(), **changes):
        """headed is a good token with these header fields changed or dropped."""
        header = {k: v for k, v in {**self.header, **changes}.items() if k not in drop}
        return self.signed(header, self.claims)

    def public(self, encoding, form):
        return self.key.public_key().public_bytes(encoding, form)


def confirmation(certificate):
    """confirmation binds a token to a certificate (RFC 8705 section 3.1)."""
    return {"x5t#S256": b64(pki.sha256(certificate))}


def collector_claims(collector_id, lifetime=600):
    now = int(time.time())
    return {"iss": "pganalytics", "aud": "pganalytics-collector", "sub": str(collector_id),
            "iat": now, "exp": now + lifetime, "jti": str(uuid.uuid4())}


def kind(label, make):
    assert label not in KINDS
    KINDS[label] = make


def header(label, **changes):
    kind(label, lambda f: "Bearer " + f.headed(**changes))


def claims(label, drop=(), **changes):
    kind(label, lambda f: "Bearer " + f.token(drop, **changes))


def later(label, claim, seconds):
    kind(label, lambda f: "Bearer " + f.token(**{claim: int(time.time()) + seconds}))


def secret(label, alg, of, digest="sha256"):
    """secret registers a token that is signed with a secret that everybody knows."""
    kind(label, lambda f: "Bearer " + f.signed(
        {**f.header, "alg": alg}, f.claims,
        lambda _, data: hmac.digest(of(f), data, digest)))


def signature(label, change):
    """signature registers a good token whose 64 bytes of signature are changed."""
    kind(label, lambda f: "Bearer " + f.signed(
        f.header, f.claims, lambda key, data: change(es256(key, data))))


def text(label, change):
    """text registers a good token whose text is changed."""
    kind(label, lambda f: "Bearer " + change(f.token()))


# The server, not the token, chooses the algorithm.
for name in ("none", "None", "NONE", "nOnE", ""):
    kind(f"alg {name!r}, no signature", lambda f, name=name: "Bearer " + f.signed(
        {**f.header, "alg": name}, f.claims, lambda *_: b""))
    header(f"alg {name!r}, signed all the same", alg=name)
header("alg missing", drop=("alg",))
header("alg in lower case", alg="es256")
header("alg with a blank", alg="ES256 ")
header("alg a list", alg=["ES256"])
header("alg a number", alg=256)
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
secret("HS256 by the public key in PEM", "HS256", lambda f: f.public(PEM, SPKI))
secret("HS256 by the public key in DER", "HS256", lambda f: f.public(DER, SPKI))
secret("HS256 by the public point", "HS256", lambda f: f.public(*POINT))
secret("HS256 by the key's id", "HS256", lambda f: f.kid.encode())
secret("HS256 by an empty secret", "HS256", lambda f: b"")
secret("HS512 by the public key", "HS512", lambda f: f.public(PEM, SPKI), "sha512")
secret("HMAC under the right algorithm's name", "ES256", lambda f: f.public(*POINT))
kind("RS256 by a key of the sender's", lambda f: "Bearer " + f.signed(
    {**f.header, "alg": "RS256"}, f.claims,
    lambda key, data: key.sign(data, padding.PKCS1v15(), hashes.SHA256()), pki.new_rsa_key()))
kind("ES384 by a key of the sender's", lambda f: "Bearer " + f.signed(
    {**f.header, "alg": "ES384"}, f.claims, es384, pki.new_key(ec.SECP384R1)))
kind("ES384 in name only", lambda f: "Bearer " + f.headed(alg="ES384"))


def v3_token(f):
    """v3_token is the token that a v3 collector without a token file signs for itself."""
    return "Bearer " + f.signed(
        {"alg": "HS256", "typ": "JWT"},
        {"iss": "pganalytics-collector", "jti": "1", "sub": f.claims["sub"],
         "iat": f.claims["iat"], "exp": f.claims["exp"]},
        lambda _, data: hmac.digest(b"", data, "sha256"))


kind("of a v3 collector without a token", v3_token)

# The server, not the token, chooses the key.
header("kid missing", drop=("kid",))
header("kid unknown", kid="0" * 15)
header("kid empty", kid="")
header("kid a number", kid=7)
header("kid a path", kid="../../../../../dev/null")
header("kid a file of ours", kid="pganalytics_ca.key")
header("kid SQL", kid="' OR '1'='1")
kind("kid in upper case", lambda f: "Bearer " + f.headed(kid=(f.kid.upper() if f.kid.upper() != f.kid
                                                             else f.kid + "A")))
kind("kid with NUL behind", lambda f: "Bearer " + f.headed(kid=f.kid + "\0"))
kind("kid with more behind", lambda f: "Bearer " + f.headed(kid=f.kid + "0"))
kind("kid cut short", lambda f: "Bearer " + f.headed(kid=f.kid[:-1]))
kind("another key under our kid", lambda f: "Bearer " + f.signed(f.header, f.claims,
                                                                 key=pki.new_key()))


def jwk(key):
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": b64(numbers.x.to_bytes(32, "big")),
            "y": b64(numbers.y.to_bytes(32, "big"))}


def with_own_key(label, add):
    def make(f):
        key = pki.new_key()
        return "Bearer " + f.signed({**f.header, **add(key)}, f.claims, key=key)
    kind(label, make)


with_own_key("jwk", lambda key: {"jwk": jwk(key)})
with_own_key("jwk without kid", lambda key: {"jwk": jwk(key), "kid": ""})
with_own_key("jku", lambda key: {"jku": "https://localhost/keys.json"})
with_own_key("x5u", lambda key: {"x5u": "https://localhost/key.pem"})
with_own_key("x5c", lambda key: {"x5c": [base64.b64encode(
    pki.Authority(key=key).certificate).decode()]})
header("jwk of its own beside a good signature", jwk={"kty": "oct", "k": ""})
header("crit", crit=["exp"])
header("crit of something unknown", crit=["urn:x"], **{"urn:x": 1})
header("b64 false", b64=False, crit=["b64"])
header("zip", zip="DEF")
header("unknown header", x=1)
header("typ of another kind", typ="JOSE")
kind("header twice alg", lambda f: "Bearer " + f.signed(
    dumps(f.header)[:-1] + b',"alg":"ES256"}', f.claims))
kind("header twice kid", lambda f: "Bearer " + f.signed(
    b'{"kid":"x",' + dumps(f.header)[1:], f.claims))
kind("header no object", lambda f: "Bearer " + f.signed(b'["ES256"]', f.claims))
kind("header empty", lambda f: "Bearer " + f.signed(b"", f.claims))

# The signature.
signature("signature empty", lambda s: b"")
signature("signature a byte short", lambda s: s[:-1])
signature("signature a byte long", lambda s: s + b"\0")
signature("signature half", lambda s: s[:32])
signature("signature r and s swapped", lambda s: s[32:] + s[:32])
signature("signature zeros", lambda s: bytes(64))
signature("signature r zero", lambda s: bytes(32) + s[32:])
signature("signature s zero", lambda s: s[:32] + bytes(32))
signature("signature r the order", lambda s: ORDER.to_bytes(32, "big") + s[32:])
signature("signature s the order", lambda s: s[:32] + ORDER.to_bytes(32, "big"))
signature("signature of ones", lambda s: b"\xff" * 64)
signature("signature a bit changed", lambda s: s[:40] + bytes([s[40] ^ 1]) + s[41:])
kind("signature in DER", lambda f: "Bearer " + f.signed(
    f.header, f.claims, lambda key, data: key.sign(data, ec.ECDSA(hashes.SHA256()))))
kind("signature of another token", lambda f: "Bearer " + ".".join(
    f.token(jti=str(uuid.uuid4())).split(".")[:2] + [f.token().split(".")[2]]))
kind("claims changed after signing", lambda f: "Bearer " + ".".join(
    [f.token().split(".")[0], b64(dumps({**f.claims, "exp": f.claims["exp"] + 1})),
     f.token().split(".")[2]]))

# Times.
later("expired a second ago", "exp", -1)
later("expired long ago", "exp", -86400)
later("issued in an hour", "iat", 3600)
later("good from an hour on", "nbf", 3600)
claims("no exp", drop=("exp",))
claims("exp null", exp=None)
claims("exp true", exp=True)
claims("exp text", exp="99999999999")
claims("exp negative", exp=-1)
claims("exp a fraction", exp=time.time() + 600.5)
claims("exp beyond 64 bits", exp=1 << 64)
claims("exp at the end of 64 bits", exp=(1 << 63))
kind("exp with an exponent", lambda f: "Bearer " + f.signed(
    f.header, dumps(f.claims).replace(f'"exp":{f.claims["exp"]}'.encode(), b'"exp":1e300')))
claims("exp a list", exp=[99999999999])
claims("no iat", drop=("iat",))
claims("iat text", iat="1")
claims("iat negative", iat=-1)
claims("nbf text", nbf="1")

# Audience and issuer.
claims("no aud", drop=("aud",))
claims("aud empty", aud="")
claims("aud another service", aud="postgres")
claims("aud with more behind", aud="pganalytics-collector2")
kind("aud a list", lambda f: "Bearer " + f.token(aud=[f.claims["aud"]]))
kind("aud of the other port", lambda f: "Bearer " + f.token(
    aud="pganalytics-api" if "collector" in f.claims["aud"] else "pganalytics-collector"))
claims("no iss", drop=("iss",))
claims("iss another", iss="pganalytics-collector")
claims("no sub", drop=("sub",))
claims("sub empty", sub="")
claims("sub a number", sub=1)
claims("sub a list", sub=["x"])
kind("sub with NUL behind", lambda f: "Bearer " + f.token(sub=f.claims["sub"] + "\0"))
kind("sub with a blank behind", lambda f: "Bearer " + f.token(sub=f.claims["sub"] + " "))
claims("no jti", drop=("jti",))
claims("jti no uuid", jti="1")

# Tokens bound to a certificate that the client does not present.
claims("cnf of another certificate", cnf={"x5t#S256": b64(hashlib.sha256(b"x").digest())})
claims("cnf of zeros", cnf={"x5t#S256": b64(bytes(32))})
claims("cnf empty", cnf={})
claims("cnf no object", cnf="x")
claims("cnf null", cnf=None)
claims("cnf of another kind", cnf={"jkt": b64(hashlib.sha256(b"x").digest())})
claims("cnf no text", cnf={"x5t#S256": 1})
claims("cnf empty text", cnf={"x5t#S256": ""})

# JSON that breaks the strict grammar.
kind("sub twice", lambda f: "Bearer " + f.signed(
    f.header, dumps({"sub": str(f.other)})[:-1] + b"," + dumps(f.claims)[1:]))
kind("sub twice, once escaped", lambda f: "Bearer " + f.signed(
    f.header, dumps(f.claims)[:-1] + b',"s\\u0075b":' + dumps(str(f.other)) + b"}"))
kind("exp twice", lambda f: "Bearer " + f.signed(
    f.header, dumps({**f.claims, "exp": 1})[:-1] + b',"exp":%d}' % f.claims["exp"]))
kind("claims with bytes behind", lambda f: "Bearer " + f.signed(f.header, dumps(f.claims) + b"x"))
kind("claims twice", lambda f: "Bearer " + f.signed(f.header, dumps(f.claims) * 2))
kind("claims cut short", lambda f: "Bearer " + f.signed(f.header, dumps(f.claims)[:-1]))
kind("claims with a comment", lambda f: "Bearer " + f.signed(
    f.header, b"/**/" + dumps(f.claims)))
kind("claims with a byte order mark", lambda f: "Bearer " + f.signed(
    f.header, b"\xef\xbb\xbf" + dumps(f.claims)))
kind("claims with a trailing comma", lambda f: "Bearer " + f.signed(
    f.header, dumps(f.claims)[:-1] + b",}"))
kind("claims not UTF-8", lambda f: "Bearer " + f.signed(
    f.header, dumps(f.claims)[:-1] + b',"x":"\xff"}'))
kind("claims a list", lambda f: "Bearer " + f.signed(f.header, b"[" + dumps(f.claims) + b"]"))
kind("claims empty", lambda f: "Bearer " + f.signed(f.header, b""))
kind("claims nested deep", lambda f: "Bearer " + f.signed(
    f.header, dumps(f.claims)[:-1] + b',"x":' + b"[" * 1500 + b"]" * 1500 + b"}"))
kind("digits that are not ASCII's", lambda f: "Bearer " + f.signed(
    f.header, dumps(f.claims).replace(b'"exp":', b'"exp":\xd9\xa1')))

# Token texts that break the strict encoding.
text("padding behind", lambda t: t + "==")
text("padding inside", lambda t: t.replace(".", "=.", 1))
text("dot behind", lambda t: t + ".")
text("dot before", lambda t: "." + t)
text("dot twice", lambda t: t.replace(".", "..", 1))
text("fourth part", lambda t: t + ".e30")
text("five parts", lambda t: t + ".e30.e30")
text("two parts", lambda t: t.rsplit(".", 1)[0])
text("one part", lambda t: t.split(".")[1])
text("blank inside", lambda t: t[:50] + " " + t[50:])
text("tab inside", lambda t: t[:50] + "\t" + t[50:])
text("escaped dot", lambda t: t.replace(".", "%2E"))
text("byte above 127", lambda t: t[:-1] + "\xb2")
text("twice", lambda t: t + " " + t)
text("list of two", lambda t: t + ", Bearer " + t)
text("in quotes", lambda t: f'"{t}"')
text("20 kB", lambda t: t + "A" * 20_000)


def spare_bits(token):
    """spare_bits sets a bit of the signature's last letter that decoding ignores."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def standard_letters(f):
    """standard_letters writes + and / for - and _ in a signature that contains one of these."""
    while True:
        head, _, tail = f.token().rpartition(".")
        standard = tail.replace("-", "+").replace("_", "/")
        if standard != tail:
            return f"Bearer {head}.{standard}"


text("spare bits set", spare_bits)
kind("letters of standard base64", standard_letters)
kind("scheme of another kind", lambda f: "Basic " + f.token())
kind("no scheme", lambda f: f.token())
kind("colon behind the scheme", lambda f: "Bearer: " + f.token())
