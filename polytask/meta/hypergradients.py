"""Strengths of penalties learned on validation losses, by their hypergradients."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._checks import checked_count, checked_number
from polytask.knob import Knob
from polytask.meta._arrays import as_numbers
from polytask.meta.hypergradient_solver import HypergradientSolver
from polytask.models.multi_task_model import MultiTaskModel


def hypergradients(
    model: MultiTaskModel,
    data: tuple[Any, Any],
    validation: tuple[Any, Any],
    knobs: Sequence[Knob] | None = None,
    method: str = "implicit",
    rate: float = 0.01,
    damping: float = 0.0,
    iterations: int = 200,
) -> dict[str, float]:
    """Return how the validation losses change with the strengths of penalties.

    Training minimizes F(w, λ): the weighted losses of the tasks, the penalties of
    weights and the task structure. The gradient of the validation losses V, unweighted
    and summed over the tasks, is - (∂²F / ∂λ ∂w) v, with

    - `"implicit"`: v = H⁻¹ ∇V(w), H = ∂²F / ∂w², for weights at a minimum of F. It is
      solved for by conjugate gradients. Weights that an L1 has set to 0 stay there;
    - `"one_step"`: v = α ∇V(w - α ∇F), for one more step at the rate α from anywhere.

    Dropout is off, and decoupled decay and penalties on activations count nowhere.

    Args:
        model: A compiled model, trained with the present strengths; not changed.
        data: Training rows, inputs and labels as `fit` takes them, all in one batch.
        validation: Rows held out.
        knobs: Strengths of penalties or loss weights, each a `polytask.Knob`.
            Default: all of those.
        method: `"implicit"` or `"one_step"`. Default: `"implicit"`.
        rate: α of `"one_step"`. Default: 0.01.
        damping: Added to H. Above 0 the gradient is no longer exact, but exists where
            F is not convex, as near the minimum of a network. Default: 0.
        iterations: The most conjugate gradients. Default: 200.

    Returns:
        Name of the knob → ∂V/∂λ.

    Raises:
        UserError: If there is no such knob, two have one name, no validation label is
            there, a penalty is neither smooth nor entrywise, F is not convex at these
            weights, or the conjugate gradients do not converge.

    Source:
        Luketina et al., "Scalable Gradient-Based Tuning of Continuous Regularization
        Hyperparameters", ICML 2016 (one step); Pedregosa, "Hyperparameter Optimization
        with Approximate Gradient", ICML 2016, and Bertrand et al., "Implicit
        Differentiation of Lasso-type Models for Hyperparameter Optimization", ICML 2020
        (implicit).

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((3,))
        >>> ridge = polytask.regularizers.L2(polytask.Knob(0.1, name="ridge"))
        >>> y = keras.layers.Dense(1, kernel_regularizer=ridge)(x)
        >>> model = polytask.MultiTaskModel(x, {"y": y})
        >>> model.compile("sgd", loss="mse")
        >>> rows = np.eye(3, dtype="float32")
        >>> list(hypergradients(model, (rows, rows[:, 0]), (rows, rows[:, 1])))
        ['ridge']
    """
    work = HypergradientSolver(model, knobs, method, rate, damping, iterations)
    _, gradient = work(_tensors(data), _tensors(validation))
    return dict(zip(work.names, map(float, gradient), strict=True))


def learn_strengths(
    model: MultiTaskModel,
    data: tuple[Any, Any],
    validation: tuple[Any, Any],
    knobs: Sequence[Knob] | None = None,
    rounds: int = 20,
    epochs: int = 5,
    step: float = 0.2,
    batch_size: int = 32,
    method: str = "implicit",
    rate: float = 0.01,
    damping: float = 0.0,
    iterations: int = 200,
) -> dict[str, list[float]]:
    """Train a model and learn strengths, for each task its own, on validation rows.

    A round trains for some epochs, and then moves the logarithm of each strength by a
    step of Adam along the hypergradient, so that strengths stay above 0.

    Args:
        model: A compiled model; its weights and knobs move.
        data: Training rows, inputs and labels as `fit` takes them.
        validation: Rows held out, on which no weight is trained.
        knobs: As for `hypergradients`; each is above 0 at the start.
        rounds: Steps of the strengths. Default: 20.
        epochs: Epochs before each. Default: 5.
        step: Size of a step of a logarithm. Default: 0.2.
        batch_size: Rows of a training step. Default: 32.
        method: As for `hypergradients`, like all that follow.
        rate: α of `"one_step"`.
        damping: Added to the curvature.
        iterations: The most conjugate gradients.

    Returns:
        `"validation_loss"` by round, before its step, and name of the knob → its value
        after the step.

    Raises:
        UserError: As for `hypergradients`, or if a strength is 0.

    Example:
        >>> import keras, numpy as np, polytask
        >>> x = keras.Input((3,))
        >>> ridge = polytask.regularizers.L2(polytask.Knob(0.1, name="ridge"))
        >>> y = keras.layers.Dense(1, kernel_regularizer=ridge)(x)
        >>> model = polytask.MultiTaskModel(x, {"y": y})
        >>> model.compile("sgd", loss="mse")
        >>> rows = np.eye(3, dtype="float32")
        >>> data = rows, rows[:, 0]
        >>> sorted(learn_strengths(model, data, data, rounds=2, method="one_step"))
        ['ridge', 'validation_loss']
    """
    owner = "learn_strengths"
    checked_count(rounds, "rounds", owner)
    checked_count(epochs, "epochs", owner)
    step = checked_number(step, "step", owner, above=0.0)
    work = HypergradientSolver(model, knobs, method, rate, damping, iterations)
    for knob in work.knobs:
        checked_number(float(knob), f"the strength {knob.name}", owner, above=0.0)
    logs = keras.Variable(np.log([float(knob) for knob in work.knobs]), trainable=True)
    optimizer = keras.optimizers.Adam(step, epsilon=1e-12)
    optimizer.build([logs])
    rows, held_out = _tensors(data), _tensors(validation)
    history: dict[str, list[float]] = {"validation_loss": []}
    for _ in range(rounds):
        model.fit(*data, epochs=epochs, batch_size=batch_size, verbose=0)
        loss, gradient = work(rows, held_out)
        history["validation_loss"].append(loss)
        strengths = [float(knob) for knob in work.knobs]
        slope = ops.convert_to_tensor(gradient * strengths, "float32")
        optimizer.apply([slope], [logs])
        new = np.exp(ops.convert_to_numpy(logs))
        for knob, value in zip(work.knobs, new, strict=True):
            knob.assign(value)
            history.setdefault(knob.name, []).append(float(value))
    return history


def _tensors(data: tuple[Any, Any]) -> Any:
    return keras.tree.map_structure(
        lambda part: ops.convert_to_tensor(as_numbers(part)), data
    )
