import math

import numpy as np
import pytest
from scipy import stats

from polytask.errors import UserError
from polytask.lab.metrics.repeats import (
    equivalence_p_value,
    holm,
    repeat_interval,
    repeat_p_value,
)

VALUES = [0.4, 1.1, 0.7, -0.2, 0.9]


def test_with_a_fixed_split_it_is_the_t_test():
    expected = stats.ttest_1samp(VALUES, 0)
    assert repeat_p_value(VALUES, 0) == pytest.approx(expected.pvalue, rel=1e-12)
    interval = repeat_interval(VALUES, 0)
    assert interval[1:] == pytest.approx(tuple(expected.confidence_interval()))


def test_shared_rows_widen_the_interval_by_the_published_factor():
    fixed, random = (repeat_interval(VALUES, ratio) for ratio in (0, 1 / 3))
    widths = [interval.high - interval.low for interval in (fixed, random)]
    assert widths[1] / widths[0] == pytest.approx(math.sqrt(1 + 5 / 3))


def test_interval_and_p_value_agree():
    for confidence in (0.5, 0.9, 0.99):
        interval = repeat_interval(VALUES, 0.2, confidence)
        clear = not interval.low <= 0 <= interval.high
        assert clear == (repeat_p_value(VALUES, 0.2) < 1 - confidence)


def test_the_interval_covers_the_truth_where_the_usual_one_does_not():
    random = np.random.default_rng(0)
    repeats, correlation, covered = 10, 0.25, {0.0: 0, 1 / 3: 0}
    for _ in range(400):
        shared, own = random.normal(), random.normal(size=repeats)
        values = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own
        for ratio in covered:
            interval = repeat_interval(values, ratio)
            covered[ratio] += interval.low <= 0 <= interval.high
    assert covered[0.0] < 0.8 * 400
    assert covered[1 / 3] > 0.92 * 400


def test_equivalence_is_two_one_sided_tests():
    sided = [
        stats.ttest_1samp(VALUES, 2, alternative="less").pvalue,
        stats.ttest_1samp(VALUES, -2, alternative="greater").pvalue,
    ]
    assert equivalence_p_value(VALUES, 0, margin=2) == pytest.approx(max(sided))
    assert equivalence_p_value(VALUES, 0, margin=0.1) > 0.5


def test_holm_is_that_of_an_independent_implementation():
    p = [0.001, 0.2, 0.013, 0.04, 0.6, 0.013]
    order = np.argsort(p)
    steps = np.array(p)[order] * np.arange(len(p), 0, -1)
    expected = np.minimum(np.maximum.accumulate(steps), 1)[np.argsort(order)]
    np.testing.assert_allclose(holm(p), expected)


def test_a_comparison_without_a_test_is_not_counted():
    adjusted = holm([0.01, math.nan, 0.03])
    assert adjusted[0] == pytest.approx(0.02)
    assert math.isnan(adjusted[1])


def test_one_repeat_says_nothing_of_certainty():
    assert all(math.isnan(end) for end in repeat_interval([1.0], 0.2)[1:])
    assert math.isnan(repeat_p_value([1.0], 0.2))


def test_wrong_arguments_are_named():
    with pytest.raises(UserError, match="found none"):
        repeat_interval([], 0.2)
    with pytest.raises(UserError, match="test_ratio"):
        repeat_p_value(VALUES, -1)
    with pytest.raises(UserError, match="margin"):
        equivalence_p_value(VALUES, 0.2, margin=0)
    with pytest.raises(UserError, match="confidence"):
        repeat_interval(VALUES, 0.2, confidence=95)
