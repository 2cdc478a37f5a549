"""What the tests of the audit log read from it: its chain, and the events since a mark."""
import collections
import itertools
import re

from cluster import wait_until

# A statement that is refused and recorded, whichever role runs it.
REFUSED = "DELETE FROM pganalytics.audit_log"
# Many such events; none of them is counted together with others.
FILL = ("DO $$ BEGIN FOR i IN 1 .. {} LOOP BEGIN UPDATE pganalytics.audit_log SET actor = 'x'; "
        "EXCEPTION WHEN insufficient_privilege THEN NULL; END; END LOOP; END $$")


def verify(server, anchor=None):
    """verify gives the row of verify_audit_log() as a dict."""
    (found,) = server.db.row("SELECT to_jsonb(v) FROM pganalytics.verify_audit_log(%s) v", anchor)
    return found


def assert_unbroken(server, anchor=None):
    found = verify(server, anchor)
    assert found["status"] == "unbroken", found["summary"]
    return found


def wait_until_running(server):
    assert server.db.value("SELECT pganalytics.wait_until_running('20 s')")


def events(server, event, after=0):
    """events gives (id, details) of the rows with this event and an id above `after`."""
    return server.db.rows("SELECT id, coalesce(details, '{}') FROM pganalytics.audit_log "
                          "WHERE event = %s AND id > %s ORDER BY id", event, after)


def last_id(server):
    return server.db.value("SELECT coalesce(max(id), 0) FROM pganalytics.audit_log")


def await_event(server, event, after=0, timeout=10, **details):
    """await_event waits for a row with this event and these details, and gives (id, details)."""
    def found():
        return [(row_id, told) for row_id, told in events(server, event, after)
                if all(told.get(key) == value for key, value in details.items())]
    return wait_until(found, timeout, f"{event} {details}")[0]


def store_counts(server):
    """store_counts ends the audit worker, which then stores all counts, and waits for the next one."""
    worker = "SELECT pid FROM pganalytics.workers WHERE kind = 'audit'"
    before = server.db.value(worker)
    server.db.execute("SELECT pg_terminate_backend(%s)", before)
    wait_until(lambda: server.db.value(worker) not in (before, None), 20, "a new worker")
    wait_until_running(server)


def count_of(server, event, after=0):
    """count_of gives how many events of this kind the rows behind `after` stand for."""
    return sum(details.get("count", 1) for _, details in events(server, event, after))


def anchors(server):
    """anchors gives the anchors in the server log, oldest first."""
    return re.findall(r"audit log head: (\d+:[0-9a-f]{64})", server.cluster.log_text())


def await_anchor(server, row_id, timeout=10):
    """await_anchor waits until the server log has the anchor of that row or a later one."""
    return wait_until(lambda: next((a for a in anchors(server) if int(a.split(":")[0]) >= row_id),
                                   None), timeout, f"an anchor of row {row_id}")


Event = collections.namedtuple(
    "Event", "id event severity source outcome actor role address application database "
             "correlation_id resource_type resource_id details")
_marks = itertools.count(1)


class Audit:
    """Audit gives the events recorded since it was made, or since its last mark()."""

    def __init__(self, server):
        self.db = server.db
        self.begin = 0
        self.mark()

    def _end(self):
        """_end causes an event itself and gives its row: earlier events have a lower number."""
        name = f"mark {next(_marks)}"
        self.db.execute("SELECT pganalytics.create_registration_secret(%s)", name)
        try:
            return wait_until(
                lambda: self.db.rows("SELECT id FROM pganalytics.audit_log WHERE id > %s AND "
                                     "details->>'name' = %s", self.begin, name), 10, "the mark")[0][0]
        finally:
            self.db.execute("DELETE FROM pganalytics.registration_secrets WHERE name = %s", name)

    def mark(self):
        """mark forgets all events recorded until now, its own too."""
        self.begin = self._end()

    def events(self, *kinds):
        """events gives the events since the mark: those of these kinds, or all."""
        end = self._end()
        rows = self.db.rows(
            f"SELECT {', '.join(Event._fields)} FROM pganalytics.audit_log "
            "WHERE id > %s AND id < %s ORDER BY id", self.begin, end)
        found = [Event(*row) for row in rows]
        return [e for e in found if not self._is_mark(e) and (not kinds or e.event in kinds)]

    @staticmethod
    def _is_mark(event):
        return str((event.details or {}).get("name", "")).startswith("mark ")

    def wait(self, kinds, count=1, timeout=30):
        """wait waits until that many events of these kinds are recorded, and gives them."""
        return wait_until(
            lambda: (lambda found: found if len(found) >= count else None)(self.events(*kinds)),
            timeout, f"{count} of {kinds}", interval=0.1)
