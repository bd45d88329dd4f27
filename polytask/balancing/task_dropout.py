"""Tasks left out of some steps at random."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer
from polytask.balancing.equal import Equal
from polytask.balancing.wrapper import Wrapper
from polytask.errors import UserError
from polytask.numeric.namespace import Tensor


@polytask_export("polytask.balancing.TaskDropout")
class TaskDropout(Wrapper):
    """Leave each task out of a step with some probability, as if it had no label.

    A task left out is absent for the balancer inside: no weight, no state that moves.
    One that stays has 1 / (1 - rate) times its weight, so that with fixed weights the
    update is the full one on average. Heads still learn from their own task. By name:
    `"task_dropout+nash_mtl"`.

    Args:
        balancer: Any balancer with weights. Defaults to None: `Equal()`.
        rate: Probability, at least 0 and below 1, or one for each task. Defaults to
            0.2.
        seed: Seed of the draws. Defaults to 0.

    Raises:
        UserError: If a rate is out of range, their number is not that of the tasks, or
            the balancer has no weights.

    Source:
        A. Malhotra, M. Vatsa, R. Singh (2023), Dropped scheduled task: mitigating
        negative transfer in multi-task learning using dynamic task dropping (the
        dropping; its schedules of the rates are not part of this).

    Example:
        >>> balancer = TaskDropout(rate=[0.5, 0.0])
        >>> drawn = [balancer.weights([1.0, 1.0]) for _ in range(20)]
        >>> sorted({float(w[0]) for w in drawn}), {float(w[1]) for w in drawn}
        ([0.0, 2.0], {1.0})
    """

    accepts = ("losses", "gramian")

    def __init__(
        self,
        balancer: Balancer | None = None,
        rate: float | Sequence[float] = 0.2,
        seed: int = 0,
    ) -> None:
        super().__init__(Equal() if balancer is None else balancer)
        rates = np.atleast_1d(rate)
        valid = rates.ndim == 1 and rates.size and rates.dtype.kind in "iuf"
        if not valid or not ((rates >= 0) & (rates < 1)).all():
            raise UserError(
                f"rate must be at least 0 and below 1, or one such number per task; "
                f"found {rate!r}."
            )
        values = [float(r) for r in rates]
        self.rate = values[0] if np.ndim(rate) == 0 else values
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Check the number of rates; there is no state but the seed."""
        if isinstance(self.rate, list) and len(self.rate) != num_tasks:
            raise UserError(
                f"TaskDropout has {len(self.rate)} numbers in rate for {num_tasks} "
                "tasks; give one for each."
            )
        return {}

    def weights(
        self, losses: Tensor, gramian: Tensor = None, present: Tensor = None
    ) -> Tensor:
        """Return the weights of the tasks that stay; see `Balancer.weights`."""
        self.build(int(losses.shape[0] if hasattr(losses, "shape") else len(losses)))
        self.check_losses(losses, present)
        return self._without_dropped(
            losses, present, lambda kept: self.balancer.weights(losses, gramian, kept)
        )

    def hold(self, losses: Tensor, present: Tensor = None) -> Tensor:
        """Return the weights kept, of the tasks that stay."""
        return self._without_dropped(
            losses, present, lambda kept: self.balancer.hold(losses, kept)
        )

    def _without_dropped(
        self, losses: Tensor, present: Tensor, weigh: Callable[[Any], Any]
    ) -> Tensor:
        """Draw who stays, and return their weights over the chance to stay."""
        ops = keras.ops
        finite, present, usable = self.prepare(ops, losses, present)
        assert self.seed_generator is not None
        seed = ops.copy(self.seed_generator.state.value)
        skipped = self.times_skipped()
        drawn = keras.random.uniform(finite.shape, seed=self.seed_generator)
        rate = ops.ones_like(finite) * ops.convert_to_tensor(self.rate, "float32")
        # A step that is skipped is skipped as a whole, and its draw not used.
        stays = (drawn >= rate) | ops.logical_not(usable)
        weights = weigh(present & stays)
        taken = self.times_skipped() <= skipped
        self.restore_seed(seed, ops.convert_to_tensor(taken) & ops.any(present))
        return weights / (1.0 - rate)
