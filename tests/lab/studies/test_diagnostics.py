"""What a fitted model's report tells of its predictions."""

import keras
import numpy as np
import pandas as pd
import pytest

from polytask.lab.studies.diagnostics import diagnosed
from polytask.lab.tables import from_table


class KnownModel:
    """Predicts what is known of the data below, from its first feature alone."""

    def predict_on_batch(self, x):
        x = keras.ops.convert_to_numpy(x)
        yes = 1 / (1 + np.exp(-50 * x[:, :1]))
        return {"sick": yes, "score": x[:, :1]}


@pytest.fixture(scope="module")
def dataset():
    random = np.random.default_rng(0)
    x, z = random.normal(size=(2, 120))
    frame = pd.DataFrame({"x": x, "z": z})
    frame["sick"] = np.where(x > 0, "yes", "no")
    frame["score"] = 3 * x
    frame.loc[::9, "score"] = np.nan
    kinds = ["sick:binary", "score:regression"]
    return from_table(frame, kinds)[0]


@pytest.mark.filterwarnings("ignore::polytask.errors.TableWarning")
def test_a_column_matters_by_what_the_metric_loses_without_it(dataset):
    found = diagnosed(KnownModel(), dataset)
    assert found.split == "test"
    for task in found.tasks:
        (first, most), (second, none) = task.importance
        assert (first, second) == ("x", "z")
        assert most > 0.2
        assert none == 0.0


@pytest.mark.filterwarnings("ignore::polytask.errors.TableWarning")
def test_confusions_count_rows_and_pairs_are_in_units_of_the_labels(dataset):
    found = diagnosed(KnownModel(), dataset)
    sick, score = found.tasks
    counts = np.bincount(dataset.test.y["sick"].astype(int))
    assert np.sum(sick.confusion, axis=1).tolist() == counts.tolist()
    assert np.trace(sick.confusion) >= len(dataset.test) - 2
    labels, predictions = np.array(score.pairs).T
    assert np.isfinite(labels).all()
    np.testing.assert_allclose(labels, predictions, atol=0.6)
    names = {
        (model.task, model.name) for model in diagnosed(KnownModel(), dataset).baselines
    }
    assert names == {(t, n) for t in ("sick", "score") for n in ("constant", "trees")}
