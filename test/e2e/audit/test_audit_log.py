"""The audit log when server and worker start and end, when records are lost, and when it is locked."""
import hashlib
import os
import re
import select
import signal
import subprocess
import threading
import time

import psycopg2
import pytest

import cluster
import product
from audit_view import (REFUSED, anchors, assert_unbroken, await_anchor, await_event, events, last_id,
                        verify, wait_until_running)
from cluster import wait_until


@pytest.fixture(scope="module")
def audited(make_server):
    # The buffer holds what the producers record while there is no worker.
    server = make_server("audit", ingest_workers=1, api_port=0, audit_buffer="64MB")
    wait_until_running(server)
    return server


# A statement that is recorded, and needs no lock on the audit log itself.
ALTERED = "ALTER ROLE postgres SET work_mem = '5MB'"


def worker_pid(server):
    return server.db.value("SELECT pid FROM pganalytics.workers WHERE kind = 'audit'")


class Producers:
    """Producers are sessions that cause one audit event after another, each under its own name."""

    def __init__(self, server, count=2, a_second=10000):
        self.pause = 1 / a_second
        self.done = []  # (name, time) of the events, as far as the session knows
        self.stop = False
        self.threads = [threading.Thread(target=self._run, args=(server.cluster.dsn(product.DATABASE), n))
                        for n in range(count)]

    def _run(self, dsn, number):
        try:
            connection = psycopg2.connect(dsn)
            connection.autocommit = True
            cursor = connection.cursor()
            for i in range(10 ** 6):
                if self.stop:
                    return
                name = f"{os.getpid()}-{id(self)}-{number}-{i}"
                cursor.execute("SELECT set_config('application_name', %s, false)", (name,))
                try:
                    cursor.execute(REFUSED)
                except psycopg2.errors.InsufficientPrivilege:
                    self.done.append((name, time.time()))
                time.sleep(self.pause)
        except psycopg2.Error:
            return  # the server has gone

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        # Wait long enough that some events must be stored whatever happens next.
        wait_until(lambda: len(self.done) > 200 and self.done[-1][1] - self.done[0][1] > 0.5, 20,
                   "producers")
        return self

    def __exit__(self, *_):
        self.stop = True
        for thread in self.threads:
            thread.join()


def stored_names(server):
    return {name for name, in server.db.rows(
        "SELECT application FROM pganalytics.audit_log WHERE event = 'audit.change_refused'")}


def crowd_wait(audited):
    """crowd_wait gives the 99th percentile of the waits of more than 1,000 events, in seconds."""
    before = last_id(audited)
    with Producers(audited) as producers:
        wait_until(lambda: len(producers.done) > 1000, 20, "1,000 events")
    wait_until(lambda: producers.done[-1][0] in stored_names(audited), 5, "the last event")
    waits = [float(w) for w, in audited.db.rows(
        "SELECT extract(epoch FROM recorded_at - occurred_at) AS wait FROM pganalytics.audit_log "
        "WHERE id > %s ORDER BY wait", before)]
    print(f"{len(waits)} events waited {1000 * waits[len(waits) // 2]:.1f} ms, "
          f"99 % of them less than {1000 * waits[len(waits) * 99 // 100]:.1f} ms")
    return waits[len(waits) * 99 // 100]


def test_an_event_is_stored_at_once(audited):
    """An event is in the table within 100 ms, alone and among many."""
    before = last_id(audited)
    for _ in range(50):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            audited.db.execute(REFUSED)
        time.sleep(0.005)
    wait_until(lambda: len(events(audited, "audit.change_refused", before)) == 50, 5, "50 events")
    # A commit that the disk delays delays every event behind it, so only one of three crowds must
    # be fast.
    assert any(crowd_wait(audited) < 0.1 for _ in range(3))


@pytest.mark.parametrize("victim", ["session", "audit worker", "server"])
def test_killed(audited, victim):
    """No event of more than 100 ms before a crash is missing, and the log records the gap."""
    before = last_id(audited)
    session = psycopg2.connect(audited.cluster.dsn(product.DATABASE))
    with Producers(audited) as producers:
        killed_at = time.time()
        if victim == "server":
            audited.cluster.restart(signal.SIGKILL)
        else:
            os.kill(session.info.backend_pid if victim == "session" else worker_pid(audited),
                    signal.SIGKILL)
    session.close()
    audited.db.close()
    wait_until(lambda: is_up(audited), 30, "the server")
    wait_until_running(audited)
    told = {name for name, at in producers.done if at < killed_at - 0.1}
    missing = told - stored_names(audited)
    print(f"{len(told)} told of 100 ms before the crash, {len(producers.done)} in all")
    assert len(told) > 100 and not missing
    gap_id, gap = await_event(audited, "audit.gap", before)
    assert "without audit.stopped" in gap["reason"] and gap["from"] < gap["to"]
    assert await_event(audited, "audit.started", before)[0] == gap_id + 1
    assert_unbroken(audited)


def is_up(server):
    try:
        return server.db.value("SELECT 1") == 1
    except psycopg2.Error:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_stopped(audited, how):
    """A fast or smart stop loses nothing and records audit.stopped; an immediate stop leaves a gap."""
    before = last_id(audited)
    audited.db.close()
    if how == signal.SIGTERM:
        # A smart stop waits for sessions, so end them first.
        with Producers(audited) as producers:
            pass
        audited.cluster.restart(how)
    else:
        with Producers(audited) as producers:
            audited.cluster.restart(how)
    wait_until_running(audited)
    if how == signal.SIGQUIT:
        assert "without audit.stopped" in await_event(audited, "audit.gap", before)[1]["reason"]
        assert not events(audited, "audit.stopped", before)
    else:
        assert {name for name, _ in producers.done} <= stored_names(audited)
        stopped_id, _ = await_event(audited, "audit.stopped", before, reason="the server stops")
        # The worker logs the head behind this row, so that it can be kept elsewhere.
        assert await_anchor(audited, stopped_id).startswith(f"{stopped_id}:")
        assert await_event(audited, "audit.started", before)[0] == stopped_id + 1
        assert not events(audited, "audit.gap", before)
    assert_unbroken(audited, anchors(audited)[-1])


def test_a_terminated_worker_repeats_nothing(audited):
    """The next worker continues, under load, where the last one ended: no row is stored twice."""
    before = last_id(audited)
    # The rate is low enough for the buffer to hold all events while there is no worker.
    with Producers(audited, a_second=400) as producers:
        for _ in range(3):
            pid = worker_pid(audited)
            audited.db.execute("SELECT pg_terminate_backend(%s)", pid)
            wait_until(lambda: worker_pid(audited) not in (pid, None), 20, "another worker")
            wait_until_running(audited)
    await_all(audited, producers)
    assert not audited.db.rows("SELECT application FROM pganalytics.audit_log "
                               "WHERE event = 'audit.change_refused' AND id > %s "
                               "GROUP BY application HAVING count(*) > 1", before)
    assert_unbroken(audited)


def await_all(server, producers, timeout=20):
    names = {name for name, _ in producers.done}
    wait_until(lambda: names <= stored_names(server), timeout, "all events")


def test_a_lock_loses_nothing(audited):
    """While the table is locked events wait in the buffer, and the worker shows the lock as its error."""
    before = last_id(audited)
    with psycopg2.connect(audited.cluster.dsn(product.DATABASE)) as holder:
        holder.cursor().execute("LOCK TABLE pganalytics.audit_log IN EXCLUSIVE MODE")
        for _ in range(20):
            audited.db.execute(ALTERED)
        wait_until(lambda: "lock" in (audited.db.value(
            "SELECT last_error FROM pganalytics.workers WHERE kind = 'audit'") or ""), 10, "its error")
        assert not events(audited, "settings.altered", before)
        holder.rollback()
    holder.close()
    wait_until(lambda: len(events(audited, "settings.altered", before)) == 20, 10, "what had waited")
    assert not events(audited, "audit.gap", before)
    assert_unbroken(audited)


def test_a_full_buffer_is_counted(make_server):
    """Records that find no room are lost and their exact number is recorded; all others are stored."""
    server = make_server("audit-small", ingest_workers=1, api_port=0, audit_buffer="64kB", audit_wait="0")
    wait_until_running(server)
    dsn = server.cluster.dsn(product.DATABASE)
    before = last_id(server)
    sessions = [psycopg2.connect(dsn) for _ in range(2)]
    holder, producer = sessions
    producer.autocommit = True
    wait_until(lambda: last_id(server) >= before + 2, 5, "the logins")
    before = last_id(server)
    holder.cursor().execute("LOCK TABLE pganalytics.audit_log IN EXCLUSIVE MODE")
    for _ in range(500):
        producer.cursor().execute(ALTERED)
    holder.rollback()
    _, gap = await_event(server, "audit.gap", before)
    assert gap["reason"].startswith("the buffer was full") and gap["since"]
    told = len(events(server, "settings.altered", before))
    lost = sum(details["lost"] for _, details in events(server, "audit.gap", before))
    print(f"{told} of 500 events stored, {lost} lost")
    assert 0 < told < 500 and told + lost == 500
    assert_unbroken(server)
    for session in sessions:
        session.close()


def test_one_bad_record_holds_up_nobody(audited):
    """A record that the table refuses is stored without its details, and the others as they are."""
    before = last_id(audited)
    audited.db.execute("ALTER TABLE pganalytics.audit_log ADD CONSTRAINT no_updates "
                       "CHECK (details->>'operation' IS DISTINCT FROM 'UPDATE')")
    try:
        for statement in (REFUSED, "UPDATE pganalytics.audit_log SET actor = 'x'",
                          "TRUNCATE pganalytics.audit_log"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                audited.db.execute(statement)
        wait_until(lambda: len(events(audited, "audit.change_refused", before)) == 3, 10, "three events")
        assert [details for _, details in events(audited, "audit.change_refused", before)] == [
            {"operation": "DELETE"}, {"unreadable": True}, {"operation": "TRUNCATE"}]
    finally:
        audited.db.execute("ALTER TABLE pganalytics.audit_log DROP CONSTRAINT no_updates")
    assert_unbroken(audited)


def test_a_rule_stops_the_log_and_not_for_ever(audited):
    before = last_id(audited)
    audited.db.execute("CREATE RULE nothing AS ON INSERT TO pganalytics.audit_log DO INSTEAD NOTHING")
    try:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            audited.db.execute(REFUSED)
        wait_until(lambda: "not inserted" in (audited.db.value(
            "SELECT last_error FROM pganalytics.workers WHERE kind = 'audit'") or ""), 10, "its error")
    finally:
        audited.db.execute("DROP RULE nothing ON pganalytics.audit_log")
    wait_until(lambda: len(events(audited, "audit.change_refused", before)) == 1, 10, "the event")
    assert_unbroken(audited)


def test_the_switch(audited):
    """Turning the log off and on is recorded, with the changed setting; in between nothing is recorded."""
    before = last_id(audited)
    audited.cluster.configure({"pganalytics.audit": "off"})
    audited.cluster.reload()
    stopped_id, _ = await_event(audited, "audit.stopped", before, reason="pganalytics.audit is off")
    wait_until(lambda: audited.db.value("SHOW pganalytics.audit") == "off", 5, "the reload")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        audited.db.execute(REFUSED)
    audited.cluster.restart()
    wait_until_running(audited)
    assert not events(audited, "audit.change_refused", before)
    audited.cluster.configure({"pganalytics.audit": "on"})
    audited.cluster.reload()
    await_event(audited, "audit.started", stopped_id, reason="pganalytics.audit is on")
    changes = [(name, told["old"], told["new"]) for name, told in audited.db.rows(
        "SELECT resource_id, details FROM pganalytics.audit_log WHERE event = 'security.configured' "
        "AND id > %s AND resource_id = 'pganalytics.audit' ORDER BY id", before)]
    wait_until(lambda: len(events(audited, "security.configured", before)) >= 2, 5, "both changes")
    assert changes[0] == ("pganalytics.audit", "on", "off")
    assert not events(audited, "audit.gap", before)
    assert_unbroken(audited)


def test_reloaded_settings(audited):
    """A setting that a reload or restart changed is recorded once with both values, a secret masked."""
    before = last_id(audited)
    audited.cluster.configure({"work_mem": "8MB", "ssl_ciphers": "HIGH", "lock_timeout": "7s",
                               "primary_conninfo": "host=192.0.2.9 password=canary-one",
                               "max_worker_processes": 21})
    audited.cluster.reload()
    await_event(audited, "settings.reloaded", before, old="4MB", new="8MB", at="reload")
    await_event(audited, "security.configured", before, new="HIGH")
    # lock_timeout is a setting that the workers set for their own sessions.
    await_event(audited, "settings.reloaded", before, old="0", new="7s")
    await_event(audited, "settings.reloaded", before, old="", new="(masked)")
    assert not [told for _, told in events(audited, "settings.reloaded", before) if told["new"] == "21"]
    audited.cluster.configure({"primary_conninfo": "host=192.0.2.9 password=canary-two", "lock_timeout": "0"})
    audited.cluster.restart()
    wait_until_running(audited)
    await_event(audited, "settings.reloaded", before, new="21", at="start")
    await_event(audited, "settings.reloaded", before, old="(masked)", new="(masked)", at="start")
    await_event(audited, "settings.reloaded", before, old="7s", new="0", at="start")
    told = [name for name, in audited.db.rows(
        "SELECT resource_id FROM pganalytics.audit_log WHERE id > %s AND event = ANY (%s) ORDER BY 1",
        before, ["settings.reloaded", "security.configured"])]
    assert told == ["lock_timeout", "lock_timeout", "max_worker_processes", "primary_conninfo",
                    "primary_conninfo", "ssl_ciphers", "work_mem"]
    assert not audited.db.value("SELECT count(*) FROM pganalytics.audit_log l "
                                "WHERE l::text ~ 'canary-(one|two)'")
    kept = audited.cluster.data / "pganalytics_settings"
    assert "canary" not in kept.read_text(encoding="utf-8")
    assert kept.stat().st_mode & 0o077 == 0
    # Nothing has changed, so nothing is recorded.
    before = last_id(audited)
    audited.cluster.restart()
    wait_until_running(audited)
    assert not events(audited, "settings.reloaded", before)


def test_a_file_that_is_none(audited):
    """Invalid files in the data directory cause a warning, and the log goes on."""
    for name in ("pganalytics_audit_head", "pganalytics_settings"):
        assert (audited.cluster.data / name).exists()
    audited.cluster.stop()
    (audited.cluster.data / "pganalytics_audit_head").write_text("nonsense", encoding="ascii")
    (audited.cluster.data / "pganalytics_settings").write_bytes(b"\\\\=\\\n\xff\xfe=\n====\\")
    audited.cluster.start()
    wait_until_running(audited)
    assert 'file "pganalytics_audit_head" is not what the audit worker writes' in audited.cluster.log_text()
    assert_unbroken(audited)


def test_anchors_are_notified(audited):
    """A session that listens gets the head that the server log shows."""
    audited.cluster.configure({"pganalytics.audit_anchor_channel": "heads"})
    audited.cluster.reload()
    await_event(audited, "security.configured", last_id(audited) - 5, new="heads")
    listener = psycopg2.connect(audited.cluster.dsn(product.DATABASE))
    listener.autocommit = True
    listener.cursor().execute("LISTEN heads")
    # The worker logs the last head when it ends.
    audited.db.execute("SELECT pg_terminate_backend(%s)", worker_pid(audited))
    wait_until(lambda: (select.select([listener], [], [], 0.1), listener.poll(), listener.notifies)[2], 10,
               "a notification")
    payload = listener.notifies[0].payload
    listener.close()
    assert payload in anchors(audited)
    wait_until_running(audited)
    assert_unbroken(audited, payload)
    audited.cluster.configure({"pganalytics.audit_anchor_channel": ""})
    audited.cluster.reload()


def test_the_manual_has_each_event(audited):
    """docs/operate/audit.md has the table that pganalytics.audit_events() gives, line by line."""
    manual = (product.SOURCE / "docs/operate/audit.md").read_text(encoding="utf-8")
    listed = [tuple(cell.strip() for cell in line.strip("|").split("|"))
              for line in re.findall(r"^\| `[a-z_]+\.[a-z_]+` \|.*$", manual, re.MULTILINE)]
    assert listed == [(f"`{name}`", severity, "yes" if undone else "", "yes" if optional else "", meaning)
                      for name, severity, undone, optional, meaning in audited.db.rows(
                          "SELECT * FROM pganalytics.audit_events()")]
    assert len(listed) >= 16


def canonical(fields):
    """canonical is the canonical form of docs/operate/audit.md, computed without PostgreSQL."""
    return b"".join(b"-" if field is None else b"%d:%s" % (len(field.encode()), field.encode())
                    for field in fields)


def test_the_chain_outside_of_the_database(audited):
    """A program that trusts no function of the database computes the same hashes from the rows."""
    rows = audited.db.rows(
        "SELECT id::text, to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), "
        "to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), event, severity, source, "
        "outcome, pid::text, actor, role, address, application, database, correlation_id, resource_type, "
        "resource_id, details::text, hash FROM pganalytics.audit_log l ORDER BY l.id")
    last = bytes(32)
    for *fields, stored in rows:
        last = hashlib.sha256(last + canonical(fields)).digest()
        assert last == bytes(stored), fields
    assert len(rows) > 1000


def test_a_restored_log_goes_on(audited, make_server):
    """A dump includes the log; the copy verifies, also against the original's anchors, and continues."""
    anchor = await_anchor_now(audited)
    dump = subprocess.run([cluster.pg_program("pg_dump"), "-d", audited.cluster.dsn(product.DATABASE)],
                          check=True, capture_output=True, text=True).stdout
    rows = last_id(audited)
    copy = make_server("audit-copy", create=False, ingest_workers=1, api_port=0)
    copy.cluster.psql(f"CREATE DATABASE {product.DATABASE}")
    copy.cluster.psql(dump, product.DATABASE, "--single-transaction")
    wait_until_running(copy)
    started_id, _ = await_event(copy, "audit.started", int(anchor.split(":")[0]))
    assert started_id > rows - 10
    assert_unbroken(copy, anchor)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        copy.db.execute(REFUSED)
    await_event(copy, "audit.change_refused", started_id)
    assert_unbroken(copy, anchor)


def await_anchor_now(server):
    """await_anchor_now makes the worker log the head of the audit log."""
    seen = len(anchors(server))
    server.db.execute("SELECT pg_terminate_backend(%s)", worker_pid(server))
    wait_until(lambda: len(anchors(server)) > seen, 10, "an anchor")
    wait_until_running(server)
    return anchors(server)[-1]


def test_a_new_extension_is_a_new_log(audited):
    """DROP EXTENSION ends the log; the first row of the next log records the end of the last one."""
    ended = last_id(audited)
    audited.db.execute("DROP EXTENSION pganalytics")
    audited.db.execute("CREATE EXTENSION pganalytics")
    wait_until(lambda: audited.db.value("SELECT count(*) FROM pganalytics.audit_log"), 20, "the new log")
    _, replaced = await_event(audited, "audit.replaced")
    assert "place of another" in replaced["reason"] and replaced["other_last_id"] >= ended
    # Nothing is missing in this log, so no critical alert is raised.
    assert not events(audited, "audit.gap")
    wait_until_running(audited)
    found = assert_unbroken(audited)
    assert found["first_id"] == 1
    assert verify(audited, anchors(audited)[0])["status"] == "broken"
