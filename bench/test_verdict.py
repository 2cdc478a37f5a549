"""Tests of bench/verdict.py; run by bench/check."""
import random
import unittest

from verdict import MAX_ROUNDS, MIN_ROUNDS, Verdict, judge, ratio

TURNS = 4


class VerdictTest(unittest.TestCase):
    def test_a_ratio_is_of_the_least(self):
        self.assertEqual(ratio([3.0, 2.0, 9.0], [8.0, 4.0]), 0.5)
        self.assertEqual(ratio([43.5, 43.4], []), 43.4)

    def test_too_few_rounds_decide_nothing(self):
        self.assertIs(judge(0.1, 1.0, MIN_ROUNDS - 1), Verdict.OPEN)
        self.assertIs(judge(9.0, 1.0, MIN_ROUNDS), Verdict.OPEN)

    def test_the_limit_passes(self):
        self.assertIs(judge(1.1, 1.0, MIN_ROUNDS), Verdict.WITHIN)

    def test_what_stays_beyond_fails(self):
        self.assertIs(judge(1.11, 1.0, MAX_ROUNDS), Verdict.BEYOND)

    def test_noise_does_not_flap_and_a_fifth_is_found(self):
        def turn(cost):
            """turn is a CPU time that is disturbed by a third on average, and in a fifth by little."""
            return cost * (1 + dice.expovariate(1 / (0.05 if dice.random() < 0.2 else 0.4)))

        def outcome(true_value):
            costs, units = [], []
            for rounds in range(1, MAX_ROUNDS + 1):
                costs += [turn(true_value) for _ in range(TURNS)]
                units += [turn(1.0) for _ in range(TURNS)]
                verdict = judge(ratio(costs, units), 1.0, rounds)
                if verdict is not Verdict.OPEN:
                    return verdict
            raise AssertionError("the last round must decide")

        dice = random.Random(1)
        same = [outcome(1.0) for _ in range(1000)]
        worse = [outcome(1.25) for _ in range(1000)]
        self.assertEqual(same.count(Verdict.BEYOND), 0)
        self.assertLess(worse.count(Verdict.WITHIN), 50)


if __name__ == "__main__":
    unittest.main()
