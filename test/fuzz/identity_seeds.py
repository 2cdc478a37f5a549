#!/usr/bin/env python3
"""Writes the seeds of certificate_fuzz and jwt_fuzz from every bad kind that test/e2e makes.

Run it after a kind was added: test/fuzz/identity_seeds.py
"""
import hashlib
import pathlib
import sys
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e/lib/attacks"))

import bad_certificates  # noqa: E402
import bad_tokens  # noqa: E402
import pki  # noqa: E402

MAX_BYTES = 4096
FUZZERS_NOW = 1_800_000_000  # the time that jwt_fuzz.cpp verifies by
FUZZERS_KID = "0123456789abcde"


def write(target, seeds):
    """write replaces the seeds of a target; each file is named by the hash of its content."""
    directory = HERE / "corpus" / target
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("kind-*"):
        old.unlink()
    kept = {seed for seed in seeds if 0 < len(seed) <= MAX_BYTES}
    for seed in kept:
        (directory / f"kind-{hashlib.sha256(seed).hexdigest()[:16]}").write_bytes(seed)
    print(f"{target}: {len(kept)} seeds")


def certificates():
    world = bad_certificates.World()
    world.own, world.other, world.disabled, world.unknown = (str(uuid.uuid4()) for _ in range(4))
    made = [make(world).certificates for _, make in bad_certificates.KINDS.values()]
    made += [make(world).sent for make in bad_certificates.GOOD.values()]
    return [sent[0] for sent in made]


def tokens():
    """tokens gives header and claims with a line end between them, which jwt_fuzz signs itself."""
    claims = {**bad_tokens.collector_claims(uuid.uuid4()), "iat": FUZZERS_NOW - 5,
              "exp": FUZZERS_NOW + 600}
    forge = bad_tokens.Forge(pki.new_key(), FUZZERS_KID, claims, uuid.uuid4())
    seeds = [bad_tokens.dumps(forge.header) + b"\n" + bad_tokens.dumps(claims)]
    for make in bad_tokens.KINDS.values():
        parts = make(forge).removeprefix("Bearer ").split(".")
        if len(parts) == 3:
            try:
                seeds.append(bad_tokens.unb64(parts[0]) + b"\n" + bad_tokens.unb64(parts[1]))
            except ValueError:
                pass
    return seeds


write("certificate_fuzz", certificates())
write("jwt_fuzz", tokens())
