import keras
import numpy as np
import pytest
from keras import ops

from polytask import MultiTaskModel, UserError
from polytask.callbacks import BestPerTask

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(32, 4)).astype("float32")
LABELS = {"a": ROWS[:, 0], "b": ROWS[:, 1] * ROWS[:, 2]}


class Script(keras.callbacks.Callback):
    """Puts given values into the logs, and keeps what the network predicts."""

    def __init__(self, **values):
        super().__init__()
        self.values = values
        self.predicted = []

    def on_epoch_end(self, epoch, logs=None):
        logs.update({name: values[epoch] for name, values in self.values.items()})
        outputs = self.model(ROWS, training=False)
        self.predicted.append(
            {task: ops.convert_to_numpy(y).copy() for task, y in outputs.items()}
        )


def network():
    x = keras.Input((4,))
    h = keras.layers.BatchNormalization()(keras.layers.Dense(6, "tanh")(x))
    model = MultiTaskModel(x, {t: keras.layers.Dense(1)(h) for t in ("a", "b")})
    model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    return model


def fit(*callbacks, epochs=3):
    network().fit(
        ROWS, LABELS, batch_size=16, epochs=epochs, verbose=0, callbacks=list(callbacks)
    )


@pytest.mark.slow
def test_each_task_has_the_network_of_its_own_best_epoch():
    script = Script(val_a_loss=[3.0, 1.0, 2.0], val_b_loss=[0.5, np.nan, 0.7])
    best = BestPerTask()
    fit(script, best)
    assert best.epochs == {"a": 1, "b": 0}
    predicted = best.predict(ROWS, verbose=0)
    for task, epoch in best.epochs.items():
        np.testing.assert_allclose(
            predicted[task], script.predicted[epoch][task], rtol=1e-5, atol=1e-6
        )
    # They share nothing, and can be saved and compiled as networks of their own.
    one, other = best.network("a"), best.network("a")
    assert one.task_names == ["a"]
    assert not {id(v) for v in one.variables} & {id(v) for v in other.variables}


@pytest.mark.slow
def test_a_value_may_be_one_that_should_rise():
    script = Script(val_a_auc=[0.5, 0.9, 0.7])
    best = BestPerTask({"a": "val_a_auc"})
    fit(script, best)
    assert best.epochs == {"a": 1}


def test_unknown_tasks_are_refused():
    best = BestPerTask()
    with pytest.raises(UserError, match="none, as nothing was trained"):
        best.network("a")
    fit(Script(val_a_loss=[np.nan], val_b_loss=[1.0]), best, epochs=1)
    with pytest.raises(UserError, match='Did you mean "b"'):
        best.network("bb")
    with pytest.raises(UserError, match="no epoch had a value of it"):
        best.network("a")


def test_wrong_names_are_refused_when_training_begins():
    with pytest.raises(UserError, match='BestPerTask names the unknown task "c"'):
        fit(BestPerTask({"c": "val_c_loss"}))
    with pytest.raises(UserError, match='BestPerTask watches "val_a_loss"'):
        fit(BestPerTask({"a": "val_a_loss"}))
