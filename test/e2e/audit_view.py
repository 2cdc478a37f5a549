"""What the tests of the audit log ask of it."""
import re

from cluster import wait_until

# A statement that is refused and told of, whoever runs it.
REFUSED = "DELETE FROM pganalytics.audit_log"


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
    """events gives (id, details) of the rows of one kind behind a row."""
    return server.db.rows("SELECT id, coalesce(details, '{}') FROM pganalytics.audit_log "
                          "WHERE event = %s AND id > %s ORDER BY id", event, after)


def last_id(server):
    return server.db.value("SELECT coalesce(max(id), 0) FROM pganalytics.audit_log")


def await_event(server, event, after=0, timeout=10, **details):
    """await_event waits for a row of that kind with those details and gives (id, details)."""
    def found():
        return [(row_id, told) for row_id, told in events(server, event, after)
                if all(told.get(key) == value for key, value in details.items())]
    return wait_until(found, timeout, f"{event} {details}")[0]


def anchors(server):
    """anchors gives those in the server log, oldest first."""
    return re.findall(r"audit log head: (\d+:[0-9a-f]{64})", server.cluster.log_text())


def await_anchor(server, row_id, timeout=10):
    """await_anchor waits until the server log has the anchor of that row or a later one."""
    return wait_until(lambda: next((a for a in anchors(server) if int(a.split(":")[0]) >= row_id),
                                   None), timeout, f"an anchor of row {row_id}")
