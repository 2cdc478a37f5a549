"""Pushes of an old (v3) collector: a minute is one body of 26 MB, uncompressed, on a new connection."""
import collections
import datetime

from rig import cluster  # first: it makes the next module importable
import v3_bodies

# The file of a minute, its query rows, and how many of them are kept. If two users ran a query a
# snapshot has it twice without naming the users; such rows are merged into one.
Minute = collections.namedtuple("Minute", "path rows kept")
START = datetime.timedelta(hours=2)  # before now; leaves room for 120 minutes


class OldCollector:
    """OldCollector is the first collector of a rig; its minutes follow each other."""

    def __init__(self, rig):
        self.rig = rig
        self.source = v3_bodies.Source(1, datetime.datetime.now(datetime.timezone.utc) - START,
                                       rich=False)

    def write_minute(self):
        """write_minute writes the next body to a file."""
        metrics = [metric for _ in range(v3_bodies.SAMPLES_PER_MINUTE)
                   for metric in self.source.sample()]
        path = self.rig.root / f"{self.rig.name}-minute.json"
        path.write_bytes(v3_bodies.encode({
            "collector_id": self.rig.collectors(1)[0].collector_id, "hostname": "db-host-01",
            "metrics": metrics, "metrics_count": len(metrics),
            "timestamp": v3_bodies.iso(self.source.moment), "version": "3.0.0"}))
        cluster.own(path)
        snapshots = [[query["hash"] for query in metric["queries"]] for metric in metrics
                     if metric["type"] == "pg_query_stats"]
        return Minute(path, sum(map(len, snapshots)),
                      sum(len(set(hashes)) for hashes in snapshots))

    def push(self, minute):
        """push sends a minute's body and gives its cost per 1000 rows that were sent."""
        result = self.rig.push(minute.rows, 1, "--old", "--connect", "--body", minute.path)
        self.rig.acknowledged += minute.kept - minute.rows
        return result
