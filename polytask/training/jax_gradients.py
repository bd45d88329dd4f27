"""The tasks' gradients on JAX."""

from collections.abc import Callable
from typing import Any

import jax
import keras
from jax import numpy as jnp

from polytask.training.task_gradients import Cotangent, TaskGradients


class JaxGradients(TaskGradients):
    """See `TaskGradients`.

    Args:
        pull: The pull-back, a linear function from a cotangent to one gradient for
            each shared variable.
        cotangents: For each task its gradient at the trunk's end.
        **options: Further arguments of `TaskGradients`.
    """

    def __init__(
        self,
        pull: Callable[[Cotangent], list[Any]],
        cotangents: list[Cotangent],
        **options: Any,
    ) -> None:
        super().__init__(cotangents, **options)
        self.pull = pull

    def pull_back(self, cotangent: Cotangent) -> list[Any]:
        """Return one gradient for each shared variable."""
        return list(self.pull(cotangent))

    def push_forward(self, direction: list[Any]) -> Cotangent:
        """Transpose the pull-back."""
        (moved,) = jax.linear_transpose(self.pull, self.cotangents[0])(direction)
        return list(moved)

    def each(self, function: Callable[..., Any], *items: list[Any]) -> Any:
        """Loop over the tasks inside the compiled step."""
        stacks = [
            jax.tree.map(lambda *parts: jnp.stack(parts), *item) for item in items
        ]
        return jax.lax.map(lambda parts: function(*parts), tuple(stacks))

    def choose(
        self,
        condition: Any,
        then: Callable[[], Any],
        otherwise: Callable[[], Any],
        variables: list[keras.Variable],
    ) -> Any:
        """Run one of two branches; what they assign is handed out of them."""

        def branch(function: Callable[[], Any]) -> Callable[[list[Any]], Any]:
            def run(values: list[Any]) -> Any:
                pairs = list(zip(variables, values, strict=True))
                with keras.StatelessScope(pairs) as scope:
                    returned = function()
                    after = [scope.get_current_value(v) for v in variables]
                return returned, after

            return run

        values = [jnp.asarray(v.value) for v in variables]
        returned, after = jax.lax.cond(
            condition, branch(then), branch(otherwise), values
        )
        for variable, value in zip(variables, after, strict=True):
            variable.assign(value)
        return returned
