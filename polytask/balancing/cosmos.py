"""Scalarization towards a ray, for one solution or a whole front."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer, State
from polytask.balancing.masked import count_of
from polytask.balancing.preference import (
    check_one_for_each,
    per_task,
    positive_numbers,
)
from polytask.numeric.namespace import Namespace, Tensor, enter


@polytask_export("polytask.balancing.COSMOS")
class COSMOS(Balancer):
    """Descend the weighted losses, and turn their vector towards the weights.

    Minimizes T (sum r_t loss_t - pull cos(r, loss)), with r of sum 1: a given
    preference, or drawn anew for each step from a Dirichlet distribution. A network
    with a layer `polytask.layers.Preference`, or that takes `ray()` as a further input,
    then holds the whole front.

    Args:
        preference: One positive number per task, in the ratio of r. Defaults to None: 1
            each.
        pull: Weight of the cosine, 0 or more. It has no scale, so that it weighs more
            the smaller the losses. Defaults to 2.
        concentration: Parameter of the Dirichlet distribution, positive, times the
            preference; 1.2 in the published code. Defaults to None: r is the
            preference.
        seed: Seed of the draws. Defaults to 0.
        update_every: See `Balancer`. Defaults to 1.

    Raises:
        UserError: If a number is out of range, or there is not one preference for each
            task.

    Source:
        M. Ruchte, J. Grabocka (2021), Scalable Pareto front approximation for deep
        multi-objective learning.

    Example:
        >>> weights = COSMOS(pull=1.0).weights([1.0, 3.0])
        >>> [round(float(w), 4) for w in weights]
        [0.7317, 1.0894]
    """

    def __init__(
        self,
        preference: Sequence[float] | None = None,
        pull: float = 2.0,
        concentration: float | None = None,
        seed: int = 0,
        update_every: int = 1,
    ) -> None:
        super().__init__(update_every)
        self.preference = positive_numbers("preference", preference)
        self.pull = checked_number(pull, "pull", "COSMOS", at_least=0.0)
        self.concentration = (
            None
            if concentration is None
            else checked_number(concentration, "concentration", "COSMOS", above=0.0)
        )
        self.seed = seed
        if concentration is not None:
            self.seed_generator = keras.random.SeedGenerator(seed)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the ray of the first step, up to its length."""
        check_one_for_each(self, num_tasks, preference=self.preference)
        preference = np.ones(num_tasks) if self.preference is None else self.preference
        if self.concentration is None:
            return {"ray": preference}
        shape = self.concentration * np.asarray(preference)
        return {"ray": np.random.default_rng(self.seed).gamma(shape)}

    def ray(self) -> Tensor:
        """Return the (T,) numbers r, of sum 1, that the next step will take."""
        drawn = keras.ops.convert_to_tensor(self.state["ray"])
        return drawn / keras.ops.sum(drawn)

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the gradient by the losses, and draw the next ray."""
        ray = ops.where(present, state["ray"], 0.0)
        ray = ray / ops.sum(ray)
        vector = ops.where(present, losses, 0.0)
        length = ops.sqrt(ops.sum(vector**2))
        length = ops.where(length > 0, length, 1.0)
        along, across = vector / length, ray / ops.sqrt(ops.sum(ray**2))
        turn = (across - ops.sum(along * across) * along) / length
        weights = count_of(ops, present) * (ray - self.pull * turn)
        if self.concentration is None:
            return weights, {}
        shape = self.concentration * per_task(ops, self.preference, losses, 1.0)
        drawn = keras.random.gamma(
            losses.shape, keras.ops.convert_to_tensor(shape), seed=self.seed_generator
        )
        return weights, {"ray": enter(ops, drawn)}
