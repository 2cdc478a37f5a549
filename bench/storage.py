"""Bytes on disk and in the WAL for each statement and sample, in the form in which our collector pushes.

The model has 999 statements and 120 samples a minute apart; 23.5 % of the statements change between
two samples. A push brings the changed statements and the number of the unchanged ones, and every
hour all of them. Each push is its own transaction. Both sums are divided by 999 x 120, as for a
system that stores every statement of every sample.
"""
import datetime

STATEMENTS = 999
SAMPLES = 120
SAMPLES_BETWEEN_CHECKPOINTS = 5  # the default checkpoint_timeout is 5 minutes

SIZES = """
SELECT sum(pg_total_relation_size(relid)) FILTER (WHERE root = 'query_samples'),
       sum(pg_total_relation_size(relid)) FILTER (WHERE root <> 'query_samples'),
       pg_current_wal_insert_lsn() - '0/0'
FROM (SELECT 'query_samples' AS root, relid
      FROM pg_partition_tree('pganalytics.query_samples') WHERE isleaf
      UNION ALL SELECT 'push', relid
      FROM pg_partition_tree('pganalytics.push_ledger') WHERE isleaf
      UNION ALL SELECT 'push', relid
      FROM pg_partition_tree('pganalytics.push_accounts') WHERE isleaf
      UNION ALL SELECT 'series', 'pganalytics.query_series'::regclass) relations
"""


def sizes(rig):
    return [int(value or 0) for value in rig.analytics.query(SIZES).split("|")]


def noon(days_ago):
    """noon is a time after which two hours lie within one day, so that one partition takes all samples."""
    day = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=days_ago)
    return f"{day.isoformat()}T12:00:00Z"


def measure(rig, form="changes", checkpoints=False):
    """measure gives bytes for each statement and sample; each call uses a new collector.

    `samples` is query_samples with its index. `others` is ledger, accounts and series with their
    indexes. `wal` is all WAL of the pushes. Texts and the identities of the series came with a push
    on the day before, so no figure includes them.
    """
    collector = rig.new_collector()

    def push(pushes, first, since):
        return rig.push(STATEMENTS, pushes, "--form", form, "--since", since, first=first,
                        collectors=[collector])

    push(1, 0, noon(2))
    before = sizes(rig)
    if checkpoints:
        for first in range(0, SAMPLES, SAMPLES_BETWEEN_CHECKPOINTS):
            push(SAMPLES_BETWEEN_CHECKPOINTS, first, noon(1))
    else:
        push(SAMPLES, 0, noon(1))
    grown = [after - start for after, start in zip(sizes(rig), before)]
    return dict(zip(("samples", "others", "wal"),
                    (value / (STATEMENTS * SAMPLES) for value in grown)))
