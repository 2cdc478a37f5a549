"""Logging in at the port for people: who may, the answers, and bodies of every bad kind."""
import concurrent.futures
import datetime
import itertools
import json
import statistics
import time
import uuid

import pytest

import product
from api_client import PASSWORD, ApiClient, assert_problem, end_of, session_of
from people import client, person, server  # noqa: F401


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
        # The token of before stays valid until it expires.
        assert client.get("auth/me", token=first).status == 200

        row = server.db.row("SELECT role_name, live, address FROM pganalytics.sessions "
                            "WHERE session_id = %s", claims["sid"])
        assert row == (name, True, "127.0.0.1")

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
        md5 = "person_with_md5"
        server.db.execute(f"SET password_encryption = md5; CREATE ROLE {md5} LOGIN "
                          f"PASSWORD '{PASSWORD}' IN ROLE pganalytics_viewer; RESET password_encryption")
        no_connect = person()
        expired = person(options="LOGIN VALID UNTIL '2001-01-01'")
        tries = [("nobody-of-this-name", PASSWORD), ("", "x"), ("x" * 64, PASSWORD), (good, "wrong"),
                 (good, PASSWORD + " "), (good.upper(), PASSWORD), (md5, PASSWORD),
                 (person(options="NOLOGIN"), PASSWORD), (person(password=None), PASSWORD),
                 (expired, PASSWORD)]
        before = sessions(server)
        answers = {one: client.log_in(*one).raw for one in tries if one[0]}
        # Try this last: without CONNECT for PUBLIC none of the other roles could log in either.
        server.db.execute(f"REVOKE CONNECT ON DATABASE {product.DATABASE} FROM PUBLIC")
        try:
            answers[no_connect, PASSWORD] = client.log_in(no_connect, PASSWORD).raw
            assert_problem(client.log_in(*tries[0]), 401, "username or password is wrong")
            assert len(set(answers.values())) == 1, answers
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
        # An answer that needs no password check takes a small part of this time.
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
        (b'{"username":["a"],"password":"b"}', 422, '"username" is a string'),
        (b'{"username":"","password":"b"}', 422, '"username" has 1 to'),
        (b'{"username":"a","password":"' + b"x" * 1025 + b'"}', 422, '"password" has 1 to'),
        (b'{"username":"a","password":"b","other":"c"}', 422, "not known"),
        (b'{"username":"a","password":"b","password":"c"}', 422, "twice"),
    ], ids=itertools.count())
    def test_bad_body(self, server, client, body, status, word):
        before = sessions(server)
        assert_problem(client.post("auth/login", body), status, word)
        assert sessions(server) == before
        # The connection and the worker still serve.
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
