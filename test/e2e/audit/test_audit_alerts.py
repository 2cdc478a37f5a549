"""What the audit log records about alerts: who has muted what, and never a secret."""
import pytest

from alert_rows import make_alert, make_rule
from audit_view import Audit

MATCHERS = '[{"name": "alertname", "value": "x"}]'


@pytest.fixture(scope="module")
def server(make_server):
    return make_server("audited-alerts", ingest_workers=1)


@pytest.fixture
def audit(server):
    return Audit(server)


def alerts(audit):
    return [event for event in audit.events() if event.event.startswith("alert.")]


def names(events):
    return [event.event.removeprefix("alert.") for event in events]


def test_nothing_of_an_installation(server):
    """CREATE EXTENSION's own rules and inhibitions are not recorded: nobody wrote them."""
    assert server.db.value("SELECT count(*) FROM pganalytics.audit_log WHERE event LIKE 'alert.%%'") == 0


def test_a_rule_s_life(server, audit):
    db = server.db
    make_rule(db, "told")
    db.execute("SET ROLE pganalytics_admin;"
               "UPDATE pganalytics.alert_rules SET threshold = 5 WHERE name = 'told';"
               "UPDATE pganalytics.alert_rules SET threshold = 5 WHERE name = 'told'; RESET ROLE")
    db.execute("DELETE FROM pganalytics.alert_rules WHERE name = 'told'")
    made, changed, gone = alerts(audit)
    assert names([made, changed, gone]) == 3 * ["rule_changed"]
    for event, change in ((made, "created"), (changed, "changed"), (gone, "removed")):
        assert (event.resource_type, event.resource_id, event.severity, event.actor) == (
            "alert_rule", "told", "WARN", "postgres")
        assert event.details["change"] == change
    assert changed.role == "pganalytics_admin" and changed.details["threshold"] == {"old": "0", "new": "5"}
    assert made.details["query"] == "SELECT 1 AS value WHERE false"


def test_what_the_worker_finds_is_no_event(server, audit):
    rule = make_rule(server.db, "found")
    alert = make_alert(server.db, rule)
    server.db.execute("UPDATE pganalytics.alerts SET value = 8, found_at = now() WHERE alert_id = %s", alert)
    server.db.execute("UPDATE pganalytics.alerts SET state = 'resolved', resolved_at = now() "
                      "WHERE alert_id = %s", alert)
    assert names(alerts(audit)) == ["rule_changed"]


def test_acknowledgements(server, audit):
    alert = make_alert(server.db, make_rule(server.db, "acknowledged"), server="east")
    audit.mark()
    server.db.execute("SELECT pganalytics.acknowledge_alert(%s, 'on it')", alert)
    server.db.execute("SELECT pganalytics.unacknowledge_alert(%s)", alert)
    server.db.execute("SELECT pganalytics.unacknowledge_alert(%s)", alert)
    one, two = alerts(audit)
    assert names([one, two]) == ["acknowledged", "unacknowledged"]
    assert (one.resource_type, one.resource_id, one.severity) == ("alert", str(alert), "INFO")
    assert one.details["rule"] == "acknowledged" and '"server": "east"' in one.details["labels"]
    assert one.details["comment"] == "on it"


def test_silences(server, audit):
    db = server.db
    numbers = [db.value("SELECT pganalytics.silence_alerts(%s, '1 hour', 'known')", MATCHERS)
               for _ in range(3)]
    db.execute("UPDATE pganalytics.alert_silences SET ends_at = ends_at + interval '1 hour' "
               "WHERE silence_id = %s", numbers[0])
    db.execute("SELECT pganalytics.end_silence(%s)", numbers[0])
    db.execute("DELETE FROM pganalytics.alert_silences WHERE silence_id = ANY (%s)", numbers[:2])
    db.execute("BEGIN; TRUNCATE pganalytics.alert_silences; ROLLBACK")
    db.execute("DELETE FROM pganalytics.alert_silences")
    events = alerts(audit)
    assert [(name, e.resource_id) for name, e in zip(names(events), events)] == [
        ("silenced", str(numbers[0])), ("silenced", str(numbers[1])), ("silenced", str(numbers[2])),
        ("silenced", str(numbers[0])), ("silence_ended", str(numbers[0])), ("silence_ended", str(numbers[1])),
        ("silence_ended", "pganalytics.alert_silences"), ("silence_ended", str(numbers[2]))]
    assert events[0].details.keys() == {"matchers", "starts_at", "ends_at", "reason"}
    assert events[3].details.keys() == {"ends_at"}
    assert "removed" not in events[4].details and events[5].details["removed"] is True
    assert events[6].details == {"truncated": True}


def test_windows_and_inhibitions(server, audit):
    db = server.db
    db.execute("SELECT pganalytics.create_maintenance_window("
               "'nightly', '[]', now(), '90 min', 'backups', '1 day')")
    db.execute("SET intervalstyle = 'iso_8601';"
               "UPDATE pganalytics.maintenance_windows SET duration = '2 hours';"
               "RESET intervalstyle")
    db.execute("SELECT pganalytics.drop_maintenance_window('nightly')")
    db.execute("INSERT INTO pganalytics.alert_inhibitions (name, source_matchers, target_matchers) "
               "VALUES ('ours', %s, %s)", MATCHERS, MATCHERS)
    db.execute("UPDATE pganalytics.alert_inhibitions SET enabled = false WHERE name = 'ours'")
    db.execute("DELETE FROM pganalytics.alert_inhibitions WHERE name = 'ours'")
    events = alerts(audit)
    assert names(events) == 3 * ["maintenance_changed"] + 3 * ["inhibition_changed"]
    assert [e.details["change"] for e in events] == 2 * ["created", "changed", "removed"]
    assert events[0].details["duration"] == "01:30:00" and events[0].details["repeat_every"] == "1 day"
    assert events[1].details == {"change": "changed", "duration": {"old": "01:30:00", "new": "02:00:00"}}
    assert events[4].details == {"change": "changed", "enabled": {"old": True, "new": False}}


def test_channels(server, audit):
    """An event shows the host of a channel's URL and that the channel has a secret, and no more of either."""
    db = server.db
    db.execute("INSERT INTO pganalytics.alert_channels (name, kind, url, authentication) "
               "VALUES ('chat', 'webhook', 'https://hooks.example.org/T123/secretpart', 'hmac')")
    db.execute("UPDATE pganalytics.alert_channels SET url = 'https://hooks.example.org/T123/otherpart', "
               "group_wait = '20 s' WHERE name = 'chat'")
    for _ in range(2):
        db.execute("SELECT pganalytics.set_channel_secret('chat', 'asecretforthechannel')")
    db.execute("SELECT pganalytics.set_channel_secret('chat', NULL)")
    db.execute("DELETE FROM pganalytics.alert_channels WHERE name = 'chat'")
    events = alerts(audit)
    assert names(events) == 5 * ["channel_changed"]
    assert {(e.resource_type, e.resource_id, e.severity) for e in events} == {
        ("alert_channel", "chat", "WARN")}
    host = "https://hooks.example.org/..."
    assert events[0].details["url"] == host and events[0].details["change"] == "created"
    assert events[1].details == {"change": "changed", "url": {"old": host, "new": host},
                                 "group_wait": {"old": "00:00:10", "new": "00:00:20"}}
    assert [e.details for e in events[2:4]] == [{"secret": "set"}, {"secret": "removed"}]
    assert events[4].details["change"] == "removed"
    told = server.db.value("SELECT string_agg(l::text, ' ') FROM pganalytics.audit_log l")
    for secret in ("secretpart", "otherpart", "asecretforthechannel"):
        assert secret not in told


def test_an_undone_change(server, audit):
    server.db.execute("BEGIN; SELECT pganalytics.silence_alerts('%s', '1 hour', 'x'); ROLLBACK" % MATCHERS)
    events = audit.events("alert.silenced", "transaction.rolled_back")
    assert [e.event for e in events] == ["alert.silenced", "transaction.rolled_back"]
