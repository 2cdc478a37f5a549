"""The ways in which samples get into the database, compared with the whole path of a push.

Every way inserts the same rows into a table of the shape of query_samples, partitioned by day with
the same index.
"""
from report import Table, median, paired, rate
from rig import CLIENT_WAYS

RIGS = ("one", "two")
SIZES = (100, 1000, 5000)
# Number of pushes of one measurement for each size, so that each takes about half a second.
PUSHES = {"rows": (10, 1, 1), "pipeline": (100, 20, 4), "copy": (200, 40, 8),
          "server": (200, 40, 8), "one": (600, 120, 24), "two": (600, 120, 24)}
CONNECTIONS = {"one": 4, "two": 8}
LABELS = {**{way.name: way.label for way in CLIENT_WAYS},
          "one": "whole way, one ingest worker", "two": "whole way, two ingest workers"}


def measurements(rigs):
    """measurements gives (key, function) for each way and size."""
    def run(way, rows, pushes):
        if way in CONNECTIONS:
            return rigs[way].push(rows, pushes, "--connections", CONNECTIONS[way])
        return rigs["one"].insert(way, rows, pushes)

    for index, rows in enumerate(SIZES):
        for way, pushes in PUSHES.items():
            yield (way, rows), lambda w=way, r=rows, p=pushes[index]: run(w, r, p)


def tables(results):
    speeds = Table("way", "queries per push", "rows/s", "ms per push p50", "p99")
    for way in PUSHES:
        for rows in SIZES:
            of = results[way, rows]
            speeds.add(LABELS[way], rows, f"{median(of, rate):,.0f}", f"{median(of, 'p50_ms'):.1f}",
                       f"{median(of, 'p99_ms'):.1f}")
    ratios = Table("", "queries per push", "against row by row", "against pipelined",
                   "against the limit", "CPU ms per 1000 rows: worker", "gateway",
                   "load generator", "COPY FROM")
    for way in CONNECTIONS:
        for rows in SIZES:
            of = results[way, rows]
            against = [paired(of, results[other, rows], rate)
                       for other in ("rows", "pipeline", "server")]
            ratios.add(LABELS[way], rows, f"{against[0]:.0f}x", f"{against[1]:.1f}x",
                       f"{against[2]:.2f}", *(f"{median(of, key):.1f}" for key in (
                           "worker_cpu_ms", "gateway_cpu_ms", "client_cpu_ms")),
                       f"{median(results['server', rows], 'backend_cpu_ms'):.1f}")
    return [speeds, ratios]
