"""What every stochastic and every normalizing layer promises."""

import keras
import numpy as np
import pytest
from keras import ops

from polytask.layers import (
    Calibrated,
    ColumnGroupDropout,
    ConcreteDropout,
    DropBlock1D,
    DropBlock2D,
    DropConnect,
    EvoNormalization,
    FilterResponseNormalization,
    GhostBatchNormalization,
    MixupPoint,
    StochasticDepth,
    SwitchableNormalization,
    TokenDropout,
    VariationalDense,
    WeightNormalization,
    WeightStandardization,
)
from polytask.testing import LayerContract

rng = np.random.default_rng(0)
TABLE = rng.normal(size=(6, 5)).astype("float32")
STEPS = rng.normal(size=(6, 7, 3)).astype("float32")
PICTURES = rng.normal(size=(6, 5, 4, 3)).astype("float32")
TOKENS = rng.integers(0, 9, size=(6, 7)).astype("int32")

# At inference these return what they are given.
DROPS = {
    "StochasticDepth": (lambda: StochasticDepth(0.4, seed=1), TABLE),
    "StochasticDepth of steps": (lambda: StochasticDepth(0.4, seed=1), STEPS),
    "DropBlock1D": (lambda: DropBlock1D(0.3, 3, seed=1), STEPS),
    "DropBlock2D": (lambda: DropBlock2D(0.3, 2, seed=1), PICTURES),
    "ColumnGroupDropout": (
        lambda: ColumnGroupDropout([[0, 2], [4]], 0.5, [1, 2, 3, 4, 5], seed=1),
        TABLE,
    ),
    "TokenDropout": (lambda: TokenDropout(0.4, seed=1), TOKENS),
}
# These compute something else in training than at inference.
RANDOM = {
    **DROPS,
    "DropConnect": (lambda: DropConnect(4, 0.4, activation="tanh", seed=1), TABLE),
    "DropConnect of steps": (lambda: DropConnect(9, per_row=False, seed=1), STEPS),
}
RANDOM |= {
    "ConcreteDropout": (
        lambda: ConcreteDropout(keras.layers.Dense(4), rows=20, seed=1),
        TABLE,
    ),
    "VariationalDense": (lambda: VariationalDense(4, rows=20, seed=1), TABLE),
}
NORMALIZATIONS = {
    "GhostBatchNormalization": (lambda: GhostBatchNormalization(2), PICTURES),
    "FilterResponseNormalization": (
        lambda: FilterResponseNormalization(learn_epsilon=True),
        PICTURES,
    ),
    "SwitchableNormalization": (lambda: SwitchableNormalization(), PICTURES),
    "EvoNormalization": (lambda: EvoNormalization(groups=3), PICTURES),
    "WeightNormalization": (
        lambda: WeightNormalization(keras.layers.Dense(4)),
        TABLE,
    ),
    "WeightStandardization": (
        lambda: WeightStandardization(keras.layers.Conv2D(4, 2)),
        PICTURES,
    ),
}
LAYERS = {**RANDOM, **NORMALIZATIONS, "MixupPoint": (MixupPoint, STEPS)}
LAYERS |= {"Calibrated": (Calibrated, TABLE)}


def as_numpy(x):
    return ops.convert_to_numpy(x)


class TestContract(LayerContract):
    @pytest.fixture(autouse=True, params=LAYERS)
    def layer(self, request):
        self.make, self.batch = LAYERS[request.param]

    def arguments(self):
        return [self.batch]

    def test_half_precision_gives_finite_numbers_of_its_dtype(self):
        if self.batch.dtype == "float32":
            super().test_half_precision_gives_finite_numbers_of_its_dtype()


@pytest.mark.parametrize("name", DROPS)
def test_at_inference_and_at_rate_zero_a_dropping_layer_is_the_identity(name):
    make, batch = DROPS[name]
    layer = make()
    np.testing.assert_array_equal(as_numpy(layer(batch, training=False)), batch)
    config = {**layer.get_config(), "rate": 0.0}
    never = type(layer).from_config(config)
    np.testing.assert_array_equal(as_numpy(never(batch, training=True)), batch)


@pytest.mark.parametrize("name", RANDOM)
def test_the_random_numbers_come_from_the_layer_s_own_seed(name):
    make, batch = RANDOM[name]
    first, second = make(), make()
    for layer in (first, second):
        layer.build(batch.shape)
    second.set_weights(first.get_weights())
    draws = [as_numpy(first(batch, training=True)) for _ in range(3)]
    # What another layer draws in between does not matter.
    keras.random.uniform((5,))
    np.testing.assert_array_equal(as_numpy(second(batch, training=True)), draws[0])
    assert any(not np.array_equal(draws[0], later) for later in draws[1:])


@pytest.mark.parametrize("name", LAYERS)
def test_masks_of_padded_steps_go_on(name):
    make, batch = LAYERS[name]
    layer = make()
    assert layer.supports_masking
    mask = np.ones(batch.shape[:2], bool)
    assert layer.compute_mask(batch, mask) is mask


@pytest.mark.parametrize("name", LAYERS)
def test_the_name_and_the_dtype_are_arguments_as_in_keras(name):
    make, _ = LAYERS[name]
    layer = make()
    config = {**layer.get_config(), "name": "own"}
    assert type(layer).from_config(config).name == "own"
