"""What a regularizer must do to be trained exactly, as tests to inherit."""

import json
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask.errors import UserError
from polytask.regularizers import Regularizer
from polytask.training.compiled_function import compiled_function


class RegularizerContract:
    """Tests for pytest: a class that inherits them runs them on its own regularizer.

    Override `make`, and the attributes where the defaults do not hold.

    Attributes:
        convex: Whether the penalty is convex. Defaults to True.
        zero_is_best: Whether no weights have a smaller value than zero weights.
            Defaults to True.
        tolerance: Accepted error of the prox, larger where it is found by iteration.
            Defaults to 1e-5.

    Example:
        >>> from polytask.regularizers import L1
        >>> class TestL1(RegularizerContract):
        ...     def make(self):
        ...         return L1(0.1)
        >>> TestL1().test_the_prox_is_not_beaten_by_another_point()
    """

    convex = True
    zero_is_best = True
    tolerance = 1e-5

    def make(self) -> Regularizer:
        """Return the regularizer."""
        raise TypeError(f"{type(self).__name__} does not define `make`.")

    def weights(self, seed: int) -> np.ndarray:
        """Return weights of a shape that the regularizer takes."""
        values = np.random.default_rng(seed).normal(size=(5, 4))
        return values.astype("float32")

    def test_the_configuration_survives_json(self) -> None:
        """A copy made from the configuration has the same value."""
        regularizer, w = self.make(), self.weights(0)
        config = json.loads(json.dumps(regularizer.get_config()))
        copy = type(regularizer).from_config(config)
        assert copy.get_config() == regularizer.get_config()
        np.testing.assert_allclose(float(copy(w)), float(regularizer(w)), rtol=1e-6)

    def test_the_value_is_a_scalar_of_at_least_zero(self) -> None:
        """The value has the dtype of the weights."""
        value = self.make()(self.weights(0))
        assert tuple(value.shape) == ()
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
        assert float(value) >= 0

    def test_the_gradient_is_that_of_the_value(self) -> None:
        """The backend's gradient agrees with a difference quotient."""
        regularizer = self.make()
        if regularizer.prox_only:
            return
        # No difference quotient may straddle a kink: entries apart, and far from zero.
        w = self.weights(7)
        order = np.random.default_rng(7).permutation(w.size).reshape(w.shape)
        w = (np.sign(w) * (0.4 + 0.1 * order)).astype("float32")
        direction, size = self.weights(8), np.float32(1e-2)
        ahead, behind = (
            regularizer(w + size * direction),
            regularizer(w - size * direction),
        )
        slope = (float(ahead) - float(behind)) / (2 * size)
        directional = np.sum(value_gradient(regularizer, w) * direction)
        assert abs(directional - slope) <= 5e-3 * (1 + abs(slope))

    def test_the_gradient_at_zero_is_finite(self) -> None:
        """Training may start at zero."""
        zero = np.zeros_like(self.weights(0))
        assert np.all(np.isfinite(value_gradient(self.make(), zero)))

    def test_the_prox_keeps_zero_at_zero(self) -> None:
        """Weights that are zero and have no gradient stay exactly zero."""
        regularizer = self.make()
        if regularizer.has_prox and self.zero_is_best:
            shrunk = _array(regularizer.prox(np.zeros_like(self.weights(0)), 0.3))
            np.testing.assert_array_equal(shrunk, 0.0)

    def test_the_prox_in_a_compiled_step_is_the_same(self) -> None:
        """Also where it removes weights, or finds nothing but zeros."""
        regularizer, w = self.make(), self.weights(3)
        if not regularizer.has_prox:
            return
        w[0] = 0.0
        for metric in _metrics(regularizer, w.shape, np.random.default_rng(5)):
            compiled = compiled_function(
                lambda v, step, metric=metric: regularizer.prox(v, step, metric)
            )
            for step in (0.0, 0.3, 3.0):
                arguments = (ops.convert_to_tensor(w), ops.convert_to_tensor(step))
                np.testing.assert_allclose(
                    _array(compiled(*arguments)),
                    _array(regularizer.prox(*arguments, metric)),
                    atol=1e-5,
                    rtol=1e-4,
                )

    def test_the_prox_is_not_beaten_by_another_point(self) -> None:
        """½‖v - w‖² + step · Ω(v) is smallest there, in each metric it accepts."""
        regularizer, w, step = self.make(), self.weights(3), 0.7
        if not regularizer.has_prox or regularizer.prox_only:
            return
        generator = np.random.default_rng(5)
        for metric in _metrics(regularizer, w.shape, generator):
            weight = 1.0 if metric is None else metric

            def objective(v: np.ndarray, weight: Any = weight) -> float:
                distance = 0.5 * float(np.sum(weight * (v - w) ** 2))
                return distance + step * float(regularizer(v))

            best = _array(regularizer.prox(w, step, metric))
            reached = objective(best)
            others = [w, np.zeros_like(w)]
            for size in (1e-3, 1e-2, 0.1, 1.0):
                noise = generator.normal(size=w.shape).astype("float32")
                others.append(best + np.float32(size) * noise)
            smallest = min(map(objective, others))
            assert reached <= smallest + self.tolerance * (1 + abs(reached))

    def test_the_prox_of_a_convex_penalty_moves_points_no_further_apart(self) -> None:
        """A convex penalty's prox is non-expansive."""
        regularizer = self.make()
        if not regularizer.has_prox or not self.convex:
            return
        first, second = self.weights(1), self.weights(2)
        moved = _array(regularizer.prox(first, 0.5)) - _array(
            regularizer.prox(second, 0.5)
        )
        apart = np.linalg.norm(first - second)
        assert np.linalg.norm(moved) <= apart * (1 + self.tolerance)

    def test_the_prox_is_optimal_by_its_own_measure(self) -> None:
        """`distance_to_optimality` vanishes where the prox ends, and only there."""
        regularizer, w = self.make(), self.weights(9)
        if not regularizer.has_prox or not self.convex:
            return
        best = _array(regularizer.prox(w, 1.0))
        accepted = max(1e-4, 100 * self.tolerance)
        distance = regularizer.distance_to_optimality
        assert float(distance(best, best - w)) < accepted
        tilt = np.where(np.arange(w.size).reshape(w.shape) % 3, 0.5, -0.5)
        assert float(distance(best, best - w + tilt)) > 1e-2

    def test_all_weights_vanish_from_lambda_max_on(self) -> None:
        """Above λ_max the prox of a gradient step from zero is zero; below, not."""
        regularizer, gradient = self.make(), self.weights(11)
        if not regularizer.has_prox or not regularizer.strengths:
            return
        try:
            critical = float(regularizer.lambda_max(gradient))
        except UserError:
            return
        first = regularizer.get_config()[regularizer.strengths[0]]
        above = regularizer.rescaled(1.001 * critical / first)
        below = regularizer.rescaled(0.98 * critical / first)
        largest = np.max(np.abs(_array(above.prox(-0.1 * gradient, 0.1))))
        assert largest <= (0.0 if self.tolerance <= 1e-5 else 1e-3)
        assert np.any(_array(below.prox(-0.1 * gradient, 0.1)))


def _metrics(
    regularizer: Regularizer, shape: tuple[int, ...], generator: np.random.Generator
) -> list[Any]:
    """Return one metric of each kind that the prox accepts."""
    metrics: list[Any] = [None, np.float32(1.8)]
    if regularizer.metric == "diagonal":
        metrics.append(generator.uniform(0.4, 3.0, shape).astype("float32"))
    return metrics


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor), "float32")


def _no_loss(y: Any, prediction: Any) -> Any:
    return 0.0 * ops.mean(prediction, axis=-1)


def value_gradient(regularizer: Regularizer, w: np.ndarray) -> np.ndarray:
    """Return the gradient of the value: what a step of gradient descent takes away.

    Args:
        regularizer: Any regularizer.
        w: Weights (rows, columns).

    Returns:
        Array of the shape of `w`.
    """
    kernel = keras.layers.Dense(
        w.shape[-1], use_bias=False, kernel_regularizer=regularizer
    )
    model = keras.Sequential([keras.Input((w.shape[0],)), kernel])
    model.compile(keras.optimizers.SGD(1.0), loss=_no_loss, run_eagerly=True)
    kernel.set_weights([w])
    rows = np.zeros((1, w.shape[0]), "float32")
    model.train_on_batch(rows, np.zeros((1, w.shape[-1]), "float32"))
    return w - _array(kernel.kernel)
