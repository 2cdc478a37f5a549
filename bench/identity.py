"""What identities cost: handshakes, pushes, enrolments; and how soon a revocation takes effect."""
import subprocess
import threading
import time

from enrolled import CREDENTIALS, Client, Enrolled
from report import Table, median, paired
from rig import cluster, product, program

RIGS = ("identity",)
HANDSHAKES = (400, 8)  # number, connections at once
ROWS = 10  # of a push; few, so that the cost of the credentials is a large part
PUSHES = {"kept": 200, "new": 60}
ENROLMENTS = {1: 16, 32: 64}  # enrolments at once -> number of enrolments
REVOCATIONS = 20


class Session:
    """Session is a psql that stays connected, because starting one takes longer than what is measured."""

    def __init__(self, analytics):
        self._psql = subprocess.Popen(
            [cluster.pg_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d",
             analytics.dsn(product.DATABASE)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._psql.stdin.close()
        self._psql.wait()

    def run(self, sql):
        """run returns when the statement is committed."""
        self._psql.stdin.write(f"{sql};\n\\echo done\n")
        self._psql.stdin.flush()
        while (line := self._psql.stdout.readline()) != "done\n":
            if not line:
                raise SystemExit(f"psql ended in: {sql}")


def handshakes(rig, account=None):
    shown = ("--certificate", account.certificate, "--key", account.key) if account else ()
    count, at_once = HANDSHAKES
    result, (_, gateways) = rig.cpu_of(lambda: program(
        "handshakes", "--port", rig.analytics.https_port, "--ca", rig.ca_file, "--count", count,
        "--connections", at_once, *shown))
    result["per_second"] = count / result["seconds"]
    result["gateway_us"] = 1e6 * gateways / count
    result["client_us"] = 1e6 * result["client_cpu_s"] / count
    return result


def empty_push(account):
    return {"collector_id": account.collector_id, "hostname": "bench", "version": "3.2.0",
            "timestamp": "2026-01-01T00:00:00Z", "metrics_count": 0, "metrics": []}


def push_until_refused(rig, account, answers):
    """push_until_refused records the begin, the end and the status of each push."""
    with Client(rig, account) as client:
        while not answers or answers[-1][2] == 200:
            began = time.monotonic()
            status, _ = client.ask("metrics/push", empty_push(account))
            answers.append((began, time.monotonic(), status))


def revoke(rig, session, account):
    """revoke gives the ms from a COMMIT to the first refused push and to the end of an idle connection."""
    serial = subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", account.certificate],
                            check=True, capture_output=True, text=True).stdout.strip()
    answers = []
    busy = threading.Thread(target=push_until_refused, args=(rig, account, answers), daemon=True)
    with Client(rig, account) as idle:
        idle.must("metrics/push", empty_push(account))
        busy.start()
        cluster.wait_until(lambda: answers, what="a push")
        session.run(f"SELECT pganalytics.revoke_certificate('{serial.partition('=')[2]}')")
        committed = time.monotonic()
        closed = idle.wait_until_closed()
    busy.join()
    late = [status for began, _, status in answers if began > committed and status == 200]
    if late or answers[0][2] != 200:
        raise SystemExit(f"{len(late)} pushes let in after the COMMIT of their revocation")
    # The refusal may come before psql has reported the COMMIT.
    return {"refused": max(0.0, 1000 * (answers[-1][1] - committed)),
            "closed": max(0.0, 1000 * (closed - committed))}


def revocations(enrolled):
    accounts, _ = enrolled.enroll(enrolled.names(REVOCATIONS))
    with Session(enrolled.rig.analytics) as session:
        return [revoke(enrolled.rig, session, account) for account in accounts]


def measurements(rigs):
    rig = rigs["identity"]
    enrolled = Enrolled(rig)
    shown = enrolled.credentials()
    yield ("handshakes", "none"), lambda: handshakes(rig)
    yield ("handshakes", "certificate"), lambda: handshakes(rig, shown["certificate"])
    for connection, pushes in PUSHES.items():
        flags = ("--connect",) if connection == "new" else ()
        for name, account in shown.items():
            yield (connection, name), lambda a=account, p=pushes, f=flags: rig.push(
                ROWS, p, *f, collectors=[a])
    for at_once, count in ENROLMENTS.items():
        yield ("enrolments", at_once), lambda n=at_once, c=count: enrolled.enroll(
            enrolled.names(c), n)[1]
    yield "revocations", lambda: revocations(enrolled)


def cpu(result):
    return result["worker_cpu_ms"] + result["gateway_cpu_ms"]


def tables(results):
    shakes = Table(f"{HANDSHAKES[1]} clients at once", "handshakes/s", "against none",
                   "CPU us each: gateway", "against none", "client")
    without = results["handshakes", "none"]
    for key, label in (("none", "no client certificate"), ("certificate", "client certificate")):
        of = results["handshakes", key]
        shakes.add(label, f"{median(of, 'per_second'):,.0f}",
                   f"{paired(of, without, 'per_second'):.2f}", f"{median(of, 'gateway_us'):.0f}",
                   f"{paired(of, without, 'gateway_us'):.2f}", f"{median(of, 'client_us'):.0f}")

    pushes = Table(f"pushes of {ROWS} queries, one after the other", "connection", "ms per push p50",
                   "CPU us per push: worker", "gateway", "both against the opaque token")
    for connection in PUSHES:
        opaque = results[connection, CREDENTIALS[0]]
        for name in CREDENTIALS:
            of = results[connection, name]
            pushes.add(name, connection, f"{median(of, 'p50_ms'):.2f}",
                       f"{ROWS * median(of, 'worker_cpu_ms'):.0f}",
                       f"{ROWS * median(of, 'gateway_cpu_ms'):.0f}",
                       f"{paired(of, opaque, cpu):.2f}")

    enrolments = Table("enrolments at once", "per second", "ms each p50", "longest")
    for at_once in ENROLMENTS:
        of = results["enrolments", at_once]
        enrolments.add(at_once, *(f"{median(of, key):.0f}"
                                  for key in ("per_second", "p50_ms", "max_ms")))

    revoked = [one for of in results["revocations"] for one in of]
    revocation = Table(f"ms after the COMMIT of {len(revoked)} revocations", "median", "p99", "most")
    for key, label in (("refused", "a collector that pushes without pause is refused"),
                       ("closed", "an idle connection is closed")):
        times = sorted(one[key] for one in revoked)
        revocation.add(label, *(f"{times[min(len(times) - 1, len(times) * share // 100)]:.1f}"
                                for share in (50, 99, 100)))
    return [shakes, pushes, enrolments, revocation]
