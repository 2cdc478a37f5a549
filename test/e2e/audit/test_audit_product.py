"""What the product's own parts record in the audit log: each event once, with who, what and from where."""
import collections
import json
import re
import uuid

import pytest

import cluster
import pki
import product
from api_client import PASSWORD, ApiClient, fresh_address, session_of
from audit_view import Audit, store_counts
from client import PUSH, Client, push_body, query_rows
from hostile import Hostile
from identities import REFRESH, RENEW, ask_enrollment, enroll, enrollment_token, forge_for
from raw_tls import Presented

JSON = [("Content-Type", "application/json")]
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


def store_all_counts(server, kind):
    """store_all_counts ends a worker, so that its gateway reports all that it has counted, and stores it."""
    worker = f"SELECT pid FROM pganalytics.workers WHERE kind = '{kind}'"
    before = server.db.value(worker)
    server.db.execute("SELECT pg_terminate_backend(%s)", before)
    cluster.wait_until(lambda: server.db.value(worker) not in (before, None), 20, "a new worker")
    server.cluster.wait_until_running()
    store_counts(server)


class TestChanges:
    """Changes of identities, by the product's functions or by statements of an administrator's own."""

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
        db.execute("SET ROLE pganalytics_admin; UPDATE pganalytics.collectors "
                   "SET enabled = false, max_queries_per_db = 5 WHERE name = 'by hand'; RESET ROLE")
        configured, updated = audit.events("collector.configured", "collector.updated")
        assert configured.role == updated.role == "pganalytics_admin"
        assert updated.actor == "postgres"
        # An UPDATE to the same value is not recorded; session_replication_role = replica hides
        # nothing.
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
        # Deleting a secret that is still valid counts as a revocation.
        db.execute("SELECT pganalytics.create_registration_secret('gone')")
        audit.mark()
        db.execute("DELETE FROM pganalytics.registration_secrets WHERE name = 'gone'")
        assert one(audit.events("token.revoked")).details["removed"] is True

    def test_keys_for_tokens(self, server, audit):
        key = server.db.value("SELECT kid FROM pganalytics.token_keys WHERE revoked_at IS NULL")
        server.db.execute("SELECT pganalytics.revoke_token_key(%s)", key)
        revoked, = audit.events("token.revoked")
        assert (revoked.resource_type, revoked.resource_id) == ("token_key", key)
        # The maintenance worker makes another key.
        created = one(audit.wait(["token.created"]))
        assert (created.resource_type, created.source) == ("token_key", "server")
        assert created.role == "pganalytics_maintenance"

    def test_certificates(self, server, audit):
        db = server.db
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

    def test_a_certificate_s_end(self, server, audit):
        """The expiry of a certificate is recorded once, and not if its holder has a newer one."""
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
        # Deleting an expired certificate is not recorded, deleting a valid one is.
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
        """No recorded event holds a token or the hash of one."""
        rows = server.db.rows("SELECT l::text FROM pganalytics.audit_log l "
                              "WHERE l::text ~ %s", TOKEN)
        assert rows == []
        hashes = server.db.rows(
            "SELECT l.id FROM pganalytics.audit_log l, (SELECT encode(token_sha256, 'hex') AS h "
            "FROM pganalytics.collectors UNION ALL SELECT encode(token_sha256, 'hex') "
            "FROM pganalytics.enrollment_tokens UNION ALL SELECT encode(secret_sha256, 'hex') "
            "FROM pganalytics.registration_secrets) t WHERE strpos(l.details::text, t.h) > 0")
        assert hashes == []


class TestPeople:
    """Requests at the port for people."""

    @pytest.fixture
    def ann(self, server):
        name = f"ann_{uuid.uuid4().hex[:8]}"
        server.db.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}';"
                          f"GRANT pganalytics_viewer TO {name}")
        yield name
        server.db.execute(f"DROP ROLE {name}")

    def test_a_session_s_life(self, server, ann, audit):
        with ApiClient(server, address=(address := fresh_address())) as client:
            client.log_in(ann, PASSWORD)
            client.refresh()
            assert client.post("auth/change-password", {
                "old_password": PASSWORD, "new_password": "another one"}).status == 200
            assert client.post("auth/logout").status == 200
        events = [e for e in audit.events() if e.source == "api"]
        assert names(events) == ["auth.login", "auth.token_refreshed", "auth.password_changed",
                                 "auth.logout"], events
        for event in events:
            assert (event.actor, event.outcome, event.severity) == (ann, "success", "INFO")
            assert (event.address, event.database) == (address, "analytics")
        # Each request has its own correlation id; a session is named by the beginning of its id.
        assert len({event.correlation_id for event in events}) == 4
        assert {e.resource_id for e in events if e.resource_type == "session"} == {
            session_of(client.token)["sid"][:8]}

    def test_refused_logins(self, server, ann, audit):
        with ApiClient(server, address=fresh_address()) as client:
            assert client.log_in(ann, "wrong").status == 401
            assert client.log_in("correct horse battery staple", "x").status == 401
            server.db.execute("CREATE ROLE stranger LOGIN PASSWORD 'their own one'")
            assert client.log_in("stranger", "their own one").status == 403
            server.db.execute("DROP ROLE stranger")
            client.log_in(ann, PASSWORD)
            assert client.post("auth/change-password", {
                "old_password": "wrong one", "new_password": "another one"}).status == 403
        store_counts(server)
        events = audit.events("auth.login_failed")
        # The second failure of ann is counted with the first.
        assert [e.actor for e in events] == [ann, "correc...", "stranger", ann]
        for event in events:
            assert (event.outcome, event.severity, event.source) == ("failed", "WARN", "api")
        assert "wrong" in events[0].details["reason"] and "member" in events[2].details["reason"]

    def test_guesses_beyond_the_limit(self, make_server):
        server = make_server("guessed", ingest_workers=1, login_failures=3)
        server.db.execute(f"CREATE ROLE ann LOGIN PASSWORD '{PASSWORD}'")
        audit = Audit(server)
        with ApiClient(server) as client:
            answers = [client.log_in("ann", "wrong").status for _ in range(20)]
        assert answers == [401] * 3 + [429] * 17
        # Several events that are counted before the first is stored have the time of that.
        first = audit.wait(["security.rate_limited"])[0]
        assert (first.actor, first.address) == ("ann", "127.0.0.1")
        assert first.resource_id == "POST /api/v1/auth/login"
        store_counts(server)
        counts = [e.details["count"] for e in audit.events("security.rate_limited")]
        assert sum(counts) == 17 and len(counts) <= 2
        assert sum(e.details["count"] for e in audit.events("auth.login_failed")) == 3

    def test_a_refresh_token_that_comes_again(self, server, ann, audit):
        with ApiClient(server) as client:
            client.log_in(ann, PASSWORD)
            stolen = client.refresh_token
            client.refresh()
            client.refresh()
            assert client.refresh(stolen).status == 401
        kinds = ("security.bypass_attempt", "auth.session_ended")
        attempt, ended = audit.events(*kinds)
        assert names([attempt, ended]) == list(kinds)
        assert attempt.actor == ended.actor == ann and ended.details["reason"] == "replay"
        assert attempt.resource_id == ended.resource_id and attempt.severity == "ERROR"
        assert attempt.correlation_id == ended.correlation_id

    def test_routes_and_objects_that_are_denied(self, server, ann, audit):
        with ApiClient(server, address=fresh_address()) as client:
            client.log_in(ann, PASSWORD)
            assert client.post("auth/end-sessions", {"username": ann}).status == 403
            server.db.execute("REVOKE SELECT ON pganalytics.servers FROM pganalytics_viewer")
            try:
                assert client.get("auth/me").status == 403
            finally:
                server.db.execute("GRANT SELECT ON pganalytics.servers TO pganalytics_viewer")
        route, table = [e for e in audit.events("access.denied") if e.source == "api"]
        assert (route.actor, route.outcome) == (table.actor, table.outcome) == (ann, "denied")
        assert route.resource_id == "POST /api/v1/auth/end-sessions"
        assert (route.details["needed"], route.details["count"]) == ("admin", 1)
        assert table.resource_id.endswith("servers")

    def test_sessions_that_somebody_ends(self, server, ann, audit):
        with ApiClient(server) as client, ApiClient(server) as other:
            client.log_in(ann, PASSWORD)
            other.log_in(ann, PASSWORD)
            server.db.execute("SELECT pganalytics.end_sessions(%s)", ann)
            ended = audit.events("auth.session_ended")
            assert len(ended) == 2 and {e.actor for e in ended} == {"postgres"}
            assert {e.details["reason"] for e in ended} == {"administrator"}
            assert {e.details["role_name"] for e in ended} == {ann}
            # The token's signature is still good.
            assert client.get("auth/me").status == 401
            denied = one([e for e in audit.events("access.denied") if e.source == "api"])
            assert (denied.actor, denied.details["reason"]) == (ann, "the session has ended")
        audit.mark()
        server.db.execute("UPDATE pganalytics.api_sessions SET ended_at = NULL, end_reason = NULL "
                          "WHERE role_name = %s", ann)
        assert {e.details["ended_at"]["new"] for e in audit.events("auth.session_changed")} == {None}

    def test_tokens_that_are_forged(self, server, audit):
        collector = server.collector()
        forge = forge_for(server, collector.collector_id)
        with ApiClient(server, address=(address := fresh_address())) as client:
            assert client.get("auth/me").status == 401
            token = forge.token(aud="pganalytics-api", sub="ann", sid=str(uuid.uuid4()))
            for _ in range(3):
                assert client.get("auth/me", token=token[:-8] + "AAAAAAAA").status == 401
        # The gateway counts these refusals.
        (nothing, forged) = audit.wait(["access.denied", "security.bypass_attempt"], 2)
        assert (nothing.event, forged.event) == ("access.denied", "security.bypass_attempt")
        for event in (nothing, forged):
            assert (event.source, event.address, event.actor) == ("api", address, None)
            assert event.resource_id == "GET /api/v1/auth/me" and event.details["count"] == 1


class TestCollectors:
    """Requests at the collectors' port."""

    @pytest.fixture
    def enrolled(self, server):
        return enroll(server, f"collector {uuid.uuid4()}")

    def ask(self, server, presented=Presented(), token=None, path=REFRESH, body=b""):
        headers = [("Authorization", f"Bearer {token}")] if token else []
        with Hostile(server.port, presented) as hostile:
            return hostile.request("POST", path, body, [*headers, *JSON])

    def test_credentials_of_another(self, server, enrolled, audit):
        other = enroll(server, f"collector {uuid.uuid4()}")
        signed = other.signed_token()
        audit.mark()
        # The gateway, the worker and the check of the body refuse one each.
        assert self.ask(server, enrolled.presented, signed).status == 403
        assert self.ask(server, enrolled.presented, other.token).status == 403
        body = json.dumps(push_body(other.collector_id, query_rows(1, 1))).encode()
        assert self.ask(server, enrolled.presented, path=PUSH, body=body).status == 403
        events = audit.wait(["access.violation"], 3)
        assert len(events) == 3
        assert {e.details["reason"] for e in events} == {
            "the token and the certificate are of different collectors",
            "the token is not known or of another collector than the certificate",
            "the body names another collector than the credential"}
        for event in events:
            assert (event.source, event.actor) == ("collectors", enrolled.collector_id)
            assert (event.severity, event.outcome, event.address) == ("ERROR", "denied", "127.0.0.1")

    def test_credentials_that_are_not_good(self, server, enrolled, audit):
        db = server.db
        revoked, disabled = (enroll(server, f"collector {uuid.uuid4()}") for _ in range(2))
        db.execute("SELECT pganalytics.revoke_certificate(%s)", revoked.serial)
        db.execute("SELECT pganalytics.set_collector_enabled(%s, false)", disabled.name)
        forged = pki.Authority("pganalytics CA").leaf(enrolled.collector_id)
        signed = enrolled.signed_token()
        db.execute("SELECT pganalytics.revoke_tokens(%s)", enrolled.name)
        audit.mark()
        expected = {
            "a token that is not known": ("security.bypass_attempt", Presented(), "pga_unknown"),
            "a token that was revoked": ("security.bypass_attempt", Presented(), signed),
            "a signed token that was not issued here, or was changed": (
                "security.bypass_attempt", Presented(), signed[:-8] + "AAAAAAAA"),
            "the collector is disabled": ("access.denied", disabled.presented, None),
            "nothing was shown that says who asks": ("access.denied", Presented(), None),
            "a certificate that was revoked": (
                "security.bypass_attempt", revoked.presented, None),
            "a certificate of an authority that is not trusted, or one that is not fit": (
                "security.bypass_attempt", Presented(forged.sent, forged.key), None)}
        for _, presented, token in expected.values():
            assert self.ask(server, presented, token).status in (None, 403)
        events = audit.wait(["security.bypass_attempt", "access.denied"], len(expected))
        assert {e.details["reason"]: e.event for e in events} == {
            reason: event for reason, (event, *_) in expected.items()}
        assert len(events) == len(expected)

    def test_one_time_tokens_and_secrets(self, server, audit):
        name = f"collector {uuid.uuid4()}"
        _, token = enrollment_token(server, name)
        _, revoked = enrollment_token(server, name)
        server.db.execute("UPDATE pganalytics.enrollment_tokens SET revoked_at = now() "
                          "WHERE token_sha256 = sha256(%s)", revoked.encode())
        audit.mark()
        key = pki.new_key()
        assert ask_enrollment(server, token, key).status == 200
        assert ask_enrollment(server, token, pki.new_key()).status == 403
        assert ask_enrollment(server, revoked, pki.new_key()).status == 403
        assert ask_enrollment(server, "pge_wrong", pki.new_key()).status == 403
        body = json.dumps({"hostname": "h", "name": name, "version": "3.0.0"}).encode()
        with Hostile(server.port) as hostile:
            assert hostile.request("POST", "/api/v1/collectors/register", body, [
                ("X-Registration-Secret", "pgr_wrong"), *JSON]).status == 403
        events = audit.events("security.bypass_attempt")
        assert [e.details["reason"].split("secret that ")[1] for e in events] == [
            "was used as often as it may be", "was revoked", "is not known"]
        assert names(audit.events("token.updated", "collector.enrolled")) == ["collector.enrolled"]

    def test_registration(self, server, audit):
        name = f"old {uuid.uuid4()}"
        secret = server.db.value("SELECT secret FROM pganalytics.create_registration_secret(%s)", name)
        audit.mark()
        body = json.dumps({"hostname": "h", "name": name, "version": "3.0.0"}).encode()
        with Hostile(server.port) as hostile:
            answer = hostile.request("POST", "/api/v1/collectors/register", body, [
                ("X-Registration-Secret", secret), *JSON])
        assert answer.status == 200, answer
        events = audit.events("collector.registered", "token.created", "token.updated",
                              "certificate.issued")
        assert names(events) == ["collector.registered", "token.created", "certificate.issued"]
        assert (events[0].source, events[0].address) == ("collectors", "127.0.0.1")
        assert events[0].resource_id == answer.json["collector_id"]
        assert events[0].correlation_id == events[1].correlation_id != ""

    def test_renewal_and_refreshed_tokens(self, server, enrolled, audit):
        outcome = ask_enrollment(server, None, pki.new_key(), RENEW, enrolled.presented)
        assert outcome.status == 200
        renewed = one(audit.events("certificate.renewed"))
        assert renewed.details["former"] == enrolled.serial
        for _ in range(5):
            enrolled.signed_token()

        def refreshes():
            return [e for e in audit.events("auth.token_refreshed")
                    if e.actor == enrolled.collector_id]

        first = one(cluster.wait_until(refreshes, 10, "the first refreshes"))
        assert first.details.keys() <= {"count", "seconds"}
        store_counts(server)
        assert sum(e.details["count"] for e in refreshes()) == 5

    @pytest.mark.parametrize("shown", [{"Authorization": "Bearer pga_forged"}, {}],
                             ids=["by the worker", "by the gateway"])
    def test_log_volume_under_attack(self, server, audit, shown):
        """10,000 refused requests make a few rows, whose counts cover every request."""
        sent = 10000
        # Wait until earlier refusals are recorded.
        store_all_counts(server, "ingest")
        audit.mark()
        with Client(server.port, server.ca_file, None) as client:
            statuses = collections.Counter(
                client.request("GET", "/api/v1/metrics/health", headers=shown).status
                for _ in range(sent))
        assert statuses == {403: sent}
        store_all_counts(server, "ingest")
        # Refusals of people's requests may be recorded only now, up to a minute later.
        events = [e for e in audit.events("security.bypass_attempt", "access.denied",
                                          "security.rate_limited") if e.source == "collectors"]
        assert len(events) < 20, events
        assert sum(e.details["count"] for e in events) == sent, events


def test_the_manual_has_each_kind(server):
    """docs/operate/audit.md lists each event with its severity, and no other."""
    text = (product.SOURCE / "docs/operate/audit.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| (INFO|WARN|ERROR) \|", text, re.MULTILINE)
    assert sorted(rows) == sorted(server.db.rows(
        "SELECT event, severity FROM pganalytics.audit_events()"))
    assert len(rows) >= 16
