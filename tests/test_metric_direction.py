"""A metric's name tells which way it should go."""

import pytest

from polytask import UserError
from polytask.lab.metrics import METRICS
from polytask.lab.studies import Experiment
from polytask.metric_direction import higher_is_better


def test_the_metrics_of_studies_have_the_direction_of_their_name():
    for metric in (m for kind in METRICS.values() for m in kind):
        assert higher_is_better(metric.name) == metric.higher_is_better


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("val_a_hit_rate", True),
        ("ndcg@10", True),
        ("val_root_mean_squared_error", False),
    ],
)
def test_words_and_a_cutoff_may_surround_the_name(name, expected):
    assert higher_is_better(name) is expected


@pytest.mark.parametrize("name", ["odd", "errors", "auction", ""])
def test_a_name_that_tells_nothing_is_refused(name, tmp_path):
    assert higher_is_better(name) is None
    with pytest.raises(UserError, match="not known whether a higher"):
        Experiment(tmp_path, {"a": name}, {})
