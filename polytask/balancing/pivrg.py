"""Performance-informed variance reduction of gradients."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from polytask._checks import checked_number
from polytask._export import polytask_export
from polytask.balancing.balancer import State
from polytask.balancing.gramian_balancer import GramianBalancer
from polytask.balancing.masked import count_of, masked_softmax
from polytask.errors import UserError
from polytask.numeric.bargaining import fair_bargaining
from polytask.numeric.namespace import Namespace, Tensor


@polytask_export("polytask.balancing.PIVRG")
class PIVRG(GramianBalancer):
    """Fair weights that let tasks claim more the further they are behind.

    Weights with (Gw)_t = (p_t / w_t)^(1/2), where p is T softmax(scores / temperature)
    and the temperature as low as leaves no two p in a ratio above `bound`, though not
    below its own minimum. A score says how far a task is behind what it reaches alone,
    in percent; `polytask.callbacks.PerformanceScores` gives it after each epoch, or
    `set_scores` in a loop of your own. Until then all p are 1.

    Args:
        bound: The largest ratio of two p, above 1. Defaults to 2.
        temperature: The least temperature, in percent. Defaults to 10.
        update_every: See `GramianBalancer`. Defaults to 1.
        on: See `GramianBalancer`. Defaults to "shared".

    Raises:
        UserError: If an argument is out of range.

    Source:
        Qin et al. (2025), Revisiting fairness in multitask learning: a
        performance-driven approach for variance reduction.

    Example:
        >>> import numpy as np
        >>> balancer = PIVRG()
        >>> balancer.build(2)
        >>> balancer.set_scores([30.0, 0.0])
        >>> weights = balancer.weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.1006, 0.8736]
    """

    def __init__(
        self,
        bound: float = 2.0,
        temperature: float = 10.0,
        update_every: int = 1,
        on: str = "shared",
    ) -> None:
        super().__init__(update_every, on)
        self.bound = checked_number(bound, "bound", "PIVRG", above=1.0)
        self.temperature = checked_number(
            temperature, "temperature", "PIVRG", above=0.0
        )

    def initial_state(self, num_tasks: int) -> dict[str, Any]:
        """Return scores of 0."""
        return {"scores": np.zeros(num_tasks)}

    def set_scores(self, scores: Sequence[float] | Mapping[str, float]) -> None:
        """Say how far each task is behind; call it outside of the step.

        Args:
            scores: One number per task, in percent of its reference, larger for a task
                that is further behind; or a dict by task names, where those left out
                keep theirs.

        Raises:
            UserError: If the balancer is not built, a task is unknown, or a score is
                missing or not finite.
        """
        if self.num_tasks is None:
            raise UserError("PIVRG takes scores once it is built: call `build` before.")
        if isinstance(scores, Mapping):
            unknown = [name for name in scores if name not in self.task_names]
            if unknown:
                raise UserError(
                    f"scores name the unknown task {unknown[0]!r}. Tasks: "
                    f"{', '.join(self.task_names) or 'without names'}."
                )
            known = np.asarray(self.state["scores"].numpy(), "float32")
            places = dict(zip(self.task_names, known.tolist(), strict=True))
            scores = list({**places, **scores}.values())
        numbers = np.asarray(scores, "float32")
        if numbers.shape != (self.num_tasks,) or not np.isfinite(numbers).all():
            raise UserError(
                f"scores must be {self.num_tasks} finite numbers, one per task; found "
                f"{numbers.tolist()}."
            )
        self.state["scores"].assign(numbers)

    def compute(
        self,
        ops: Namespace,
        losses: Tensor,
        gramian: Tensor,
        present: Tensor,
        state: State,
    ) -> tuple[Tensor, State]:
        """Return the fair solution for the claims of the scores."""
        scores = state["scores"]
        best = ops.min(ops.where(present, scores, 3e38))
        worst = ops.max(ops.where(present, scores, -3e38))
        temperature = (worst - best) / float(np.log(self.bound))
        temperature = ops.maximum(temperature, self.temperature)
        shares = masked_softmax(ops, scores / temperature, present)
        shares = shares * count_of(ops, present)
        return fair_bargaining(ops, gramian, present, 2.0, shares), {}
