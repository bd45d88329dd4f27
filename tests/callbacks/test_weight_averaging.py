import keras
import numpy as np
import pytest
from keras import layers, ops

from polytask import MultiTaskModel, UserError, regularizers
from polytask.callbacks import RecomputeStatistics, StochasticWeightAveraging
from polytask.training import MagnitudePruning

rng = np.random.default_rng(0)
ROWS = rng.normal(size=(32, 4)).astype("float32")
LABELS = {"a": ROWS[:, 0], "b": ROWS[:, 1] * ROWS[:, 2]}


class Weights(keras.callbacks.Callback):
    """Keeps the trainable weights after each epoch."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(values(self.model))


def values(model):
    return [ops.convert_to_numpy(v).copy() for v in model.trainable_variables]


def network(norm=False, penalty=None, **optimizer):
    x = keras.Input((4,))
    h = layers.Dense(6, "tanh", kernel_regularizer=penalty)(x)
    h = layers.BatchNormalization(name="norm")(h) if norm else h
    model = MultiTaskModel(x, {t: layers.Dense(1)(h) for t in ("a", "b")})
    model.compile(keras.optimizers.SGD(0.1, **optimizer), loss="mse")
    return model


def fit(model, *callbacks, epochs=4, **options):
    model.fit(
        ROWS,
        LABELS,
        batch_size=16,
        epochs=epochs,
        verbose=0,
        callbacks=list(callbacks),
        **options,
    )


@pytest.mark.parametrize(("start", "first"), [(0.5, 2), (1, 1), (0.0, 0)])
def test_the_weights_are_the_mean_over_the_last_epochs(start, first):
    model, seen = network(), Weights()
    averaging = StochasticWeightAveraging(start=start)
    fit(model, seen, averaging)
    assert averaging.averaged == 4 - first
    for index, found in enumerate(values(model)):
        expected = np.mean([epoch[index] for epoch in seen.epochs[first:]], axis=0)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_weights_that_a_penalty_made_zero_are_zero_in_the_mean():
    model, seen = network(penalty=regularizers.L1(0.2)), Weights()
    fit(model, seen, StochasticWeightAveraging(start=0.0), epochs=6)
    last, found = seen.epochs[-1][0], values(model)[0]
    mean = np.mean([epoch[0] for epoch in seen.epochs], axis=0)
    assert (last == 0).sum() > (mean == 0).sum()
    np.testing.assert_allclose(found, np.where(last == 0, 0, mean), rtol=1e-5)


def test_weights_that_were_pruned_are_zero_in_the_mean():
    model = network()
    pruning = MagnitudePruning(0.5, end=6, every=1)
    model.compile(keras.optimizers.SGD(0.1), loss="mse", regularizers=pruning)
    fit(model, StochasticWeightAveraging(start=0.0))
    assert np.sum(values(model)[0] == 0) == 12


def test_the_batch_statistics_belong_to_the_mean():
    model = network(norm=True)
    fit(model, StochasticWeightAveraging(ROWS, start=0.0))
    norm = model.get_layer("norm")
    reads = ops.convert_to_numpy(keras.Model(model.input, norm.input)(ROWS))
    found = ops.convert_to_numpy(norm.moving_mean)
    np.testing.assert_allclose(found, reads.mean(0), rtol=1e-4, atol=1e-6)


def test_statistics_are_recomputed_for_an_optimizer_s_own_average():
    model = network(norm=True, use_ema=True, ema_momentum=0.9)
    fit(model, RecomputeStatistics(ROWS))
    norm = model.get_layer("norm")
    reads = ops.convert_to_numpy(keras.Model(model.input, norm.input)(ROWS))
    found = ops.convert_to_numpy(norm.moving_variance)
    np.testing.assert_allclose(found, reads.var(0), rtol=1e-4)


@pytest.mark.two_backends
def test_a_training_that_ends_too_early_says_so_and_keeps_its_weights():
    model, seen = network(), Weights()
    with pytest.warns(UserWarning, match="ended before the first epoch"):
        fit(model, seen, StochasticWeightAveraging(start=9), epochs=2)
    np.testing.assert_array_equal(values(model)[0], seen.epochs[-1][0])


def test_what_does_not_go_together_is_refused():
    with pytest.raises(UserError, match="needs the training rows"):
        fit(network(norm=True), StochasticWeightAveraging())
    with pytest.raises(UserError, match="does the optimizer with use_ema=True"):
        fit(network(use_ema=True), StochasticWeightAveraging())


@pytest.mark.parametrize(
    ("options", "message"),
    [({"start": -0.1}, "start must be"), ({"batch_size": 0}, "batch_size must be")],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        StochasticWeightAveraging(**options)
