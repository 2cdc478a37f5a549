"""The port for people: logging in with a role of PostgreSQL, sessions, and whose rights count."""
import base64
import concurrent.futures
import datetime
import hashlib
import hmac
import itertools
import json
import os
import signal
import statistics
import time
import uuid

import psycopg2
import pytest

import bad_tokens
import cluster
import product
from api_client import ApiClient

PASSWORD = "correct-horse-7"
_names = itertools.count(1)
_addresses = itertools.count(2)


def fresh_address():
    """fresh_address is one of this machine's that nothing has come from yet."""
    number = next(_addresses)
    return f"127.77.{number // 250}.{number % 250 + 1}"


@pytest.fixture(scope="module")
def server(make_server):
    # Guesses are limited in tests of their own. passwordcheck is what a server may have that wants
    # passwords of a kind, pg_stat_statements what keeps statements.
    return make_server("people", login_failures=10000, postgres={
        "shared_preload_libraries": "pganalytics,passwordcheck,pg_stat_statements"})


@pytest.fixture
def person(server):
    """person makes roles that may log in; they are dropped at the end."""
    made = []

    def make(level="viewer", password=PASSWORD, options="LOGIN", name=None):
        name = name or f"person_{next(_names)}"
        quoted = name.replace('"', '""')
        made.append(quoted)
        secret = "" if password is None else f"PASSWORD '{password}'"
        server.db.execute(f'CREATE ROLE "{quoted}" {options} {secret}')
        if level is not None:
            server.db.execute(f'GRANT pganalytics_{level} TO "{quoted}"')
        return name

    yield make
    for name in made:
        if server.db.rows("SELECT FROM pg_roles WHERE rolname = %s", name.replace('""', '"')):
            server.db.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')


@pytest.fixture
def client(server):
    with ApiClient(server) as one:
        yield one


def assert_problem(answer, status, *words):
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == status
    for word in words:
        assert word in problem["detail"], problem
    assert ("www-authenticate" in answer.headers) == (status == 401)
    return problem


def scram_verifier(password):
    """scram_verifier is what PostgreSQL stores of a password (RFC 5803)."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    b64 = [base64.b64encode(part).decode() for part in (salt, stored, server_key)]
    return f"SCRAM-SHA-256$4096:{b64[0]}${b64[1]}:{b64[2]}"


def session_of(token):
    """session_of gives the claims of a signed token."""
    return json.loads(bad_tokens.unb64(token.split(".")[1]))


def end_of(server, token):
    """end_of says why the session of a token has ended; None while it goes on."""
    return server.db.value("SELECT end_reason FROM pganalytics.api_sessions WHERE session_id = %s",
                           session_of(token)["sid"])


def sessions(server):
    return server.db.value("SELECT count(*)::int FROM pganalytics.api_sessions")


class TestLogin:
    def test_whole_life_of_a_session(self, server, person, client):
        name = person()
        answer = client.log_in(name, PASSWORD)
        assert answer.status == 200, answer
        document = answer.json
        assert document["user"] == {"username": name, "roles": ["viewer"]}
        assert document["token_type"] == "Bearer"
        claims = session_of(document["token"])
        assert claims["iss"] == "pganalytics" and claims["aud"] == "pganalytics-api"
        assert claims["sub"] == name and claims["exp"] - claims["iat"] == 900
        assert datetime.datetime.fromisoformat(document["expires_at"]).timestamp() == claims["exp"]
        assert uuid.UUID(claims["jti"]) and uuid.UUID(claims["sid"])

        me = client.get("auth/me")
        assert me.status == 200, me
        assert me.json["username"] == name and me.json["roles"] == ["viewer"]

        first = document["token"]
        refreshed = client.refresh()
        assert refreshed.status == 200, refreshed
        assert refreshed.json["refresh_token"] != document["refresh_token"]
        assert refreshed.json["refresh_expires_at"] == document["refresh_expires_at"]
        assert session_of(client.token)["sid"] == claims["sid"]
        assert session_of(client.token)["jti"] != claims["jti"]
        # The one before is good until it ends.
        assert client.get("auth/me", token=first).status == 200

        row = server.db.row("SELECT role_name, live, address FROM pganalytics.sessions "
                            "WHERE session_id = %s", claims["sid"])
        assert row == (name, True, row[2]) and row[2] in ("127.0.0.1", "::1")

        assert client.post("auth/logout").status == 200
        for token in (first, client.token):
            assert_problem(client.get("auth/me", token=token), 401, "log in again")
        assert_problem(client.refresh(), 401, "log in again")
        assert_problem(client.post("auth/logout"), 401)
        assert end_of(server, first) == "logout"

    @pytest.mark.parametrize("level, roles", [
        ("viewer", ["viewer"]), ("operator", ["viewer", "operator"]),
        ("admin", ["viewer", "operator", "admin"])])
    def test_roles(self, person, client, level, roles):
        answer = client.log_in(person(level), PASSWORD)
        assert answer.json["user"]["roles"] == roles
        me = client.get("auth/me")
        assert me.status == 200 and me.json["roles"] == roles

    def test_superuser_is_an_administrator(self, person, client):
        assert client.log_in(person(None, options="LOGIN SUPERUSER"), PASSWORD).json["user"][
            "roles"] == ["viewer", "operator", "admin"]

    def test_membership_through_another_role(self, server, person, client):
        group, name = person(options="NOLOGIN"), person(None)
        server.db.execute(f"GRANT {group} TO {name}")
        assert client.log_in(name, PASSWORD).json["user"]["roles"] == ["viewer"]

    @pytest.mark.parametrize("name", ["Jane Doe", 'quo"ted', "señor ☃", "x" * 63, "UPPER"])
    def test_names(self, person, client, name):
        assert client.log_in(person(name=name), PASSWORD).status == 200
        assert client.get("auth/me").json["username"] == name
        assert_problem(client.log_in(name.swapcase(), PASSWORD), 401)

    @pytest.mark.parametrize("password, said", [
        ("pass wörd ☃ 12", None), ("quote\\\" 7 slash", None), ("x1" * 500, None),
        # SASLprep (RFC 4013): a no-break space is a space, a soft hyphen is nothing.
        ("no break 12", "no\u00a0break 12"), ("softhyphen12", "soft\u00adhyphen12")],
        ids=["utf8", "quotes", "long", "space", "hyphen"])
    def test_passwords(self, person, client, password, said):
        assert client.log_in(person(password=password), said or password).status == 200

    def test_same_answer_to_all_who_may_not(self, server, person, client):
        good = person()
        md5 = f"person_{next(_names)}"
        server.db.execute(f"SET password_encryption = md5; CREATE ROLE {md5} LOGIN "
                          f"PASSWORD '{PASSWORD}' IN ROLE pganalytics_viewer; RESET password_encryption")
        no_connect = person()
        expired = person(options="LOGIN VALID UNTIL '2001-01-01'")
        tries = [("nobody-of-this-name", PASSWORD), ("", "x"), ("x" * 64, PASSWORD), (good, "wrong"),
                 (good, PASSWORD + " "), (good.upper(), PASSWORD), (md5, PASSWORD),
                 (person(options="NOLOGIN"), PASSWORD), (person(password=None), PASSWORD),
                 (expired, PASSWORD)]
        server.db.execute(f"REVOKE CONNECT ON DATABASE {product.DATABASE} FROM PUBLIC")
        try:
            tries.append((no_connect, PASSWORD))
            before = sessions(server)
            answers = {client.log_in(*one).raw for one in tries if one[0]}
            assert len(answers) == 1
            assert_problem(client.log_in(*tries[0]), 401, "username or password is wrong")
            assert sessions(server) == before
        finally:
            server.db.execute(f"GRANT CONNECT ON DATABASE {product.DATABASE} TO PUBLIC")
            server.db.execute(f"DROP ROLE {md5}")
        assert client.log_in(no_connect, PASSWORD).status == 200

    def test_roles_without_our_roles_are_told_so(self, server, person, client):
        before = sessions(server)
        for name in (person(None), person(options="LOGIN NOINHERIT")):
            assert_problem(client.log_in(name, PASSWORD), 403, "pganalytics_viewer")
            assert_problem(client.log_in(name, "wrong"), 401)
        assert sessions(server) == before

    def test_unknown_roles_take_as_long_as_wrong_passwords(self, person, client):
        name = person()
        times = {name: [], "nobody-of-this-name": []}
        client.get("health")
        for _ in range(25):
            for who, taken in times.items():
                begin = time.perf_counter()
                assert client.log_in(who, "wrong").status == 401
                taken.append(time.perf_counter() - begin)
        known, unknown = (statistics.median(taken) for taken in times.values())
        assert 0.6 < known / unknown < 1.6, (known, unknown)
        # Without the work for a password an answer takes a small part of this.
        quick = []
        for _ in range(25):
            begin = time.perf_counter()
            assert client.post("auth/login", {"username": name}).status == 422
            quick.append(time.perf_counter() - begin)
        assert statistics.median(quick) < 0.7 * unknown, (statistics.median(quick), unknown)

    def test_many_at_once(self, server, person):
        name = person()

        def log_in(_):
            with ApiClient(server, timeout=60) as one:
                return one.log_in(name, PASSWORD)

        with concurrent.futures.ThreadPoolExecutor(100) as executor:
            answers = list(executor.map(log_in, range(100)))
        assert [answer.status for answer in answers] == [200] * 100
        assert len({answer.json["refresh_token"] for answer in answers}) == 100
        assert server.db.value("SELECT count(*)::int FROM pganalytics.sessions "
                               "WHERE role_name = %s AND live", name) == 100


class TestBodies:
    good = {"username": "a", "password": "b"}

    @pytest.mark.parametrize("body, status, word", [
        (b"", 400, "JSON"), (b"{", 400, "JSON"), (b"nonsense", 400, "JSON"), (b"{}x", 400, "JSON"),
        (b'{"username":"a","password":"b"', 400, "JSON"),
        (b'{"username":"a","password":"\xff"}', 400, "UTF-8"),
        (b'{"username":"a","password":"\\u0000"}', 400, "JSON"),
        (b'{"username":"a","password":"b\x00"}', 400, "JSON"),
        (b'{"username":"a","password":"\\ud800"}', 400, "JSON"),
        (b'{"username":"a",}', 400, "JSON"), (b"\xef\xbb\xbf{}", 400, "JSON"),
        (b"[" * 60000, 400, ""), (b'{"a":' * 9000 + b"1" + b"}" * 9000, 422, "not known"),
        (b"[]", 422, "object"), (b"1", 422, "object"), (b'"a"', 422, "object"), (b"null", 422, "object"),
        (b"{}", 422, '"username" is needed'), (b'{"username":"a"}', 422, '"password" is needed'),
        (b'{"username":"a","password":1}', 422, '"password" is a string'),
        (b'{"username":"a","password":null}', 422, '"password" is a string'),
        (b'{"username":"a","password":{"x":"y"}}', 422, "string"),
        (b'{"username":["a"],"password":"b"}', 422, "arrays"),
        (b'{"username":"","password":"b"}', 422, '"username" has 1 to'),
        (b'{"username":"a","password":"' + b"x" * 1025 + b'"}', 422, '"password" has 1 to'),
        (b'{"username":"a","password":"b","other":"c"}', 422, "not known"),
        (b'{"username":"a","password":"b","password":"c"}', 422, "twice"),
    ], ids=itertools.count())
    def test_bad_body(self, server, client, body, status, word):
        before = sessions(server)
        assert_problem(client.post("auth/login", body), status, word)
        assert sessions(server) == before
        # The connection and the worker go on.
        assert client.get("health").status == 200

    def test_body_of_another_kind(self, client):
        body = json.dumps(self.good).encode()
        for headers in ({"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"},
                        {"Content-Type": "application/jsonx"}):
            assert_problem(client.post("auth/login", body, headers=headers), 415)
        assert_problem(client.request("POST", "/api/v1/auth/login", body), 415)

    def test_large_body(self, server, client):
        assert_problem(client.post("auth/login", b"{" + b" " * (64 << 10)), 413)
        assert client.post("auth/login", b"{" + b" " * ((64 << 10) - 2) + b"}").status == 422

    def test_routes(self, client):
        assert_problem(client.get("nothing"), 404)
        assert_problem(client.get("metrics/health"), 404)
        assert_problem(client.post("metrics/push", b"{}"), 404)
        answer = client.get("auth/login")
        assert_problem(answer, 405)
        assert answer.headers["allow"] == "POST"
        assert client.call("HEAD", "health").status == 200


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
        """forge signs with the server's own key."""
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
        # Only who has the server's key can have made it: nothing of that session is to be trusted.
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

    def test_refresh_token_twice(self, server, person, client):
        client.log_in(person(), PASSWORD)
        stolen, first = client.refresh_token, client.token
        assert client.refresh().status == 200
        latest, second = client.refresh_token, client.token
        assert_problem(client.refresh(stolen), 401, "log in again")
        assert end_of(server, first) == "replay"
        # Neither of the two goes on.
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
        lambda t: "pga_" + t[4:], lambda t: "pgr_" + "0" * 96, lambda t: t[:-1] + "g",
        lambda t: t[:4] + uuid.uuid4().hex + t[36:]])
    def test_what_is_no_refresh_token(self, person, client, change):
        client.log_in(person(), PASSWORD)
        token = client.refresh_token
        assert_problem(client.refresh(change(token)), 401)
        # It was of no session, and this one goes on.
        assert client.refresh(token).status == 200

    def test_one_refresh_of_many_at_once(self, server, person, client):
        client.log_in(person(), PASSWORD)
        token = client.refresh_token

        def refresh(_):
            with ApiClient(server) as one:
                return one.refresh(token).status

        with concurrent.futures.ThreadPoolExecutor(10) as executor:
            statuses = sorted(executor.map(refresh, range(10)))
        assert statuses == [200] + [401] * 9
        assert end_of(server, client.token) == "replay"

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

    def test_old_sessions_go(self, server, person, client):
        client.log_in(person(), PASSWORD)
        sid = session_of(client.token)["sid"]
        server.db.execute("UPDATE pganalytics.api_sessions SET expires_at = now() - interval '8 d' "
                          "WHERE session_id = %s", sid)
        client.log_in(person(), PASSWORD)
        assert server.db.rows("SELECT FROM pganalytics.api_sessions WHERE session_id = %s", sid) == []


class TestRolesThatChange:
    """A session ends with what made it: role, password, right to log in."""

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
        # The same one with another salt is another verifier.
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


class TestChangePassword:
    new = "another-battery-9"

    def change(self, client, old, new):
        return client.post("auth/change-password", {"old_password": old, "new_password": new})

    def may_connect(self, server, name, password):
        try:
            psycopg2.connect(host="127.0.0.1", port=server.cluster.port, dbname=product.DATABASE,
                             user=name, password=password).close()
        except psycopg2.OperationalError as error:
            assert "password authentication failed" in str(error)
            return False
        return True

    @pytest.mark.parametrize("options", ["LOGIN", "LOGIN SUPERUSER"])
    def test_change(self, server, person, client, options):
        name = person(options=options)
        client.log_in(name, PASSWORD)
        with ApiClient(server) as other:
            other.log_in(name, PASSWORD)
            assert self.change(client, PASSWORD, self.new).status == 200
            # Of the role's sessions this one goes on.
            assert client.get("auth/me").status == 200
            assert client.refresh().status == 200
            assert_problem(other.get("auth/me"), 401)
            assert end_of(server, other.token) == "password"
        assert_problem(client.log_in(name, PASSWORD), 401)
        assert client.log_in(name, self.new).status == 200
        assert self.may_connect(server, name, self.new)
        assert not self.may_connect(server, name, PASSWORD)

    @pytest.mark.parametrize("old, new, status, word", [
        ("wrong", new, 403, "old password"), (PASSWORD, "sh0rt-7", 422, "8 bytes"),
        (PASSWORD, PASSWORD, 422, "another"),
        (PASSWORD, "md5" + "0" * 32, 422, "stored password"),
        # passwordcheck: letters alone.
        (PASSWORD, "onlyletters", 422, "password must contain both letters and nonletters"),
    ])
    def test_refused(self, server, person, client, old, new, status, word):
        name = person()
        client.log_in(name, PASSWORD)
        before = server.db.value("SELECT rolpassword FROM pg_authid WHERE rolname = %s", name)
        assert_problem(self.change(client, old, new), status, word)
        assert server.db.value("SELECT rolpassword FROM pg_authid WHERE rolname = %s", name) == before
        assert client.get("auth/me").status == 200

    def test_a_stored_password_as_new_one(self, server, person, client):
        name = person()
        verifier = server.db.value("SELECT rolpassword FROM pg_authid WHERE rolname = %s", person())
        client.log_in(name, PASSWORD)
        assert_problem(self.change(client, PASSWORD, verifier), 422, "stored password")

    def test_always_scram(self, server, person, client):
        server.cluster.configure({"password_encryption": "md5"})
        server.cluster.reload()
        try:
            cluster.wait_until(lambda: server.db.value("SHOW password_encryption") == "md5")
            name = person()
            server.db.execute(f"SET password_encryption = 'scram-sha-256'; ALTER ROLE {name} "
                              f"PASSWORD '{PASSWORD}'; RESET password_encryption")
            client.log_in(name, PASSWORD)
            assert self.change(client, PASSWORD, self.new).status == 200
            assert client.log_in(name, self.new).status == 200
        finally:
            server.cluster.configure({"password_encryption": "scram-sha-256"})
            server.cluster.reload()

    def test_fields(self, person, client):
        client.log_in(person(), PASSWORD)
        assert_problem(client.post("auth/change-password", {"old_password": PASSWORD}), 422,
                       '"new_password" is needed')
        assert_problem(client.post("auth/change-password", b"{"), 400)


class TestWhoseRights:
    """Requests run under the role of the person: its GRANTs, its row security, and no way out."""

    @pytest.fixture(autouse=True)
    def two_servers(self, server):
        collector = server.collector()
        server.db.execute(
            "INSERT INTO pganalytics.servers (collector_id, name, hostname) "
            "VALUES (%s, 'mine', 'a'), (%s, 'yours', 'b')", *[collector.collector_id] * 2)
        yield
        server.db.execute("DROP POLICY IF EXISTS people ON pganalytics.servers;"
                          "ALTER TABLE pganalytics.servers DISABLE ROW LEVEL SECURITY;"
                          "DELETE FROM pganalytics.servers")

    def protect(self, server, condition):
        server.db.execute("DROP POLICY IF EXISTS people ON pganalytics.servers;"
                          "ALTER TABLE pganalytics.servers ENABLE ROW LEVEL SECURITY;"
                          "CREATE POLICY people ON pganalytics.servers FOR SELECT "
                          f"USING ({condition})")

    def test_row_security(self, server, person, client):
        name, root = person(), person(None, options="LOGIN SUPERUSER")
        client.log_in(name, PASSWORD)
        assert client.get("auth/me").json["servers"] == 2
        self.protect(server, f"name = 'mine' AND current_user = '{name}'")
        assert client.get("auth/me").json["servers"] == 1
        with ApiClient(server) as other:
            other.log_in(person(), PASSWORD)
            assert other.get("auth/me").json["servers"] == 0
            other.log_in(root, PASSWORD)
            assert other.get("auth/me").json["servers"] == 2
        # And again for the first one: no plan of another person is used.
        assert client.get("auth/me").json["servers"] == 1

    def test_grants(self, server, person, client):
        client.log_in(person(), PASSWORD)
        server.db.execute("REVOKE SELECT ON pganalytics.servers FROM pganalytics_viewer")
        try:
            assert_problem(client.get("auth/me"), 403, "permission denied for table servers")
        finally:
            server.db.execute("GRANT SELECT ON pganalytics.servers TO pganalytics_viewer")
        assert client.get("auth/me").status == 200

    @pytest.mark.parametrize("statement", [
        "SET ROLE pganalytics_api", "SET LOCAL ROLE NONE", "RESET ROLE",
        "SET SESSION AUTHORIZATION DEFAULT", "RESET SESSION AUTHORIZATION",
        "SELECT set_config('role', 'none', false)", "RESET ALL"])
    def test_no_way_to_another_role(self, server, person, client, statement):
        server.db.execute(
            "CREATE OR REPLACE FUNCTION public.escape() RETURNS boolean LANGUAGE plpgsql AS "
            f"$$ BEGIN EXECUTE $q${statement}$q$; RETURN current_user = session_user; END $$")
        name = person()
        client.log_in(name, PASSWORD)
        self.protect(server, "public.escape()")
        answer = client.get("auth/me")
        if statement == "RESET ALL":
            # It leaves alone what may not be changed here.
            assert answer.json["servers"] == 0 and answer.json["username"] == name
        else:
            assert_problem(answer, 403, "within security-definer function")

    @pytest.mark.parametrize("statement", [
        "INSERT INTO public.written VALUES (1)", "CREATE TABLE public.made (n integer)",
        "SET TRANSACTION READ WRITE"])
    def test_reading_writes_nothing(self, server, person, client, statement):
        server.db.execute(
            "CREATE TABLE IF NOT EXISTS public.written (n integer);"
            "GRANT ALL ON public.written TO PUBLIC;"
            "CREATE OR REPLACE FUNCTION public.write() RETURNS boolean LANGUAGE plpgsql AS "
            f"$$ BEGIN EXECUTE '{statement}'; RETURN true; END $$")
        client.log_in(person(), PASSWORD)
        self.protect(server, "public.write()")
        offset = len(server.cluster.log_text())
        assert_problem(client.get("auth/me"), 500, "25")
        assert server.db.value("SELECT count(*)::int FROM public.written") == 0
        # What went wrong is in the log, not in the answer.
        assert "pganalytics could not answer GET /api/v1/auth/me" in server.log_since(offset)

    def test_time_limit(self, server, person, client):
        server.db.execute(
            "CREATE OR REPLACE FUNCTION public.wait() RETURNS boolean LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(60); RETURN true; END $$")
        client.log_in(person(), PASSWORD)
        self.protect(server, "public.wait()")
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            slow = executor.submit(client.get, "auth/me")
            worker = server.db.value("SELECT pid FROM pganalytics.workers WHERE kind = 'api'")
            cluster.wait_until(lambda: server.db.value(
                "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = %s", worker),
                what="a request that takes long")
            # Canceling it does what the time limit does, and the worker goes on.
            assert server.db.value("SELECT pg_cancel_backend(%s)", worker)
            answer = slow.result()
        assert_problem(answer, 503, "took too long")
        assert int(answer.headers["retry-after"]) >= 1
        assert client.get("health").status == 200
        assert worker == server.db.value("SELECT pid FROM pganalytics.workers WHERE kind = 'api'")

    def test_locked(self, server, person, client):
        client.log_in(person(), PASSWORD)
        lock = psycopg2.connect(server.db.dsn)
        try:
            with lock.cursor() as cursor:
                cursor.execute("LOCK TABLE pganalytics.servers")
            assert_problem(client.get("auth/me"), 503, "cannot answer now")
        finally:
            lock.close()
        cluster.wait_until(lambda: client.get("auth/me").status == 200)


class TestGuessing:
    """Each test comes from an address of its own: guesses from one are counted together, too."""

    @pytest.fixture
    def client(self, server):
        with ApiClient(server, address=fresh_address()) as one:
            yield one

    @pytest.fixture(autouse=True)
    def limits(self, server, client):
        def refused(tries, name):
            """refused counts those of some tries that come from somewhere new."""
            client.close()
            client.address = fresh_address()
            return [client.log_in(name(), "x").status for _ in range(tries)].count(429)

        def same():
            name = f"nobody_{next(_names)}"
            return lambda: name

        server.configure(login_failures=5, login_failure_interval="1h")
        cluster.wait_until(lambda: refused(7, same()) == 2, what="the new limit")
        client.close()
        client.address = fresh_address()
        yield
        server.configure(login_failures=10000, login_failure_interval="1s")
        cluster.wait_until(lambda: refused(7, same()) == 0, what="the old limit")

    def test_wrong_passwords_in_a_row(self, server, person, client):
        name, other = person(), person()
        for _ in range(5):
            assert_problem(client.log_in(name, "wrong"), 401)
        for password in ("wrong", PASSWORD):
            answer = client.log_in(name, password)
            assert_problem(answer, 429, "too many")
            assert 3000 < int(answer.headers["retry-after"]) <= 3600
        # Others from the same address go on, and so does who comes from another.
        assert client.log_in(other, PASSWORD).status == 200
        with ApiClient(server, address=fresh_address()) as elsewhere:
            assert elsewhere.log_in(name, PASSWORD).status == 200

    def test_names_that_do_not_exist(self, client):
        name = f"nobody_{next(_names)}"
        assert [client.log_in(name, "x").status for _ in range(7)] == [401] * 5 + [429] * 2

    def test_the_right_one_begins_anew(self, person, client):
        name = person()
        for _ in range(4):
            for _ in range(4):
                assert client.log_in(name, "wrong").status == 401
            assert client.log_in(name, PASSWORD).status == 200

    def test_one_address_for_many_names(self, person, client):
        statuses = [client.log_in(f"nobody_{next(_names)}", "x").status for _ in range(51)]
        assert statuses == [401] * 50 + [429]
        assert client.log_in(person(), PASSWORD).status == 429

    def test_one_name_from_many_addresses(self, server, person):
        name = person()
        statuses = []
        for _ in range(51):
            with ApiClient(server, address=fresh_address()) as one:
                statuses.append(one.log_in(name, "x").status)
        assert statuses == [401] * 50 + [429]

    def test_old_password_of_a_change(self, person, client):
        name = person()
        client.log_in(name, PASSWORD)
        statuses = [client.post("auth/change-password",
                                {"old_password": "wrong", "new_password": "x-long-enough-1"}).status
                    for _ in range(6)]
        assert statuses == [403] * 5 + [429]
        # The session itself goes on.
        assert client.get("auth/me").status == 200


class TestService:
    def test_health(self, client):
        answer = client.get("health")
        assert answer.status == 200
        document = answer.json
        assert set(document) == {"status", "timestamp", "uptime", "database_ok"}
        assert document["status"] == "ok" and document["database_ok"] is True
        assert isinstance(document["uptime"], int) and document["uptime"] >= 0
        age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(
            document["timestamp"])
        assert abs(age.total_seconds()) < 30

    def test_health_without_a_worker(self, server, client):
        assert client.get("health").status == 200
        worker = server.db.value("SELECT pid FROM pganalytics.workers WHERE kind = 'api'")
        os.kill(worker, signal.SIGSTOP)
        try:
            answer = client.get("health")
        finally:
            os.kill(worker, signal.SIGCONT)
        assert answer.status == 503, answer
        assert answer.json["status"] == "unavailable" and answer.json["database_ok"] is False
        assert client.get("health").status == 200

    def test_workers(self, server, client):
        requests = "SELECT requests FROM pganalytics.workers WHERE kind = 'api'"
        before = server.db.value(requests)
        client.get("health")
        cluster.wait_until(lambda: server.db.value(requests) > before, what="the request counted")
        assert server.db.row("SELECT number, state, pid IS NOT NULL, gateway_pid IS NOT NULL "
                             "FROM pganalytics.workers WHERE kind = 'api'") == (1, "running", True, True)
        assert server.db.value("SELECT usename FROM pg_stat_activity WHERE pid = "
                               "(SELECT pid FROM pganalytics.workers WHERE kind = 'api')"
                               ) == "postgres"

    def test_gateway_killed(self, server, person, client):
        client.log_in(person(), PASSWORD)
        gateway = "SELECT gateway_pid FROM pganalytics.workers WHERE kind = 'api'"
        worker = "SELECT pid FROM pganalytics.workers WHERE kind = 'api'"
        before, same = server.db.value(gateway), server.db.value(worker)
        client.close()
        os.kill(before, signal.SIGKILL)
        # Who connects meanwhile waits.
        assert client.get("auth/me").status == 200
        assert server.db.value(gateway) not in (before, None)
        assert server.db.value(worker) == same

    def test_terminated_worker_is_started_again(self, server, person, client):
        client.log_in(person(), PASSWORD)
        worker = "SELECT pid FROM pganalytics.workers WHERE kind = 'api'"
        before = server.db.value(worker)
        server.db.execute("SELECT pg_terminate_backend(%s)", before)
        cluster.wait_until(lambda: server.db.value(worker) not in (before, None), 15, "a new worker")
        server.cluster.wait_until_running()
        client.close()
        # Sessions are in a table.
        assert client.get("auth/me").status == 200

    def test_no_port(self, make_server):
        server = make_server("no-people", api_port=0, ingest_workers=1)
        assert server.db.rows("SELECT kind FROM pganalytics.workers WHERE kind = 'api'") == []
        server.cluster.remove()


def test_passwords_are_nowhere(server, person, client):
    """Last in this file: of all that was said here nothing has stayed."""
    old, new = f"canary-{uuid.uuid4()}", f"canary-{uuid.uuid4()}"
    name = person(password=scram_verifier(old))
    server.cluster.configure({"log_min_duration_statement": "0", "log_statement": "all",
                              "log_min_messages": "debug1", "log_error_verbosity": "verbose"})
    server.cluster.reload()
    server.db.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    try:
        cluster.wait_until(lambda: server.db.value("SHOW log_statement") == "all")
        offset = len(server.cluster.log_text())
        assert client.log_in(name, old).status == 200
        said = [old, new, client.refresh_token, client.token.split(".")[2]]
        assert client.log_in(name, new).status == 401
        assert client.post("auth/login", {"username": name, "password": old, new: "x"}).status == 422
        assert client.post("auth/login", {"username": name, "password": {"x": old}}).status == 422
        assert client.post("auth/login", f'{{"username":"{old}" "{new}"'.encode()).status == 400
        body = {"old_password": old, "new_password": new}
        assert client.post("auth/change-password", {**body, "new_password": new + "\u0000"}
                           ).status == 400
        assert client.post("auth/change-password", body).status == 200
        log = server.log_since(offset)
        assert "api_sessions" not in log or len(log) > 0
        statements = "\n".join(query for query, in server.db.rows(
            "SELECT query FROM pg_stat_statements"))
        activity = "\n".join(query or "" for query, in server.db.rows(
            "SELECT query FROM pg_stat_activity"))
        dump = json.dumps(server.db.rows("SELECT to_jsonb(s)::text FROM pganalytics.api_sessions s"))
        for secret in said:
            for place, text in (("log", log), ("pg_stat_statements", statements),
                                ("pg_stat_activity", activity), ("tables", dump)):
                assert secret not in text, place
                assert base64.b64encode(secret.encode()).decode() not in text, place
    finally:
        server.cluster.configure({"log_min_duration_statement": "-1", "log_statement": "none",
                                  "log_min_messages": "warning",
                                  "log_error_verbosity": "default"})
        server.cluster.reload()
