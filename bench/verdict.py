"""Judges the figures of bench/check, all of them costs: less is better.

Three kinds, by how much of a figure is the work and how much the machine:
  * instructions, in ratios: the same work is the same number anywhere, to a percent. Once is enough.
  * counts of bytes: the same anywhere within a few percent, so the least of the rounds is held to
    the same limit.
  * what depends on the time. CPU times, in ratios, have what instructions do not show: the kernel's
    part, waits and cache misses. But neighbours add 10 % and often much more, now to the one and
    now to the other, and the caches of another machine of the same model moved two ratios by 15 %
    for good. How many pushes share a commit depends on who else wants the processors: 320 took 21
    commits on a quiet machine, 27 to 66 with twelve programs beside. So the least of many turns is
    taken, and the limit is wide: it finds what became half as dear again, no less.
"""
import collections
import enum

MIN_ROUNDS = 2
MAX_ROUNDS = 6

Kind = collections.namedtuple("Kind", "tolerance rounds")  # rounds after which it is believed
INSTRUCTIONS = Kind(0.10, MIN_ROUNDS)
COUNT = Kind(0.10, MAX_ROUNDS)
TIMED = Kind(0.35, MAX_ROUNDS)


class Verdict(enum.Enum):
    WITHIN = "within"
    BEYOND = "beyond"
    OPEN = "open"


def ratio(costs, units):
    """ratio gives a figure out of the turns so far; a count has no units, and is its own least."""
    return min(costs) / min(units) if units else min(costs)


def judge(value, stored, kind, rounds):
    """judge gives a Verdict after so many rounds."""
    if rounds < MIN_ROUNDS:
        return Verdict.OPEN
    if value <= stored * (1 + kind.tolerance):
        return Verdict.WITHIN
    return Verdict.BEYOND if rounds >= kind.rounds else Verdict.OPEN
