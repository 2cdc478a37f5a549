"""Sessions of people: tokens good and bad, refresh tokens, and what ends a session."""
import concurrent.futures
import json
import time
import uuid

import pytest

import bad_tokens
import cluster
import product
from api_client import PASSWORD, ApiClient, assert_problem, end_of, session_of
from people import client, person, server  # noqa: F401


class TestTokens:
    def test_no_token(self, client):
        for method, path in (("GET", "auth/me"), ("POST", "auth/logout"),
                             ("POST", "auth/change-password")):
            answer = client.call(method, path)
            assert_problem(answer, 401)
            assert answer.headers["www-authenticate"] == 'Bearer realm="pganalytics"'
        answer = client.get("auth/me", headers={"Authorization": "Basic dXNlcjpwYXNz"})
        assert_problem(answer, 401)

    def forge(self, server, token):
        """forge signs tokens with the server's own key."""
        from cryptography.hazmat.primitives import serialization
        kid = json.loads(bad_tokens.unb64(token.split(".")[0]))["kid"]
        path = server.cluster.data / f"pganalytics_token_{kid}.key"
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        return bad_tokens.Forge(key, kid, session_of(token))

    def test_bad_tokens(self, server, person, client):
        other = person("admin")
        client.log_in(person(), PASSWORD)
        forge = self.forge(server, client.token)
        now = int(time.time())
        assert client.get("auth/me", token=forge.token()).status == 200
        header, claims, signature = client.token.split(".")
        for bad in (
                forge.token(exp=now - 1), forge.token(iat=now + 600), forge.token(drop=["exp"]),
                forge.token(aud="pganalytics-collector"), forge.token(iss="somebody"),
                forge.token(sub=other), forge.token(sub=""), forge.token(sub="x" * 64),
                forge.token(sub=session_of(client.token)["sub"] + "\u0000"),
                forge.token(sid=str(uuid.uuid4())), forge.token(drop=["sid"]), forge.token(sid="x"),
                forge.token(sid="00000000-0000-0000-0000-000000000000"),
                forge.headed(alg="none"), forge.headed(alg="HS256"), forge.headed(kid="0" * 15),
                f"{header}.{claims}.", f"{header}.{claims}", f"{header}.{claims}.{signature[:-2]}AA",
                f"{header}.{signature}.{claims}", client.refresh_token, "pga_" + "0" * 64, "x"):
            answer = client.get("auth/me", token=bad)
            assert_problem(answer, 401)
            assert 'error="invalid_token"' in answer.headers["www-authenticate"], bad

    def test_token_of_another_name_ends_the_session(self, server, person, client):
        # Only the server's key can have signed this token, so the whole session is ended.
        client.log_in(person(), PASSWORD)
        bad = self.forge(server, client.token).token(sub=person())
        assert_problem(client.get("auth/me", token=bad), 401)
        assert end_of(server, client.token) == "role"

    def test_collectors_token(self, server, client):
        assert_problem(client.get("auth/me", token=server.collector().token), 401)

    def test_persons_token_is_none_of_a_collector(self, server, person, client):
        client.log_in(person("admin"), PASSWORD)
        with server.client(server.collector()) as collector:
            collector.token = client.token
            assert collector.push(b"{}").status == 403

    def end_grace(self, server, token):
        """end_grace makes the last refresh of a session eleven seconds older."""
        server.db.execute("UPDATE pganalytics.api_sessions SET refreshed_at = refreshed_at - "
                          "interval '11 s' WHERE session_id = %s", session_of(token)["sid"])

    def test_refresh_token_twice(self, server, person, client):
        client.log_in(person(), PASSWORD)
        stolen, first = client.refresh_token, client.token
        assert client.refresh().status == 200
        latest, second = client.refresh_token, client.token
        self.end_grace(server, first)
        assert_problem(client.refresh(stolen), 401, "log in again")
        assert end_of(server, first) == "replay"
        # Neither of the two tokens is accepted any more.
        assert_problem(client.refresh(latest), 401)
        for token in (first, second):
            assert_problem(client.get("auth/me", token=token), 401)

    def test_refresh_token_long_since_used(self, server, person, client):
        client.log_in(person(), PASSWORD)
        oldest = client.refresh_token
        for _ in range(3):
            assert client.refresh().status == 200
        assert_problem(client.refresh(oldest), 401)
        assert end_of(server, client.token) == "replay"

    @pytest.mark.parametrize("change", [
        lambda t: "x", lambda t: t[:-1], lambda t: t + "0", lambda t: t.upper(),
        lambda t: "pga_" + t[4:], lambda t: "pgs_" + "0" * 96, lambda t: t[:-1] + "g",
        lambda t: t[:4] + uuid.uuid4().hex + t[36:]])
    def test_what_is_no_refresh_token(self, person, client, change):
        client.log_in(person(), PASSWORD)
        token = client.refresh_token
        assert_problem(client.refresh(change(token)), 401)
        # The text belongs to no session, so the client's session goes on.
        assert client.refresh(token).status == 200

    def test_tabs_that_refresh_at_once(self, server, person, client):
        """Two tabs send one refresh token: both get the same next one, and the session goes on."""
        client.log_in(person(), PASSWORD)
        token, first = client.refresh_token, client.token
        before = server.db.value("SELECT coalesce(max(id), 0) FROM pganalytics.audit_log")

        def refresh(_):
            with ApiClient(server) as one:
                answer = one.refresh(token)
                return answer.status, one.refresh_token, one.get("auth/me").status

        with concurrent.futures.ThreadPoolExecutor(10) as executor:
            answers = set(executor.map(refresh, range(10)))
        ((status, following, me),) = answers
        assert (status, me) == (200, 200) and following != token
        assert client.refresh(following).status == 200
        # Only the last predecessor has the grace.
        assert_problem(client.refresh(token), 401)
        assert end_of(server, first) == "replay"
        cluster.wait_until(lambda: server.db.rows(
            "SELECT FROM pganalytics.audit_log WHERE id > %s AND event = 'security.bypass_attempt'",
            before), what="the attack on record")
        assert server.db.value(
            "SELECT sum(coalesce((details->>'count')::int, 1)) FROM pganalytics.audit_log "
            "WHERE id > %s AND event = 'security.bypass_attempt'", before) == 1

    def test_the_grace_of_a_token_ends(self, server, person, client):
        client.log_in(person(), PASSWORD)
        token, first = client.refresh_token, client.token
        assert client.refresh().status == 200
        assert client.refresh(token).status == 200
        self.end_grace(server, first)
        assert_problem(client.refresh(token), 401, "log in again")
        assert end_of(server, first) == "replay"

    def test_end_of_a_session(self, server, person, client):
        client.log_in(person(), PASSWORD)
        sid = session_of(client.token)["sid"]
        server.db.execute("UPDATE pganalytics.api_sessions SET expires_at = now() + interval '20 s' "
                          "WHERE session_id = %s", sid)
        # A token does not outlive its session.
        assert client.refresh().status == 200
        assert session_of(client.token)["exp"] - session_of(client.token)["iat"] <= 20
        server.db.execute("UPDATE pganalytics.api_sessions SET expires_at = now() "
                          "WHERE session_id = %s", sid)
        assert_problem(client.get("auth/me"), 401)
        assert_problem(client.refresh(), 401)

    def test_lifetimes_are_settings(self, server, person, client):
        server.configure(api_token_lifetime="60s", api_session_lifetime="2min")
        try:
            name = person()
            cluster.wait_until(lambda: client.log_in(name, PASSWORD) and session_of(client.token)[
                "exp"] - session_of(client.token)["iat"] == 60, what="the new lifetime")
            left = server.db.value(
                "SELECT extract(epoch FROM expires_at - created_at)::int FROM pganalytics.sessions "
                "WHERE session_id = %s", session_of(client.token)["sid"])
            assert left == 120
        finally:
            server.configure(api_token_lifetime="15min", api_session_lifetime="12h")

    def test_sessions_ended_by_an_administrator(self, server, person, client):
        name = person()
        client.log_in(name, PASSWORD)
        assert server.db.value("SELECT pganalytics.end_sessions(%s)", name) == 1
        assert_problem(client.get("auth/me"), 401)
        assert_problem(client.refresh(), 401)
        assert end_of(server, client.token) == "administrator"

    def test_a_login_removes_no_old_sessions(self, server, person, client):
        """What has gone for its age cannot come back, and the clock of this moment may be wrong."""
        client.log_in(person(), PASSWORD)
        sid = session_of(client.token)["sid"]
        server.db.execute("UPDATE pganalytics.api_sessions SET expires_at = now() - interval '8 d' "
                          "WHERE session_id = %s", sid)
        client.log_in(person(), PASSWORD)
        count = "SELECT count(*) FROM pganalytics.api_sessions WHERE session_id = %s"
        assert server.db.value(count, sid) == 1
        # The maintenance worker calls this once an hour, unless the clock was set.
        server.db.execute("SELECT pganalytics.prune_identities()")
        assert server.db.value(count, sid) == 0


class TestSeenAndEnded:
    """The sessions that a viewer and an administrator see, and how an administrator ends them."""

    def test_own_and_all(self, server, person, client):
        ann, bob, eve = person(), person("operator"), person("admin")
        with ApiClient(server) as other, ApiClient(server) as admin:
            for one, name in ((client, ann), (other, bob), (admin, eve)):
                assert one.log_in(name, PASSWORD).status == 200
            assert other.post("auth/logout").status == 200
            client.log_in(ann, PASSWORD)
            other.log_in(bob, PASSWORD)
            seen = client.get("auth/sessions").json["sessions"]
            assert [(s["username"], s["current"]) for s in seen] == [(ann, True), (ann, False)]
            assert seen[0]["session_id"] == session_of(client.token)["sid"]
            assert set(seen[0]) == {"session_id", "username", "created_at", "last_used_at",
                                    "expires_at", "address", "current"}
            assert [s["username"] for s in other.get("auth/sessions").json["sessions"]] == [bob]
            everyone = [s["username"] for s in admin.get("auth/sessions").json["sessions"]]
            assert {name: everyone.count(name) for name in (ann, bob, eve)} == {ann: 2, bob: 1, eve: 1}

    def test_ended(self, server, person, client):
        name = person()
        client.log_in(name, PASSWORD)
        with ApiClient(server) as admin:
            admin.log_in(person("admin"), PASSWORD)
            answer = admin.post("auth/end-sessions", {"username": name})
            assert (answer.status, answer.json) == (200, {"ended": 1})
            assert admin.post("auth/end-sessions", {"username": name}).json == {"ended": 0}
            # A name that is too long is refused: cut to 63 bytes it could be another role's name.
            assert_problem(admin.post("auth/end-sessions", {"username": "x" * 64}), 422, "username")
            assert_problem(admin.post("auth/end-sessions", {}), 422, '"username" is needed')
        assert_problem(client.get("auth/me"), 401)
        assert end_of(server, client.token) == "administrator"

    @pytest.mark.parametrize("level", [None, "viewer", "operator"])
    def test_not_for_lower_roles(self, server, person, client, level):
        name, other = person(level or "viewer"), person()
        client.log_in(name, PASSWORD)
        with ApiClient(server) as victim:
            victim.log_in(other, PASSWORD)
            if level is None:
                server.db.execute(f"REVOKE pganalytics_viewer FROM {name}")
                assert_problem(client.get("auth/sessions"), 403, "no member")
            for whose in (name, other):
                assert_problem(client.post("auth/end-sessions", {"username": whose}), 403, "no member")
            assert victim.get("auth/me").status == 200
        assert end_of(server, client.token) is None


class TestRolesThatChange:
    """A session ends when the role, password or right to log in that made it is gone."""

    def ended(self, server, client, reason):
        assert_problem(client.get("auth/me"), 401)
        assert_problem(client.refresh(), 401)
        assert end_of(server, client.token) == reason

    def test_no_login(self, server, person, client):
        name = person()
        client.log_in(name, PASSWORD)
        server.db.execute(f"ALTER ROLE {name} NOLOGIN")
        self.ended(server, client, "role")
        server.db.execute(f"ALTER ROLE {name} LOGIN")
        assert_problem(client.get("auth/me"), 401)

    def test_valid_until(self, server, person, client):
        name = person()
        client.log_in(name, PASSWORD)
        server.db.execute(f"ALTER ROLE {name} VALID UNTIL '2001-01-01'")
        self.ended(server, client, "role")

    def test_no_connect(self, server, person, client):
        client.log_in(person(), PASSWORD)
        server.db.execute(f"REVOKE CONNECT ON DATABASE {product.DATABASE} FROM PUBLIC")
        try:
            self.ended(server, client, "role")
        finally:
            server.db.execute(f"GRANT CONNECT ON DATABASE {product.DATABASE} TO PUBLIC")

    def test_dropped(self, server, person, client):
        name = person()
        client.log_in(name, PASSWORD)
        server.db.execute(f"DROP ROLE {name}")
        self.ended(server, client, "role")

    def test_dropped_and_made_again(self, server, person, client):
        name = person()
        verifier = server.db.value("SELECT rolpassword FROM pg_authid WHERE rolname = %s", name)
        client.log_in(name, PASSWORD)
        server.db.execute(f"DROP ROLE {name}; CREATE ROLE {name} LOGIN PASSWORD '{verifier}' "
                          "IN ROLE pganalytics_viewer")
        self.ended(server, client, "role")
        assert client.log_in(name, PASSWORD).status == 200

    def test_renamed(self, server, person, client):
        name = person()
        client.log_in(name, PASSWORD)
        server.db.execute(f"ALTER ROLE {name} RENAME TO {name}_too")
        self.ended(server, client, "role")
        assert client.log_in(f"{name}_too", PASSWORD).status == 200
        server.db.execute(f"ALTER ROLE {name}_too RENAME TO {name}")

    def test_another_password(self, server, person, client):
        name = person()
        client.log_in(name, PASSWORD)
        # The same password with another salt is another verifier, so the session ends.
        server.db.execute(f"ALTER ROLE {name} PASSWORD '{PASSWORD}'")
        self.ended(server, client, "password")

    def test_membership_revoked_and_given_back(self, server, person, client):
        name = person()
        client.log_in(name, PASSWORD)
        server.db.execute(f"REVOKE pganalytics_viewer FROM {name}")
        assert_problem(client.get("auth/me"), 403)
        assert_problem(client.refresh(), 403, "pganalytics_viewer")
        server.db.execute(f"GRANT pganalytics_operator TO {name}")
        assert client.get("auth/me").json["roles"] == ["viewer", "operator"]
        assert client.refresh().json["user"]["roles"] == ["viewer", "operator"]
        server.db.execute(f"REVOKE pganalytics_operator FROM {name}")
        assert client.post("auth/logout").status == 200
