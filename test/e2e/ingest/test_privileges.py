"""A worker has only the rights of its role, and the bulk insert does not bypass them."""
import concurrent.futures
import os

import pytest

from client import push_body, query_rows
from cluster import wait_until
from metric_pushes import at


@pytest.fixture(params=["auto", "direct", "copy", "spi"])
def path(server, request):
    if request.param != "auto":
        server.configure(ingest_path=request.param)
    yield request.param
    if request.param != "auto":
        server.configure(ingest_path="auto")


@pytest.fixture
def leaf(server, today):
    """leaf is the partition of samples from today's first seconds."""
    return f"pganalytics.query_samples_p{today:%Y%m%d}"


def test_workers_are_not_superusers(server):
    roles = server.db.rows("SELECT a.usename, r.rolsuper FROM pg_stat_activity a "
                           "LEFT JOIN pg_roles r ON r.rolname = a.usename "
                           "WHERE a.backend_type LIKE 'pganalytics ingest%'")
    assert len(roles) == 2
    # pg_stat_activity does not show the workers' current_user, so a trigger records it.
    server.db.execute("CREATE TABLE pganalytics.witness (who text, super boolean)")
    server.db.execute("GRANT INSERT ON pganalytics.witness TO pganalytics_ingest")
    server.db.execute(
        "CREATE FUNCTION pganalytics.note() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path = pg_catalog, pg_temp AS $$BEGIN INSERT INTO pganalytics.witness "
        "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user; RETURN NEW; END$$")
    server.db.execute("CREATE TRIGGER note AFTER INSERT ON pganalytics.servers "
                      "FOR EACH ROW EXECUTE FUNCTION pganalytics.note()")
    try:
        credentials = server.collector()
        with server.client(credentials) as client:
            assert client.push(push_body(credentials.collector_id, query_rows(1, 1))).status == 200
        assert server.db.rows("SELECT * FROM pganalytics.witness") == [
            ("pganalytics_ingest", False)]
    finally:
        server.db.execute("DROP TABLE pganalytics.witness; "
                          "DROP FUNCTION pganalytics.note() CASCADE")


def test_insert_is_refused_without_the_privilege(server, client, credentials, path, leaf, today):
    """Revoking INSERT stops every ingest path; granting it again restores them."""
    before = push_body(credentials.collector_id, query_rows(3, 1), at(today, 1))
    assert client.push(before, "1:1").status == 200
    body = push_body(credentials.collector_id, query_rows(5, 2), at(today, 2))
    for relation in ("pganalytics.query_samples", leaf):
        server.db.execute(f"REVOKE INSERT ON {relation} FROM pganalytics_ingest")
    try:
        refused = client.push(body, "1:2")
        assert refused.status in (500, 503), refused
        assert refused.headers["content-type"] == "application/problem+json"
        assert server.samples(credentials) == 3
        assert server.ledger(credentials) == (1, 3)
    finally:
        for relation in ("pganalytics.query_samples", leaf):
            server.db.execute(f"GRANT INSERT ON {relation} TO pganalytics_ingest")
    again = client.push(body, "1:2")
    assert again.status == 200, again
    assert again.receipt["duplicate"] is False
    assert server.samples(credentials) == 8


def test_row_security_is_refused(server, client, credentials, path, leaf, today):
    """Bulk inserts do not evaluate policies, so they refuse a table that has policies."""
    before = push_body(credentials.collector_id, query_rows(3, 1), at(today, 1))
    assert client.push(before, "1:1").status == 200
    relations = ("pganalytics.query_samples", leaf)
    for relation in relations:
        server.db.execute(f"ALTER TABLE {relation} ENABLE ROW LEVEL SECURITY")
    body = push_body(credentials.collector_id, query_rows(5, 2), at(today, 2))
    try:
        refused = client.push(body, "1:2")
        assert refused.status in (500, 503), refused
        assert server.samples(credentials) == 3
    finally:
        for relation in relations:
            server.db.execute(f"ALTER TABLE {relation} DISABLE ROW LEVEL SECURITY")
    assert client.push(body, "1:2").status == 200
    assert server.samples(credentials) == 8


def test_trigger_fires_and_sees_every_row(server, client, credentials, leaf, today):
    """With ingest_path = auto a table with a trigger is not inserted into directly."""
    server.db.execute("CREATE TABLE pganalytics.seen (series_id int, calls bigint)")
    server.db.execute("GRANT INSERT ON pganalytics.seen TO pganalytics_ingest")
    server.db.execute(
        "CREATE FUNCTION pganalytics.see() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path = pg_catalog, pg_temp AS $$BEGIN "
        "INSERT INTO pganalytics.seen VALUES (NEW.series_id, NEW.calls); RETURN NEW; END$$")
    server.db.execute(f"CREATE TRIGGER see AFTER INSERT ON {leaf} "
                      "FOR EACH ROW EXECUTE FUNCTION pganalytics.see()")
    try:
        answer = client.push(push_body(credentials.collector_id, query_rows(50, 9), at(today, 1)))
        assert answer.status == 200, answer
        assert answer.receipt["stored"] == 50
        assert server.db.row("SELECT count(*), sum(calls) FROM pganalytics.seen") == (50, 450)
        assert server.samples(credentials) == 50
    finally:
        server.db.execute("DROP TABLE pganalytics.seen; DROP FUNCTION pganalytics.see() CASCADE")
    answer = client.push(push_body(credentials.collector_id, query_rows(50, 10), at(today, 2)))
    assert answer.status == 200, answer
    assert server.samples(credentials) == 100


def test_constraint_added_by_a_user_costs_only_the_bad_push(server, credentials, leaf, today):
    """If one push of a group violates a CHECK, it alone is refused, and the others are stored."""
    server.db.execute(f"ALTER TABLE {leaf} ADD CONSTRAINT no_thirteen CHECK (calls <> 900013)")
    try:
        def push_some(sender):
            with server.client(credentials) as client:
                return {i: client.push(push_body(credentials.collector_id, query_rows(10, 900000 + i),
                                                 at(today, i)), f"4:{i}") for i in range(sender, 40, 8)}

        answers = {}
        with concurrent.futures.ThreadPoolExecutor(8) as executor:
            for some in executor.map(push_some, range(8)):
                answers.update(some)
        assert [i for i, answer in answers.items() if answer.status != 200] == [13]
        assert answers[13].status in (422, 500, 503)
        assert server.ledger(credentials) == (39, 390)
        assert server.samples(credentials) == 390
    finally:
        server.db.execute(f"ALTER TABLE {leaf} DROP CONSTRAINT no_thirteen")


def test_workers_are_visible(server, client, credentials):
    assert client.push(push_body(credentials.collector_id, query_rows(2, 1))).status == 200
    backends = server.db.rows("SELECT pid, backend_type FROM pg_stat_activity "
                              "WHERE backend_type LIKE 'pganalytics%'")
    assert len([1 for _, kind in backends if "ingest" in kind]) == 2
    assert len([1 for _, kind in backends if "launcher" in kind]) == 1
    pids = {pid for pid, _ in backends}
    for pid, gateway in server.workers():
        assert pid in pids
        assert gateway not in pids
        assert os.path.exists(f"/proc/{gateway}")
    wait_until(lambda: sum(rows for rows, in server.workers("rows")) >= 2, 5, "counted rows")
