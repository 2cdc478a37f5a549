"""Memory of an ingest worker and its gateway: idle after a start, at the peak of a push, afterwards."""
from meters import PeakMemory, memory_bytes

MB = 1 << 20


def measure(old):
    """measure restarts the server and pushes a v3 collector's next minute; gives MB and the push's cost."""
    rig = old.rig
    minute = old.write_minute()
    rig.analytics.restart()
    rig.analytics.wait_until_running()
    workers, gateways = rig.processes()
    pids = (*workers, *gateways)
    idle = {pid: memory_bytes(pid) for pid in pids}
    with PeakMemory(workers, gateways) as memory:
        result = old.push(minute)
    after = {pid: memory_bytes(pid) for pid in pids}
    for name, of in (("worker", workers), ("gateway", gateways)):
        for when, values in (("idle", idle), ("peak", memory.peaks), ("after", after)):
            result[f"{name}_{when}_mb"] = sum(values[pid] for pid in of) / MB
    result["above_idle_mb"] = sum(memory.peaks[pid] - idle[pid] for pid in pids) / MB
    return result
