"""Strengths and rates that change while a model trains."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from polytask._checks import checked_number
from polytask._keras_private import all_layers
from polytask.errors import UserError, nearest, one_of
from polytask.knob import Knob
from polytask.models import MultiTaskModel
from polytask.models.knobs import layer_regularizers

Values = Callable[[int], float] | Sequence[float]

#: What is no layer: arguments of `compile`.
ARGUMENTS = ("optimizer", "loss_weights", "weight_decay", "task_structure")


class Schedule(keras.callbacks.Callback):
    """Gives knobs a new value at each epoch or step.

    A penalty that rises from nothing lets a network learn before it has to be sparse; a
    weight of a divergence that rises lets a code be used before it has to be simple.
    The history holds the values as `<where>_<name>`.

    Args:
        where: Name of a layer that holds the knobs, or whose regularizers do; or
            `"optimizer"`, `"loss_weights"`, `"weight_decay"`, `"task_structure"` for
            what was given to `compile`.
        every: `"epoch"` or `"step"`. Default: `"epoch"`.
        **values: Name of a knob → its values: a function of the number of the epoch (of
            the update), counted from 0, such as a `keras.optimizers.schedules` object;
            or a sequence, whose last value stays. The names are those of the arguments
            (`strength`, `rate`, `l1`); tasks for `"loss_weights"`; scopes, or `rate`,
            for `"weight_decay"`; `learning_rate` for `"optimizer"`.

    Raises:
        UserError: If there is no such layer or knob, or a number stands in its place,
            when training begins; if a value is negative or not finite.

    Source:
        Bowman et al., "Generating Sentences from a Continuous Space", CoNLL 2016
        (annealing); Zhu and Gupta, "To prune, or not to prune", 2017 (rising sparsity).

    Example:
        >>> import keras, numpy as np, polytask
        >>> penalty = polytask.regularizers.L1(polytask.Knob(0.0))
        >>> x = keras.Input((2,))
        >>> head = keras.layers.Dense(1, kernel_regularizer=penalty, name="a")
        >>> model = polytask.MultiTaskModel(x, {"a": head(x)})
        >>> model.compile("sgd", loss="mse")
        >>> rising = Schedule("a", strength=[0.0, 0.125, 0.25])
        >>> rows = np.ones((4, 2), "float32")
        >>> history = model.fit(
        ...     rows, rows[:, :1], epochs=4, verbose=0, callbacks=[rising]
        ... )
        >>> history.history["a_strength"]
        [0.0, 0.125, 0.25, 0.25]
    """

    def __init__(self, where: str, every: str = "epoch", **values: Values) -> None:
        super().__init__()
        one_of("every", every, ("epoch", "step"))
        if not values:
            raise UserError(
                f'Schedule("{where}") has nothing to change; give it for example '
                "strength=[0.0, 1e-4, 1e-3]."
            )
        self.where = where
        self.every = every
        self.values = {name: _function(name, given) for name, given in values.items()}
        self._targets: dict[str, list[Any]] = {}
        self._now: dict[str, float] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Find the knobs."""
        if not isinstance(self.model, MultiTaskModel):
            raise UserError(
                "Schedule changes the knobs of a MultiTaskModel; found "
                f"{type(self.model).__name__}. See MultiTaskModel.from_model."
            )
        self._targets = {name: self._find(name) for name in self.values}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the values of the epoch."""
        if self.every == "epoch":
            self._set(epoch)

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Set the values of the step."""
        if self.every == "step":
            # JAX keeps the state of a running epoch outside of the variables.
            getattr(self.model, "jax_state_sync", lambda: None)()
            self._set(int(self.model.step_plan.optimizer.iterations))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the present values to the history."""
        if logs is not None:
            logs.update({f"{self.where}_{n}": value for n, value in self._now.items()})

    def _set(self, time: int) -> None:
        for name, function in self.values.items():
            value = checked_number(
                float(function(time)), name, f'Schedule("{self.where}")', at_least=0.0
            )
            self._now[name] = value
            for variable in self._targets[name]:
                variable.assign(value)

    def _find(self, name: str) -> list[Any]:
        candidates = self._candidates(name)
        found = [value for value in candidates if isinstance(value, keras.Variable)]
        if found:
            return found
        place = f'"{self.where}"'
        if not candidates:
            raise UserError(f'{place} has no strength or rate called "{name}".')
        raise UserError(
            f"{name} of {place} is {candidates[0]!r}, which a compiled step cannot "
            f"change. Pass polytask.Knob({candidates[0]!r}) in its place."
        )

    def _candidates(self, name: str) -> list[Any]:
        """Return what stands under the name, knobs and numbers."""
        model = self.model
        owners: list[Any]
        if self.where not in ARGUMENTS:
            owners = self._layer_parts()
        elif self.where == "optimizer":
            owners = [model.optimizer] if name == "learning_rate" else []
        elif self.where == "task_structure":
            owners = [structure for structure, _ in model.step_plan.structures]
        elif self.where == "loss_weights":
            tasks = model.step_plan.graph.tasks
            weights = dict(zip(tasks, model.step_plan.loss_weights, strict=True))
            return [weights[name]] if name in weights else []
        else:
            decay = model.compile_options.weight_decay
            rates = decay if isinstance(decay, dict) else {"rate": decay}
            return [rates[name]] if rates.get(name) is not None else []
        values = [getattr(owner, name, None) for owner in owners]
        accepted = (Knob, keras.Variable, int, float)
        return [value for value in values if isinstance(value, accepted)]

    def _layer_parts(self) -> list[Any]:
        layers = {layer.name: layer for layer in all_layers(self.model)}
        if self.where not in layers:
            raise UserError(
                f'Schedule names the unknown layer "{self.where}".'
                f"{nearest(self.where, layers)} Layers: {', '.join(layers)}; beside "
                f"them {', '.join(ARGUMENTS)}."
            )
        layer = layers[self.where]
        return [*all_layers(layer), *layer_regularizers(layer)]


def _function(name: str, values: Values) -> Callable[[int], float]:
    if callable(values):
        return values
    if isinstance(values, Sequence) and not isinstance(values, str) and values:
        return lambda time: values[min(time, len(values) - 1)]
    raise UserError(
        f"Schedule: {name} must be a function of the epoch or step, or a sequence with "
        f"at least one value; found {values!r}."
    )
