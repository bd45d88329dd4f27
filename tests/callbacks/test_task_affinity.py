import keras
import numpy as np
import pytest
from keras import layers

from polytask import MultiTaskModel, UserError
from polytask.callbacks import TaskAffinity

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(24, 3)).astype("float32")
LABELS = {"a": ROWS[:, 0], "b": ROWS[:, 0] + 0.1, "c": -ROWS[:, 0]}


def network(optimizer, dropout=0.0):
    keras.utils.set_random_seed(0)
    x = keras.Input((3,))
    h = layers.Dense(2, name="trunk")(x)
    h = layers.Dropout(dropout, seed=1)(h) if dropout else h
    model = MultiTaskModel(
        x, {t: layers.Dense(1, use_bias=False, name=t)(h) for t in LABELS}
    )
    # Every head reads the trunk alike, so that a and c want opposite steps of it.
    for task in LABELS:
        model.get_layer(task).kernel.assign([[1.0], [0.5]])
    model.compile(optimizer, loss="mse")
    return model


def test_the_affinity_is_what_a_step_of_the_trunk_does_to_the_other_losses():
    rate = 0.1
    model = network(keras.optimizers.SGD(rate))
    model.make_train_function()
    start = model.get_weights()
    look = TaskAffinity(ROWS, LABELS, batch_size=24)
    look.set_model(model)
    look.on_train_begin()
    look.on_epoch_end(0)
    for found, expected in zip(model.get_weights(), start, strict=True):
        np.testing.assert_array_equal(found, expected)
    kernel, bias = (np.asarray(w, "float64") for w in start[:2])
    head = np.array([1.0, 0.5])

    def loss(task, kernel, bias):
        return np.mean((ROWS @ kernel @ head + bias @ head - LABELS[task]) ** 2)

    for i, first in enumerate(LABELS):
        error = ROWS @ kernel @ head + bias @ head - LABELS[first]
        moved = kernel - rate * 2 * np.outer(ROWS.T @ error / 24, head)
        shift = bias - rate * 2 * error.mean() * head
        for j, second in enumerate(LABELS):
            if i == j:
                assert np.isnan(look.affinity[i, j])
                continue
            after, before = loss(second, moved, shift), loss(second, kernel, bias)
            assert look.affinity[i, j] == pytest.approx(1 - after / before, rel=1e-3)
    assert look.groups(2) == [["a", "b"], ["c"]]


@pytest.mark.slow
def test_a_training_is_the_same_with_and_without_a_look():
    histories, weights = [], []
    for callbacks in ([], [TaskAffinity(ROWS, LABELS, batch_size=8)]):
        model = network("adam", dropout=0.3)
        history = model.fit(
            ROWS, LABELS, batch_size=8, epochs=3, shuffle=False, verbose=0,
            callbacks=callbacks,
        )  # fmt: skip
        histories.append(history.history)
        weights.append(model.get_weights())
    assert histories[0] == histories[1]
    for plain, looked in zip(*weights, strict=True):
        np.testing.assert_array_equal(plain, looked)


@pytest.mark.two_backends
def test_a_task_without_labels_in_the_look_is_left_out():
    absent = {**LABELS, "b": np.full(24, np.nan, "float32")}
    model = network("sgd")
    look = TaskAffinity(ROWS, absent)
    model.fit(ROWS, absent, verbose=0, epochs=4, callbacks=[look])
    assert np.isnan(look.affinity[1]).all()
    assert np.isnan(look.affinity[:, 1]).all()
    assert np.isfinite(look.affinity[0, 2])
    with pytest.raises(UserError, match="must be finite"):
        look.groups(2)


def test_it_looks_after_every_so_many_epochs():
    model = network("sgd")
    look = TaskAffinity(ROWS, LABELS, batch_size=8, every=2)
    model.fit(ROWS, LABELS, batch_size=8, verbose=0, epochs=1, callbacks=[look])
    assert np.isnan(look.affinity).all()


def test_wrong_models_and_labels_are_refused():
    with pytest.raises(UserError, match="no labels of the tasks c; found a, b"):
        network("sgd").fit(
            ROWS, LABELS, verbose=0,
            callbacks=[TaskAffinity(ROWS, {t: LABELS[t] for t in "ab"})],
        )  # fmt: skip
    with pytest.raises(UserError, match="every must be an integer"):
        TaskAffinity(ROWS, LABELS, every=0)
    perfect = network("sgd")
    perfect.get_layer("trunk").kernel.assign(np.zeros((3, 2)))
    zeros = {task: np.zeros(24, "float32") for task in LABELS}
    with pytest.raises(UserError, match='losses above 0; that of task "a" is 0'):
        perfect.fit(ROWS, zeros, verbose=0, callbacks=[TaskAffinity(ROWS, zeros)])


def test_a_look_leaves_the_weights_of_classes_in_force():
    y = {task: (labels > 0).astype("float32") for task, labels in LABELS.items()}
    weights = []
    for callbacks in ([], [TaskAffinity(ROWS, y, batch_size=8)]):
        model = network("sgd")
        model.fit(
            *(ROWS, y),
            class_weight={"a": {0: 5.0}},
            epochs=2,
            verbose=0,
            shuffle=False,
            callbacks=callbacks,
        )
        weights.append(model.get_weights()[0])
    np.testing.assert_array_equal(*weights)


def test_it_looks_at_a_model_whose_outputs_are_a_list():
    built = network("sgd")
    model = MultiTaskModel(built.input, list(built.output.values()))
    model.compile("sgd", loss="mse")
    look = TaskAffinity(ROWS, LABELS, batch_size=8)
    model.fit(ROWS, list(LABELS.values()), verbose=0, callbacks=[look])
    assert look.affinity.shape == (3, 3)
