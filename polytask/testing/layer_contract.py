"""What a layer must do to work in every Keras model, as tests to inherit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops


class LayerContract:
    """Tests for pytest: a class that inherits them runs them on its own layer.

    Override `make` and `arguments`.

    Attributes:
        rows_are_independent: Whether a row's result at inference depends on that row
            alone. Defaults to True.

    Example:
        >>> class TestDense(LayerContract):
        ...     def make(self):
        ...         return keras.layers.Dense(3)
        ...
        ...     def arguments(self):
        ...         return [np.ones((5, 4), "float32")]
        >>> TestDense().test_the_configuration_rebuilds_the_layer()
    """

    rows_are_independent = True

    def make(self) -> keras.layers.Layer:
        """Return a new layer."""
        raise TypeError(f"{type(self).__name__} does not define `make`.")

    def arguments(self) -> Sequence[np.ndarray]:
        """Return a batch of four rows or more: one array for each argument of `call`.

        The layer is called with them in this order. Each call must return the same.
        """
        raise TypeError(f"{type(self).__name__} does not define `arguments`.")

    def model(self) -> keras.Model:
        """Return a model of the layer alone."""
        inputs = [keras.Input(a.shape[1:], dtype=a.dtype.name) for a in self._checked()]
        return keras.Model(inputs, self.make()(*inputs))

    def test_the_configuration_rebuilds_the_layer(self) -> None:
        """`from_config(get_config())` gives a layer with the same configuration."""
        layer = self.make()
        config = layer.get_config()
        assert type(layer).from_config(config).get_config() == config

    def test_the_symbolic_shape_is_the_shape_of_the_result(self) -> None:
        """Shapes and dtypes that Keras infers are those that the layer returns."""
        model = self.model()
        results = keras.tree.flatten(model(list(self.arguments())))
        for symbolic, result in zip(model.outputs, results, strict=True):
            assert tuple(result.shape)[1:] == tuple(symbolic.shape)[1:]
            assert keras.backend.standardize_dtype(result.dtype) == symbolic.dtype

    def test_a_saved_model_predicts_the_same(self, tmp_path: Path) -> None:
        """A `.keras` file restores the layer to the last bit."""
        model = self.model()
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        for saved, restored in zip(
            self._outputs(model), self._outputs(loaded), strict=True
        ):
            np.testing.assert_array_equal(saved, restored)

    def test_training_reaches_every_trainable_variable(self) -> None:
        """One step of gradient descent moves every trainable variable."""
        model = self.model()
        if not model.trainable_variables:
            return
        before = [ops.convert_to_numpy(v).copy() for v in model.trainable_variables]
        rng = np.random.default_rng(12345)
        targets = [rng.normal(size=o.shape) for o in self._outputs(model)]
        model.compile(keras.optimizers.SGD(0.1), loss=["mse"] * len(targets))
        arguments = list(self.arguments())
        model.fit(arguments, targets, batch_size=len(arguments[0]), verbose=0)
        for variable, old in zip(model.trainable_variables, before, strict=True):
            new = ops.convert_to_numpy(variable)
            assert np.all(np.isfinite(new)), variable.path
            assert np.any(new != old), variable.path

    def test_half_precision_gives_finite_numbers_of_its_dtype(self) -> None:
        """Under `mixed_float16` the result is finite and in float16."""
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_float16")
        try:
            model = self.model()
        finally:
            keras.config.set_dtype_policy(policy)
        for symbolic, result in zip(model.outputs, self._outputs(model), strict=True):
            assert symbolic.dtype == "float16"
            assert np.all(np.isfinite(result))

    def test_each_row_stands_for_itself_at_inference(self) -> None:
        """The first two rows have the same result alone and in the batch."""
        if not self.rows_are_independent:
            return
        model = self.model()
        together = self._outputs(model)
        alone = keras.tree.flatten(
            model.predict([a[:2] for a in self.arguments()], verbose=0)
        )
        for batch, pair in zip(together, alone, strict=True):
            np.testing.assert_allclose(batch[:2], pair, rtol=1e-5, atol=1e-6)

    def _outputs(self, model: keras.Model) -> list[Any]:
        outputs: list[Any] = keras.tree.flatten(
            model.predict(list(self.arguments()), verbose=0)
        )
        return outputs

    def _checked(self) -> Sequence[np.ndarray]:
        arguments = self.arguments()
        if not arguments or any(len(a) < 4 for a in arguments):
            raise ValueError("`arguments` must return arrays of at least four rows.")
        return arguments
