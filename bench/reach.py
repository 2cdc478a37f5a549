"""The figures that the product aims at, each compared with something measured in the same round."""
import memory
import storage
from old_collector import OldCollector
from report import Table, median, paired, rate
from rig import program

RIGS = ("one", "single", "old", "storage", "large")
LARGE_PUSHES = (1000, 5000, 20000)  # sizes of pushes whose rows are counted


def measurements(rigs):
    one, single = rigs["one"], rigs["single"]
    old = OldCollector(rigs["old"])
    yield "inserts", lambda: one.insert("rows", 1000, 1)
    yield "acknowledged", lambda: one.push(1000, 20)
    yield "parallel", lambda: one.push(100, 50, "--together", collectors=5)
    yield "grouped", lambda: one.push(100, 640, "--connections", 32)
    yield "ungrouped", lambda: single.push(100, 320, "--connections", 32)
    yield "minute", lambda: memory.measure(old)
    yield "json", lambda: program("json_stage", 1000, 25)
    yield "storage", lambda: storage.measure(rigs["storage"], "changes-as-seen")
    yield "storage, 14 counters", lambda: storage.measure(rigs["storage"], "changes")
    yield "storage, checkpoints", lambda: storage.measure(rigs["storage"], "changes-as-seen", True)
    for rows in LARGE_PUSHES:
        yield ("loss", rows), lambda r=rows: count_rows(rigs["large"], r)


def count_rows(rig, rows):
    """count_rows pushes and counts the rows in the table, not those in the receipts."""
    before = rig.rows_stored()
    result = rig.push(rows, 5)
    result["lost"] = result["rows"] - (rig.rows_stored() - before)
    return result


def tables(results):
    def share(key, other):
        return 1 / paired(results[key], results[other], "p50_ms")

    reach = Table("reach", "measured", "aimed at")
    for way, aim in (("one", "1.0"), ("two", "1.4")):
        reach.add(f"whole way, pushes of 1000, {way} ingest worker{'s' * (way == 'two')} : COPY FROM",
                  f"{paired(results[way, 1000], results['server', 1000], rate):.2f}", f">= {aim}")
    reach.add("pushes of 100, 32 connections: group commit : none",
              f"{paired(results['grouped'], results['ungrouped'], rate):.2f}", ">= 1.5")
    reach.add("a push of 1000 acknowledged : 1000 autocommitted INSERTs",
              f"1/{share('acknowledged', 'inserts'):.0f} "
              f"({median(results['acknowledged'], 'p50_ms'):.1f} ms)", "<= 1/60")
    reach.add("5 pushes of 100 in parallel, all acknowledged : the same",
              f"1/{share('parallel', 'inserts'):.0f} "
              f"({median(results['parallel'], 'p50_ms'):.1f} ms)", "<= 1/20")
    minute = results["minute"]
    reach.add("26 MB of an old collector acknowledged", f"{median(minute, 'p50_ms') / 1000:.2f} s",
              "< 2 s")
    reach.add("memory of worker and gateway for it, above idle",
              f"{median(minute, 'above_idle_mb'):.0f} MB", "<= 160 MB")
    stored = results["storage"]
    reach.add("bytes on disk per statement and sample, with index",
              f"{median(stored, 'samples'):.1f}", "<= 45")
    reach.add("bytes of WAL per statement and sample", f"{median(stored, 'wal'):.1f}", "<= 90")
    for rows in LARGE_PUSHES:
        reach.add(f"rows lost of pushes of {rows}", sum(r["lost"] for r in results["loss", rows]),
                  "0")

    disk = Table("bytes per statement and sample", "samples with index", "ledger, accounts, series",
                 "WAL")
    for key, label in (("storage", "counters as a v3 collector saw them (9.9 of 31 not zero)"),
                       ("storage, checkpoints", "the same, a checkpoint every 5 samples"),
                       ("storage, 14 counters", "14 of 31 counters not zero")):
        disk.add(label, *(f"{median(results[key], what):.1f}" for what in
                          ("samples", "others", "wal")))
    used = Table("MB in memory", "idle", "at most during 26 MB", "after")
    for name in ("worker", "gateway"):
        used.add(name, *(f"{median(minute, f'{name}_{when}_mb'):.0f}"
                         for when in ("idle", "peak", "after")))
    stage = Table("JSON stage alone, 1000 queries", "CPU ms", "against ours")
    for key, label in (("decoder_ms", "our decoder: typed rows, merged"),
                       ("cjson_ms", "cJSON, parsed and walked"),
                       ("parsed_twice_ms", "cJSON as the former back end: parse, print, parse")):
        stage.add(label, f"{median(results['json'], key):.2f}",
                  f"{median(results['json'], lambda r, k=key: r[k] / r['decoder_ms']):.1f}")
    return [reach, disk, used, stage]
