"""From the tasks' gradients to one gradient of the shared variables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

from polytask.balancing import Balancer
from polytask.errors import UserError, one_of
from polytask.numeric.namespace import Tensor
from polytask.training.task_gradients import TaskGradients, combine, gramian

#: Beyond so many numbers, 1 GiB in float32, "auto" leaves the T x p Jacobian out.
MOST_NUMBERS_KEPT = 2**28

#: The accepted ways to the Gramian.
JACOBIANS = ("auto", "full", "one_row")


@dataclass(frozen=True)
class Aggregation:
    """How the gradients of the tasks are combined.

    Attributes:
        balancer: A built balancer.
        keep_rows: Whether the T gradients are kept in memory until the weights are
            known: T pull-backs. If not, the Gramian comes from one gradient at a time
            (T pull-backs and T push-forwards), and one more pull-back combines.
        clip: The largest norm of one task's gradient, or None.
    """

    balancer: Balancer
    keep_rows: bool = True
    clip: float | None = None

    @property
    def needs_losses_only(self) -> bool:
        """Whether the weights are known before any gradient."""
        return self.balancer.requires == "losses" and self.clip is None

    def __call__(
        self,
        losses: Tensor,
        present: Tensor,
        gradients: TaskGradients,
        record: Callable[[Any, Any], None] | None = None,
        recorded: list[Any] | None = None,
    ) -> tuple[list[Any], Any]:
        """Return this replica's part of the combined gradient, and the weights.

        The gradient is no longer than the balancer's `max_norm`.

        Args:
            losses: (T,) losses of the global batch.
            present: (T,) bool: which tasks have a label.
            gradients: The tasks' gradients.
            record: Given the Gramian and `present` where gradients are to be recorded;
                then they are computed for any balancer.
            recorded: The variables that `record` assigns.

        Returns:
            One gradient for each shared variable, times the scale of `gradients`, and
            (T,) weights.
        """
        combined, weights = self._combined(losses, present, gradients, record, recorded)
        if self.balancer.max_norm is None:
            return combined, weights
        return _shortened(combined, self.balancer.max_norm, gradients), weights

    def _combined(
        self,
        losses: Tensor,
        present: Tensor,
        gradients: TaskGradients,
        record: Callable[[Any, Any], None] | None,
        recorded: list[Any] | None,
    ) -> tuple[list[Any], Any]:
        """Return the combined gradient at its full length, and the weights."""
        balancer = self.balancer
        if balancer.requires == "jacobian":
            return self._directly(losses, present, gradients, record)
        if self.needs_losses_only and record is None:
            weights = balancer.weights(losses, None, present)
            return gradients.combined(weights), weights

        def balanced() -> tuple[list[Any], Any]:
            rows, products = self._products(gradients)
            # Products of two halves of the batch have no norms.
            if record is not None and not balancer.cross_batch:
                record(products, present)
            factors = ops.ones_like(losses)
            if self.clip is not None:
                factors = _clipping(products, self.clip)
                products = factors[:, None] * products * factors[None, :]
            seen = None if balancer.requires == "losses" else products
            weights = balancer.weights(losses, seen, present)
            acting = weights * factors
            if rows is None:
                return gradients.combined(acting), weights
            return combine(rows, acting), weights

        def kept() -> tuple[list[Any], Any]:
            weights = balancer.hold(losses, present)
            return gradients.combined(weights), weights

        if balancer.update_every == 1 or balancer.requires == "losses":
            return balanced()
        changing = [*balancer.variables, *(recorded or [])]
        chosen: tuple[list[Any], Any]
        chosen = gradients.choose(balancer.due(), balanced, kept, changing)
        return chosen

    def _products(self, gradients: TaskGradients) -> tuple[list[Any] | None, Any]:
        """Return the rows, if they combine to the update, and the Gramian."""
        balancer = self.balancer
        summed = gradients.replicas.sum
        # With scaled losses the Gramian is scaled twice.
        unit = 1.0 / ops.square(ops.cast(gradients.scale, "float32"))
        if balancer.on == "representation":
            # Each replica has rows of its own there, so the products add up.
            (products,) = summed([gramian(gradients.at_the_end())])
            return None, products * unit
        halves = (0, 1) if balancer.cross_batch else (None, None)
        if not self.keep_rows:
            products = gradients.products_one_row_at_a_time(*halves)
        elif balancer.cross_batch:
            left, right = (summed(gradients.rows(half)) for half in halves)
            products = gramian(left, right)
        else:
            rows = gradients.rows()
            return rows, gramian(summed(rows)) * unit
        if balancer.cross_batch:
            # Either half may come first; the mean of both has less noise.
            products = 0.5 * (products + ops.transpose(products))
        return None, products * unit

    def _directly(
        self,
        losses: Tensor,
        present: Tensor,
        gradients: TaskGradients,
        record: Callable[[Any, Any], None] | None,
    ) -> tuple[list[Any], Any]:
        """Return the direction of a balancer that sees the gradients themselves."""
        scale = gradients.scale
        # Such a balancer remembers gradients, so it must see them unscaled.
        rows = [
            row / ops.cast(scale, row.dtype)
            for row in gradients.replicas.sum(gradients.rows())
        ]
        if record is not None:
            record(gramian(rows), present)
        if self.clip is not None:
            factors = _clipping(gramian(rows), self.clip)
            rows = [_scaled(row, factors) for row in rows]
        combined = self.balancer.combine(rows, losses, present)
        # The balancer makes it zero, which would read as a step that can be taken.
        finite = _are_finite(rows, present)
        combined = [ops.where(finite, d, float("nan")) for d in combined]
        part = 1.0 / gradients.replicas.count
        rescaled = [d * ops.cast(scale * part, d.dtype) for d in combined]
        return rescaled, ops.cast(present, "float32")


def _shortened(
    combined: list[Any], largest: float, gradients: TaskGradients
) -> list[Any]:
    """Return this replica's part of a gradient, at most `largest` long as a whole."""
    dense = [gradients.dense(g) for g in combined]
    scale = ops.cast(gradients.scale, "float32")
    whole = [ops.cast(g, "float32") / scale for g in gradients.replicas.sum(dense)]
    norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in whole))
    factor = ops.where(norm > largest, largest / norm, 1.0)
    return [g * ops.cast(factor, g.dtype) for g in dense]


def _are_finite(rows: list[Any], present: Tensor) -> Tensor:
    """Return whether the gradients of the tasks that are there are finite."""
    # One sum for each task, which one entry that is not finite spoils.
    sums = sum(
        ops.sum(ops.cast(row, "float32"), axis=tuple(range(1, len(row.shape))))
        for row in rows
    )
    return ops.all(ops.isfinite(sums) | ops.logical_not(present))


def _clipping(products: Any, largest: float) -> Any:
    """Return the (T,) factors that leave no gradient longer than `largest`."""
    norms = ops.sqrt(ops.maximum(ops.diagonal(products), 0.0))
    return ops.where(norms > largest, largest / norms, ops.ones_like(norms))


def _scaled(row: Any, factors: Any) -> Any:
    """Return the (T, ...) stack of gradients, each times its factor."""
    shape = (-1,) + (1,) * (len(row.shape) - 1)
    return ops.reshape(ops.cast(factors, row.dtype), shape) * row


def keeps_rows(jacobian: str, num_tasks: int, num_values: int) -> bool:
    """Return whether the T x p Jacobian is held in memory.

    Args:
        jacobian: "auto", "full" or "one_row".
        num_tasks: Number of tasks, T.
        num_values: Number of shared values, p.

    Returns:
        For "auto": whether it has at most 2^28 numbers (1 GiB in float32).
    """
    if jacobian == "auto":
        return num_tasks * num_values <= MOST_NUMBERS_KEPT
    return jacobian == "full"


def check_aggregation(
    balancer: Balancer, jacobian: str, clip: float | None, tied: bool
) -> None:
    """Refuse options that do not go together.

    Args:
        balancer: The balancer.
        jacobian: "auto", "full" or "one_row".
        clip: The largest norm of one task's gradient, or None.
        tied: Whether heads use shared variables beside the trunk.

    Raises:
        UserError: If they do not.
    """
    one_of("jacobian", jacobian, JACOBIANS)
    name = type(balancer).__name__
    if jacobian == "one_row" and balancer.requires == "jacobian":
        raise UserError(
            f'{name} works on all task gradients at once; jacobian="one_row" is for '
            'balancers that need their inner products. Use jacobian="full".'
        )
    if balancer.on == "representation" and tied:
        raise UserError(
            f'{name} with on="representation" needs one place where the shared part '
            "ends, but a layer is called in several heads, after that place. Use "
            'on="shared", or give each head a layer of its own.'
        )
    if clip is None:
        return
    if isinstance(clip, bool) or not isinstance(clip, (int, float)) or not clip > 0:
        raise UserError(
            f"clip_task_gradients must be a positive norm or None; found {clip!r}."
        )
    if balancer.update_every > 1 and balancer.requires == "gramian":
        raise UserError(
            "clip_task_gradients needs the tasks' gradients at every step, which "
            f"update_every={balancer.update_every} leaves out. Use update_every=1."
        )
    if balancer.cross_batch:
        raise UserError(
            f"{name} compares two halves of the batch, whose products are no norms to "
            "clip by. Use the optimizer's global_clipnorm."
        )
