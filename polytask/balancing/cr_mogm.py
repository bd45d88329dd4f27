"""Moving averages of another balancer's weights."""

from typing import Any, Self

import keras
import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer
from polytask.balancing.mgda import MGDA
from polytask.balancing.wrapper import Wrapper
from polytask.numeric.namespace import Tensor, enter, leave, namespace_of

_Schedule = keras.optimizers.schedules.LearningRateSchedule


@polytask_export("polytask.balancing.CRMOGM")
class CRMOGM(Wrapper):
    """Smooth the weights, whose noise is correlated with that of the gradients.

    w = alpha (w of the step before) + (1 - alpha) (new w); a task's first weight stands
    as it is. By name: `"cr_mogm+upgrad"`.

    Args:
        balancer: Any balancer with weights. Defaults to None: `MGDA()`.
        alpha: Weight of the past, at least 0 and below 1; or a schedule of
            `keras.optimizers.schedules`, called with the number of steps before this
            one: the convergence proof has alpha approach 1. Defaults to 0.9.

    Raises:
        UserError: If alpha is out of range, or the balancer has no weights.

    Source:
        S. Zhou et al. (2022), On the convergence of stochastic multi-objective gradient
        manipulation and beyond.

    Example:
        >>> import numpy as np
        >>> balancer = CRMOGM(alpha=0.5)
        >>> for products in (np.eye(2), np.diag([1.0, 3.0])):
        ...     weights = balancer.weights([1.0, 1.0], gramian=products)
        >>> [round(float(w), 4) for w in weights]
        [1.25, 0.75]
    """

    accepts = ("losses", "gramian")

    def __init__(self, balancer: Balancer | None = None, alpha: Any = 0.9) -> None:
        super().__init__(MGDA() if balancer is None else balancer)
        self.alpha = (
            alpha
            if isinstance(alpha, _Schedule)
            else checked_number(alpha, "alpha", "CRMOGM", at_least=0.0, below=1.0)
        )

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return the smoothed weights, which tasks have one, and counted steps."""
        zeros = np.zeros(num_tasks)
        counted = {"steps": 0.0} if isinstance(self.alpha, _Schedule) else {}
        return {"smoothed": zeros, "seen": zeros, **counted}

    def weights(
        self, losses: Tensor, gramian: Tensor = None, present: Tensor = None
    ) -> Tensor:
        """Return the smoothed weights; see `Balancer.weights`."""
        self.build(int(losses.shape[0] if hasattr(losses, "shape") else len(losses)))
        skipped = self.times_skipped()
        new = self.balancer.weights(losses, gramian, present)
        return self._smooth(new, losses, present, skipped)

    def hold(self, losses: Tensor, present: Tensor = None) -> Tensor:
        """Return the smoothed weights, of what the balancer inside keeps."""
        skipped = self.times_skipped()
        return self._smooth(
            self.balancer.hold(losses, present), losses, present, skipped
        )

    def _smooth(
        self, new: Any, losses: Tensor, present: Tensor, skipped: Any
    ) -> Tensor:
        """Return the moving averages, and keep them unless the step was skipped."""
        ops = namespace_of()
        _, present, usable = self.prepare(ops, losses, present)
        usable = usable & (self.times_skipped() <= skipped)
        new = enter(ops, new)
        old = {k: enter(ops, v) for k, v in self.state.items()}
        alpha, counted = self.alpha, {}
        if isinstance(alpha, _Schedule):
            alpha = ops.cast(enter(ops, alpha(leave(ops, old["steps"]))), "float32")
            counted = {"steps": old["steps"] + 1.0}
        mixed = alpha * old["smoothed"] + (1.0 - alpha) * new
        mixed = ops.where(old["seen"] > 0, mixed, new)
        state = {"smoothed": mixed, "seen": ops.ones_like(mixed), **counted}
        self.store(ops, old, state, present, usable)
        return leave(ops, ops.where(present & usable, mixed, ops.zeros_like(mixed)))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        if isinstance(self.alpha, _Schedule):
            config["alpha"] = keras.saving.serialize_keras_object(self.alpha)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the balancer that `get_config` described."""
        alpha = config["alpha"]
        if isinstance(alpha, dict):
            alpha = keras.saving.deserialize_keras_object(alpha)
        return super().from_config({**config, "alpha": alpha})
