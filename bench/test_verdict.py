"""Tests of bench/verdict.py; run by bench/check."""
import random
import unittest

from verdict import COUNT, INSTRUCTIONS, MAX_ROUNDS, MIN_ROUNDS, TIMED, Verdict, judge, ratio

TURNS = 4


class VerdictTest(unittest.TestCase):
    def test_a_ratio_is_of_the_least(self):
        self.assertEqual(ratio([3.0, 2.0, 9.0], [8.0, 4.0]), 0.5)
        self.assertEqual(ratio([43.5, 43.4], []), 43.4)

    def test_too_few_rounds_decide_nothing(self):
        for kind in (INSTRUCTIONS, COUNT, TIMED):
            self.assertIs(judge(0.1, 1.0, kind, MIN_ROUNDS - 1), Verdict.OPEN)
            self.assertIs(judge(9.0, 1.0, kind, MIN_ROUNDS - 1), Verdict.OPEN)

    def test_the_limit_passes_and_more_fails(self):
        for kind, limit in ((INSTRUCTIONS, 1.1), (COUNT, 1.1), (TIMED, 1.35)):
            self.assertIs(judge(limit, 1.0, kind, MIN_ROUNDS), Verdict.WITHIN)
            self.assertIs(judge(limit + 0.01, 1.0, kind, MAX_ROUNDS), Verdict.BEYOND)

    def test_only_instructions_are_believed_early(self):
        self.assertIs(judge(1.5, 1.0, INSTRUCTIONS, MIN_ROUNDS), Verdict.BEYOND)
        self.assertIs(judge(1.5, 1.0, COUNT, MAX_ROUNDS - 1), Verdict.OPEN)
        self.assertIs(judge(1.5, 1.0, TIMED, MAX_ROUNDS - 1), Verdict.OPEN)

    def test_noise_of_times_does_not_flap_and_a_half_is_found(self):
        def turn(cost):
            """turn is a CPU time with a disturbance of 40 % on average, or of 5 % in a fifth of the turns."""
            return cost * (1 + dice.expovariate(1 / (0.05 if dice.random() < 0.2 else 0.4)))

        def outcome(true_value):
            costs, units = [], []
            for rounds in range(1, MAX_ROUNDS + 1):
                costs += [turn(true_value) for _ in range(TURNS)]
                units += [turn(1.0) for _ in range(TURNS)]
                verdict = judge(ratio(costs, units), 1.0, TIMED, rounds)
                if verdict is not Verdict.OPEN:
                    return verdict
            raise AssertionError("the last round must decide")

        dice = random.Random(1)
        another_machine = [outcome(1.15) for _ in range(1000)]
        worse = [outcome(1.6) for _ in range(1000)]
        self.assertEqual(another_machine.count(Verdict.BEYOND), 0)
        self.assertLess(worse.count(Verdict.WITHIN), 50)


if __name__ == "__main__":
    unittest.main()
