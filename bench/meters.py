"""CPU time and memory of processes, read from /proc and their CPU clocks."""
import pathlib
import threading
import time


def cpu_seconds(pid):
    """cpu_seconds is the CPU time of a process so far, in user and kernel mode."""
    return time.clock_gettime(_clock_of(int(pid)))


def _clock_of(pid):
    # This is the clock of clock_getcpuclockid(3), which Python does not offer for other processes.
    # It counts nanoseconds; /proc/PID/stat has ticks of 10 ms.
    return (~pid << 3) | 2


def memory_bytes(pid, peak=False):
    """memory_bytes is the memory of a process, without PostgreSQL's shared buffers."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii",
                                                              errors="replace").split("\n"):
        name, _, value = line.partition(":")
        if name in ("VmHWM", "VmRSS", "RssShmem"):
            fields[name] = int(value.split()[0]) * 1024
    return fields["VmHWM" if peak else "VmRSS"] - fields["RssShmem"]


class PeakMemory:
    """PeakMemory watches processes during a with block; `peaks` has the highest memory of each.

    A gateway touches no shared memory, so the kernel's high-water mark is exact for it. A worker's
    mark would count shared buffers; its peak is the highest of readings 2 ms apart.
    """

    def __init__(self, workers, gateways):
        self.workers = workers
        self.gateways = gateways
        self.peaks = {pid: memory_bytes(pid) for pid in (*workers, *gateways)}
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def _watch(self):
        while not self._done.wait(0.002):
            for pid in self.workers:
                self.peaks[pid] = max(self.peaks[pid], memory_bytes(pid))

    def __enter__(self):
        self._watcher.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._watcher.join()
        for pid in self.gateways:
            self.peaks[pid] = memory_bytes(pid, peak=True)
