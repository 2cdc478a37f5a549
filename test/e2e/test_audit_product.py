"""What the product's own parts tell the audit log: each event once, with who, what and from where."""
import pytest

import cluster
import pki
from audit_view import Audit
from identities import enroll, enrollment_token

TOKEN = r"pg[aers]_[0-9a-f]{16,}"


@pytest.fixture(scope="module")
def server(make_server):
    return make_server("audited", ingest_workers=1)


@pytest.fixture
def audit(server):
    return Audit(server)


def one(events):
    assert len(events) == 1, events
    return events[0]


def names(events):
    return [event.event for event in events]


class TestChanges:
    """Rows of identities: who changed what, by functions of ours or by statements of their own."""

    def test_a_collector_s_life(self, server, audit):
        db = server.db
        collector_id, _ = db.row("SELECT * FROM pganalytics.create_collector('life')")
        db.execute("SELECT pganalytics.set_collector_enabled('life', false)")
        db.execute("SELECT pganalytics.set_query_limit('life', 77)")
        db.execute("SELECT pganalytics.allow_registration('life')")
        db.execute("SELECT pganalytics.rotate_token('life')")
        db.execute("SELECT pganalytics.revoke_tokens('life')")
        db.execute("DELETE FROM pganalytics.collectors WHERE name = 'life'")
        events = audit.events()
        assert names(events) == [
            "collector.registered", "token.created", "collector.updated", "collector.configured",
            "collector.updated", "token.created", "token.revoked", "collector.removed"], events
        for event in events:
            assert event.resource_id == str(collector_id) and event.details["name"] == "life"
            assert (event.source, event.outcome, event.actor) == ("session", "success", "postgres")
            assert event.database == "analytics" and event.address is not None
        assert events[0].details == {"name": "life", "enabled": True, "max_queries_per_db": None}
        assert events[1].details == {"name": "life", "replaces": False}
        assert events[2].details == {"name": "life", "enabled": {"old": True, "new": False}}
        assert events[3].details["max_queries_per_db"] == {"old": None, "new": 77}
        change = events[4].details["registration_until"]
        assert change["old"] is None and change["new"].endswith("+00:00")
        assert events[5].details["replaces"] is True and events[5].details["tokens_valid_from"]
        assert events[6].resource_type == "collector_token"
        assert (events[7].severity, events[7].details["enabled"]) == ("WARN", False)

    def test_a_statement_of_their_own(self, server, audit):
        db = server.db
        db.execute("SELECT pganalytics.create_collector('by hand')")
        audit.mark()
        db.execute("SET ROLE pganalytics_admin; UPDATE pganalytics.collectors SET enabled = false, max_queries_per_db = 5 "
                   "WHERE name = 'by hand'; RESET ROLE")
        configured, updated = audit.events("collector.configured", "collector.updated")
        assert configured.role == updated.role == "pganalytics_admin"
        assert updated.actor == "postgres"
        # No other value, nothing told; replication's role hides nothing.
        audit.mark()
        db.execute("UPDATE pganalytics.collectors SET enabled = enabled WHERE name = 'by hand'")
        assert audit.events("collector.updated") == []
        db.execute("SET session_replication_role = replica;"
                   "UPDATE pganalytics.collectors SET name = 'by hand!' WHERE name = 'by hand';"
                   "SET session_replication_role = DEFAULT")
        assert one(audit.events("collector.updated")).details["name"] == {
            "old": "by hand", "new": "by hand!"}

    def test_what_is_rolled_back(self, server, audit):
        server.db.execute(
            "BEGIN; SELECT pganalytics.create_collector('kept'); SAVEPOINT a;"
            "SELECT pganalytics.create_collector('undone'); ROLLBACK TO a; COMMIT")
        events = audit.events("collector.registered", "token.created", "transaction.rolled_back")
        assert names(events) == ["collector.registered", "token.created"] * 2 + [
            "transaction.rolled_back"]
        assert events[-1].details == {"events": 2}
        assert len({event.correlation_id for event in events}) == 1
        server.db.execute("DELETE FROM pganalytics.collectors WHERE name = 'kept'")

    def test_tokens_and_secrets(self, server, audit):
        db = server.db
        db.execute("SELECT pganalytics.create_enrollment_token('to enrol')")
        db.execute("SELECT pganalytics.revoke_enrollment_token('to enrol')")
        db.execute("SELECT pganalytics.create_registration_secret('old ones', 3)")
        db.execute("UPDATE pganalytics.registration_secrets SET uses_left = 1000 "
                   "WHERE name = 'old ones'")
        db.execute("SELECT pganalytics.revoke_registration_secret('old ones')")
        db.execute("DELETE FROM pganalytics.registration_secrets WHERE name = 'old ones'")
        events = [e for e in audit.events() if e.event.startswith("token.")]
        assert [(e.event, e.resource_type) for e in events] == [
            ("token.created", "enrollment_token"), ("token.revoked", "enrollment_token"),
            ("token.created", "registration_secret"), ("token.updated", "registration_secret"),
            ("token.revoked", "registration_secret")]
        assert events[0].details.keys() == {"collector_id", "created_by", "expires_at"}
        assert events[3].details["uses_left"] == {"old": 3, "new": 1000}
        # Removing one that is still good is a revocation.
        db.execute("SELECT pganalytics.create_registration_secret('gone')")
        audit.mark()
        db.execute("DELETE FROM pganalytics.registration_secrets WHERE name = 'gone'")
        assert one(audit.events("token.revoked")).details["removed"] is True

    def test_keys_for_tokens(self, server, audit):
        key = server.db.value("SELECT kid FROM pganalytics.token_keys WHERE revoked_at IS NULL")
        server.db.execute("SELECT pganalytics.revoke_token_key(%s)", key)
        revoked, = audit.events("token.revoked")
        assert (revoked.resource_type, revoked.resource_id) == ("token_key", key)
        # The worker makes another one.
        created = one(audit.wait(["token.created"]))
        assert (created.resource_type, created.source) == ("token_key", "server")
        assert created.role == "pganalytics_maintenance"

    def test_certificates(self, server, audit):
        db = server.db
        collector_id, token = enrollment_token(server, "certified")
        audit.mark()
        enrolled = enroll(server, "certified also")
        events = audit.events("collector.registered", "token.created", "certificate.issued",
                              "collector.enrolled")
        assert names(events) == ["collector.registered", "token.created", "token.created",
                                 "certificate.issued", "collector.enrolled"], events
        issued, done = events[3:]
        assert (issued.resource_type, issued.resource_id) == ("certificate", enrolled.serial)
        assert issued.details["collector_id"] == enrolled.collector_id
        assert (done.source, done.actor) == ("collectors", enrolled.collector_id)
        assert done.address == "127.0.0.1"
        audit.mark()
        db.execute("SELECT pganalytics.revoke_certificate(%s, 'keyCompromise')", enrolled.serial)
        revoked = one(audit.events("certificate.revoked"))
        assert revoked.details["revocation_reason"] == "keyCompromise"
        assert revoked.details["revoked_by"] == "postgres" and revoked.severity == "WARN"
        del collector_id, token

    def test_a_certificate_s_end(self, server, audit):
        """Told once, and not of one whose holder has the next."""
        db = server.db
        lonely, renewed = enroll(server, "lonely"), enroll(server, "with a next one")
        request = db.value("SELECT pganalytics.issue_certificate(%s, %s)", renewed.name,
                           pki.signing_request(pki.new_key()))
        db.execute("SELECT pganalytics.issued_certificate(%s)", request)
        next_one = one(audit.events("certificate.renewed"))
        assert next_one.details["former"] == renewed.serial
        audit.mark()
        for serial in (lonely.serial, renewed.serial):
            db.execute("UPDATE pganalytics.certificates SET not_before = now() - interval '2 days', "
                       "not_after = now() - interval '1 day' WHERE serial = %s", serial)
        assert [e.resource_id for e in audit.events("certificate.updated")] == [
            lonely.serial, renewed.serial]
        cluster.wait_until(lambda: db.value(
            "SELECT count(*) = 2 FROM pganalytics.certificates WHERE ended_alone IS NOT NULL"), 20)
        expired = one(audit.events("certificate.expired"))
        assert expired.resource_id == lonely.serial and expired.source == "server"
        db.execute("SELECT pganalytics.note_expired_certificates()")
        assert len(audit.events("certificate.expired")) == 1
        # One that has expired can go untold, one that has not cannot.
        audit.mark()
        db.execute("DELETE FROM pganalytics.certificates WHERE collector_id = %s",
                   renewed.collector_id)
        assert one(audit.events("certificate.removed")).resource_id == next_one.resource_id

    def test_emptied_tables(self, server, audit):
        server.db.execute("BEGIN; TRUNCATE pganalytics.enrollment_tokens; ROLLBACK")
        event, undone = audit.events("token.revoked", "transaction.rolled_back")
        assert event.details == {"truncated": True}
        assert event.resource_id == "pganalytics.enrollment_tokens" and undone.details["events"]

    def test_no_secret(self, server):
        """Of all that was told, nothing is a token or the hash of one."""
        rows = server.db.rows("SELECT l::text FROM pganalytics.audit_log l "
                              "WHERE l::text ~ %s", TOKEN)
        assert rows == []
        hashes = server.db.rows(
            "SELECT l.id FROM pganalytics.audit_log l, (SELECT encode(token_sha256, 'hex') AS h "
            "FROM pganalytics.collectors UNION ALL SELECT encode(token_sha256, 'hex') "
            "FROM pganalytics.enrollment_tokens UNION ALL SELECT encode(secret_sha256, 'hex') "
            "FROM pganalytics.registration_secrets) t WHERE strpos(l.details::text, t.h) > 0")
        assert hashes == []
