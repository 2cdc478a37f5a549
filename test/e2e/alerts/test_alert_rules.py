"""Built-in alert rules with real events: logins, refusals, pushes, settings, dead gateways."""
import datetime
import os
import re
import signal

import psycopg2
import pytest

import product
from api_client import PASSWORD, ApiClient, fresh_address
from audit_view import REFUSED, events, last_id, store_counts
from client import push_body, query_rows, rfc3339
from cluster import wait_until

SOON = 10


def rules_each_second(server):
    """rules_each_second has every rule evaluated each second, and alerts end as soon as their cause ends."""
    server.db.execute("UPDATE pganalytics.alert_rules SET evaluate_every = '1 s', keep_firing_for = '0', "
                      "pending_for = '0'")
    return server


@pytest.fixture(scope="module")
def watched(make_server):
    return rules_each_second(make_server("rules", ingest_workers=1, login_failures=10000))


def alerts(server, rule, /, **labels):
    """alerts gives value by labels of the firing alerts of a rule."""
    return [(value, found) for value, found in server.db.rows(
        "SELECT value, labels - 'alertname' - 'severity' FROM pganalytics.alerts "
        "WHERE rule = %s AND state = 'firing'", rule) if labels.items() <= found.items()]


def await_alert(server, rule, /, **labels):
    return wait_until(lambda: alerts(server, rule, **labels), SOON, f"{rule} {labels}")[0]


def await_end(server, rule, /, **labels):
    wait_until(lambda: not alerts(server, rule, **labels), SOON, f"the end of {rule} {labels}")


def assert_silent(server, rule, /, **labels):
    """assert_silent waits for an evaluation begun after the call, and asserts that the rule does not fire."""
    now = server.db.value("SELECT clock_timestamp()")
    wait_until(lambda: server.db.rows("SELECT FROM pganalytics.alert_rule_states WHERE rule = %s "
                                      "AND evaluated_at > %s AND failures = 0", rule, now),
               SOON, f"an evaluation of {rule}")
    assert not alerts(server, rule, **labels)


def guess(server, name="nobody", address=None):
    with ApiClient(server, address=address) as client:
        return client.log_in(name, "wrong").status


def test_ten_failed_logins_are_none(watched):
    """Ten failed logins to both ports under different names are no alert; the eleventh is one."""
    before = last_id(watched)
    for number in range(5):
        assert guess(watched, f"name-{number}") == 401
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(host="127.0.0.1", port=watched.cluster.port, dbname=product.DATABASE,
                             user=f"name-{number}", password="wrong")
    wait_until(lambda: len(events(watched, "auth.login_failed", before)) == 10, SOON, "ten events")
    assert_silent(watched, "failed_login_surge")
    guess(watched, "another")
    assert await_alert(watched, "failed_login_surge") == (11, {})
    # It says who it is, but no name that is no role: that may be a password.
    summary, = watched.db.rows("SELECT annotations ->> 'summary' FROM pganalytics.alerts "
                               "WHERE rule = 'failed_login_surge'")[0]
    assert "no role from 127.0.0.1 (" in summary and "name-1" not in summary, summary


@pytest.fixture(scope="module")
def guessed(make_server):
    return rules_each_second(make_server("rule_events", ingest_workers=1, login_failures=5,
                                         login_failure_interval="1d"))


def test_guesses_at_one_role(guessed):
    """After five wrong passwords more tries are refused unchecked, but still count as failed logins."""
    guessed.db.execute(f"CREATE ROLE ann LOGIN PASSWORD '{PASSWORD}'")
    address = fresh_address()
    statuses = [guess(guessed, "ann", address) for _ in range(10)]
    assert statuses == [401] * 5 + [429] * 5
    store_counts(guessed)
    assert_silent(guessed, "failed_login_surge")
    assert guess(guessed, "ann", address) == 429
    store_counts(guessed)
    await_alert(guessed, "failed_login_surge")
    # Six of the logins were rate limited. 49 refusals of one address are not yet abuse.
    assert {guess(guessed, "ann", address) for _ in range(43)} == {429}
    store_counts(guessed)
    assert sum(details["count"] for _, details in events(guessed, "security.rate_limited")) == 49
    assert_silent(guessed, "rate_limit_abuse")
    assert guess(guessed, "ann", address) == 429
    store_counts(guessed)
    value, labels = await_alert(guessed, "rate_limit_abuse")
    assert labels == {"address": address} and value == 50


def test_somebody_tries_what_there_is(watched):
    """A role that is refused nineteen tables raises no alert; the twentieth table does."""
    watched.db.execute("CREATE ROLE curious LOGIN; CREATE SCHEMA closed")
    watched.db.execute("DO $$ BEGIN FOR i IN 1 .. 20 LOOP EXECUTE 'CREATE TABLE closed.t' || i || '()'; "
                       "END LOOP; END $$; GRANT USAGE ON SCHEMA closed TO curious")
    session = psycopg2.connect(watched.cluster.dsn(product.DATABASE, "curious"))
    session.autocommit = True

    def read(number):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            session.cursor().execute(f"SELECT FROM closed.t{number}")

    before = last_id(watched)
    for number in [1] * 5 + list(range(1, 20)):
        read(number)
    wait_until(lambda: len(events(watched, "access.denied", before)) >= 19, SOON, "19 tables")
    assert_silent(watched, "unusual_access")
    read(20)
    assert await_alert(watched, "unusual_access") == (20, {"actor": "curious"})
    session.close()


def test_a_setting_is_changed(watched):
    watched.db.execute("ALTER SYSTEM SET pganalytics.alert_certificate_days = 8")
    await_alert(watched, "configuration_changed", event="security.configured", actor="postgres",
                resource="pganalytics.alert_certificate_days")
    assert not alerts(watched, "configuration_changed", resource="work_mem")
    watched.db.execute("ALTER ROLE ALL SET work_mem = '5MB'")
    await_alert(watched, "configuration_changed", event="settings.altered", resource="work_mem")


def test_a_limit_of_a_collector_is_changed(watched):
    credentials = watched.collector()
    name = watched.db.value("SELECT name FROM pganalytics.collectors WHERE collector_id = %s",
                            credentials.collector_id)
    watched.db.execute("SELECT pganalytics.set_query_limit(%s, 5)", name)
    await_alert(watched, "configuration_changed", event="collector.configured", collector=name,
                resource=credentials.collector_id)


def test_rows_of_the_audit_log_are_attacked(watched):
    assert_silent(watched, "audit_gap")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        watched.db.execute(REFUSED)
    assert await_alert(watched, "audit_gap")[1]["event"] == "audit.change_refused"


def push(server, credentials, moment=None):
    with server.client(credentials) as client:
        answer = client.push(push_body(credentials.collector_id, query_rows(3, 1), moment))
        assert answer.status == 200, answer
        return answer.receipt


def test_collectors_fall_silent(make_server):
    """If both collectors are silent only ingest_stalled is notified; if one is, collector_silent is."""
    server = rules_each_second(make_server("silence", ingest_workers=1, alert_collector_silent="2s"))
    one, other = server.collector(), server.collector()
    push(server, one)
    push(server, other)
    assert_silent(server, "collector_silent")
    await_alert(server, "ingest_stalled")
    wait_until(lambda: len(alerts(server, "collector_silent")) == 2, SOON, "two silent collectors")
    assert server.db.rows("SELECT DISTINCT muted_by FROM pganalytics.active_alerts "
                          "WHERE labels ->> 'alertname' = 'collector_silent'") == [
                              (["inhibition ingest_stalled"],)]
    names = dict(server.db.rows("SELECT collector_id::text, name FROM pganalytics.collectors"))
    server.db.execute("UPDATE pganalytics.alert_rules SET threshold = 3600 WHERE name = 'ingest_stalled'")
    push(server, one)
    await_end(server, "collector_silent", collector=names[one.collector_id])
    assert await_alert(server, "collector_silent", server="db-host-01",
                       collector=names[other.collector_id])
    server.db.execute("SELECT pganalytics.set_collector_enabled(%s, false)", names[other.collector_id])
    await_end(server, "collector_silent", collector=names[other.collector_id])


def test_restart_resolves_nothing(make_server):
    """Who was silent before a restart is silent after it, until a push comes; nobody is told of an end."""
    server = rules_each_second(make_server("restarted", ingest_workers=1, alert_collector_silent="5s"))
    both = [server.collector(), server.collector()]
    for one in both:
        push(server, one)
    alive = """FROM pganalytics.alerts WHERE rule IN ('collector_silent', 'ingest_stalled')
               AND state = 'firing' ORDER BY 1"""
    wait_until(lambda: len(server.db.rows(f"SELECT alert_id {alive}")) == 3, 30, "two silent collectors")
    before = server.db.rows(f"SELECT alert_id, fired_at {alive}")
    server.cluster.restart()
    server.cluster.wait_until_running()
    for rule in ("collector_silent", "ingest_stalled"):
        now = server.db.value("SELECT clock_timestamp()")
        wait_until(lambda r=rule, t=now: server.db.rows(
            "SELECT FROM pganalytics.alert_rule_states WHERE rule = %s AND evaluated_at > %s",
            r, t), SOON, rule)
    assert server.db.rows(f"SELECT alert_id, fired_at {alive}") == before
    push(server, both[0])
    await_end(server, "ingest_stalled")
    wait_until(lambda: len(alerts(server, "collector_silent")) == 1, SOON, "the end of one")
    assert server.db.value("SELECT count(*) FROM pganalytics.alerts WHERE rule = 'collector_silent'") == 2


def disks(credentials, count, percent):
    now = rfc3339(datetime.datetime.now(datetime.timezone.utc))
    return {"collector_id": credentials.collector_id, "hostname": "h", "version": "3.0.0",
            "timestamp": now, "metrics_count": 1,
            "metrics": [{"type": "disk_usage", "timestamp": now, "filesystems": [
                {"device": f"/dev/{n}", "mount": f"/{n}", "percent_used": percent, "total_gb": 1,
                 "used_gb": 1, "free_gb": 0} for n in range(count)]}]}


def test_one_sender_fills_no_rule(watched):
    """Of a thousand full disks of one collector a hundred are alerts, and one of another is, too."""
    hostile, victim = watched.collector(), watched.collector()
    names = dict(watched.db.rows("SELECT collector_id::text, name FROM pganalytics.collectors"))
    for credentials, count, percent in ((hostile, 1000, 1e6), (victim, 1, 95)):
        with watched.client(credentials) as client:
            answer = client.push(disks(credentials, count, percent))
            assert answer.status == 200, answer
    assert await_alert(watched, "disk_watermark", collector=names[victim.collector_id])[0] == 95
    assert len(alerts(watched, "disk_watermark", collector=names[hostile.collector_id])) == 100
    assert await_alert(watched, "alert_rule_truncated", rule="disk_watermark",
                       source=names[hostile.collector_id])[0] == 900
    assert watched.db.row("SELECT left_out, left_out_of FROM pganalytics.alert_rule_states "
                          "WHERE rule = 'disk_watermark'") == (900, names[hostile.collector_id])


def test_rows_are_discarded(watched):
    credentials = watched.collector()
    push(watched, credentials)
    assert_silent(watched, "ingest_discards")
    long_ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=100)
    assert push(watched, credentials, long_ago)["discarded"]["too_old"] == 3
    value, labels = await_alert(watched, "ingest_discards", reason="too_old", server="db-host-01")
    assert value == 3, labels


def test_gateways_die(watched):
    """Three gateway starts in ten minutes raise no alert, four do."""
    def gateway():
        return watched.db.value("SELECT max(gateway_pid) FROM pganalytics.workers WHERE kind = 'ingest' "
                                "AND state = 'running'")

    def kill():
        victim = wait_until(gateway, SOON, "a gateway")
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: gateway() not in (victim, None), SOON, "the next gateway")
        # The worker samples the counters each minute; the test does not wait for that.
        watched.db.execute("SELECT pganalytics.sample_workers(clock_timestamp())")

    watched.db.execute("SELECT pganalytics.sample_workers(clock_timestamp())")
    for _ in range(3):
        kill()
    assert_silent(watched, "gateway_restarting")
    kill()
    assert await_alert(watched, "gateway_restarting", worker="ingest")[0] == 4


def test_a_broken_rule_is_an_alert(watched):
    watched.db.execute("INSERT INTO pganalytics.alert_rules (name, query, threshold, evaluate_every) VALUES "
                       "('broken', 'SELECT 1 / count(*) AS value FROM pg_class WHERE false', 0, '1 s')")
    await_alert(watched, "alert_rule_failing", rule="broken")
    watched.db.execute("UPDATE pganalytics.alert_rules SET query = 'SELECT 0 AS value' "
                       "WHERE name = 'broken'")
    await_end(watched, "alert_rule_failing", rule="broken")
    watched.db.execute("DELETE FROM pganalytics.alert_rules WHERE name = 'broken'")


def test_each_rule_can_be_evaluated(watched):
    """The worker has the privileges of every built-in rule, and no rule takes long on a small database."""
    states = wait_until(lambda: all_states(watched), SOON, "an evaluation of each rule")
    assert len(states) > 20
    assert [state for state in states if state[1] != 0 or state[2] > 1000] == []


def all_states(server):
    states = server.db.rows(
        "SELECT r.name, s.failures, s.duration_ms FROM pganalytics.alert_rules r "
        "LEFT JOIN pganalytics.alert_rule_states s ON s.rule = r.name WHERE r.builtin")
    return None not in [duration for _, _, duration in states] and states


def short(seconds):
    """short writes an interval as the manual does."""
    seconds = int(seconds)
    for unit, of in (("h", 3600), ("min", 60), ("s", 1)):
        if seconds and seconds % of == 0:
            return f"{seconds // of} {unit}"
    return ""


def test_the_manual_has_each_rule(make_server):
    """docs/use/alerts.md has a line for each built-in rule with its thresholds, times and labels."""
    server = make_server("manual", ingest_workers=1, api_port=0)
    manual = (product.SOURCE / "docs/use/alerts.md").read_text(encoding="utf-8")
    section = re.search(r"^## Built-in rules$(.*?)(?=^## |\Z)", manual, re.MULTILINE | re.DOTALL)[1]
    listed = [tuple(cell.strip() for cell in line.strip("|").split("|"))[:6]
              for line in re.findall(r"^\| `[a-z_]+` \|.*$", section, re.MULTILINE)]
    made = []
    for name, severity, comparison, limit, pending, kept, every, query in server.db.rows(
            "SELECT name, severity, comparison, coalesce(threshold::numeric::text, threshold_setting), "
            "extract(epoch FROM pending_for), extract(epoch FROM keep_firing_for), "
            "extract(epoch FROM evaluate_every), query FROM pganalytics.alert_rules WHERE builtin"):
        with psycopg2.connect(server.cluster.dsn(product.DATABASE)) as session, session.cursor() as cursor:
            cursor.execute("SET search_path = pg_catalog, pg_temp")
            cursor.execute(query)
            labels = [column.name for column in cursor.description
                      if column.name != "value" and not column.name.startswith("__")]
        made.append((f"`{name}`", severity, f"{comparison} {limit if limit[0].isdigit() else f'`{limit}`'}",
                     " / ".join((short(pending) or "0", short(kept) or "0")), short(every),
                     ", ".join(f"`{label}`" for label in labels) or "—"))
    assert sorted(listed) == sorted(made)
    present = server.db.rows("SELECT name FROM pganalytics.alert_rules "
                             "WHERE builtin AND query !~ 'evaluation_time' ORDER BY 1")
    assert [name for name, in present] == [
        "alert_rule_failing", "alert_rule_truncated", "disk_space_low", "heartbeat"]
