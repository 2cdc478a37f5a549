"""No secret is in our tables, in the lines that we write to the server log, or in an export."""
import base64
import collections
import re

import psycopg2
import pytest

from api_client import ApiClient
from audit_sessions import Sessions, refused
from audit_view import Audit, store_counts
from secret_statements import CANARY, OTHERS, SETTINGS

AUDITOR_PASSWORD = "reads-the-log-1"
# Lines of our processes: the log prefix has the process type after the process number.
OUR_LINE = re.compile(r"^\S+ \S+ \S+ \[\d+\] pganalytics .*$", re.M)


@pytest.fixture(scope="module")
def server(make_server):
    # PostgreSQL itself may log a failed statement with its secret: log_statement and
    # log_min_error_statement decide that, so these lines do not count.
    one = make_server("secrets", ingest_workers=1, login_failures=1000,
                      postgres={"max_prepared_transactions": 2})
    one.db.execute(f"CREATE ROLE auditor LOGIN PASSWORD '{AUDITOR_PASSWORD}'; "
                   "GRANT pganalytics_admin TO auditor")
    return one


@pytest.fixture
def audit(server):
    return Audit(server)


def run(server, statements):
    """run runs each statement by itself and gives how many succeeded."""
    with Sessions(server) as sessions:
        cursor = sessions.open("postgres")
        cursor.execute("CREATE TABLE IF NOT EXISTS plain (a text)")
        taken = 0
        for sql in statements:
            try:
                cursor.execute(sql)
                taken += 1
            except psycopg2.Error:
                if cursor.connection.closed:
                    raise
        return taken


def forms(secret):
    """forms gives a secret as text, in the form of bytea, and in base64."""
    data = secret.encode()
    return [secret, data.hex(), base64.b64encode(data).decode().rstrip("=")[:-1]]


def find_in_tables(server, secrets):
    """find_in_tables gives those of our tables that hold one of the secrets in the text of a row."""
    tables = server.db.rows("SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r' AND "
                            "c.relnamespace = 'pganalytics'::regnamespace")
    assert len(tables) > 30
    patterns = [f"%{form}%" for secret in secrets for form in forms(secret)]
    return [table for table, in tables if server.db.value(
        f"SELECT EXISTS (SELECT FROM {table} AS t WHERE t::text LIKE ANY (%s))", patterns)]


def exported(server):
    """exported gives all rows as the port for people exports them, in both formats."""
    pages = []
    with ApiClient(server) as client:
        assert client.log_in("auditor", AUDITOR_PASSWORD).status == 200
        for kind in ("csv", "json"):
            before = ""
            while before is not None:
                answer = client.get(f"audit-logs?limit=1000&format={kind}&before={before}")
                assert answer.status == 200, answer
                pages.append(answer.raw.decode())
                link = re.search(r"before=(\d+)", answer.headers.get("link", ""))
                before = link and link.group(1)
    return "".join(pages)


def assert_nowhere(server, audit, secrets, offset):
    audit.events()  # every recorded event is stored now
    assert find_in_tables(server, secrets) == []
    lines = OUR_LINE.findall(server.log_since(offset))
    assert [line for line in lines for secret in secrets if secret in line] == []
    text = exported(server)
    assert len(text) > 1000
    assert [secret for secret in secrets if secret in text] == []


def test_the_search_finds(server):
    """The search finds a row with the canary, as text and as bytes."""
    server.db.execute("CREATE TABLE pganalytics.found (a text, b bytea)")
    try:
        for column, value in (("a", CANARY), ("b", CANARY.encode())):
            server.db.execute(f"INSERT INTO pganalytics.found ({column}) VALUES (%s)", value)
            assert find_in_tables(server, [CANARY]) == ["pganalytics.found"]
            server.db.execute("TRUNCATE pganalytics.found")
    finally:
        server.db.execute("DROP TABLE pganalytics.found")


def test_statements(server, audit):
    secret = sum(CANARY in sql for sql in SETTINGS + OTHERS)
    assert secret >= 200
    offset = len(server.log_since(0))
    taken = run(server, SETTINGS)
    server.cluster.reload()
    assert [e.details.get("new") for e in audit.wait(["settings.reloaded"])
            if e.resource_id == "primary_conninfo"] == ["(masked)"]
    taken += run(server, OTHERS)
    events = audit.events()
    print(f"{secret} statements with a secret, {taken} taken, {len(events)} events")
    kinds = {event.event for event in events}
    assert kinds >= {"role.created", "role.altered", "auth.password_changed", "settings.altered",
                     "security.configured", "ddl.executed", "access.denied", "settings.reloaded",
                     "audit.change_refused", "privilege.granted"}
    assert taken > 100 and len(events) > 150
    assert_nowhere(server, audit, [CANARY], offset)


def test_failed_logins(server, audit):
    offset = len(server.log_since(0))
    server.db.execute("CREATE ROLE guessed LOGIN PASSWORD 'right'")
    with Sessions(server) as sessions:
        for password in (CANARY, f"x{CANARY}"):
            refused(sessions.tcp("guessed", password))
            refused(sessions.tcp("nobody", password))
        refused(sessions.dsn("guessed", options=f"-c app.secret={CANARY} -c log_statement=all"))
    store_counts(server)
    failed = audit.events("auth.login_failed")
    counts = collections.Counter()
    for event in failed:
        counts[event.actor] += (event.details or {}).get("count", 1)
    assert counts == {"guessed": 3, "nobody": 2}, failed
    assert_nowhere(server, audit, [CANARY], offset)


def test_tokens_of_our_own(server, audit):
    """Tokens that functions return are stored as hashes only, and are in no event."""
    offset = len(server.log_since(0))
    db = server.db
    given = [db.row(f"SELECT * FROM pganalytics.{call} AS given") for call in (
        "create_collector('secretive')", "rotate_token('secretive')",
        "create_enrollment_token('enrolls')", "create_registration_secret('registers')")]
    secrets = [re.search(r"pga?[a-z]?_[0-9a-f]{16,}", str(row)).group() for row in given]
    assert len(set(secrets)) == 4
    assert_nowhere(server, audit, secrets, offset)


def test_passwords_of_people(server, audit):
    """Passwords sent to the port for people, right, wrong and new ones, and its tokens are stored nowhere."""
    offset = len(server.log_since(0))
    password, changed = f"Right-{CANARY}-1", f"New-{CANARY}-2"
    server.db.execute(f"CREATE ROLE person LOGIN PASSWORD '{password}'; "
                      "GRANT pganalytics_viewer TO person")
    with ApiClient(server) as client:
        secrets = [CANARY]
        assert client.log_in("person", password).status == 200
        secrets += [client.token, client.refresh_token]
        assert client.refresh().status == 200
        secrets += [client.token, client.refresh_token]
        answer = client.post("auth/change-password",
                             {"old_password": f"wrong{CANARY}", "new_password": changed})
        assert answer.status in (400, 401, 403)
        answer = client.post("auth/change-password",
                             {"old_password": password, "new_password": changed})
        assert answer.status == 200, answer
        assert client.log_in("person", password).status == 401
        assert client.log_in("person", changed).status == 200
        secrets += [client.token, client.refresh_token]
    store_counts(server)
    kinds = collections.Counter()
    for event in audit.events():
        if event.source == "api":
            kinds[event.event] += (event.details or {}).get("count", 1)
    assert kinds["auth.login"] == 2 and kinds["auth.login_failed"] == 2, kinds
    assert kinds["auth.password_changed"] == 1
    assert_nowhere(server, audit, secrets, offset)
