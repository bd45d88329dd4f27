import json

import numpy as np

from polytask.lab.tables import bundled


def test_few_training_rows_with_half_of_the_labels_hidden():
    data = bundled("digits")
    rows = data.facts["rows"]
    assert rows["train"] + rows["dropped"] == 230
    assert (rows["validation"], rows["test"]) == (400, 1797 - 630)
    for task in data.tasks:
        counts = data.facts["tasks"][task.name]
        assert counts["train"]["labeled"] == 115
        assert counts["validation"]["missing"] == counts["test"]["missing"] == 0
    json.dumps(data.facts)


def test_the_three_labels_agree_where_they_are_known():
    data = bundled("digits")
    for split in data.splits.values():
        digit = split.y["digit"]
        even, high = split.y["even"], split.y["at_least_five"]
        known = digit >= 0
        both = known & ~np.isnan(even)
        assert ((digit[both] % 2 == 0) == even[both]).all()
        both = known & ~np.isnan(high)
        assert ((digit[both] >= 5) == high[both]).all()


def test_every_training_row_has_a_label():
    y = bundled("digits").train.y
    labeled = (y["digit"] >= 0) | ~np.isnan(y["even"]) | ~np.isnan(y["at_least_five"])
    assert labeled.all()


def test_pixels_are_scaled_and_named_by_row_and_column():
    data = bundled("digits")
    assert data.train.x.dtype == np.float32
    assert (data.train.x.min(), data.train.x.max()) == (0, 1)
    assert data.feature_names[:9:8] == ("pixel_0_0", "pixel_1_0")
    assert data.feature_sources == data.feature_names


def test_the_seed_changes_split_and_hiding_only_when_asked():
    first, again, other = (
        bundled("digits"),
        bundled("digits"),
        bundled("digits", seed=1),
    )
    assert first.facts["fingerprint"] == again.facts["fingerprint"]
    assert first.facts["fingerprint"] != other.facts["fingerprint"]
    assert first.train.x.tobytes() == again.train.x.tobytes()


def test_full_trains_on_more_rows():
    assert (
        bundled("digits", full=True).facts["tasks"]["even"]["train"]["labeled"] == 500
    )
