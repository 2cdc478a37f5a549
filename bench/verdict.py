"""Judges one figure of bench/check: how a cost compares with a unit, both CPU times.

What else a shared machine does only adds to a CPU time, now to the one and now to the other, by 10 %
and often by much more. So of each the least of all turns is taken: it comes down to what the work
costs undisturbed, and stays there. A figure that is beyond its limit asks for more turns; only when
there have been all of them is it believed.
"""
import enum

TOLERANCE = 0.10
MIN_ROUNDS = 3
MAX_ROUNDS = 15


class Verdict(enum.Enum):
    WITHIN = "within"
    BEYOND = "beyond"
    OPEN = "open"


def limit(stored):
    """limit is the largest value that passes: all figures are costs, less is better."""
    return stored * (1 + TOLERANCE)


def ratio(costs, units):
    """ratio gives a figure out of the turns so far; a count has no units, and is its own least."""
    return min(costs) / min(units) if units else min(costs)


def judge(value, stored, rounds):
    """judge gives a Verdict after so many rounds."""
    if rounds < MIN_ROUNDS:
        return Verdict.OPEN
    if value <= limit(stored):
        return Verdict.WITHIN
    return Verdict.BEYOND if rounds >= MAX_ROUNDS else Verdict.OPEN
