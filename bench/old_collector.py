"""Pushes of an old (v3) collector: a minute of it is one body of 26 MB, plain, on a new connection."""
import collections
import datetime

from rig import cluster  # first: it says where the next one is
import v3_bodies

# Its file, its query rows and how many of them are kept: a query comes twice in a snapshot where two
# users ran it, without a word of whom, and becomes one row.
Minute = collections.namedtuple("Minute", "path rows kept")
START = datetime.timedelta(hours=2)  # before now: room for 120 minutes


class OldCollector:
    """OldCollector is the first collector of a rig; one minute of it follows the other."""

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
        """push sends the body and gives what it cost, for 1000 of the rows that came."""
        result = self.rig.push(minute.rows, 1, "--old", "--connect", "--body", minute.path)
        self.rig.acknowledged += minute.kept - minute.rows
        return result
