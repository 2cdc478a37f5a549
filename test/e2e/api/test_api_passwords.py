"""Passwords of people: changing them, guessing them, and searching for them everywhere."""
import base64
import hashlib
import hmac
import itertools
import json
import os
import random
import uuid

import psycopg2
import pytest

import cluster
import product
from api_client import PASSWORD, ApiClient, assert_problem, end_of, fresh_address
from hostile import Hostile
from people import client, person, server  # noqa: F401

_names = itertools.count(1)


def scram_verifier(password):
    """scram_verifier is what PostgreSQL stores of a password (RFC 5803)."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    b64 = [base64.b64encode(part).decode() for part in (salt, stored, server_key)]
    return f"SCRAM-SHA-256$4096:{b64[0]}${b64[1]}:{b64[2]}"


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
            # The session that changed the password goes on; the role's other sessions end.
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
        # passwordcheck refuses a password of letters alone.
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


class TestGuessing:
    """Each test has its own address, because wrong passwords are also counted by address."""

    @pytest.fixture
    def client(self, server):
        with ApiClient(server, address=fresh_address()) as one:
            yield one

    @pytest.fixture(autouse=True)
    def limits(self, server, client):
        def refused(tries, name):
            """refused counts the refused logins among some tries from a new address."""
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
        # Other names from the same address are served, and so is the same name from another
        # address.
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
        # The session itself stays valid.
        assert client.get("auth/me").status == 200


def memory_of(pid):
    """memory_of is the private writable memory of a process: its heap, stacks and variables."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, rights, _, _, inode = line.split()[:5]
            if not rights.startswith("rw") or "s" in rights or ("/" in line and inode == "0"):
                continue
            begin, end = (int(one, 16) for one in span.split("-"))
            mem.seek(begin)
            found.append(mem.read(end - begin))
    return b"".join(found)


def test_passwords_stay_in_no_memory(server, person):
    """Passwords stay neither in the gateway's memory, which strangers can reach, nor in the worker's."""
    old, new, late = (f"canary-{uuid.uuid4()}" for _ in range(3))
    refused = "canary" + "".join(random.choices("abcdefgh", k=20))
    name = person(password=scram_verifier(old))
    worker, gateway = server.db.row(
        "SELECT pid, gateway_pid FROM pganalytics.workers WHERE kind = 'api'")
    # Send the body in one record with the head, in many records, after the head, and to a route
    # without one.
    with ApiClient(server) as one, Hostile(server.cluster.api_port) as other:
        assert one.log_in(name, old).status == 200
        body = json.dumps({"old_password": old, "new_password": new})
        assert one.post("auth/change-password", {"old_password": old, "new_password": refused}
                        ).status == 422
        assert one.post("auth/change-password", body.encode() + b" " * 40000).status == 200
        assert one.post("auth/login", {"username": name, "password": late}).status == 401
        assert one.post("auth/nothing", {"username": name, "password": late}).status == 404
        said = json.dumps({"username": name, "password": new}).encode()
        other.tls.send(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\n"
                       b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(said))
        assert other.raw(said).status == 200
        memories = {"worker": memory_of(worker), "gateway": memory_of(gateway)}
    # What is no secret is there; of the gateway's heap the frame with its settings, which it keeps.
    assert server.db.value("SHOW pganalytics.ssl_cert_file") == ""
    assert name.encode() in memories["worker"] and b"pganalytics_server.crt" in memories["gateway"]
    found = {(who, what): memory.count(secret.encode()) for who, memory in memories.items()
             for what, secret in (("old", old), ("new", new), ("late", late), ("refused", refused))}
    assert not any(found.values()), found


def test_passwords_are_nowhere(server, person, client):
    """Must be the last test in this file: no password of any test is stored or logged anywhere."""
    old, new = f"canary-{uuid.uuid4()}", f"canary-{uuid.uuid4()}"
    refused, spoken = "canary" + "".join(random.choices("abcdefgh", k=20)), f"canary-{uuid.uuid4()}"
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
        # PostgreSQL's own code refuses this with an ERROR and its context.
        assert client.post("auth/change-password", {**body, "new_password": refused}).status == 422
        assert client.post("auth/change-password", body).status == 200
        said.append(refused)
        server.db.execute(f"COMMENT ON SCHEMA public IS '{spoken}'")
        places = {"log": server.log_since(offset)}
        places["statements"] = repr(server.db.rows("SELECT query FROM pg_stat_statements"))
        places["activity"] = repr(server.db.rows(f"SELECT '{spoken}', query FROM pg_stat_activity"))
        for place, text in places.items():
            # A secret inside a statement is found, so the search works.
            assert spoken in text, place
        places["tables"] = repr(server.db.rows("SELECT to_jsonb(s)::text FROM pganalytics.api_sessions s"))
        for secret in said:
            for place, text in places.items():
                assert secret not in text, place
                assert base64.b64encode(secret.encode()).decode() not in text, place
    finally:
        server.cluster.configure({"log_min_duration_statement": "-1", "log_statement": "none",
                                  "log_min_messages": "warning",
                                  "log_error_verbosity": "default"})
        server.cluster.reload()
