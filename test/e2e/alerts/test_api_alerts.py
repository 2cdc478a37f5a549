"""Alerts at the port for people: lists and pages, acknowledging, silences, rules, and every refusal."""
import datetime
import json
import urllib.parse
import uuid

import pytest

from alert_rows import make_alert, make_rule
from api_client import PASSWORD, ApiClient, assert_problem
from audit_view import Audit
from people import person, server  # noqa: F401

MATCHERS = [{"name": "alertname", "value": "nothing", "isRegex": False, "isEqual": True}]


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.fixture(scope="module")
def callers(server):
    """callers is a client of each level, by the level's name."""
    clients = {}
    for level in ("viewer", "operator", "admin"):
        name = f"{level}_{uuid.uuid4().hex[:8]}"
        server.db.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}';"
                          f"GRANT pganalytics_{level} TO {name}")
        clients[level] = ApiClient(server)
        assert clients[level].log_in(name, PASSWORD).status == 200
        clients[level].name = name
    yield clients
    for client in clients.values():
        client.close()
        server.db.execute(f"DROP ROLE {client.name}")


@pytest.fixture
def viewer(callers):
    return callers["viewer"]


@pytest.fixture
def operator(callers):
    return callers["operator"]


@pytest.fixture
def admin(callers):
    return callers["admin"]


@pytest.fixture
def rule(server):
    name = f"rule_{uuid.uuid4().hex[:8]}"
    make_rule(server.db, name)
    yield name
    server.db.execute("DELETE FROM pganalytics.alert_rules WHERE name = %s;"
                      "DELETE FROM pganalytics.alerts WHERE rule = %s", name, name)


@pytest.fixture
def alert(server, rule):
    return make_alert(server.db, rule, server="east", database="shop")


def listed(client, **parameters):
    answer = client.get("alerts?" + urllib.parse.urlencode(parameters))
    assert answer.status == 200, answer
    return answer.json


class TestLists:
    def test_an_alert(self, server, viewer, rule, alert):
        page = listed(viewer, rule=rule)
        assert {k: page[k] for k in ("total", "page", "page_size", "total_pages")} == {
            "total": 1, "page": 1, "page_size": 100, "total_pages": 1}
        one, = page["data"]
        labels = {"server": "east", "database": "shop", "alertname": rule, "severity": "warning"}
        assert {k: one[k] for k in ("id", "rule", "severity", "state", "labels", "annotations", "value",
                                    "acknowledged", "acknowledged_at", "acknowledged_by", "muted_by",
                                    "resolved_at", "runbook_url")} == {
            "id": alert, "rule": rule, "severity": "warning", "state": "firing", "labels": labels,
            "annotations": {}, "value": 7, "acknowledged": False, "acknowledged_at": None,
            "acknowledged_by": None, "muted_by": [], "resolved_at": None, "runbook_url": None}
        fired = server.db.value("SELECT fired_at FROM pganalytics.alerts WHERE alert_id = %s", alert)
        assert moment(one["fired_at"]) == moment(one["started_at"]) == fired
        # A single alert has two more members than in the list.
        answer = viewer.get(f"alerts/{alert}")
        assert answer.status == 200, answer
        assert answer.json == {**one, "history": [], "notifications": []}

    def test_history_and_notifications(self, server, viewer, operator, alert):
        server.db.execute("INSERT INTO pganalytics.alert_history (alert_id, at, change, value) "
                          "VALUES (%s, now() - interval '1 minute', 'firing', 7)", alert)
        server.db.execute("INSERT INTO pganalytics.alert_channels (name, kind, url, enabled) "
                          "VALUES ('of_test', 'webhook', 'https://example.org/x', false)")
        number = server.db.value(
            "INSERT INTO pganalytics.alert_outbox (channel, alert_id, fingerprint, group_key, status, alert, "
            "latest, created_at, waiting_since, due_at, state, attempts, settled_at, last_status, "
            "last_error) SELECT 'of_test', alert_id, fingerprint, 'g', 'firing', '{}', true, now(), now(), "
            "now(), 'dead', 3, now(), 410, 'gone' FROM pganalytics.alerts "
            "WHERE alert_id = %s RETURNING notification_id", alert)
        assert operator.post(f"alerts/{alert}/acknowledge", {"comment": "on it"}).status == 200
        one = viewer.get(f"alerts/{alert}").json
        assert [(h["change"], h["value"], h["actor"], h["comment"]) for h in one["history"]] == [
            ("firing", 7, None, None), ("acknowledged", 7, operator.name, "on it")]
        sent, = one["notifications"]
        assert (sent["id"], sent["channel"], sent["status"], sent["state"], sent["attempts"],
                sent["last_status"], sent["last_error"]) == (number, "of_test", "firing", "dead", 3, 410,
                                                             "gone")
        server.db.execute("DELETE FROM pganalytics.alert_outbox WHERE notification_id = %s;"
                          "DELETE FROM pganalytics.alert_channels WHERE name = 'of_test'", number)

    @pytest.mark.parametrize("parameters, found", [
        ({}, "apfrm"), ({"state": "pending"}, "p"), ({"state": "firing"}, "afm"), ({"state": "active"},
                                                                                   "apfm"),
        ({"state": "resolved"}, "r"), ({"severity": "warning"}, "apfrm"), ({"severity": "info"}, ""),
        ({"acknowledged": "true"}, "a"), ({"acknowledged": "false"}, "pfrm"), ({"muted": "true"}, "m"),
        ({"muted": "false"}, "apfr"), ({"state": "firing", "acknowledged": "false", "muted": "false"}, "f"),
        ({"state": "", "muted": ""}, "apfrm")])
    def test_filters(self, server, viewer, rule, parameters, found):
        db = server.db
        made = {letter: make_alert(db, rule, state, is_=letter) for letter, state in (
            ("a", "firing"), ("p", "pending"), ("f", "firing"), ("r", "resolved"), ("m", "firing"))}
        db.execute("SELECT pganalytics.acknowledge_alert(%s)", made["a"])
        silence = db.value("SELECT pganalytics.silence_alert(%s, '1 hour', 'test')", made["m"])
        page = listed(viewer, rule=rule, **parameters)
        assert {one["id"] for one in page["data"]} == {made[letter] for letter in found}
        assert page["total"] == len(found)
        for one in page["data"]:
            assert one["muted_by"] == ([f"silence {silence}"] if one["id"] == made["m"] else [])

    def test_pages(self, server, viewer, rule):
        made = [make_alert(server.db, rule, number=str(i)) for i in range(7)][::-1]
        pages = [listed(viewer, rule=rule, page=i, page_size=3) for i in (1, 2, 3, 4)]
        assert [[one["id"] for one in page["data"]] for page in pages] == [made[:3], made[3:6], made[6:], []]
        for number, page in enumerate(pages, 1):
            assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (7, number, 3, 3)
        assert listed(viewer, rule="no_such_rule")["total_pages"] == 0

    def test_a_page_longer_than_an_answer(self, server, viewer, rule):
        server.db.execute(
            "INSERT INTO pganalytics.alerts (rule, fingerprint, labels, severity, state, started_at, "
            "found_at, fired_at, resolved_at) "
            "SELECT %s, lpad(to_hex(g), 16, '0'), jsonb_build_object('x', repeat('x', 2000)), "
            "'info', 'resolved', now(), now(), now(), now() FROM generate_series(1, 1000) g", rule)
        assert_problem(viewer.get(f"alerts?rule={rule}&page_size=1000"), 422, "page_size", "too large")
        assert len(listed(viewer, rule=rule, page_size=200)["data"]) == 200

    @pytest.mark.parametrize("query, words", [
        ("state=open", '"state"'), ("severity=high", '"severity"'), ("acknowledged=1", '"acknowledged"'),
        ("muted=yes", '"muted"'), ("page=0", '"page"'), ("page=-1", '"page"'), ("page=1.5", '"page"'),
        ("page=99999999999999999999", '"page"'), ("page_size=0", '"page_size"'), ("page_size=1001",
                                                                                  '"page_size"'),
        ("page_size=x", '"page_size"'), ("limit=5", '"limit"'), ("state=firing&state=firing", '"state"'),
        ("rule=%ff", "encoded")])
    def test_bad_parameters(self, viewer, query, words):
        assert_problem(viewer.get(f"alerts?{query}"), 400, words)

    @pytest.mark.parametrize("path", ["alerts/0", "alerts/99999999", "alerts/x", "alerts/-1", "alerts/1x",
                                      "alerts/99999999999999999999999", "alerts/1/2", "alerts/%31",
                                      "alert-rules/none", "alert-rules/a%20b", "alert-rules/1/2"])
    def test_unknown(self, viewer, path):
        assert_problem(viewer.get(path), 404, "no such")

    def test_other_methods(self, operator, alert):
        for method, path, allowed in (("PUT", f"alerts/{alert}", {"GET", "HEAD"}), ("DELETE", "alerts",
                                                                                    {"GET", "HEAD"}),
                                      ("PUT", f"alerts/{alert}/silence", {"GET", "HEAD", "POST"}),
                                      ("POST", "alert-rules/x", {"GET", "HEAD", "PUT"}),
                                      ("PATCH", "silences", {"GET", "HEAD", "POST"})):
            answer = operator.call(method, path, {})
            assert answer.status == 405, answer
            assert allowed <= set(answer.headers["allow"].split(", "))


class TestAcknowledging:
    def test_and_back(self, server, operator, alert):
        audit = Audit(server)
        answer = operator.post(f"alerts/{alert}/acknowledge", {"comment": "on it"})
        assert answer.status == 200, answer
        assert (answer.json["acknowledged"], answer.json["acknowledged_by"],
                answer.json["acknowledgement"]) == (
            True, operator.name, "on it")
        assert answer.json["history"][-1]["actor"] == operator.name
        answer = operator.call("DELETE", f"alerts/{alert}/acknowledge")
        assert answer.status == 200, answer
        assert (answer.json["acknowledged"], answer.json["acknowledged_by"]) == (False, None)
        assert [h["change"] for h in answer.json["history"]] == ["acknowledged", "unacknowledged"]
        events = audit.events("alert.acknowledged", "alert.unacknowledged")
        assert [e.event for e in events] == ["alert.acknowledged", "alert.unacknowledged"]
        for event in events:
            assert (event.source, event.actor, event.resource_type, event.resource_id) == (
                "api", operator.name, "alert", str(alert))
        assert events[0].details["comment"] == "on it"

    @pytest.mark.parametrize("body", [None, {}, {"comment": None}])
    def test_without_a_comment(self, operator, alert, body):
        answer = operator.post(f"alerts/{alert}/acknowledge", body)
        assert answer.status == 200, answer
        assert answer.json["acknowledged"] and answer.json["acknowledgement"] is None

    def test_a_resolved_one(self, server, operator, rule):
        resolved = make_alert(server.db, rule, "resolved")
        for answer in (operator.post(f"alerts/{resolved}/acknowledge", {}),
                       operator.call("DELETE", f"alerts/{resolved}/acknowledge"),
                       operator.post(f"alerts/{resolved}/silence", {"duration": 5, "reason": "x"})):
            assert_problem(answer, 409, f"alert {resolved} is resolved already")

    def test_an_unknown_one(self, operator):
        for number in ("99999999", "x"):
            assert_problem(operator.post(f"alerts/{number}/acknowledge", {}), 404, "there is no")
            assert_problem(operator.call("DELETE", f"alerts/{number}/acknowledge"), 404, "there is no")
            assert_problem(operator.post(f"alerts/{number}/silence", {"duration": 5, "reason": "x"}), 404,
                           "there is no")

    @pytest.mark.parametrize("body, status, words", [
        (b"", 200, ""), (b"{", 400, "JSON"), (b"\xff", 400, "JSON"), (b"[]", 422, "object"), (b"1", 422,
                                                                                              "object"),
        (b'{"comment": 1}', 422, '"comment" is a string'), (b'{"comment": {}}', 422, '"comment" is a string'),
        (b'{"comment": [["x"]]}', 422, '"comment" is a string'), (b'{"comment": ""}', 422, '"comment" has'),
        (b'{"comment": "a", "comment": "b"}', 422, '"comment" is there twice'),
        (b'{"comment": null, "comment": "b"}', 422, '"comment" is there twice'),
        (b'{"comments": "a"}', 422, "not known"), (b'{"other": {"comment": "a"}}', 422, "not known"),
        (json.dumps({"comment": "x" * 4097}).encode(), 422, '"comment" has')])
    def test_bodies(self, operator, alert, body, status, words):
        answer = operator.post(f"alerts/{alert}/acknowledge", body)
        if status == 200:
            assert answer.status == 200, answer
        else:
            assert_problem(answer, status, words)
            assert not operator.get(f"alerts/{alert}").json["acknowledged"]


class TestSilences:
    def test_of_one_alert(self, server, operator, rule, alert):
        other = make_alert(server.db, rule, server="west")
        audit = Audit(server)
        answer = operator.post(f"alerts/{alert}/silence", {"duration": 90, "reason": "known"})
        assert answer.status == 200, answer
        silence = answer.json
        assert (silence["state"], silence["reason"], silence["created_by"], silence["ended_by"]) == (
            "active", "known", operator.name, None)
        assert moment(silence["ends_at"]) - moment(silence["starts_at"]) == datetime.timedelta(minutes=90)
        labels = operator.get(f"alerts/{alert}").json["labels"]
        assert {m["name"]: m["value"] for m in silence["matchers"]} == labels
        assert operator.get(f"alerts/{alert}").json["muted_by"] == [f"silence {silence['id']}"]
        assert operator.get(f"alerts/{other}").json["muted_by"] == []
        # The end of the silence.
        ended = operator.call("DELETE", f"silences/{silence['id']}")
        assert ended.status == 200, ended
        assert (ended.json["state"], ended.json["ended_by"]) == ("expired", operator.name)
        assert operator.get(f"alerts/{alert}").json["muted_by"] == []
        assert_problem(operator.call("DELETE", f"silences/{silence['id']}"), 409, "ended already")
        events = audit.events("alert.silenced", "alert.silence_ended")
        assert [(e.event, e.actor, e.resource_id) for e in events] == [
            ("alert.silenced", operator.name, str(silence["id"])),
            ("alert.silence_ended", operator.name, str(silence["id"]))]

    def test_by_matchers(self, operator):
        start = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
        end = start + datetime.timedelta(hours=3)
        matchers = [{"name": "team", "value": "a|b", "isRegex": True}, {"name": "x", "value": "",
                                                                        "isEqual": False}]
        answer = operator.post("silences", {"matchers": matchers, "starts_at": start.isoformat(),
                                            "ends_at": end.isoformat(), "reason": "moving"})
        assert answer.status == 200, answer
        made = answer.json
        assert made["state"] == "pending" and made["matchers"] == matchers
        assert (moment(made["starts_at"]), moment(made["ends_at"])) == (start, end)
        assert operator.call("DELETE", f"silences/{made['id']}").json["state"] == "expired"

    def test_the_list(self, server, viewer, operator):
        server.db.execute("DELETE FROM pganalytics.alert_silences")
        made = [operator.post("silences", {"matchers": MATCHERS, "reason": "list",
                                           **when}).json["id"] for when in (
            {"duration": 5}, {"duration": 5, "starts_at": "2999-01-01"}, {"duration": 5})]
        operator.call("DELETE", f"silences/{made[2]}")
        for state, found in (("", made), ("active", made[:1]), ("pending", made[1:2]), ("expired", made[2:])):
            page = viewer.get(f"silences?state={state}").json
            assert [s["id"] for s in page["data"]] == found[::-1] and page["total"] == len(found)
        page = viewer.get("silences?page=2&page_size=2").json
        assert [s["id"] for s in page["data"]] == made[:1] and page["total_pages"] == 2
        for query, words in (("state=over", '"state"'), ("page_size=1001", '"page_size"'), ("q=1", '"q"')):
            assert_problem(viewer.get(f"silences?{query}"), 400, words)

    @pytest.mark.parametrize("change, words", [
        ({"duration": None}, '"duration" or "ends_at"'), ({"ends_at": "2999-01-01"},
                                                          '"duration" or "ends_at"'),
        ({"duration": 0}, '"duration" is a number of minutes'), ({"duration": -5},
                                                                 '"duration" is a number of minutes'),
        ({"duration": 1.5}, '"duration" is a number of minutes'), ({"duration": 527041},
                                                                   '"duration" is a number of minutes'),
        ({"duration": 10 ** 20}, '"duration"'), ({"duration": "5"}, '"duration" is a number'),
        ({"duration": True}, '"duration" is a number'), ({"duration": [5]}, '"duration" is a number'),
        ({"reason": None}, '"reason" is a string'), ({"reason": ""}, '"reason"'), ({"reason": " "}, "reason"),
        ({"reason": 5}, '"reason" is a string'), ({"starts_at": "soon"}, '"starts_at"'),
        ({"starts_at": "2020-01-01"}, "over before it begins"), ({"duration": None, "ends_at": "soon"},
                                                                 '"ends_at"'),
        ({"duration": None, "ends_at": "2020-01-01"}, "over before it begins"),
        ({"duration": None, "starts_at": "2999-01-02", "ends_at": "2999-01-01"}, "over before it begins"),
        ({"matchers": None}, '"matchers" is an array'), ({"matchers": "x"}, '"matchers" is an array'),
        ({"matchers": 5}, '"matchers" is an array'), ({"matchers": {}}, "matchers are an array"),
        ({"matchers": []}, "an alert without labels"), ({"matchers": [1]}, "matcher 1"),
        ({"matchers": [{"name": "a", "value": ""}]}, "an alert without labels"),
        ({"matchers": MATCHERS + [{"name": "a b", "value": ""}]}, "matcher 2"),
        ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, "regular expression"),
        ({"matchers": [{"name": "a", "value": "\0"}]}, ""), ({"matchers": [{"name": "a",
                                                                            "value": "x" * 40000}]},
                                                                            '"matchers" has'),
        ({"created_by": "postgres"}, "not known")])
    def test_refused(self, server, operator, change, words):
        before = server.db.value("SELECT count(*) FROM pganalytics.alert_silences")
        answer = operator.post("silences", {"matchers": MATCHERS, "duration": 5, "reason": "x", **change})
        assert_problem(answer, 400 if "\\u0000" in json.dumps(change) else 422, words)
        assert server.db.value("SELECT count(*) FROM pganalytics.alert_silences") == before

    @pytest.mark.parametrize("missing", ["matchers", "reason"])
    def test_incomplete(self, operator, missing):
        body = {"matchers": MATCHERS, "duration": 5, "reason": "x"}
        del body[missing]
        assert_problem(operator.post("silences", body), 422, f'"{missing}" is needed')
        assert_problem(operator.post("silences"), 400, "JSON")

    @pytest.mark.parametrize("depth, status, words", [
        (9000, 422, "matcher 1 is no object"), (30000, 400, "nested too deeply")])
    def test_nested_deeply(self, operator, depth, status, words):
        body = b'{"duration": 5, "reason": "x", "matchers": ' + b"[" * depth + b"]" * depth + b"}"
        assert_problem(operator.post("silences", body), status, words)

    def test_no_such_silence(self, operator):
        for number in ("99999999", "x", "-1"):
            assert_problem(operator.call("DELETE", f"silences/{number}"), 404, "there is no")

    @pytest.mark.parametrize("body, words", [
        ({"duration": 5}, '"reason" is needed'), ({"reason": "x"}, '"duration" is needed'),
        ({"duration": 0, "reason": "x"}, '"duration" is a number of minutes'),
        ({"duration": None, "reason": "x"}, '"duration" is a number'),
        ({"duration": 5, "reason": "x", "matchers": []}, "not known")])
    def test_bodies_of_one_alert(self, operator, alert, body, words):
        assert_problem(operator.post(f"alerts/{alert}/silence", body), 422, words)


class TestRules:
    def test_a_rule(self, server, viewer, rule, alert):
        answer = viewer.get(f"alert-rules/{rule}")
        assert answer.status == 200, answer
        one = answer.json
        assert {k: one[k] for k in ("name", "query", "comparison", "threshold", "threshold_in_force",
                                    "pending_for",
                                    "severity", "evaluate_every", "labels", "annotations", "enabled",
                                    "builtin",
                                    "firing", "pending", "changed_by")} == {
            "name": rule, "query": "SELECT 1 AS value WHERE false", "comparison": ">", "threshold": 0,
            "threshold_in_force": 0, "pending_for": 0, "severity": "warning", "evaluate_every": 86400,
            "labels": {},
            "annotations": {}, "enabled": True, "builtin": False, "firing": 1, "pending": 0,
            "changed_by": "postgres"}
        page = viewer.get("alert-rules?page_size=1000").json
        assert one in page["data"] and page["total"] == len(page["data"]) == server.db.value(
            "SELECT count(*) FROM pganalytics.alert_rules")
        assert [r["name"] for r in page["data"]] == sorted(r["name"] for r in page["data"])
        assert_problem(viewer.get("alert-rules?page=x"), 400, '"page"')
        assert_problem(viewer.get("alert-rules?state=x"), 400, '"state"')

    def test_changes(self, server, admin, rule):
        audit = Audit(server)
        body = {"threshold": -2.5e1, "enabled": True, "severity": "critical", "pending_for": 90,
                "evaluate_every": 3600, "annotations": {"summary": "{{ $value }} of them", "é": "☃"},
                "runbook_url": "https://example.org/r", "query": "SELECT 2 AS value WHERE false"}
        del body["annotations"]["é"]
        answer = admin.call("PUT", f"alert-rules/{rule}", body)
        assert answer.status == 200, answer
        assert {name: answer.json[name] for name in body} == body
        assert answer.json["changed_by"] == admin.name
        row = server.db.row("SELECT threshold, pending_for, evaluate_every, query "
                            "FROM pganalytics.alert_rules WHERE name = %s", rule)
        assert row == (-25, datetime.timedelta(seconds=90), datetime.timedelta(hours=1), body["query"])
        # A member that is given alone leaves the others unchanged; null clears a member.
        answer = admin.call("PUT", f"alert-rules/{rule}", {"runbook_url": None})
        assert answer.json["runbook_url"] is None and answer.json["pending_for"] == 90
        changed, cleared = audit.events("alert.rule_changed")
        assert (changed.actor, changed.resource_id, changed.severity) == (admin.name, rule, "WARN")
        assert changed.details["severity"] == {"old": "warning", "new": "critical"}
        assert changed.details["pending_for"] == {"old": "00:00:00", "new": "00:01:30"}
        assert changed.details["change"] == "changed" and "changed_at" not in changed.details
        assert cleared.details.keys() == {"change", "runbook_url"}

    def test_a_setting_s_threshold(self, server, admin, rule):
        server.db.execute("UPDATE pganalytics.alert_rules "
                          "SET threshold_setting = 'pganalytics.api_token_lifetime' WHERE name = %s", rule)
        answer = admin.call("PUT", f"alert-rules/{rule}", {"threshold": None})
        assert answer.status == 200, answer
        assert answer.json["threshold"] is None and answer.json["threshold_in_force"] > 0

    @pytest.mark.parametrize("body, words", [
        ({}, "a field at least"), ({"threshold": "5"}, '"threshold" is a number'), ({"threshold": True},
                                                                                    '"threshold"'),
        ({"threshold": 1e999}, ""), ({"enabled": "yes"}, '"enabled" is true or false'), ({"enabled": 1},
                                                                                         '"enabled"'),
        ({"enabled": None}, '"enabled" is not null'), ({"severity": "high"}, '"severity"'),
        ({"severity": None}, '"severity" is not null'), ({"pending_for": -1}, '"pending_for"'),
        ({"pending_for": 604801}, '"pending_for"'), ({"pending_for": "5 min"}, '"pending_for" is a number'),
        ({"evaluate_every": 0.5}, '"evaluate_every"'), ({"evaluate_every": 86401}, '"evaluate_every"'),
        ({"evaluate_every": None}, '"evaluate_every" is not null'), ({"annotations": []},
                                                                     '"annotations" is an object'),
        ({"annotations": "x"}, '"annotations" is an array or an object'), ({"annotations": {"a": 1}},
                                                                           'annotation "a"'),
        ({"annotations": {"a b": "x"}}, 'annotation "a b"'), ({"runbook_url": "javascript:x"},
                                                              '"runbook_url"'),
        ({"query": "DROP TABLE x"}, ""), ({"query": ""}, '"query" has'), ({"query": None},
                                                                          '"query" is not null'),
        ({"threshold": None}, "threshold"), ({"name": "x"}, "not known"), ({"builtin": True}, "not known")])
    def test_refused(self, server, admin, rule, body, words):
        before = server.db.row("SELECT r::text FROM pganalytics.alert_rules r WHERE name = %s", rule)
        data = json.dumps(body).replace("Infinity", "1e999").encode()
        assert_problem(admin.call("PUT", f"alert-rules/{rule}", data), 422, words)
        assert server.db.row("SELECT r::text FROM pganalytics.alert_rules r WHERE name = %s", rule) == before

    def test_no_such_rule(self, admin):
        assert_problem(admin.call("PUT", "alert-rules/none", {"enabled": True}), 404, "no such rule")

    def test_a_built_in_rule(self, server, admin):
        """Administrators may change the threshold of a built-in rule, but not its query."""
        name = server.db.value("SELECT min(name) FROM pganalytics.alert_rules WHERE builtin")
        assert_problem(admin.call("PUT", f"alert-rules/{name}", {"query": "SELECT 1 AS value"}), 422,
                       '"query"')
        enabled = admin.get(f"alert-rules/{name}").json["enabled"]
        assert admin.call("PUT", f"alert-rules/{name}",
                          {"enabled": not enabled}).json["enabled"] is not enabled
        assert admin.call("PUT", f"alert-rules/{name}", {"enabled": enabled}).json["enabled"] is enabled


class TestRights:
    def test_what_a_viewer_may_not(self, server, viewer, alert):
        silence = server.db.value("SELECT pganalytics.silence_alert(%s, '1 hour', 'x')", alert)
        for method, path, body in (
                ("POST", f"alerts/{alert}/acknowledge", {}), ("DELETE", f"alerts/{alert}/acknowledge", None),
                ("POST", f"alerts/{alert}/silence", {"duration": 5, "reason": "x"}),
                ("POST", "silences", {"matchers": MATCHERS, "duration": 5, "reason": "x"}),
                ("DELETE", f"silences/{silence}", None), ("PUT", "alert-rules/x", {"enabled": False})):
            assert_problem(viewer.call(method, path, body), 403, "no member of a role")

    def test_an_operator_changes_no_rule(self, operator, rule):
        assert_problem(operator.call("PUT", f"alert-rules/{rule}", {"enabled": False}), 403,
                       "no member of a role")

    def test_grants_count(self, server, operator, alert):
        """The person's own privileges count, not the worker's."""
        function = "FUNCTION pganalytics.acknowledge_alert"
        server.db.execute(f"REVOKE EXECUTE ON {function} FROM pganalytics_operator")
        try:
            assert_problem(operator.post(f"alerts/{alert}/acknowledge", {}), 403, "permission denied")
        finally:
            server.db.execute(f"GRANT EXECUTE ON {function} TO pganalytics_operator")

    def test_who_asks_without_right_is_told_of_by_route(self, server, viewer, alert):
        """A denial is recorded under its route, not its path: nobody can fill the log with numbers."""
        audit = Audit(server)
        for number in range(20):
            viewer.post(f"alerts/{alert + number}/acknowledge", {})
        events = [e for e in audit.wait(["access.denied"]) if e.actor == viewer.name]
        assert {e.resource_id for e in events} == {"POST /api/v1/alerts/*/acknowledge"}
        assert events[0].details["needed"] == "operator"
