"""What processes have used: CPU and memory, read from /proc."""
import pathlib
import threading
import time


def cpu_seconds(pid):
    """cpu_seconds is what a process has used so far, its own and the kernel's on its behalf."""
    return time.clock_gettime(_clock_of(int(pid)))


def _clock_of(pid):
    # The clock that clock_getcpuclockid(3) gives, which Python does not have for other processes:
    # nanoseconds, where /proc/PID/stat has ticks of 10 ms.
    return (~pid << 3) | 2


def memory_bytes(pid, peak=False):
    """memory_bytes is what a process holds in memory, without PostgreSQL's shared buffers."""
    fields = {}
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii",
                                                              errors="replace").split("\n"):
        name, _, value = line.partition(":")
        if name in ("VmHWM", "VmRSS", "RssShmem"):
            fields[name] = int(value.split()[0]) * 1024
    return fields["VmHWM" if peak else "VmRSS"] - fields["RssShmem"]


class PeakMemory:
    """PeakMemory watches processes during a with block: `peaks` is the highest of each.

    A gateway touches no shared memory, so the kernel's own high-water mark is exact for it. That of
    a worker counts shared buffers; there the peak is the highest of readings 2 ms apart.
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
