"""How much each weight of a trained model matters to its tasks."""

from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._keras_private import all_layers
from polytask._types import Tensor, Variable
from polytask.models.multi_task_model import MultiTaskModel
from polytask.training.regularization import TrainedTasks, TrainingRegularizer


def fisher_information(
    model: MultiTaskModel, x: Any, y: Any, sample_weight: Any = None
) -> dict[str, np.ndarray]:
    """Return the diagonal of the empirical Fisher information of a model's weights.

    It is the mean over rows of the squared gradient of the row's loss, summed over the
    tasks that it has a label of. The losses should be negative log-likelihoods, as
    cross-entropies are, and half of a squared error. Batch normalization is as at
    inference; dropout is not, and adds noise. One row is one pass: a sample of a few
    hundred rows is enough.

    Args:
        model: A compiled model; it is not changed.
        x: Inputs, as for `fit`.
        y: Targets, as for `fit`.
        sample_weight: Sample weights, as for `fit`.

    Returns:
        Path of a trainable variable → array of its shape.

    Source:
        Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks",
        PNAS 2017.

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((2,))
        >>> model = polytask.MultiTaskModel(x, {"a": keras.layers.Dense(1)(x)})
        >>> model.compile("sgd", loss="mse")
        >>> rows = np.ones((4, 2), "float32")
        >>> fisher = fisher_information(model, rows, {"a": rows[:, 0]})
        >>> sorted(path.split("/")[-1] for path in fisher)
        ['bias', 'kernel']
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    # Penalties are no part of the likelihood.
    for variable in copy.trainable_variables:
        variable.regularizer = None
    for layer in all_layers(copy):
        layer.activity_regularizer = None
        if isinstance(layer, keras.layers.BatchNormalization):
            # Of one row there is no variance.
            layer.trainable = False
    squares = _SquaredGradients()
    options = vars(model.compile_options)
    copy.compile(
        keras.optimizers.SGD(0.0),
        **{name: options[name] for name in ("loss", "loss_weights", "mask_value")},
        regularizers=squares,
    )
    copy.fit(x, y, sample_weight=sample_weight, batch_size=1, shuffle=False, verbose=0)
    rows = int(copy.optimizer.iterations)
    return {
        variable.path: ops.convert_to_numpy(total) / rows
        for variable, total in zip(
            copy.trainable_variables, squares.variables, strict=True
        )
    }


class _SquaredGradients(TrainingRegularizer):
    """Adds up the squares of the gradients, and lets none of them move a weight."""

    def __init__(self) -> None:
        self._sums: list[Variable] = []

    @property
    def variables(self) -> list[Variable]:
        """The sums."""
        return self._sums

    def bind(self, model: Any, tasks: TrainedTasks) -> None:
        """Begin at zero."""
        self._sums = [
            keras.Variable(
                np.zeros(v.shape, "float32"), trainable=False, name="squares"
            )
            for v in model.trainable_variables
        ]

    def of_gradients(self, step: Any, gradients: list[Tensor]) -> list[Tensor]:
        """Add the squares of a row's gradient."""
        for total, gradient in zip(self._sums, gradients, strict=True):
            square = ops.square(ops.cast(gradient, "float32"))
            step.plan.assign(total, ops.convert_to_tensor(total) + square)
        return [ops.zeros_like(gradient) for gradient in gradients]
