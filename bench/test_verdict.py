"""Tests of bench/verdict.py; run by bench/check."""
import random
import unittest

from verdict import Verdict, judge, trusted_rank


class VerdictTest(unittest.TestCase):
    def test_rank_is_that_of_the_sign_test(self):
        # 1/32 of the samples of five lie all on one side, 6/32 have at most one on the other.
        self.assertEqual([trusted_rank(n) for n in (4, 5, 7, 8, 11, 15)], [-1, 0, 0, 1, 2, 3])

    def test_too_few_rounds_decide_nothing(self):
        self.assertIs(judge([1.0] * 4, 1.0), Verdict.OPEN)
        self.assertIs(judge([9.0] * 4, 1.0), Verdict.OPEN)

    def test_all_on_one_side(self):
        self.assertIs(judge([1.0] * 5, 1.0), Verdict.WITHIN)
        self.assertIs(judge([1.2] * 5, 1.0), Verdict.BEYOND)

    def test_at_the_limit_passes(self):
        self.assertIs(judge([1.1] * 5, 1.0), Verdict.WITHIN)

    def test_one_bad_round_asks_for_more_and_eight_outvote_it(self):
        self.assertIs(judge([1.0] * 4 + [3.0], 1.0), Verdict.OPEN)
        self.assertIs(judge([1.0] * 7 + [3.0], 1.0), Verdict.WITHIN)

    def test_the_last_round_decides_by_the_median(self):
        self.assertIs(judge([1.0, 1.0, 1.0, 1.2, 1.2], 1.0, is_last=True), Verdict.WITHIN)
        self.assertIs(judge([1.0, 1.0, 1.2, 1.2, 1.2], 1.0, is_last=True), Verdict.BEYOND)

    def test_noise_does_not_flap_and_a_fifth_is_found(self):
        def outcome(true_value):
            values = []
            while len(values) < 15:
                values.append(true_value * dice.lognormvariate(0, 0.06))
                verdict = judge(values, 1.0, is_last=len(values) == 15)
                if verdict is not Verdict.OPEN:
                    return verdict
            raise AssertionError("the last round must decide")

        dice = random.Random(1)
        same = [outcome(1.0) for _ in range(2000)]
        worse = [outcome(1.2) for _ in range(2000)]
        self.assertEqual(same.count(Verdict.BEYOND), 0)
        self.assertLess(worse.count(Verdict.WITHIN), 10)


if __name__ == "__main__":
    unittest.main()
