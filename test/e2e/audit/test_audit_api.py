"""GET /api/v1/audit-logs: filters, pages by key, CSV, and whose rights count."""
import csv
import datetime
import io
import json
import re
import threading
import unicodedata
import urllib.parse
import uuid

import psycopg2
import pytest

import cluster
from api_client import PASSWORD, ApiClient, assert_problem
from audit_view import Audit

OLD_NAMES = {"user_id": "actor", "action": "event", "changes": "details", "ip_address": "address",
             "created_at": "occurred_at"}


@pytest.fixture(scope="module")
def server(make_server):
    return make_server("audit-api", ingest_workers=1)


def role(server, level, name=None):
    name = name or f"{level}_{uuid.uuid4().hex[:8]}"
    server.db.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}';"
                      f"GRANT pganalytics_{level} TO {name}")
    return name


@pytest.fixture(scope="module")
def admin(server):
    with ApiClient(server) as client:
        assert client.log_in(role(server, "admin"), PASSWORD).status == 200
        yield client


def page(client, **parameters):
    return client.get("audit-logs?" + urllib.parse.urlencode(parameters))


def entries(client, **parameters):
    answer = page(client, **parameters)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/json"
    return answer.json["data"]


@pytest.fixture(scope="module")
def told(server):
    """told records some rows unlike those of any other test, and gives the name in them."""
    name = f"told {uuid.uuid4()}"
    collector_id = server.db.value("SELECT collector_id FROM pganalytics.create_collector(%s)", name)
    for limit in (5, 6, 7):
        server.db.execute("SELECT pganalytics.set_query_limit(%s, %s)", name, limit)
    audit = Audit(server)
    server.db.execute("DELETE FROM pganalytics.collectors WHERE name = %s", name)
    audit.wait(["collector.forgotten"])
    return str(collector_id)


class TestFilters:
    def test_an_entry(self, server, admin, told):
        entry = entries(admin, resource_id=told, action="collector.removed")[0]
        row = server.db.row("SELECT id, event, severity, source, outcome, pid, actor, "
                            "database, correlation_id, resource_type, details, encode(hash, 'hex'), "
                            "occurred_at, recorded_at FROM pganalytics.audit_log WHERE id = %s",
                            entry["id"])
        names = ("id", "event", "severity", "source", "outcome", "pid", "actor", "database",
                 "correlation_id", "resource_type", "details", "hash")
        assert tuple(entry[name] for name in names) == row[:-2]
        for name, moment in zip(("occurred_at", "recorded_at"), row[-2:]):
            assert datetime.datetime.fromisoformat(entry[name].replace("Z", "+00:00")) == moment
        for old, ours in OLD_NAMES.items():
            assert entry[old] == entry[ours]

    def test_newest_first(self, admin, told):
        found = entries(admin, resource_id=told)
        assert [e["event"] for e in found] == ["collector.forgotten", "collector.removed"] + 3 * [
            "collector.configured"] + ["token.created", "collector.registered"]
        assert [e["id"] for e in found] == sorted((e["id"] for e in found), reverse=True)

    @pytest.mark.parametrize("parameters, count", [
        ({"action": "collector.configured"}, 3), ({"action": "collector.*"}, 6),
        ({"action": "collector"}, 0), ({"action": "*"}, 7), ({"severity": "WARN"}, 1),
        ({"severity": "info"}, 6), ({"severity": "ERROR"}, 0), ({"user_id": "postgres"}, 6),
        ({"user_id": "nobody"}, 0), ({"resource_type": "collector_token"}, 1),
        ({"start_date": "2020-01-01", "end_date": "2999-12-31T23:59:59.999Z"}, 7),
        ({"end_date": "2020-01-01"}, 0), ({"start_date": "2999-01-01 00:00:00+02:00"}, 0),
        ({"limit": 2}, 2), ({"limit": 1000, "offset": 5}, 2), ({"offset": 7}, 0),
        ({"user_id": "", "severity": ""}, 7), ({"action": "%"}, 0)])
    def test_filters(self, admin, told, parameters, count):
        assert len(entries(admin, resource_id=told, **parameters)) == count

    def test_times(self, admin, told):
        """Rows at either end of the interval are included, to the microsecond, whatever offset is written."""
        moment = entries(admin, resource_id=told, action="collector.registered")[0]["occurred_at"]
        same = {"start_date": moment, "end_date": moment}
        found = entries(admin, resource_id=told, **same)
        assert found and {e["occurred_at"] for e in found} == {moment}
        elsewhere = (datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone(
            datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))).isoformat())
        assert entries(admin, resource_id=told, start_date=elsewhere, end_date=elsewhere) == found

    @pytest.mark.parametrize("query, words", [
        ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=-1", "limit"), ("limit=1x", "limit"),
        ("offset=-1", "offset"), ("offset=99999999999", "offset"), ("before=x", "before"),
        ("before=99999999999999999999", "before"), ("format=xml", "format"),
        ("severity=FATAL", "severity"), ("start_date=yesterday", "start_date"),
        ("start_date=2026-02-30", "start_date"), ("end_date=2026-01-01T24:00:00Z", "end_date"),
        ("end_date=2026-01-01T10:00", "end_date"), ("start_date=infinity", "start_date"),
        ("end_date=2026-01-01T10:00:00.Z", "end_date"), ("end_date=2026-01-01x", "end_date"),
        ("page=1", '"page"'), ("limit=1&limit=2", "limit"), ("Limit=1", '"Limit"'),
        ("action=%zz", "encoded"), ("action=%ff", "encoded"), ("action=%00", "encoded"),
        ("user_id=%4", "encoded"), ("%22%3C=1", "there is no parameter")])
    def test_bad_parameters(self, admin, query, words):
        assert_problem(admin.get(f"audit-logs?{query}"), 400, words)

    def test_texts_are_texts(self, admin):
        for hostile in ("' OR true --", "\\", "a'b\"c", "é☃", "*", "%", "_"):
            assert entries(admin, user_id=hostile, resource_id=hostile) == []


class TestPages:
    def test_every_row_once_while_rows_come(self, server, admin):
        """New rows that come between two pages neither repeat nor hide a row."""
        name = f"paged {uuid.uuid4()}"
        server.db.execute("SELECT pganalytics.create_collector(%s)", name)
        stop = threading.Event()

        def change():
            with psycopg2.connect(server.db.dsn) as connection, connection.cursor() as cursor:
                connection.autocommit = True
                limit = 0
                while not stop.is_set():
                    limit = limit % 1000 + 1
                    cursor.execute("SELECT pganalytics.set_query_limit(%s, %s)", (name, limit))

        thread = threading.Thread(target=change)
        thread.start()
        try:
            cluster.wait_until(lambda: len(entries(admin, action="collector.configured",
                                                   limit=1000)) >= 300, 20)
            newest = entries(admin, limit=1)[0]["id"]
            seen, before, pages = [], newest + 1, 0
            while before is not None:
                answer = page(admin, before=before, limit=37).json
                seen += [e["id"] for e in answer["data"]]
                before = answer["next"]
                pages += 1
        finally:
            stop.set()
            thread.join()
        assert pages > 8
        assert seen == list(range(newest, 0, -1))
        assert server.db.value("SELECT max(id) FROM pganalytics.audit_log") > newest

    def test_the_next_page_s_address(self, admin):
        answer = page(admin, action="*", severity="INFO", limit=5, offset=2)
        link = answer.headers["link"]
        assert link.startswith("</api/v1/audit-logs?action=%2A&severity=INFO&limit=5&before=")
        path = link[1:].split(">")[0].removeprefix("/api/v1/")
        follows = admin.get(path)
        assert follows.json["data"][0]["id"] < answer.json["next"] == answer.json["data"][-1]["id"]
        assert "offset" not in path

    @pytest.mark.parametrize("offset", ["offset", "offse%74"])
    def test_following_links_gives_every_row_once(self, admin, told, offset):
        """However the client spells the parameter's name, its offset applies to the first page only."""
        wanted = [e["id"] for e in entries(admin, resource_id=told)][1:]
        path, seen = f"audit-logs?limit=2&{offset}=1&resource_i%64={told}", []
        while path is not None:
            answer = admin.get(path)
            seen += [e["id"] for e in answer.json["data"]]
            link = answer.headers.get("link")
            path = link and link[1:].split(">")[0].removeprefix("/api/v1/")
        assert seen == wanted

    def test_the_next_page_s_values_are_encoded(self, admin):
        """A value that a header field cannot hold is encoded in the next page's address."""
        answer = page(admin, action="*", start_date="2020-01-01 00:00:00+00:00", limit=1)
        assert "&start_date=2020-01-01%2000%3A00%3A00%2B00%3A00&limit=1&before=" in answer.headers["link"]

    def test_the_last_page(self, admin):
        answer = page(admin, before=3)
        assert [e["id"] for e in answer.json["data"]] == [2, 1]
        assert answer.json["next"] is None and "link" not in answer.headers

    def test_a_page_longer_than_an_answer(self, server, admin):
        """A page that does not fit an answer is cut, and the answer gives the address of the rest."""
        server.db.execute(
            "SELECT pganalytics.create_registration_secret(repeat(chr(1), 200) || g) "
            "FROM generate_series(1, 1200) g")
        Audit(server)
        first = page(admin, action="token.created", limit=1000)
        assert first.status == 200 and len(first.raw) < 1 << 20
        count, answer = len(first.json["data"]), first
        assert 100 < count < 1000 and first.json["next"]
        ids = [e["id"] for e in first.json["data"]]
        while answer.json["next"] is not None:
            answer = page(admin, action="token.created", limit=1000, before=answer.json["next"])
            ids += [e["id"] for e in answer.json["data"]]
        assert len(ids) == len(set(ids)) >= 1200
        server.db.execute("DELETE FROM pganalytics.registration_secrets")


class TestCsv:
    @pytest.fixture(scope="class")
    def formulas(self, server):
        """formulas makes rows whose actors and names a spreadsheet would run as formulas."""
        marks = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\uff1d1", " =1", "\u00a0\uff0b1", "\t=1", "-1", "+1.5",
                 'a "quoted", one', "two\nlines", "\u202e\u061c", "plain"]
        for mark in marks:
            with ApiClient(server) as client:
                client.log_in(mark, "wrong")
        Audit(server)
        return marks

    def test_the_same_as_json(self, admin, formulas):
        wanted = {"action": "auth.*", "limit": 1000}
        answer = page(admin, format="csv", **wanted)
        assert answer.status == 200, answer
        assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
        assert answer.headers["content-disposition"] == 'attachment; filename="audit-logs.csv"'
        text = answer.raw.decode()
        assert text.endswith("\r\n")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        documents = entries(admin, **wanted)
        assert len(rows) == len(documents) >= len(formulas)
        for row, document in zip(rows, documents):
            assert row.keys() == document.keys()
            for name, value in document.items():
                assert row[name] == self.cell(value), name

    @staticmethod
    def cell(value):
        """cell is what the CSV field must hold: nothing that begins like a formula."""

        if value is None:
            return ""
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
        shown = "".join(
            f"\\u{ord(c):04x}" if unicodedata.category(c) in ("Cc", "Cf", "Zl") else c for c in text)
        number = re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text)
        formula = text.strip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") and not number
        return "'" + shown if formula else shown

    def test_no_cell_is_a_formula(self, admin, formulas):
        answer = page(admin, format="csv", action="auth.login_failed")
        cells = [cell for row in csv.reader(io.StringIO(answer.raw.decode(), newline=""))
                 for cell in row]
        assert {"'=1+1", "'+1+1", "'-1+1", "'@SUM(A...", "'\uff1d1", "' =1", "'\u00a0\uff0b1", "\\x09=1",
                "-1", "+1.5", "\\u202e\\u061c"} <= set(cells)
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")
                    and cell not in ("-1", "+1.5")]
        # Each row is one line: line ends were escaped when the event was recorded.
        assert len(answer.raw.decode().splitlines()) == 1 + len(
            entries(admin, action="auth.login_failed"))

    def test_pages(self, admin, formulas):
        first = page(admin, format="csv", limit=2)
        path = first.headers["link"][1:].split(">")[0].removeprefix("/api/v1/")
        rows = [list(csv.DictReader(io.StringIO(a.raw.decode(), newline="")))
                for a in (first, admin.get(path))]
        assert [int(r["id"]) - int(rows[0][0]["id"]) for r in rows[0] + rows[1]] == [0, -1, -2, -3]


class TestRights:
    @pytest.mark.parametrize("level, status", [("viewer", 403), ("operator", 403), ("admin", 200)])
    def test_levels(self, server, level, status):
        with ApiClient(server) as client:
            client.log_in(role(server, level), PASSWORD)
            assert page(client, limit=1).status == status

    def test_nobody(self, server):
        with ApiClient(server) as client:
            assert page(client).status == 401

    def test_grants_and_row_security(self, server):
        """The person's own privileges count, not the worker's."""
        with ApiClient(server) as client:
            name = role(server, "admin")
            client.log_in(name, PASSWORD)
            server.db.execute("REVOKE SELECT ON pganalytics.audit_log FROM pganalytics_admin")
            try:
                assert_problem(page(client), 403, "permission denied for table audit_log")
            finally:
                server.db.execute("GRANT SELECT ON pganalytics.audit_log TO pganalytics_admin")
            # The worker appends nothing while the table has only a policy for readers.
            cluster.wait_until(lambda: entries(client, user_id=name), 10, "the login")
            server.db.execute("ALTER TABLE pganalytics.audit_log ENABLE ROW LEVEL SECURITY;"
                              "CREATE POLICY own ON pganalytics.audit_log FOR SELECT "
                              "USING (actor = current_user)")
            try:
                assert {e["actor"] for e in entries(client)} == {name}
            finally:
                server.db.execute("DROP POLICY own ON pganalytics.audit_log;"
                                  "ALTER TABLE pganalytics.audit_log DISABLE ROW LEVEL SECURITY")

    def test_reading_changes_nothing(self, server, admin):
        assert admin.call("DELETE", "audit-logs").status == 405
        assert admin.post("audit-logs", {}).status == 405
