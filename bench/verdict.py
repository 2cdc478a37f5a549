"""Judges the figures of bench/check, which are all costs: less is better.

There are three kinds of figures, by how much of a figure is the work and how much the machine.

Instructions, in ratios: the same work gives the same number anywhere, within a percent. One round
is enough.

Counts of bytes: the same anywhere within a few percent. The least of the rounds is held to the same
limit.

Figures that depend on time: CPU times, in ratios, include what instructions do not show: the
kernel's part, waits and cache misses. But other programs add 10 % and often much more to one side
or the other, and the caches of another machine of the same model moved two ratios by 15 % for good.
How many pushes share a commit depends on which programs want the processors: 320 pushes took 21
commits on a quiet machine, and 27 to 66 with twelve programs beside. So the least of many turns is
taken and the limit is wide: it finds what became half as expensive again, and nothing less.
"""
import collections
import enum

MIN_ROUNDS = 2
MAX_ROUNDS = 6

Kind = collections.namedtuple("Kind", "tolerance rounds")  # rounds after which a figure is believed
INSTRUCTIONS = Kind(0.10, MIN_ROUNDS)
COUNT = Kind(0.10, MAX_ROUNDS)
TIMED = Kind(0.35, MAX_ROUNDS)


class Verdict(enum.Enum):
    WITHIN = "within"
    BEYOND = "beyond"
    OPEN = "open"


def ratio(costs, units):
    """ratio gives a figure from the turns so far; without units it is the least cost."""
    return min(costs) / min(units) if units else min(costs)


def judge(value, stored, kind, rounds):
    """judge gives the Verdict on a figure after so many rounds."""
    if rounds < MIN_ROUNDS:
        return Verdict.OPEN
    if value <= stored * (1 + kind.tolerance):
        return Verdict.WITHIN
    return Verdict.BEYOND if rounds >= kind.rounds else Verdict.OPEN
