"""A verification finds what a superuser does to the audit log, and accepts what retention does to it."""
import datetime
import random

import psycopg2
import pytest

import product
from audit_view import (REFUSED, anchors, assert_unbroken, await_anchor, await_event, events, last_id, verify,
                        wait_until_running)
from cluster import wait_until
from shifted import ShiftedClock, shift

DAY = datetime.timedelta(days=1)
COLUMNS = {"recorded_at": "recorded_at + interval '1 microsecond'",
           "occurred_at": "occurred_at - interval '1 microsecond'", "event": "event || '.'",
           "severity": "'info'", "source": "source || 's'", "outcome": "'succes'",
           "pid": "coalesce(pid, 0) + 1",
           "actor": "coalesce(actor || ' ', 'x')",
           "role": "coalesce(role || ' ', '')",
           "address": "coalesce('x' || address, 'x')",
           "application": "coalesce(application || ' ', '')",
           "database": "coalesce('x' || database, '')", "correlation_id": "correlation_id || 'x'",
           "resource_type": "coalesce(resource_type || ' ', 'x')",
           "resource_id": "coalesce(' ' || resource_id, 'x')",
           "details": "coalesce(details, '{}') || '{\"x\": 1}'", "hash": "sha256(hash)"}
TRIGGER = "audit_log_unchanged"


class Tampering:
    """Tampering picks a way to change the log and gives it as SQL."""

    def __init__(self, db, seed):
        self.random = random.Random(seed)
        self.ids = [row_id for row_id, in db.rows("SELECT id FROM pganalytics.audit_log ORDER BY id")]
        self.months = [month for month, in db.rows(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = 'pganalytics.audit_log'::regclass ORDER BY 1")]
        # The partition of next month has no rows.
        self.filled = [month for month in self.months if db.value(f"SELECT count(*) > 0 FROM {month}")]
        self.indexed = [index for index, in db.rows(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indisunique "
            "AND indrelid = ANY (%s::regclass[])", self.months)]

    def edit(self):
        column = self.random.choice(sorted(COLUMNS))
        return (f"UPDATE pganalytics.audit_log SET {column} = {COLUMNS[column]} "
                f"WHERE id = {self.random.choice(self.ids)}")

    def edit_and_rehash(self):
        """The hash of the edited row is right again, but the hash of the next row is not."""
        row = self.random.choice(self.ids[1:-1])
        return (f"UPDATE pganalytics.audit_log SET actor = 'somebody' || id WHERE id = {row}; "
                "UPDATE pganalytics.audit_log l SET hash = sha256(p.hash || convert_to("
                "pganalytics.audit_row_text(l), 'UTF8')) FROM pganalytics.audit_log p "
                f"WHERE l.id = {row} AND p.id = {row} - 1")

    def rewrite_the_rest(self):
        """All hashes from a row on are right again, but the last one is not the worker's head."""
        return f"SELECT rewrite({self.random.choice(self.ids)})"

    def delete(self):
        rows = self.random.sample(self.ids, self.random.randint(1, 5))
        return f"DELETE FROM pganalytics.audit_log WHERE id IN ({', '.join(map(str, rows))})"

    def cut_tail(self):
        return f"DELETE FROM pganalytics.audit_log WHERE id > {self.random.choice([0, *self.ids[:-1]])}"

    def swap_numbers(self):
        # Drop the indexes first: within a month the unique index would refuse the same number
        # twice.
        first, second = self.random.sample(self.ids, 2)
        drop = "; ".join(f"DROP INDEX {index}" for index in self.indexed)
        return (f"{drop}; UPDATE pganalytics.audit_log SET id = {first} + {second} - id "
                f"WHERE id IN ({first}, {second})")

    def swap_contents(self):
        first, second = self.random.sample(self.ids, 2)
        return ("UPDATE pganalytics.audit_log l "
                "SET (event, actor, details, hash, occurred_at, correlation_id) = "
                "(SELECT o.event, o.actor, o.details, o.hash, o.occurred_at, o.correlation_id "
                f"FROM pganalytics.audit_log o WHERE o.id = {first} + {second} - l.id) "
                f"WHERE l.id IN ({first}, {second})")

    def insert(self):
        """A copy of a row, after the end or, without the unique index, anywhere."""
        row = self.random.choice(self.ids)
        end = self.ids[-1]
        place = self.random.choice([row, end + 1, end + self.random.randint(2, 99), 0, -5])
        drop = "; ".join(f"DROP INDEX {index}" for index in self.indexed)
        columns = ", ".join(column for column in COLUMNS)
        return (f"{drop}; INSERT INTO pganalytics.audit_log (id, {columns}) SELECT {place}, {columns} "
                f"FROM pganalytics.audit_log WHERE id = {row}")

    def insert_chained(self):
        """A row after the end, with the right hash."""
        return ("INSERT INTO pganalytics.audit_log SELECT (e).* FROM (SELECT jsonb_populate_record(l, "
                "jsonb_build_object('id', id + 1, 'actor', 'nobody')) e FROM pganalytics.audit_log l "
                f"WHERE id = {self.ids[-1]}) x; UPDATE pganalytics.audit_log l SET hash = sha256(p.hash || "
                "convert_to(pganalytics.audit_row_text(l), 'UTF8')) FROM pganalytics.audit_log p "
                f"WHERE l.id = {self.ids[-1]} + 1 AND p.id = {self.ids[-1]}")

    def lose_month(self):
        month = self.random.choice(self.filled)
        return self.random.choice([f"DROP TABLE {month}", f"TRUNCATE {month}", f"DELETE FROM {month}",
                                   f"ALTER TABLE pganalytics.audit_log DETACH PARTITION {month}"])

    def expire_early(self):
        """A dropped month, with a forged row that records its expiry."""
        return (f"DROP TABLE {self.filled[0]}; SELECT rewrite(0); INSERT INTO pganalytics.audit_log "
                "SELECT (jsonb_populate_record(l, "
                "jsonb_build_object('id', id + 1, 'event', 'audit.expired'))).* "
                f"FROM pganalytics.audit_log l WHERE id = {self.ids[-1]}")

    WAYS = (edit, edit, edit, edit_and_rehash, rewrite_the_rest, delete, cut_tail, swap_numbers,
            swap_contents, insert, insert_chained, lose_month, expire_early)

    def pick(self):
        way = self.random.choice(self.WAYS)
        return way.__name__, way(self)

    def disarm(self):
        """A disabled or dropped trigger; no row is changed."""
        table = self.random.choice(["pganalytics.audit_log", *self.months])
        return self.random.choice([f"ALTER TABLE {table} DISABLE TRIGGER {TRIGGER}",
                                   f"ALTER TABLE {table} ENABLE TRIGGER {TRIGGER}",
                                   f"ALTER TABLE {table} ENABLE REPLICA TRIGGER {TRIGGER}",
                                   f"ALTER TABLE {table} DISABLE TRIGGER ALL",
                                   f"DROP TRIGGER {TRIGGER} ON {table}",
                                   f"DROP TRIGGER {TRIGGER} ON {table}; "
                                   f"CREATE TRIGGER {TRIGGER} BEFORE DELETE ON {table} "
                                   "EXECUTE FUNCTION pganalytics.refuse_audit_change(); "
                                   f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {TRIGGER}"])


REWRITE = """
CREATE OR REPLACE FUNCTION rewrite(begins bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    last bytea := coalesce((SELECT hash FROM pganalytics.audit_log WHERE id = begins - 1),
                           decode(repeat('00', 32), 'hex'));
    entry pganalytics.audit_log;
BEGIN
    UPDATE pganalytics.audit_log SET actor = 'somebody' WHERE id = begins;
    FOR entry IN SELECT * FROM pganalytics.audit_log WHERE id >= begins ORDER BY id LOOP
        last := sha256(last || convert_to(pganalytics.audit_row_text(entry), 'UTF8'));
        UPDATE pganalytics.audit_log SET hash = last WHERE id = entry.id;
    END LOOP;
END
$$"""


def next_month(clock):
    """next_month is noon of the second day of the clock's next month."""
    month = (clock.now().replace(day=1) + 31 * DAY).replace(day=1)
    return month.replace(day=2, hour=12, minute=0, second=0)


@pytest.fixture(scope="module")
def clock(root):
    """clock is moved to the second day of a month, so that no month ends while a test runs."""
    clock = ShiftedClock(root)
    clock.advance_to(next_month(clock))
    return clock


@pytest.fixture(scope="module")
def old_log(root, clock):
    """old_log is a server whose audit log has rows in three months."""
    from conftest import Server
    analytics = product.Analytics(root, "tampered", {
        "pganalytics.ingest_workers": "1", "pganalytics.api_port": "0",
        "pganalytics.audit_log_retention": "60"})
    analytics.init()
    shift(analytics, clock)
    analytics.start().create()
    server = Server(analytics)
    wait_until_running(server)
    for month in range(3):
        if month > 0:
            clock.advance_to(next_month(clock))
            # The worker reads the moved clock when it starts.
            analytics.restart()
            server.db.close()
            wait_until_running(server)
        before = last_id(server)
        for _ in range(15):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                server.db.execute(REFUSED)
        wait_until(lambda: last_id(server) >= before + 15, 10, "a month's events")
    yield server
    server.db.close()
    analytics.remove()


@pytest.fixture
def held(old_log):
    """held is old_log while nothing is added to it."""
    cluster = old_log.cluster
    before = last_id(old_log)
    cluster.configure({"pganalytics.audit": "off"})
    cluster.reload()
    await_event(old_log, "audit.stopped", before, reason="pganalytics.audit is off")
    wait_until(lambda: old_log.db.value("SHOW pganalytics.audit") == "off", 5, "the reload")
    old_log.db.execute(REWRITE)
    yield old_log
    before = last_id(old_log)
    cluster.configure({"pganalytics.audit": "on"})
    cluster.reload()
    await_event(old_log, "audit.started", before, reason="pganalytics.audit is on")
    wait_until(lambda: old_log.db.value("SHOW pganalytics.audit") == "on", 5, "the reload")


def found_after(connection, statements):
    """found_after runs statements, gives the result of a verification, and rolls the statements back."""
    cursor = connection.cursor()
    try:
        cursor.execute(statements)
        cursor.execute("SELECT status, reason FROM pganalytics.verify_audit_log()")
        return cursor.fetchone()
    finally:
        connection.rollback()


@pytest.fixture
def superuser(held):
    connection = psycopg2.connect(held.cluster.dsn(product.DATABASE))
    yield connection
    connection.close()


def arm(server, state):
    for table in ["pganalytics.audit_log", *Tampering(server.db, 1).months]:
        server.db.execute(f"ALTER TABLE {table} {state} TRIGGER {TRIGGER}")


def test_tamperings_are_found(held, superuser):
    """1,000 random changes by a superuser who has disabled the triggers are all found."""
    assert_unbroken(held)
    tampering = Tampering(held.db, 5)
    assert len(tampering.filled) == 3 and len(tampering.ids) > 45
    # Disabled triggers are reported too, but last: so each change must have another reason.
    arm(held, "DISABLE")
    assert "trigger" in found_after(superuser, "SELECT 1")[1]
    counts, unseen = {}, []
    for _ in range(1000):
        name, statements = tampering.pick()
        status, reason = found_after(superuser, statements)
        counts[name] = counts.get(name, 0) + 1
        if status != "broken" or "trigger" in reason:
            unseen.append(statements)
    print("tried " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    assert not unseen
    assert len(counts) == len(set(Tampering.WAYS))
    arm(held, "ENABLE ALWAYS")
    assert_unbroken(held)


def test_triggers_that_are_off_are_found(held, superuser):
    tampering = Tampering(held.db, 6)
    for _ in range(60):
        statements = tampering.disarm()
        status, reason = found_after(superuser, statements)
        assert status == "broken" and "the trigger against changes" in reason, statements


def test_retention_leaves_a_chain(old_log, clock):
    """After months are dropped the chain begins behind the row that records it, and anchors still hold."""
    old_log.cluster.restart()
    old_log.db.close()
    wait_until_running(old_log)
    anchor = anchors(old_log)[-1]
    before = assert_unbroken(old_log, anchor)
    assert before["first_id"] == 1
    ends = old_log.db.value("SELECT min(upper(pganalytics.partition_range(inhrelid))) FROM pg_inherits "
                            "WHERE inhparent = 'pganalytics.audit_log'::regclass")
    clock.advance_to(ends + 62 * DAY)
    # A running worker that sees the clock move removes nothing for an hour, so restart it.
    old_log.cluster.configure({"pganalytics.audit_log_retention": "61"})
    old_log.cluster.restart()
    old_log.db.close()
    _, first = await_event(old_log, "audit.expired", before["last_id"])
    assert first["first_id"] == 1 and first["last_id"] >= 15 and len(first["last_hash"]) == 64
    found = assert_unbroken(old_log, anchor)
    expired = old_log.db.rows("SELECT details FROM pganalytics.audit_log WHERE event = 'audit.expired'")
    assert found["first_id"] == max(told["last_id"] for told, in expired) + 1 > 15
    # The anchor of the last dropped row can still be verified; an earlier one cannot.
    cut = max((told for told, in expired), key=lambda told: told["last_id"])
    assert_unbroken(old_log, f"{cut['last_id']}:{cut['last_hash']}")
    assert verify(old_log, f"{cut['last_id']}:{'0' * 64}")["status"] == "broken"
    assert "was dropped" in verify(old_log, f"1:{'0' * 64}")["reason"]


def test_the_head_is_anchored_each_minute(old_log):
    """The head is in the server log and in a file within a minute of the monotonic clock, without a stop."""
    before = last_id(old_log)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        old_log.db.execute(REFUSED)
    row, _ = await_event(old_log, "audit.change_refused", before)
    anchor = await_anchor(old_log, row, timeout=75)
    # The worker writes the file after the line in the log.
    file = old_log.cluster.data / "pganalytics_audit_head"
    wait_until(lambda: file.read_text(encoding="ascii").split()[-1] == anchor, 5, "the anchor's file")
    assert_unbroken(old_log, anchor)


@pytest.mark.parametrize("when", ["running", "stopped", "stopped and the file removed"])
def test_a_rewritten_history_is_found(old_log, when):
    """A history rewritten with correct hashes is found: a running server knows the head.

    A restarted server has the head's file. If the file is gone, too, only an anchor shows the
    change.
    """
    old_log.db.execute(REWRITE)
    if when != "running":
        old_log.cluster.restart()
        old_log.db.close()
        wait_until_running(old_log)
    row = last_id(old_log) - 5
    tables = ["pganalytics.audit_log", *Tampering(old_log.db, 1).months]
    statements = "; ".join([*(f"ALTER TABLE {t} DISABLE TRIGGER {TRIGGER}" for t in tables),
                            f"SELECT rewrite({row})",
                            *(f"ALTER TABLE {t} ENABLE ALWAYS TRIGGER {TRIGGER}" for t in tables)])
    if when == "running":
        connection = psycopg2.connect(old_log.cluster.dsn(product.DATABASE))
        assert found_after(connection, statements)[0] == "broken"
        connection.close()
        return
    # Rewrite while the worker is away: otherwise it would record at once what it finds.
    cluster = old_log.cluster
    cluster.configure({"pganalytics.database": "nowhere"})
    cluster.restart()
    old_log.db.close()
    anchor = anchors(old_log)[-1]
    assert_unbroken(old_log, anchor)
    old_log.db.execute(statements)
    assert verify(old_log, anchor)["status"] == "broken"
    if when.endswith("removed"):
        (cluster.data / "pganalytics_audit_head").unlink()
    cluster.configure({"pganalytics.database": product.DATABASE})
    before = last_id(old_log)
    cluster.restart()
    old_log.db.close()
    wait_until_running(old_log)
    await_event(old_log, "audit.started", before)
    assert verify(old_log, anchor)["status"] == "broken"
    if when.endswith("removed"):
        # Without the file the database itself cannot notice the change.
        assert_unbroken(old_log)
        return
    assert verify(old_log)["status"] == "broken"
    assert [gap["changed_row"] for _, gap in events(old_log, "audit.gap", before)] == [before]
    # The next run needs a log without this gap, so make a new extension with a new log.
    old_log.db.execute("DROP EXTENSION pganalytics CASCADE")
    old_log.db.execute("CREATE EXTENSION pganalytics")
    wait_until(lambda: old_log.db.value("SELECT count(*) FROM pganalytics.audit_log") > 3, 20, "the new log")
    wait_until_running(old_log)
    before = last_id(old_log)
    for _ in range(9):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            old_log.db.execute(REFUSED)
    wait_until(lambda: last_id(old_log) >= before + 9, 10, "events")
