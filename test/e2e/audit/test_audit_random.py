"""Thousands of events of many sessions at once: each is recorded once, in an unbroken chain."""
import collections
import concurrent.futures
import os
import random
import time

import psycopg2
import pytest

import cluster
from audit_sessions import Sessions, code_of
from audit_view import store_counts

EVENTS = int(os.environ.get("PGANALYTICS_AUDIT_EVENTS", "10000"))
SESSIONS = 6
# A role's name tells the events apart: whose login, which table. `undone` adds its rollback event.
KINDS = ("denied", "swallowed", "role", "password", "grant", "table", "undone", "setting", "login",
         "wrong")
WEIGHTS = (24, 20, 8, 8, 14, 8, 8, 8, 1, 1)


@pytest.fixture(scope="module")
def server(make_server):
    one = make_server("random", ingest_workers=1, audit_buffer="16MB", audit_wait="1s",
                      postgres={"fsync": "off"})
    one.cluster.query("CREATE SCHEMA barred; CREATE ROLE target; CREATE TABLE given (a int); " +
                      "".join(f"CREATE TABLE refused_{n} (a int); CREATE ROLE actor_{n} LOGIN "
                              f"PASSWORD 'right'; GRANT ALL ON SCHEMA public TO actor_{n}; "
                              for n in range(SESSIONS)))
    return one


class Actor:
    """Actor does random things in two sessions of its own, and notes what must be recorded for each."""

    def __init__(self, server, number, seed):
        self.sessions = Sessions(server)
        self.number = number
        self.random = random.Random(seed)
        self.expected = collections.Counter()

    def run(self, count):
        with self.sessions:
            self.admin = self.sessions.open("postgres", application_name=f"admin {self.number}")
            self.actor = self.sessions.open(f"actor_{self.number}")
            self.expect("auth.login", "success", None, actor=f"actor_{self.number}")
            for serial in range(count - 1):
                kind = self.random.choices(KINDS, WEIGHTS)[0]
                getattr(self, kind)(f"x{self.number}_{serial}")
        return self.expected

    def expect(self, event, outcome, resource, actor="postgres"):
        self.expected[event, outcome, resource, actor] += 1

    def denied(self, _):
        assert code_of(self.actor, f"SELECT * FROM refused_{self.number}") == "42501"
        self.expect("access.denied", "denied", f"public.refused_{self.number}",
                    f"actor_{self.number}")

    def swallowed(self, _):
        self.actor.execute("DO $$ BEGIN PERFORM * FROM barred.nothing; "
                           "EXCEPTION WHEN insufficient_privilege THEN NULL; END $$")
        self.expect("access.denied", "denied", "barred", f"actor_{self.number}")

    def role(self, name):
        self.admin.execute(f"CREATE ROLE {name}")
        self.expect("role.created", "success", name)
        assert code_of(self.admin, f"CREATE ROLE {name}") == "42710"
        # Failures are counted, and names beyond the places that a role has share one.
        self.expect("role.created", "failed", None)

    def password(self, name):
        self.admin.execute(f"ALTER ROLE actor_{self.number} PASSWORD 'right'")
        self.expect("auth.password_changed", "success", f"actor_{self.number}")

    def grant(self, name):
        # PostgreSQL itself refuses one of two concurrent GRANTs on the same object to the same
        # role.
        self.admin.execute(f"CREATE TABLE g{name} (a int); GRANT SELECT ON g{name} TO target")
        self.expect("ddl.executed", "success", f"public.g{name}")
        self.expect("privilege.granted", "success", f"public.g{name}")

    def table(self, name):
        self.actor.execute(f"CREATE TABLE {name} (a int)")
        self.actor.execute(f"DROP TABLE {name}")
        for _ in range(2):
            self.expect("ddl.executed", "success", f"public.{name}", f"actor_{self.number}")

    def undone(self, name):
        self.actor.execute(f"BEGIN; CREATE TABLE {name} (a int); ROLLBACK")
        self.expect("ddl.executed", "success", f"public.{name}", f"actor_{self.number}")
        self.expect("transaction.rolled_back", "success", None, f"actor_{self.number}")

    def setting(self, name):
        self.admin.execute(f"ALTER ROLE actor_{self.number} SET work_mem = '5MB'")
        self.expect("settings.altered", "success", "work_mem")

    def login(self, _):
        psycopg2.connect(self.sessions.dsn(f"actor_{self.number}")).close()
        self.expect("auth.login", "success", None, f"actor_{self.number}")

    def wrong(self, name):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(self.sessions.dsn(name))
        self.expect("auth.login_failed", "denied", None, None)


def test_every_event_is_found_once(server):
    first = server.db.value("SELECT max(id) FROM pganalytics.audit_log")
    seed = int(os.environ.get("PGANALYTICS_SEED", time.time_ns() % 1000000))
    print(f"PGANALYTICS_SEED={seed}")
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(SESSIONS) as pool:
        # An action causes one or two events.
        runs = [pool.submit(Actor(server, n, seed + n).run, EVENTS // SESSIONS)
                for n in range(SESSIONS)]
        expected = sum((run.result() for run in runs), collections.Counter())
    acted = time.monotonic() - begin

    def found():
        return collections.Counter(dict((tuple(row[:4]), row[4]) for row in server.db.rows(
            "SELECT event, outcome, CASE WHEN outcome <> 'failed' THEN resource_id END, "
            "CASE WHEN event <> 'auth.login_failed' THEN actor END, "
            "sum(coalesce((details->>'count')::int, 1))::int FROM pganalytics.audit_log WHERE id > %s AND "
            "(actor LIKE 'actor%%' OR actor LIKE 'x%%' OR details ? 'of_many' OR "
            "application LIKE 'admin%%' AND event <> 'auth.login') GROUP BY 1, 2, 3, 4", first)))

    total = sum(expected.values())
    store_counts(server)
    cluster.wait_until(lambda: sum(found().values()) >= total, 30, "all events", interval=0.2)
    told = found()
    print(f"{total} events in {acted:.1f} s, stored {time.monotonic() - begin - acted:.1f} s later")
    assert told == expected, (told - expected, expected - told)
    assert total >= EVENTS
    assert server.db.value("SELECT count(*) FROM pganalytics.audit_log WHERE event = 'audit.gap' "
                           "AND id > %s", first) == 0
    assert server.db.value("SELECT status FROM pganalytics.verify_audit_log()") == "unbroken"
