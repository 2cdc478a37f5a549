"""Many collectors at once, each with its own server, token and connection; and the cost of connections."""
from report import Table, median, paired, rate

RIGS = ("fleet", "one")
COLLECTORS = (1, 5, 10, 50)
SIZES = (100, 1000, 5000)
ROWS = 60_000  # of one measurement; each collector makes at least two pushes

# Label, flags of pushload, settings of the server.
CONNECTIONS = (
    ("keep-alive, default settings", (), {}),
    ("a connection for each push", ("--connect",), {}),
    ("pganalytics.connection_lifetime = 1s", (), {"pganalytics.connection_lifetime": "1s"}),
    ("pganalytics.max_connections = 8", (), {"pganalytics.max_connections": 8}),
    ("pganalytics.batch_size = 1", (), {"pganalytics.batch_size": 1}),
)
CONNECTION_SIZES = (100, 1000)


def pushes_of(collectors, rows):
    return max(2 * collectors, ROWS // rows)


def warm_up(rigs):
    """warm_up makes the series of all collectors, because first pushes of queries are not measured here.

    Each worker has to meet the queries itself, and which of the two gets a connection is chance:
    after six connections one worker has not met 3 % of the collectors.
    """
    rigs["fleet"].push(max(SIZES), 6 * max(COLLECTORS), "--connect", collectors=max(COLLECTORS))


def measurements(rigs):
    for rows in SIZES:
        for collectors in COLLECTORS:
            yield ("fleet", collectors, rows), lambda c=collectors, r=rows: rigs["fleet"].push(
                r, pushes_of(c, r), collectors=c)
    for rows in CONNECTION_SIZES:
        for label, flags, settings in CONNECTIONS:
            yield ("connections", label, rows), lambda f=flags, s=settings, r=rows: connect(
                rigs["one"], r, f, s)


def connect(rig, rows, flags, settings):
    with rig.settings(settings):
        return rig.push(rows, 32 * 10 if rows < 1000 else 32 * 3, "--connections", 32, *flags)


def tables(results):
    fleet = Table("collectors", "queries per push", "rows/s", "ms per push p50", "p99",
                  "CPU ms per 1000 rows: worker", "gateway")
    for collectors in COLLECTORS:
        for rows in SIZES:
            of = results["fleet", collectors, rows]
            fleet.add(collectors, rows, f"{median(of, rate):,.0f}", f"{median(of, 'p50_ms'):.1f}",
                      f"{median(of, 'p99_ms'):.1f}", f"{median(of, 'worker_cpu_ms'):.1f}",
                      f"{median(of, 'gateway_cpu_ms'):.1f}")
    connections = Table("32 connections", "queries per push", "rows/s", "against the first",
                        "ms per push p50", "p99", "CPU ms per 1000 rows, worker and gateway")
    for rows in CONNECTION_SIZES:
        base = results["connections", CONNECTIONS[0][0], rows]
        for label, _, _ in CONNECTIONS:
            of = results["connections", label, rows]
            connections.add(label, rows, f"{median(of, rate):,.0f}",
                            f"{paired(of, base, rate):.2f}", f"{median(of, 'p50_ms'):.1f}",
                            f"{median(of, 'p99_ms'):.1f}", "{:.1f}".format(median(
                                of, lambda r: r["worker_cpu_ms"] + r["gateway_cpu_ms"])))
    return [fleet, connections]
