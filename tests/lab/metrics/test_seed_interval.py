import math

import numpy as np
import pytest
from scipy import stats

from polytask.errors import UserError
from polytask.lab.metrics import seed_interval
from polytask.lab.metrics.seed_interval import student_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 6, 9, 10, 29, 30])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_student_quantile_equals_scipy(freedom, confidence):
    expected = stats.t.ppf(0.5 + confidence / 2, freedom)
    assert student_quantile(confidence, freedom) == pytest.approx(expected, rel=1e-9)


def test_interval_equals_scipy_on_paired_values():
    values = [0.3, -1.2, 0.8, 0.1, 0.5]
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert seed_interval(values) == pytest.approx((np.mean(values), low, high))


def test_one_seed_has_a_mean_but_no_interval():
    mean, low, high = seed_interval([1.5])
    assert mean == 1.5
    assert math.isnan(low)
    assert math.isnan(high)


def test_an_undefined_seed_makes_the_mean_undefined():
    assert math.isnan(seed_interval([1.0, math.nan]).mean)


def test_no_value_is_refused():
    with pytest.raises(UserError, match="0 values"):
        seed_interval([])
