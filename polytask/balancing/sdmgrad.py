"""Direction-oriented multi-objective descent."""

from typing import Any

import numpy as np

from polytask._checks import checked_count, checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.masked import count_of, relative_products
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.simplex import project_on_simplex


@polytask_export("polytask.balancing.SDMGrad")
class SDMGrad(GramianBalancer):
    """The least norm near the mean gradient, by a few projected gradient steps.

    Minimizes |J'w + pull g0|^2 over the simplex, warm-started; g0 is the mean gradient
    and the update (J'w + pull g0) / (1 + pull). As for `MoDo`, `gramian` should be
    the product J1 J2' of two independent batches.

    Args:
        pull: Strength of the pull towards the mean gradient. Defaults to 0.3.
        learning_rate: Step of the weights, relative to the mean squared gradient norm.
            Defaults to 0.1.
        steps: Steps of the weights per training step. Defaults to 20.
        update_every: See `GramianBalancer`. Defaults to 1.

    Raises:
        UserError: If a number is out of range.

    Source:
        P. Xiao, H. Ban, K. Ji (2023), Direction-oriented multi-objective learning:
        simple and provable stochastic algorithms.

    Example:
        >>> import numpy as np
        >>> weights = SDMGrad().weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.0, 1.0]
    """

    cross_batch = True

    def __init__(
        self,
        pull: float = 0.3,
        learning_rate: float = 0.1,
        steps: int = 20,
        update_every: int = 1,
    ) -> None:
        super().__init__(update_every)
        self.pull = checked_number(pull, "pull", "SDMGrad", at_least=0.0)
        self.learning_rate = checked_number(
            learning_rate, "learning_rate", "SDMGrad", at_least=0.0
        )
        self.steps = checked_count(steps, "steps", "SDMGrad")

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return equal weights."""
        return {"simplex_weights": np.full(num_tasks, 1.0 / num_tasks)}

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return T times the weights after the steps, pulled to the mean."""
        products = relative_products(ops, gramian, present)
        count = count_of(ops, present)
        mean = ops.where(present, 1.0 / count, 0.0)

        def descend(step: Any, w: Any) -> Tensor:
            gradient = ops.matmul(products, w + self.pull * mean)
            moved = w - self.learning_rate * gradient
            return project_on_simplex(ops, moved, present)

        w = project_on_simplex(ops, state["simplex_weights"], present)
        w = ops.fori_loop(0, self.steps, descend, w)
        weights = (w + self.pull * mean) / (1.0 + self.pull)
        return weights * count, {"simplex_weights": w}
