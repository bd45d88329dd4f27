import keras
import numpy as np
import pytest

from polytask import MultiTaskModel, UserError
from polytask.callbacks import TaskEarlyStopping


class Script(keras.callbacks.Callback):
    """Puts given values into the logs, as if the tasks had them."""

    def __init__(self, **values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        for name, values in self.values.items():
            logs[name] = values[epoch]


class Snapshots(keras.callbacks.Callback):
    """Keeps the model's weights after each epoch, before any other callback."""

    def __init__(self):
        super().__init__()
        self.heads = []

    def on_epoch_end(self, epoch, logs=None):
        self.heads.append(head_values(self.model, "b"))


def small():
    """Return a network for tests in which only the logs matter."""
    x = keras.Input((4,))
    h = keras.layers.Dense(2)(x)
    model = MultiTaskModel(x, {t: keras.layers.Dense(1)(h) for t in ("a", "b", "c")})
    model.compile("sgd", loss="mse", run_eagerly=True)
    return model


def network(balancer="equal"):
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    h = keras.layers.Dense(6, "tanh", kernel_regularizer=keras.regularizers.L2(0.01))(x)
    outputs = {}
    for task in ("a", "b", "c"):
        tower = keras.layers.Dense(3, name=f"tower_{task}")(h)
        tower = keras.layers.BatchNormalization(name=f"norm_{task}")(tower)
        outputs[task] = keras.layers.Dense(
            1, name=f"head_{task}", kernel_regularizer=keras.regularizers.L1(0.01)
        )(tower)
    model = MultiTaskModel(x, outputs)
    optimizer = keras.optimizers.Adam(0.05, weight_decay=0.1)
    model.compile(optimizer, loss="mse", balancer=balancer)
    return model


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 4)).astype("float32")
    return x, {"a": x[:, 0].copy(), "b": x[:, 1].copy(), "c": x[:, 2] * x[:, 3]}


def head_values(model, task):
    layers = [model.get_layer(f"{part}_{task}") for part in ("tower", "norm", "head")]
    return [np.array(w) for layer in layers for w in layer.get_weights()]


def assert_same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def fit(model, rows, epochs, *callbacks, **options):
    x, y = rows
    return model.fit(
        x,
        y,
        validation_data=(x, y),
        epochs=epochs,
        batch_size=16,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
        **options,
    ).history


STOPS_B = {
    "val_a_loss": [5.0, 4.0, 3.0, 2.0, 1.0, 0.5],
    "val_b_loss": [1.0, 2.0, 3.0, 3.0, 3.0, 3.0],
    "val_c_loss": [5.0, 4.0, 3.0, 2.0, 1.0, 0.5],
}


def test_a_stopped_task_keeps_its_private_variables_and_statistics(rows):
    model = network()
    stopping = TaskEarlyStopping(patience=2, resume=None)
    taken = Snapshots()
    fit(model, rows, 5, Script(**STOPS_B), taken, stopping)
    assert stopping.stopped_tasks == ["b"]
    assert not np.array_equal(taken.heads[1][0], taken.heads[2][0])
    assert_same(taken.heads[2], taken.heads[3])
    assert_same(taken.heads[2], taken.heads[4])
    # The statistics of the head are among what was compared.
    assert len(taken.heads[0]) == 2 + 4 + 2


@pytest.mark.slow
@pytest.mark.two_backends
@pytest.mark.parametrize("balancer", ["equal", "nash_mtl"])
def test_the_others_train_as_if_the_stopped_task_had_no_labels(rows, balancer):
    x, y = rows
    stopped, unlabeled = network(balancer=balancer), network(balancer=balancer)
    for model in (stopped, unlabeled):
        model.fit(x, y, epochs=1, batch_size=16, shuffle=False, verbose=0)
    active = stopped.step_plan.optimizer.active
    active.assign(np.array([1.0, 0.0, 1.0], "float32"))
    kept = head_values(stopped, "b")
    absent = {**y, "b": np.full(32, np.nan, "float32")}
    for model, targets in ((stopped, y), (unlabeled, absent)):
        model.fit(x, targets, epochs=2, batch_size=16, shuffle=False, verbose=0)
    assert_same(kept, head_values(stopped, "b"))
    for task in ("a", "c"):
        for a, b in zip(
            head_values(stopped, task), head_values(unlabeled, task), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    for a, b in zip(stopped.shared_variables, unlabeled.shared_variables, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(a),
            keras.ops.convert_to_numpy(b),
            rtol=1e-5,
            atol=1e-6,
        )


@pytest.mark.two_backends
def test_the_best_private_variables_come_back_when_the_task_is_stopped(rows):
    model = network()
    taken = Snapshots()
    stopping = TaskEarlyStopping(patience=2, resume=None, restore_best=True)
    fit(model, rows, 4, Script(**STOPS_B), taken, stopping)
    assert stopping.best_epochs["b"] == 0
    assert not np.array_equal(taken.heads[0][0], taken.heads[2][0])
    assert_same(taken.heads[0], head_values(model, "b"))


@pytest.mark.slow
def test_the_history_says_which_task_trained_and_keeps_its_losses(rows):
    history = fit(
        small(), rows, 4, Script(**STOPS_B), TaskEarlyStopping(patience=2, resume=None)
    )
    assert history["b_active"] == [1.0, 1.0, 0.0, 0.0]
    assert history["a_active"] == [1.0] * 4
    # The loss of a stopped task is still measured, never a zero in its place.
    assert min(history["b_loss"]) > 1e-3


def test_training_ends_when_every_task_is_stopped(rows):
    worse = [1.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    script = Script(val_a_loss=worse, val_b_loss=worse, val_c_loss=[3.0, 2.0, *worse])
    history = fit(small(), rows, 6, script, TaskEarlyStopping(patience=1, resume=None))
    assert len(history["loss"]) == 4


@pytest.mark.two_backends
def test_a_task_that_falls_far_enough_trains_again(rows):
    values = {**STOPS_B, "val_b_loss": [1.0, 1.0, 1.05, 1.2, 1.0, 1.0]}
    model = network()
    taken = Snapshots()
    stopping = TaskEarlyStopping(patience=1, resume=0.1)
    history = fit(model, rows, 5, Script(**values), taken, stopping)
    assert history["b_active"] == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert_same(taken.heads[2], taken.heads[3])
    assert not np.array_equal(taken.heads[3][0], taken.heads[4][0])


def test_values_that_should_rise_are_known_by_their_name(rows):
    rising = [0.5, 0.6, 0.7, 0.8]
    falling = [0.8, 0.7, 0.6, 0.5]
    script = Script(val_a_auc=falling, val_b_f1=rising, val_c_odd=falling)
    stopping = TaskEarlyStopping(
        {"a": "val_a_auc", "b": "val_b_f1", "c": "val_c_odd"},
        patience=1,
        mode={"c": "min"},
    )
    fit(small(), rows, 2, script, stopping)
    assert stopping.stopped_tasks == ["a"]


def test_a_value_that_is_nan_is_no_improvement(rows):
    values = {**STOPS_B, "val_b_loss": [np.nan, np.nan, 1.0, 1.0]}
    stopping = TaskEarlyStopping(patience=2)
    fit(small(), rows, 2, Script(**values), stopping)
    assert stopping.stopped_tasks == ["b"]


@pytest.mark.two_backends
def test_all_tasks_train_in_a_later_fit(rows):
    model = network()
    fit(model, rows, 4, Script(**STOPS_B), TaskEarlyStopping(patience=2, resume=None))
    before = head_values(model, "b")
    fit(model, rows, 1)
    assert not np.array_equal(before[0], head_values(model, "b")[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patience": 0}, "patience must be 1 or more"),
        ({"min_delta": -1.0}, "min_delta must be 0 or more"),
        ({"min_delta": float("nan")}, "min_delta must be 0 or more"),
        ({"resume": -0.1}, "resume must be a share"),
        ({"mode": "up"}, "mode must be auto, min or max"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        TaskEarlyStopping(**arguments)


@pytest.mark.parametrize(
    ("monitor", "message"),
    [
        ({"bb": "val_b_loss"}, 'unknown task "bb"'),
        ({"b": "val_b_los_loss"}, 'Did you mean "val_b_loss"'),
        ({"b": "val_b_quality"}, r'pass mode=\{"b": "min"\}'),
    ],
)
def test_wrong_names_are_refused(rows, monitor, message):
    with pytest.raises(UserError, match=message):
        fit(small(), rows, 1, TaskEarlyStopping(monitor))


def test_validation_rows_are_asked_for(rows):
    x, y = rows
    with pytest.raises(UserError, match="validation_data"):
        small().fit(x, y, verbose=0, callbacks=[TaskEarlyStopping()])


def test_the_configuration_makes_an_equal_callback():
    stopping = TaskEarlyStopping({"a": "val_a_auc"}, patience=4, resume=0.1)
    again = TaskEarlyStopping(**stopping.get_config())
    assert again.get_config() == stopping.get_config()
    assert again.patience == 4
