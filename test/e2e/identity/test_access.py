"""Who may call which route: every route of both ports with every kind of caller.

The expected outcome follows from the route's Access alone. A route without a sample here, or
without a line in docs/operate/security.md, fails.
"""
import itertools
import json
import os
import re
import subprocess
import uuid

import pytest

import cluster
import pki
import product
from alert_rows import make_alert, make_rule
from client import PUSH, push_body, query_rows
from hostile import Hostile, Stored
from identities import ENROLL, REFRESH, RENEW, enroll, enrollment_token, forge_for
from raw_tls import Presented

DOCUMENT = product.SOURCE / "docs/operate/security.md"
REFERENCE = product.SOURCE / "docs/reference/api.md"
LOGIN = "/api/v1/auth/login"
COLLECTOR_ACCESS = ("collector", "collector_now", "collector_grace")
# Roles of people: each includes the rights of the ones before it.
ROLES = ("person", "viewer", "operator", "admin")


def routes():
    done = subprocess.run([cluster.pg_program("pganalytics-gateway"), "--routes"], check=True,
                          capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


JSON = [("Content-Type", "application/json")]
ROUTES = routes()
IDS = [f"{r['port']} {r['method']} {r['path']}" for r in ROUTES]


class Site:
    def __init__(self, make_server):
        self.server = make_server("access", ingest_workers=1)
        self.collector = enroll(self.server, "collector")
        self.revoked = enroll(self.server, "revoked")
        self.disabled = enroll(self.server, "disabled")
        self.server.db.execute("SELECT pganalytics.revoke_certificate(%s)", self.revoked.serial)
        self.server.db.execute("SELECT pganalytics.set_collector_enabled('disabled', false)")
        self.wrong = pki.Authority("pganalytics CA").leaf(self.collector.collector_id)
        self.secret = self.server.db.value(
            "SELECT secret FROM pganalytics.create_registration_secret('access', 1000, '1 hour')")
        self.scrape_token, self.revoked_scrape_token = (
            self.server.db.value("SELECT token FROM pganalytics.create_scrape_token(%s)", name)
            for name in ("good", "revoked"))
        self.server.db.execute("SELECT pganalytics.revoke_scrape_token('revoked')")
        self.numbers = itertools.count(1)
        self.rule = make_rule(self.server.db, "access")

    def port(self, name):
        return self.server.port if name == "collectors" else self.server.cluster.api_port

    def role(self, membership):
        """role makes a role with its own password, as a member of a pganalytics role or of none."""
        name, password = f"role_{next(self.numbers)}", uuid.uuid4().hex
        self.server.db.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        if membership is not None:
            self.server.db.execute(f"GRANT pganalytics_{membership} TO {name}")
        return name, password

    def login(self, name, password):
        with Hostile(self.port("api")) as hostile:
            return hostile.request("POST", LOGIN, json.dumps(
                {"username": name, "password": password}).encode(), JSON)


@pytest.fixture(scope="module")
def site(make_server):
    return Site(make_server)


class Caller:
    """Caller is the credentials that a request presents, and the secrets that its sample may use."""

    def __init__(self, site, kind):
        self.site, self.kind = site, kind
        self.presented, self.authorization = Presented(), None
        self.login = self.role = None
        self.has_secret = True
        make = getattr(self, kind.replace(" ", "_"))
        make()

    def nobody(self):
        self.has_secret = False

    def who_knows_the_secret(self):
        pass

    def wrong_certificate(self):
        self.presented = Presented(self.site.wrong.sent, self.site.wrong.key)

    def revoked_certificate(self):
        self.presented = self.site.revoked.presented
        self.authorization = self.site.revoked.token

    def collector_by_certificate(self):
        self.presented = self.site.collector.presented

    def collector_by_token(self):
        self.authorization = self.site.collector.token

    def collector_by_signed_token(self):
        self.authorization = self.site.collector.signed_token()

    def disabled_collector(self):
        self.presented = self.site.disabled.presented
        self.authorization = self.site.disabled.token

    def scraper(self):
        self.authorization = self.site.scrape_token
        self.has_secret = False

    def revoked_scraper(self):
        self.authorization = self.site.revoked_scrape_token
        self.has_secret = False

    def _person(self, membership):
        self.role = self.site.role(membership)
        answer = self.site.login(*self.role)
        assert answer.status == 200, answer
        self.login = answer.json
        self.authorization = self.login["token"]

    def viewer(self):
        self._person("viewer")

    def operator(self):
        self._person("operator")

    def admin(self):
        self._person("admin")

    def viewer_no_more(self):
        """The caller still holds a token that is valid by itself."""
        self._person("viewer")
        self.site.server.db.execute(f"REVOKE pganalytics_viewer FROM {self.role[0]}")
        self.has_secret = False

    def role_without_membership(self):
        self.role = self.site.role(None)
        assert self.site.login(*self.role).status in (401, 403)
        forge = forge_for(self.site.server, self.site.collector.collector_id)
        self.authorization = forge.token(aud="pganalytics-api", sub=self.role[0],
                                         sid=str(uuid.uuid4()))
        self.has_secret = False


CALLERS = ["nobody", "who knows the secret", "wrong certificate", "revoked certificate",
           "collector by certificate", "collector by token", "collector by signed token",
           "disabled collector", "scraper", "revoked scraper", "viewer", "operator", "admin",
           "viewer no more", "role without membership"]


def may(port, access, kind):
    """may is the rule by which a caller is let in; the rest of this file compares with it."""
    if port == "collectors" and kind in ("wrong certificate", "revoked certificate"):
        return False  # the TLS handshake fails
    if access == "anyone":
        return True
    if access == "secret":
        return kind not in ("nobody", "scraper", "revoked scraper", "viewer no more",
                            "role without membership")
    if access == "scraper":
        return kind in ("scraper", "viewer", "operator", "admin")
    if access in COLLECTOR_ACCESS:
        return kind.startswith("collector by ")
    if kind == "viewer no more":
        return access == "person"  # for example to log out
    return kind in ROLES and access in ROLES and ROLES.index(access) <= ROLES.index(kind)


# The request of a caller who may enter: (path, body, headers). Without `has_secret` its secret is
# wrong.
def _push(caller):
    return PUSH, push_body(caller.site.collector.collector_id, query_rows(1, 1)), ()


def _enroll(caller):
    token = "pge_wrong"
    if caller.has_secret:
        _, token = enrollment_token(caller.site.server, f"made {next(caller.site.numbers)}")
    return ENROLL, {"token": token, "csr": pki.signing_request(pki.new_key())}, ()


def _register(caller):
    name = f"old {next(caller.site.numbers)}"
    secret = caller.site.secret if caller.has_secret else "wrong"
    return ("/api/v1/collectors/register", {"hostname": name, "name": name, "version": "3.0.0"},
            [("X-Registration-Secret", secret)])


def _login(caller):
    if caller.role is not None:  # right, even if the role may not log in
        name, password = caller.role
    else:
        name, password = caller.site.role("viewer")
        password = password if caller.has_secret else "wrong"
    return LOGIN, {"username": name, "password": password}, ()


def _refresh(caller):
    token = "wrong"
    if caller.login is not None:
        token = caller.login["refresh_token"]
    elif caller.has_secret:
        token = caller.site.login(*caller.site.role("viewer")).json["refresh_token"]
    return "/api/v1/auth/refresh", {"refresh_token": token}, ()


def _change_password(caller):
    _, password = caller.role or (None, "wrong")
    return ("/api/v1/auth/change-password",
            {"old_password": password, "new_password": uuid.uuid4().hex}, ())


def plain(path, document=None):
    return lambda caller: (path, document, ())


def _alert(path, document=None):
    def sample(caller):
        db, number = caller.site.server.db, next(caller.site.numbers)
        alert_id = make_alert(db, caller.site.rule, number=str(number))
        return path.replace("*", str(alert_id)), document, ()
    return sample


def _end_silence(caller):
    silence_id = caller.site.server.db.value(
        "SELECT pganalytics.silence_alerts('[{\"name\": \"a\", \"value\": \"b\"}]', '1 hour', 'access')")
    return f"/api/v1/silences/{silence_id}", None, ()


SAMPLES = {
    ("collectors", "GET", "/api/v1/health"): plain("/api/v1/health"),
    ("collectors", "POST", PUSH): _push,
    ("collectors", "GET", "/api/v1/metrics/health"): plain("/api/v1/metrics/health"),
    ("collectors", "POST", REFRESH): plain(REFRESH),
    ("collectors", "GET", "/api/v1/config/*"): plain("/api/v1/config/collector-001"),
    ("collectors", "POST", ENROLL): _enroll,
    ("collectors", "POST", RENEW): lambda caller: (
        RENEW, {"csr": pki.signing_request(pki.new_key())}, ()),
    ("collectors", "POST", "/api/v1/collectors/register"): _register,
    ("collectors", "GET", "/api/v1/pki/crl"): plain("/api/v1/pki/crl"),
    ("collectors", "GET", "/api/v1/pki/trust"): plain("/api/v1/pki/trust"),
    ("api", "GET", "/api/v1/health"): plain("/api/v1/health"),
    ("api", "POST", LOGIN): _login,
    ("api", "POST", "/api/v1/auth/refresh"): _refresh,
    ("api", "POST", "/api/v1/auth/logout"): plain("/api/v1/auth/logout"),
    ("api", "GET", "/api/v1/auth/me"): plain("/api/v1/auth/me"),
    ("api", "POST", "/api/v1/auth/change-password"): _change_password,
    ("api", "GET", "/api/v1/auth/sessions"): plain("/api/v1/auth/sessions"),
    ("api", "POST", "/api/v1/auth/end-sessions"): plain("/api/v1/auth/end-sessions",
                                                        {"username": "nobody"}),
    ("api", "GET", "/api/v1/audit-logs"): plain("/api/v1/audit-logs?limit=1"),
    ("api", "GET", "/metrics"): plain("/metrics"),
    ("api", "GET", "/api/v1/alerts"): plain("/api/v1/alerts"),
    ("api", "GET", "/api/v1/alerts/*"): _alert("/api/v1/alerts/*"),
    ("api", "POST", "/api/v1/alerts/*/acknowledge"): _alert("/api/v1/alerts/*/acknowledge", {}),
    ("api", "DELETE", "/api/v1/alerts/*/acknowledge"): _alert("/api/v1/alerts/*/acknowledge"),
    ("api", "POST", "/api/v1/alerts/*/silence"): _alert("/api/v1/alerts/*/silence",
                                                         {"duration": 5, "reason": "access"}),
    ("api", "GET", "/api/v1/silences"): plain("/api/v1/silences"),
    ("api", "POST", "/api/v1/silences"): plain("/api/v1/silences", {
        "matchers": [{"name": "a", "value": "b"}], "duration": 5, "reason": "access"}),
    ("api", "DELETE", "/api/v1/silences/*"): _end_silence,
    ("api", "GET", "/api/v1/alert-rules"): plain("/api/v1/alert-rules"),
    ("api", "GET", "/api/v1/alert-rules/*"): plain("/api/v1/alert-rules/access"),
    ("api", "PUT", "/api/v1/alert-rules/*"): plain("/api/v1/alert-rules/access", {"enabled": True}),
}
# Only a certificate may renew itself.
ONLY_BY_CERTIFICATE = {("collectors", "POST", RENEW)}


def test_every_route_has_a_sample():
    assert {(r["port"], r["method"], r["path"]) for r in ROUTES} == set(SAMPLES)


def test_no_route_is_declared_twice():
    assert len({(r["port"], r["method"], r["path"]) for r in ROUTES}) == len(ROUTES)


def test_document_has_every_route():
    """docs/operate/security.md lists port, method, path and access of each route, and no other route."""
    rows = re.findall(r"^\| (collectors|api) \| `(\w+) (\S+)` \| (\w+) \|", DOCUMENT.read_text(),
                      re.MULTILINE)
    assert sorted(rows) == sorted((r["port"], r["method"], r["path"], r["access"])
                                  for r in ROUTES)


def reference(head):
    """reference gives the rows of a table of docs/reference/api.md, with cells freed from markup."""
    rows = REFERENCE.read_text().split(head, 1)[1].splitlines()[2:]
    cells = ([cell.strip().strip("`") for cell in row.strip("|").split("|")]
             for row in itertools.takewhile(lambda row: row.startswith("|"), rows))
    return [[re.sub(r"{\w+}", "*", cell) for cell in row] for row in cells]


def words(entry):
    """words describes a parameter or a field as the reference does."""
    if entry["type"] == "choice":
        return " or ".join(", ".join(entry["choices"].split("|")).rsplit(", ", 1))
    kind = {"flag": "true or false", "integer": "number"}.get(entry["type"], entry["type"])
    if "most" not in entry:
        return kind
    if kind in ("text", "document"):
        return f"{kind} of {entry['least']} to {entry['most']} bytes"
    unit = f" of {entry['unit']}" if "unit" in entry else ""
    return f"{kind}{unit} from {entry['least']} to {entry['most']}"


def test_reference_has_every_route():
    rows = reference("| route | who | what |")
    assert sorted(row[:2] for row in rows) == sorted(
        [f"{r['method']} {r['path']}", r["access"]] for r in ROUTES if r["port"] == "api")


@pytest.mark.parametrize("head, inputs, last", [
    ("| route | parameter | value | default | meaning |", "parameters",
     lambda entry: entry.get("default", "")),
    ("| route | field | value | needed | meaning |", "body",
     lambda entry: "yes" if entry["required"] else "")])
def test_reference_has_every_input(head, inputs, last):
    """docs/reference/api.md lists each parameter and field that the program reads, and no other."""
    assert [row[:4] for row in reference(head)] == [
        [f"{r['method']} {r['path']}", entry["name"], words(entry), last(entry)]
        for r in ROUTES if r["port"] == "api" for entry in r[inputs]]


@pytest.mark.parametrize("kind", CALLERS)
@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_access(site, route, kind):
    key = route["port"], route["method"], route["path"]
    caller = Caller(site, kind)
    path, document, headers = SAMPLES[key](caller)
    headers = [*headers, *JSON]
    if caller.authorization is not None:
        headers.append(("Authorization", f"Bearer {caller.authorization}"))
    body = json.dumps(document).encode() if document is not None else b""
    expected = may(route["port"], route["access"], kind)
    if key in ONLY_BY_CERTIFICATE:
        expected = expected and kind == "collector by certificate"
    stored = Stored(site.server)
    with Hostile(site.port(route["port"]), caller.presented) as hostile:
        outcome = hostile.request(route["method"], path, body, headers)
    if expected:
        assert outcome.status is not None and 200 <= outcome.status < 300, outcome
    elif route["port"] == "collectors":
        # A v3 collector loses its data or retries for ever after a 401, so the status must be 403.
        assert outcome.status in (None, 403), outcome
        stored.nothing()
    else:
        assert outcome.status in (401, 403), outcome
        assert (outcome.status == 401) == ("www-authenticate" in outcome.headers), outcome
        if kind in ("viewer no more", *ROLES) and route["access"] in (*ROLES, "scraper"):
            # The route refuses the person before any query checks the person's table privileges.
            assert "no member of a role" in outcome.json["detail"], outcome


@pytest.mark.parametrize("route", [r for r in ROUTES if r["method"] == "GET"],
                         ids=[i for i in IDS if " GET " in i])
def test_head_is_no_way_around(site, route):
    """HEAD needs the same rights as GET and gets the same status."""
    path, _, _ = SAMPLES[route["port"], "GET", route["path"]](Caller(site, "nobody"))
    with Hostile(site.port(route["port"])) as hostile:
        outcomes = [hostile.request(method, path) for method in ("HEAD", "GET")]
    assert outcomes[0].status == outcomes[1].status is not None, outcomes
    assert (outcomes[0].status == 200) == (route["access"] == "anyone"), outcomes


@pytest.mark.parametrize("route", [r for r in ROUTES if r["port"] == "api"],
                         ids=[i for i in IDS if i.startswith("api")])
def test_no_other_parameters(site, route):
    """A refusal names a parameter that the route does not have."""
    caller = Caller(site, "admin")
    path, document, _ = SAMPLES["api", route["method"], route["path"]](caller)
    path += ("&" if "?" in path else "?") + "of_no_route=1"
    headers = [*JSON, ("Authorization", f"Bearer {caller.authorization}")]
    body = json.dumps(document).encode() if document is not None else b""
    with Hostile(site.port("api")) as hostile:
        outcome = hostile.request(route["method"], path, body, headers)
    assert outcome.status == 400 and '"of_no_route"' in outcome.json["detail"], outcome


@pytest.mark.parametrize("port", ["collectors", "api"])
@pytest.mark.parametrize("method, path", [
    ("GET", "/"), ("GET", "/api/v1"), ("GET", "/api/v1/health/"), ("GET", "//api/v1/health"),
    ("GET", "/api/v1/../v1/health"), ("GET", "/api/v1/Health"), ("GET", "/api/v1/health%00"),
    ("GET", "/api/v1/pki/crl/../../metrics/health"), ("POST", "/api/v1/metrics/push/"),
    ("POST", "/API/V1/METRICS/PUSH"), ("GET", "/api/v1/metrics/push"), ("DELETE", PUSH),
    ("GET", "/api/v1/config/"), ("GET", "/metrics/"), ("GET", "/Metrics"),
    ("TRACE", "/api/v1/health"), ("CONNECT", "/api/v1/health"),
    ("OPTIONS", "*")])
def test_what_is_no_route(site, port, method, path):
    """A spelling that another parser would map to a route is no route here."""
    stored = Stored(site.server)
    with Hostile(site.port(port)) as hostile:
        outcome = hostile.request(method, path)
    assert outcome.status in (400, 401, 403, 404, 405, 501), outcome
    assert outcome.status != 401 or port == "api"
    stored.nothing()


def test_files_of_keys(site):
    """Only the server may read files that hold a key."""
    data = site.server.cluster.data
    secret = [*data.glob("pganalytics*.key"), *data.glob("pganalytics_token_*.key")]
    assert len(secret) >= 4, secret
    for file in secret:
        assert file.stat().st_mode & 0o777 == 0o600, file
        assert b"PRIVATE KEY" in file.read_bytes()
    assert os.path.exists(data / "pganalytics_ca.crt")
