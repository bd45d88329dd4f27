"""Many trainings as lanes of one program give what each gives alone."""

import keras
import numpy as np
import pytest

import polytask
from polytask import Knob, MultiTaskModel
from polytask.models.initial_values import begin_with, initial_values

if keras.backend.backend() != "jax":
    pytest.skip("lanes are a program of JAX", allow_module_level=True)

from polytask.training.lanes_jax import Lane, LaneProgram, Rows

ROWS, BATCH, EPOCHS = 48, 8, 3
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 6)).astype("float32")
Y = {"a": (X[:, :1] > 0).astype("float32"), "b": RANDOM.integers(0, 3, ROWS)}
Y["a"][::4] = np.nan
# An epoch has six batches, so that one at least has no label of this task.
Y["b"][5:] = -1
LOSSES = {"a": "binary_crossentropy", "b": "sparse_categorical_crossentropy"}
HEADS = {"a": (1, "sigmoid"), "b": (3, "softmax")}


def network(l1, rate, decay, tasks="ab", balancer="equal"):
    x = keras.Input((6,), name="features")
    penalty = polytask.regularizers.L1(l1)
    h = keras.layers.Dense(8, "relu", kernel_regularizer=penalty, name="trunk")(x)
    h = keras.layers.BatchNormalization(momentum=0.9, name="norm")(h)
    h = polytask.layers.Dropout(rate, name="drop")(h)
    outputs = {}
    for task in tasks:
        tower = keras.layers.Dense(4, "relu", name=f"tower_{task}")(h)
        outputs[task] = keras.layers.Dense(*HEADS[task], name=f"head_{task}")(tower)
    model = MultiTaskModel(x, outputs)
    model.compile(
        keras.optimizers.Adam(0.01),
        loss={task: LOSSES[task] for task in tasks},
        weight_decay=decay,
        balancer=balancer if len(tasks) > 1 else "equal",
    )
    return model


def orders(seed):
    random = np.random.default_rng(seed)
    return [random.permutation(ROWS).reshape(-1, BATCH) for _ in range(EPOCHS)]


class Batches(keras.utils.PyDataset):
    """The same batches, for `fit`."""

    def __init__(self, order, tasks):
        super().__init__()
        self.batches = [rows for epoch in order for rows in epoch]
        self.tasks = tasks
        self.epoch = -1

    def __len__(self):
        return ROWS // BATCH

    def __getitem__(self, index):
        rows = self.batches[max(self.epoch, 0) * len(self) + index]
        return X[rows], {task: Y[task][rows] for task in self.tasks}

    def on_epoch_end(self):
        self.epoch += 1


# Seed, strength of L1, dropout rate, weight decay, tasks.
TRAININGS = [
    (0, 0.0, 0.0, 0.0, "ab"),
    (1, 3e-3, 0.5, 0.1, "ab"),
    (2, 1e-3, 0.2, 0.1, "b"),
]


def values_of(model, knobs, training):
    seed, *settings, _ = training
    own = {id(knob): value for knob, value in zip(knobs, settings, strict=True)}
    return {**initial_values(model, seed), **own}


def lanes(balancer="equal", trainings=TRAININGS, **options):
    keras.utils.set_random_seed(99)
    knobs = [Knob(0.0), Knob(0.0), Knob(0.0)]
    model = network(*knobs, balancer=balancer)
    program = LaneProgram(model, [Rows(X, Y, {"all": X})], width=4, **options)
    begun = [
        Lane(values_of(model, knobs, training), tuple(training[-1]))
        for training in trainings
    ]
    return program, begun


@pytest.fixture(scope="module")
def together():
    """Logs and outputs by epoch of all trainings as lanes, one of them twice."""
    program, begun = lanes()
    program.begin(dict(enumerate(begun)))
    order = [orders(seed) for seed, *_ in TRAININGS]
    found = []
    for epoch in range(EPOCHS):
        if epoch == 1:
            program.begin({3: begun[1]})
        late = order[1][epoch - 1]
        found.append(program.epoch(np.stack([*(o[epoch] for o in order), late])))
        program.keep(np.arange(4) != epoch - 1)
    return program, found


def alone(training, balancer="equal", callbacks=()):
    seed, *settings, tasks = training
    model = network(*settings, tasks=tasks, balancer=balancer)
    begin_with(model, seed)
    batches = Batches(orders(seed), tasks)
    history = model.fit(
        batches, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=list(callbacks)
    )
    return model, history.history


@pytest.mark.parametrize("slot", range(len(TRAININGS)))
def test_a_lane_gives_what_the_training_alone_gives(together, slot):
    _, found = together
    tasks = TRAININGS[slot][-1]
    model, history = alone(TRAININGS[slot])
    for task in tasks:
        # Keras logs a single task's loss as the loss alone.
        if len(tasks) > 1:
            losses = [logs[f"{task}_loss"][slot] for logs, _ in found]
            np.testing.assert_allclose(losses, history[f"{task}_loss"], rtol=1e-5)
        outputs = found[-1][1]["all"][task][slot]
        expected = keras.ops.convert_to_numpy(model(X, training=False)[task])
        np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-6)


def test_a_lane_that_begins_later_gives_the_same(together):
    _, found = together
    for epoch in range(1, EPOCHS):
        early, late = found[epoch - 1][1]["all"], found[epoch][1]["all"]
        for task in Y:
            np.testing.assert_allclose(late[task][3], early[task][1], rtol=1e-6)


def test_a_lane_keeps_the_weights_of_its_best_epoch(together):
    program, found = together
    outputs = []
    for slot in range(2):
        best = program.best(slot)
        for variable in program.model.variables:
            if id(variable) in best:
                variable.assign(best[id(variable)])
        outputs.append(program.model(X, training=False)["a"])
    # Lane 1 was told to keep its last epoch but not the middle one, lane 0 the last.
    for slot, epoch in ((0, 2), (1, 1)):
        wanted = found[epoch][1]["all"]["a"][slot]
        np.testing.assert_allclose(outputs[slot], wanted, rtol=1e-4, atol=1e-6)


def test_all_lanes_are_compiled_once(together):
    program, _ = together
    assert program.compilations == 1


def test_balancers_count_and_draw_in_each_lane_as_alone():
    # PCGrad draws an order, and the monitor looks at every second step.
    trainings = [(seed, 0.0, 0.0, 0.0, "ab") for seed in (3, 4)]
    program, begun = lanes("pcgrad", trainings, record_every=2)
    program.begin(dict(enumerate(begun)))
    order = [orders(3), orders(4)]
    for epoch in range(EPOCHS):
        rows = [o[epoch] for o in order]
        logs, _ = program.epoch(np.stack([*rows, *rows]))
    monitor = polytask.callbacks.ConflictMonitor(every=2)
    _, history = alone(trainings[1], "pcgrad", [monitor])
    for task in Y:
        np.testing.assert_allclose(
            logs[f"{task}_loss"][1], history[f"{task}_loss"][-1], rtol=1e-5
        )
    found, expected = program.summaries()[1], monitor.summaries[-1]
    np.testing.assert_allclose(found.cosines, expected.cosines, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-4)
