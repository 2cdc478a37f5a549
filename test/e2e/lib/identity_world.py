"""A server whose ingest worker has the test as its gateway (puppet.py), and helpers of its tests."""
import hashlib
import os
import uuid

import pytest

import cluster
import pki
import product
import puppet
from worker_frames import CONFIG, credential


class World:
    """World is a server with one ingest worker, for which the test plays the gateway."""

    def __init__(self, root):
        self.stage = puppet.Stage(root / "stage")
        self.cluster = product.Analytics(root, "puppet", {
            "pganalytics.ingest_workers": 1, "pganalytics.api_port": 0})
        self.cluster.command = [str(self.stage.postgres)]
        self.cluster.init().start()
        self.cluster.psql(f"CREATE DATABASE {product.DATABASE}")
        self.sql("CREATE EXTENSION pganalytics")
        self.gateway = None
        self.next_gateway()

    def sql(self, statement):
        return self.cluster.query(statement)

    def next_gateway(self):
        if self.gateway is not None:
            self.gateway.close()
        self.gateway = self.stage.gateway()
        self.gateway.take(CONFIG)
        self.first_identity = self.gateway.identity()
        self.gateway.ready()

    def configure(self, **settings):
        """configure changes settings; the worker then starts another gateway."""
        self.cluster.configure({f"pganalytics.{name}": value for name, value in settings.items()})
        self.cluster.reload()
        self.next_gateway()

    def collector(self, name=None):
        """collector makes a collector and gives (UUID, token)."""
        made = self.cluster.create_collector(name or f"c-{uuid.uuid4()}")
        return uuid.UUID(made.collector_id), made.token

    def enrollment(self, name=None, valid_for="1 hour"):
        """enrollment gives (UUID, one-time token)."""
        row = self.sql("SELECT collector_id, token FROM pganalytics.create_enrollment_token("
                       f"'{name or uuid.uuid4()}', '{valid_for}')")
        collector_id, token = row.split("|")
        return uuid.UUID(collector_id), token

    def put_on_record(self, collector_id, der, state="active", ends="1 day"):
        """put_on_record inserts a certificate as the maintenance worker does."""
        revoked = "now(), 'unspecified'" if state == "revoked" else "NULL, NULL"
        self.sql("INSERT INTO pganalytics.certificates (serial, issuer, sha256, spki_sha256, kind, "
                 "collector_id, subject, not_before, not_after, state, revoked_at, "
                 f"revocation_reason, pem) VALUES ('{uuid.uuid4().hex}', 'aa', "
                 f"'\\x{hashlib.sha256(der).hexdigest()}', sha256('x'), 'collector', "
                 f"'{collector_id}', 'CN=x', now() - interval '2 days', now() + interval '{ends}', "
                 f"'{state}', {revoked}, 'PEM')")

    def with_certificate(self):
        """with_certificate makes a collector and gives (UUID, token, certificate, credential with it)."""
        collector_id, token = self.collector()
        der = os.urandom(64)
        self.put_on_record(collector_id, der)
        return collector_id, token, der, credential(certificate=der, subject=collector_id)

    def token_key(self):
        """token_key makes a key that signs from now on and gives (kid, key)."""
        key = pki.new_key()
        point = pki.point(key)
        kid = hashlib.sha256(point).hexdigest()[:15]
        product.write_secret(self.cluster.data / f"pganalytics_token_{kid}.key", pki.key_pem(key))
        self.sql("INSERT INTO pganalytics.token_keys (kid, public_key, signs_from, signs_until, "
                 f"verifies_until) VALUES ('{kid}', '\\x{point.hex()}', now(), "
                 "now() + interval '1 day', now() + interval '2 days')")
        return kid, key


@pytest.fixture(scope="module")
def world():
    root = cluster.make_root()
    one = World(root)
    yield one
    one.gateway.close()
    one.stage.close()
    one.cluster.remove()


@pytest.fixture
def gateway(world):
    return world.gateway
