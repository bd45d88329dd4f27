"""Balancers around another one."""

from typing import Any, ClassVar, Self

from polytask._export import polytask_export
from polytask._registry import Registry
from polytask.balancing.balancer import Balancer
from polytask.errors import UserError
from polytask.numeric.namespace import Tensor, enter, namespace_of

#: Stores balancers inside of others; those by name are not known here.
INNER: Registry[Balancer] = Registry("balancer", Balancer, {})


@polytask_export("polytask.balancing.Wrapper")
class Wrapper(Balancer):
    """Base of what changes another balancer's input or its weights.

    It needs what the other needs, and keeps its state. By name it stands before it, as
    in `"cr_mogm+nash_mtl"`.

    Args:
        balancer: The balancer inside.

    Raises:
        UserError: If it is no balancer, or one that this wrapper cannot hold.

    Example:
        >>> from polytask.balancing import get
        >>> type(get("cr_mogm+nash_mtl").balancer).__name__
        'NashMTL'
    """

    #: What the balancer inside may need.
    accepts: ClassVar[tuple[str, ...]] = ("losses", "gramian", "jacobian")

    def __init__(self, balancer: Balancer) -> None:
        super().__init__()
        if not isinstance(balancer, Balancer) or balancer.requires not in self.accepts:
            needs = getattr(balancer, "requires", None)
            need = f" that needs the {needs}" if needs else ""
            raise UserError(
                f"{type(self).__name__} holds a balancer that needs the "
                f"{' or the '.join(self.accepts)}; found {type(balancer).__name__}"
                f"{need}."
            )
        self.balancer = balancer
        self.requires = balancer.requires
        self.positive_losses = balancer.positive_losses
        self.nonnegative_losses = balancer.nonnegative_losses
        self.cross_batch = balancer.cross_batch
        self.loss_floor = balancer.loss_floor
        self.needs_next_losses = balancer.needs_next_losses
        self.update_every = balancer.update_every
        self.on = balancer.on
        self.max_norm = balancer.max_norm
        self.consistency = balancer.consistency

    def build(
        self,
        num_tasks: int,
        task_names: tuple[str, ...] = (),
        shapes: tuple[tuple[int, ...], ...] = (),
    ) -> None:
        """Make the state of both; see `Balancer.build`."""
        # What the wrapper refuses, before the balancer inside is built.
        self.initial_state(num_tasks)
        self.balancer.build(num_tasks, task_names, shapes)
        # Updates every few steps are the business of the balancer inside.
        every, self.update_every = self.update_every, 1
        try:
            super().build(num_tasks, task_names, shapes)
        finally:
            self.update_every = every

    @property
    def variables(self) -> list[Any]:
        """The state of both."""
        return super().variables + self.balancer.variables

    @property
    def skipped_steps(self) -> Tensor:
        """How many steps the balancer inside skipped."""
        return self.balancer.skipped_steps

    def times_skipped(self) -> Tensor:
        """Return the number of steps skipped until now, which later ones do not move.

        TensorFlow reads a variable where it is used, hence the sum.
        """
        return enter(namespace_of(), self.skipped_steps) + 0.0

    def due(self) -> Tensor:
        """Return whether the balancer inside computes new weights next."""
        return self.balancer.due()

    def after_step(self, losses: Tensor, present: Tensor = None) -> None:
        """Pass on to the balancer inside."""
        self.balancer.after_step(losses, present)

    def on_epoch_end(self) -> None:
        """Pass on to the balancer inside."""
        self.balancer.on_epoch_end()

    def check_losses(self, losses: Tensor, present: Tensor = None) -> None:
        """Refuse what the balancer inside refuses."""
        self.balancer.check_losses(losses, present)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "balancer": INNER.serialize(self.balancer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return the balancer that `get_config` described."""
        return cls(**{**config, "balancer": INNER.deserialize(config["balancer"])})
