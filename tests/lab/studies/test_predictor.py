import keras
import numpy as np

from polytask import MultiTaskModel
from polytask.lab.kinds import Task
from polytask.lab.studies import predictor
from polytask.lab.studies.predictor import Predictor


def test_rows_that_fill_up_a_batch_are_not_in_the_predictions(monkeypatch):
    monkeypatch.setattr(predictor, "CHUNK", 32)
    x = np.random.default_rng(0).normal(size=(41, 2)).astype("float32")
    inputs = keras.Input((2,))
    model = MultiTaskModel(inputs, {"y": keras.layers.Dense(1)(inputs)})
    ready = Predictor(x, [Task("y", "regression")])
    # The last 9 rows are filled up to 10.
    assert [len(chunk) for chunk in ready.chunks] == [32, 10]
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(ready(model)["y"], (x @ kernel + bias)[:, 0], rtol=1e-5)


def test_few_sizes_stand_for_all_numbers_of_rows():
    sizes = {rows: _size(rows) for rows in range(1, 1025)}
    assert len(set(sizes.values())) < 40
    assert all(rows <= size < 1.25 * rows + 1 for rows, size in sizes.items())
    assert _size(9, at_least=400) == _size(400)


def _size(rows, at_least=0):
    tasks = [Task("y", "regression")]
    return len(Predictor(np.zeros((rows, 1), "float32"), tasks, at_least).chunks[0])
