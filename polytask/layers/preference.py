"""The preference between the tasks, as an input of the network."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.layers._configured import ConfiguredLayer


@polytask_export("polytask.layers.Preference")
class Preference(ConfiguredLayer):
    """Appends to each row how much each task is to count, so that one network is many.

    A `MultiTaskModel` compiled with `polytask.balancing.COSMOS(concentration=...)`
    trains it on the preference that the balancer draws for the step. At inference the
    layer appends what `prefer` chose last; the network then gives that point of the
    front. It starts with, and without such a balancer keeps, equal numbers.

    Args:
        num_tasks: Number of tasks, T.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Raises:
        UserError: If there are not two tasks or more.

    Source:
        M. Ruchte, J. Grabocka (2021), Scalable Pareto front approximation for deep
        multi-objective learning.

    Example:
        >>> import numpy as np
        >>> layer = Preference(2)
        >>> layer.prefer([3.0, 1.0])
        >>> keras.ops.convert_to_numpy(layer(np.array([[5.0]]))).tolist()
        [[5.0, 0.75, 0.25]]
    """

    def __init__(self, num_tasks: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(num_tasks, bool) or int(num_tasks) != num_tasks or num_tasks < 2:
            raise UserError(
                f'Preference "{self.name}": num_tasks must be a whole number, 2 or '
                f"more; found {num_tasks!r}."
            )
        self.num_tasks = int(num_tasks)
        self.preference = self.add_weight(
            name="preference",
            shape=(self.num_tasks,),
            initializer=keras.initializers.Constant(1.0 / self.num_tasks),
            trainable=False,
            dtype="float32",
        )
        self._drawn: Callable[[], Any] | None = None

    def prefer(self, numbers: Sequence[float]) -> None:
        """Choose the point of the front that inference gives.

        Args:
            numbers: One non-negative number per task; their ratios count.

        Raises:
            UserError: If they are none of these.
        """
        shares = np.asarray(numbers, "float32")
        positive = np.isfinite(shares).all() and (shares >= 0).all() and shares.any()
        if shares.shape != (self.num_tasks,) or not positive:
            raise UserError(
                f'Preference "{self.name}" takes {self.num_tasks} non-negative numbers'
                f", not all 0; found {shares.tolist()}."
            )
        self.preference.assign(shares / shares.sum())

    def follow(self, drawn: Callable[[], Any] | None) -> None:
        """Take the preference from elsewhere in training; `compile` calls it.

        Args:
            drawn: Returns the (T,) numbers of the step, of sum 1; None for none.
        """
        self._drawn = drawn

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the inputs with the preference appended to the last axis."""
        numbers = self.preference
        if training and self._drawn is not None:
            numbers = self._drawn()
        numbers = ops.cast(numbers, self.compute_dtype)
        shape = (*ops.shape(inputs)[:-1], self.num_tasks)
        appended = ops.broadcast_to(numbers, shape)
        return ops.concatenate([ops.cast(inputs, self.compute_dtype), appended], -1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the shape with T columns more."""
        return (*input_shape[:-1], input_shape[-1] + self.num_tasks)
