"""The decisive claim of the toy problem, from the start that tells methods apart."""

import importlib

import keras
import numpy as np
import pytest

from tests.helpers.program_modules import modules_of

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the example compiles its loop with JAX"
)


@pytest.fixture(scope="module")
def toy():
    with modules_of("examples/toy"):
        yield importlib.import_module("toy")


@pytest.fixture
def double():
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def gap(toy, name):
    """Return how far a method ends from the Pareto set, from (9, 9)."""
    method = next(m for m in toy.METHODS if m.name == name)
    path = toy.descend(method, ((9.0, 9.0),), 35_000, 0.1)
    assert path.shape == (1, toy.RECORDS + 1, 2)
    np.testing.assert_array_equal(path[0, 0], [9.0, 9.0])
    return toy.distance(path[0, -1])


@pytest.mark.slow
def test_nash_bargaining_reaches_the_pareto_set_where_the_sum_does_not(toy, double):
    assert gap(toy, "nash_mtl") < toy.NEAR
    assert gap(toy, "equal") > 5.0


def test_the_pareto_set_lies_where_the_sum_is_least_in_its_middle(toy, double):
    heights = np.linspace(-9.0, -7.0, 20_001)
    points = np.stack([np.zeros_like(heights), heights], axis=-1)
    found = toy.losses(points, 1.0)
    total = np.asarray(found["L1"]) + np.asarray(found["L2"])
    assert abs(heights[total.argmin()] - toy.PARETO_X2) < 1e-3
