"""Values of knobs that follow a schedule."""

import keras
import numpy as np
import pytest

import polytask
from polytask import Knob, MultiTaskModel, UserError
from polytask.callbacks import Schedule

ROWS = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
TARGETS = {"a": ROWS[:, :1], "b": ROWS[:, 1:2]}


def compiled(**options):
    keras.utils.set_random_seed(0)
    x = keras.Input((5,))
    penalty = polytask.regularizers.ElasticNet(Knob(0.0), 0.0)
    trunk = keras.layers.Dense(4, kernel_regularizer=penalty, name="trunk_0")
    h = polytask.layers.Dropout(Knob(0.1), name="drop")(trunk(x))
    heads = {task: keras.layers.Dense(1, name=task)(h) for task in TARGETS}
    model = MultiTaskModel(x, heads)
    model.compile(keras.optimizers.Adam(0.01), loss="mse", **options)
    return model


def fitted(model, *schedules, epochs=3):
    return model.fit(
        ROWS,
        TARGETS,
        batch_size=8,
        epochs=epochs,
        verbose=0,
        callbacks=list(schedules),
    ).history


def test_knobs_of_layers_penalties_and_compile_follow_their_schedules():
    model = compiled(
        weight_decay={"trunk": Knob(0.0)},
        loss_weights={"b": Knob(1.0)},
        task_structure=polytask.regularizers.L21(Knob(0.0)),
    )
    falling = keras.optimizers.schedules.CosineDecay(1e-2, 4)
    history = fitted(
        model,
        Schedule("trunk_0", l1=[0.0, 5000.0]),
        Schedule("drop", rate=lambda epoch: 0.25 * epoch),
        Schedule("weight_decay", trunk=[0.5]),
        Schedule("loss_weights", b=[3.0]),
        Schedule("task_structure", strength=[0.0, 0.0, 0.5]),
        Schedule("optimizer", learning_rate=falling),
    )
    assert history["trunk_0_l1"] == [0.0, 5000.0, 5000.0]
    assert history["drop_rate"] == [0.0, 0.25, 0.5]
    assert history["weight_decay_trunk"] == [0.5, 0.5, 0.5]
    assert history["loss_weights_b"] == [3.0, 3.0, 3.0]
    assert history["task_structure_strength"] == [0.0, 0.0, 0.5]
    assert history["optimizer_learning_rate"][2] == pytest.approx(5e-3)
    kernel = keras.ops.convert_to_numpy(model.get_layer("trunk_0").kernel)
    assert not kernel.any()


def test_a_schedule_by_step_counts_updates_over_epochs():
    model = compiled()
    seen = []

    def record(step):
        seen.append(step)
        return 0.1 / (1 + step)

    history = fitted(model, Schedule("trunk_0", every="step", l1=record), epochs=2)
    assert seen == list(range(8))
    assert history["trunk_0_l1"] == [0.1 / 4, 0.1 / 8]
    assert float(model.get_layer("trunk_0").kernel_regularizer.l1) == pytest.approx(
        0.1 / 8
    )
    fitted(model, Schedule("trunk_0", every="step", l1=record), epochs=1)
    assert seen[8:] == [8, 9, 10, 11]


@pytest.mark.parametrize(
    ("where", "values", "message"),
    [
        ("trunk_1", {"l1": [0.0]}, 'unknown layer "trunk_1". Did you mean "trunk_0"'),
        ("trunk_0", {"rate": [0.0]}, 'no strength or rate called "rate"'),
        ("trunk_0", {"l2": [0.0]}, r"l2 of \"trunk_0\" is 0.0, .* polytask.Knob"),
        ("weight_decay", {"head": [0.0]}, 'no strength or rate called "head"'),
        ("trunk_0", {"l1": [-1.0]}, "l1 must be a finite number, at least 0"),
    ],
)
def test_a_schedule_of_what_is_not_there_is_refused(where, values, message):
    with pytest.raises(UserError, match=message):
        fitted(compiled(), Schedule(where, **values))


@pytest.mark.parametrize("arguments", [{}, {"l1": []}, {"l1": 3}, {"every": "batch"}])
def test_a_schedule_without_values_is_refused(arguments):
    with pytest.raises(UserError, match=r"nothing to change|at least one value|every"):
        Schedule("trunk_0", **arguments)


def test_a_step_is_an_update_where_gradients_are_accumulated():
    x = keras.Input((5,))
    model = MultiTaskModel(x, {"a": keras.layers.Dense(1, name="a")(x)})
    optimizer = keras.optimizers.SGD(0.0, gradient_accumulation_steps=2)
    model.compile(optimizer, loss="mse", loss_weights={"a": Knob(1.0)})
    times = []
    schedule = Schedule("loss_weights", "step", a=lambda time: times.append(time) or 1)
    rows = {"batch_size": 8, "verbose": 0, "callbacks": [schedule]}
    model.fit(ROWS, TARGETS["a"], epochs=2, **rows)
    assert times == [0, 0, 1, 1, 2, 2, 3, 3]
