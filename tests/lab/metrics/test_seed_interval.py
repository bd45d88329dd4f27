import math

import numpy as np
import pytest
from scipy import stats

from polytask.errors import UserError
from polytask.lab.metrics import seed_interval


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
