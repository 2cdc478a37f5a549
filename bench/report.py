"""Tables of docs/inside/performance.md, and the machine and versions of the measurement."""
import os
import platform
import statistics
import subprocess

from rig import product


def machine():
    """machine describes the machine on which the numbers were measured."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file
                      if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB"


def versions(analytics):
    server = analytics.query("SHOW server_version").split()[0]
    ours = analytics.query("SELECT extversion FROM pg_extension WHERE extname = 'pganalytics'")
    commit = subprocess.run(["git", "-C", str(product.SOURCE), "rev-parse", "--short", "HEAD"],
                            text=True, capture_output=True, check=False).stdout.strip()
    return f"pganalytics {ours} ({commit or 'no git'}), PostgreSQL {server}"


class Table:
    """Table is a table in markdown."""

    def __init__(self, *heads):
        self.lines = ["| " + " | ".join(heads) + " |",
                      "|" + "|".join(["---"] + ["--:"] * (len(heads) - 1)) + "|"]

    def add(self, *cells):
        self.lines.append("| " + " | ".join(map(str, cells)) + " |")

    def __str__(self):
        return "\n".join(self.lines)


def rate(result):
    """rate is rows per second."""
    return result["rows"] / result["seconds"]


def _value(result, key):
    return key(result) if callable(key) else result[key]


def median(results, key):
    """median is the median of a key, or of a function of the result, over the rounds."""
    return statistics.median(_value(result, key) for result in results)


def paired(results, others, key):
    """paired is the median of each round's ratio, because a slow round slows both numbers."""
    return statistics.median(_value(result, key) / _value(other, key)
                             for result, other in zip(results, others))
