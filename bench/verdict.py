"""Judges one figure of bench/check by its values of several rounds: within its limit, beyond, or open.

A round on a shared machine is off by 10 % and more now and then. So the median of the rounds is
judged, and by how far it can be trusted: where fewer than 5 % of the possible samples would look as
this one does if the true median lay on the other side of the limit, it is decided; otherwise another
round is asked for. No distribution is assumed but that rounds are independent.
"""
import enum
import math
import statistics

TOLERANCE = 0.10
CONFIDENCE = 0.95


class Verdict(enum.Enum):
    WITHIN = "within"
    BEYOND = "beyond"
    OPEN = "open"


def limit(stored):
    """limit is the largest value that passes: all figures are costs, less is better."""
    return stored * (1 + TOLERANCE)


def trusted_rank(count):
    """trusted_rank is how many of `count` values may lie on the wrong side; -1 if all is too few.

    That many or fewer lie below the true median with a probability of at most 1 - CONFIDENCE.
    """
    probability, rank = 0.0, -1
    while rank + 1 < count:
        probability += math.comb(count, rank + 1) / 2 ** count
        if probability > 1 - CONFIDENCE:
            break
        rank += 1
    return rank


def judge(values, stored, is_last=False):
    """judge gives a Verdict; in the last round the median alone decides what is still open."""
    most = limit(stored)
    beyond = sum(value > most for value in values)
    rank = trusted_rank(len(values))
    if beyond <= rank:
        return Verdict.WITHIN
    if len(values) - beyond <= rank:
        return Verdict.BEYOND
    if not is_last:
        return Verdict.OPEN
    return Verdict.BEYOND if statistics.median(values) > most else Verdict.WITHIN
