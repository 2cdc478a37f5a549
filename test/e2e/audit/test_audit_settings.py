"""Each setting of pganalytics in the audit log: which changes are security events, which are masked."""
import collections

import pytest

from audit_view import Audit, await_event, last_id
from checks import settings

TABLE = {f"pganalytics.{s.name}": s for s in settings.read_settings()}
# Each setting here decides who is let in, at which port, or what is recorded: never an ordinary
# change.
ALWAYS = ["api_port", "audit", "ca_passphrase_command", "database", "listen_addresses", "login_failures",
          "metrics_access", "metrics_client_ca_file", "mtls", "port", "smtp_relay", "token_lifetime"]
NEVER = ["batch_size", "ingest_path", "ingest_workers", "max_idle_connections", "retention_metrics"]


@pytest.fixture(scope="module")
def server(make_server):
    return make_server("settings", ingest_workers=1)


def test_the_table_has_every_setting(server):
    defined = {name for name, in server.db.rows(
        "SELECT name FROM pg_settings WHERE starts_with(name, 'pganalytics.')")}
    assert defined == set(TABLE)


def test_what_is_a_security_event(server):
    """ALTER SYSTEM of a setting is security.configured, WARN, if settings.def says that it protects."""
    audit = Audit(server)
    for name in TABLE:
        server.db.execute(f"ALTER SYSTEM SET {name} TO DEFAULT")
    told = {e.resource_id: (e.event, e.severity) for e in audit.events()}
    protects, ordinary = ("security.configured", "WARN"), ("settings.altered", "INFO")
    assert told == {name: protects if s.protects else ordinary for name, s in TABLE.items()}
    assert {told[f"pganalytics.{name}"] for name in ALWAYS} == {protects}
    assert {told[f"pganalytics.{name}"] for name in NEVER} == {ordinary}
    assert collections.Counter(told.values())[ordinary] >= len(NEVER)


def test_masked_values(server):
    """No event shows the value of a secret setting; events show the values of all others."""
    audit = Audit(server)
    for name, value in (("ca_passphrase_command", "echo canary"), ("ca_name", "canary CA"),
                        ("ssl_key_file", "canary.key")):
        server.db.execute(f"ALTER SYSTEM SET pganalytics.{name} = '{value}'")
        server.db.execute(f"ALTER SYSTEM RESET pganalytics.{name}")
    shown = {e.resource_id: e.details["new"] for e in audit.events() if "new" in e.details}
    assert shown == {"pganalytics.ca_passphrase_command": "(masked)", "pganalytics.ca_name": "canary CA",
                     "pganalytics.ssl_key_file": "canary.key"}
    assert [s.name for s in TABLE.values() if s.secret] == ["ca_passphrase_command"]


def test_a_reload(server):
    """A reload that lets anyone read the metrics is a security event too."""
    before = last_id(server)
    server.cluster.configure({"pganalytics.metrics_access": "anyone", "pganalytics.batch_size": 49})
    server.cluster.reload()
    await_event(server, "security.configured", before, old="authenticated", new="anyone", at="reload")
    await_event(server, "settings.reloaded", before, old="50", new="49", at="reload")
