"""The audit log as tests read it: what was told between two marks."""
import collections
import itertools

import cluster

Event = collections.namedtuple(
    "Event", "id event severity source outcome actor role address application database "
             "correlation_id resource_type resource_id details")
_marks = itertools.count(1)


class Audit:
    """Audit gives what was told since it was made, or since its last mark()."""

    def __init__(self, server):
        self.db = server.db
        self.begin = 0
        self.mark()

    def _end(self):
        """_end tells of something itself and gives that row: what was told before stands before it."""
        name = f"mark {next(_marks)}"
        self.db.execute("SELECT pganalytics.create_registration_secret(%s)", name)
        try:
            return cluster.wait_until(
                lambda: self.db.rows("SELECT id FROM pganalytics.audit_log WHERE id > %s AND "
                                     "details->>'name' = %s", self.begin, name), 10, "the mark")[0][0]
        finally:
            self.db.execute("DELETE FROM pganalytics.registration_secrets WHERE name = %s", name)

    def mark(self):
        """mark forgets what was told until now, its own doing too."""
        self.begin = self._end()

    def events(self, *kinds):
        """events gives what was told since the mark: of these kinds, or of all."""
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
        """wait waits until so many events of these kinds were told, and gives them."""
        return cluster.wait_until(
            lambda: (lambda found: found if len(found) >= count else None)(self.events(*kinds)),
            timeout, f"{count} of {kinds}", interval=0.1)
