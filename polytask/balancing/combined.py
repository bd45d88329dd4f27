"""A weighting of the losses inside of a gradient method."""

from typing import Any, Self

from keras import ops

from polytask._export import polytask_export
from polytask.balancing.balancer import Balancer
from polytask.balancing.wrapper import INNER
from polytask.errors import UserError
from polytask.numeric.namespace import Tensor


@polytask_export("polytask.balancing.Combined")
class Combined(Balancer):
    """First weight the losses by one balancer, then balance the weighted tasks.

    The gradient method sees the losses, the Gramian or the gradients of the weighted
    losses; the weights multiply.

    Args:
        losses: A balancer that needs losses alone.
        gradients: Any balancer.

    Raises:
        UserError: If one is no balancer, the first needs gradients, or the second the
            next losses.

    Example:
        >>> import numpy as np
        >>> from polytask.balancing import Fixed, MGDA
        >>> balancer = Combined(Fixed([1.0, 2.0]), MGDA())
        >>> weights = balancer.weights([1.0, 1.0], gramian=np.eye(2))
        >>> [round(float(w), 4) for w in weights]
        [1.6, 0.8]
    """

    def __init__(self, losses: Balancer, gradients: Balancer) -> None:
        super().__init__()
        for part in (losses, gradients):
            if not isinstance(part, Balancer):
                raise UserError(
                    f"Combined takes two balancers; found {part!r}. Names make one as "
                    'in polytask.balancing.get("dwa+nash_mtl").'
                )
        if losses.requires != "losses":
            raise UserError(
                f"The first part of a Combined balancer must need losses alone; "
                f"{type(losses).__name__} needs the {losses.requires}."
            )
        if gradients.needs_next_losses:
            raise UserError(
                f"The second part of a Combined balancer sees weighted losses, and not "
                f"those after a step, which {type(gradients).__name__} wants; take "
                "reuse_next_loss=True."
            )
        self.losses = losses
        self.gradients = gradients
        self.requires = gradients.requires
        self.positive_losses = losses.positive_losses or gradients.positive_losses
        self.nonnegative_losses = (
            losses.nonnegative_losses or gradients.nonnegative_losses
        )
        self.loss_floor = losses.loss_floor
        self.cross_batch = gradients.cross_batch
        self.needs_next_losses = losses.needs_next_losses
        self.update_every = gradients.update_every
        self.on = gradients.on
        bounds = [b.max_norm for b in (losses, gradients) if b.max_norm is not None]
        self.max_norm = min(bounds, default=None)
        self.consistency = gradients.consistency

    def build(
        self,
        num_tasks: int,
        task_names: tuple[str, ...] = (),
        shapes: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        """Build both parts."""
        # What the second refuses, before the first is built.
        self.gradients.initial_state(num_tasks)
        self.losses.build(num_tasks, task_names)
        self.gradients.build(num_tasks, task_names, shapes)
        self.num_tasks = num_tasks

    @property
    def variables(self) -> list[Any]:
        """The state of both parts."""
        return self.losses.variables + self.gradients.variables

    @property
    def skipped_steps(self) -> Tensor:
        """How many steps the second part skipped; it sees all that the first does."""
        return self.gradients.skipped_steps

    def due(self) -> Tensor:
        """Return whether the gradient method computes new weights next."""
        return self.gradients.due()

    def weights(
        self, losses: Tensor, gramian: Tensor = None, present: Tensor = None
    ) -> Tensor:
        """Return the products of both parts' weights; see `Balancer.weights`."""
        first = self.losses.weights(losses, None, present)
        if gramian is not None:
            gramian = ops.cast(ops.convert_to_tensor(gramian), "float32")
            gramian = first[:, None] * gramian * first[None, :]
        scaled = first * ops.cast(ops.convert_to_tensor(losses), "float32")
        return first * self.gradients.weights(scaled, gramian, present)

    def hold(self, losses: Tensor, present: Tensor = None) -> Tensor:
        """Return new weights of the losses times the weights kept."""
        first = self.losses.weights(losses, None, present)
        scaled = first * ops.cast(ops.convert_to_tensor(losses), "float32")
        return first * self.gradients.hold(scaled, present)

    def combine(
        self, jacobian: list[Tensor], losses: Tensor, present: Tensor = None
    ) -> list[Any]:
        """Return the direction of the second part; see `Balancer.combine`."""
        if self.requires != "jacobian":
            return super().combine(jacobian, losses, present)
        first = self.losses.weights(losses, None, present)
        scaled = first * ops.cast(ops.convert_to_tensor(losses), "float32")
        rows = [
            ops.reshape(ops.cast(first, g.dtype), (-1,) + (1,) * (len(g.shape) - 1)) * g
            for g in jacobian
        ]
        return self.gradients.combine(rows, scaled, present)

    def after_step(self, losses: Tensor, present: Tensor = None) -> None:
        """Pass on to the first part."""
        self.losses.after_step(losses, present)

    def on_epoch_end(self) -> None:
        """Pass on to both parts."""
        self.losses.on_epoch_end()
        self.gradients.on_epoch_end()

    def check_losses(self, losses: Tensor, present: Tensor = None) -> None:
        """Refuse what either part refuses."""
        self.losses.check_losses(losses, present)

    def get_config(self) -> dict[str, Any]:
        """Return the configurations of both parts."""
        return {
            "losses": INNER.serialize(self.losses),
            "gradients": INNER.serialize(self.gradients),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the balancer that `get_config` described."""
        parts = {name: INNER.deserialize(part) for name, part in config.items()}
        return cls(**parts)
