"""Differentiation on PyTorch: eager, with `torch.autograd.grad` instead of `.grad`."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import torch
from torch.utils.weak import WeakIdKeyDictionary

from polytask._types import Tensor, Variable
from polytask.optimizers.kept_values import KeptValues
from polytask.training.autodiff import RecordedAutodiff, TrainedModel
from polytask.training.replicas_torch import Processes
from polytask.training.step import take_step
from polytask.training.task_gradients import (
    Cotangent,
    HeadGradients,
    TaskGradients,
)

#: First shared parameter → (half, T) → the stacks of the last step, on a CPU.
_STACKS: Any = WeakIdKeyDictionary()


def train_step(model: TrainedModel, data: Any) -> dict[str, Any]:
    """Make one update; see `polytask.training.step`.

    Args:
        model: The model.
        data: A batch `(x, y)` or `(x, y, sample_weight)`.

    Returns:
        The logs.
    """
    with torch.no_grad():
        return take_step(TorchAutodiff(model), data)


def building_scope(model: TrainedModel) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which training state is made."""
    return contextlib.nullcontext()


def end_training(model: TrainedModel) -> None:
    """Give up the memory that train steps kept for the next one."""
    forget_stacks([v.value for v in model.step_plan.graph.shared])


class TorchAutodiff(RecordedAutodiff):
    """The passes of a train step on PyTorch.

    Args:
        model: The model.
    """

    def __init__(self, model: TrainedModel) -> None:
        super().__init__(model, Processes.current())
        self.random = RandomStates() if self.plan.runs_twice else None

    def again(self) -> Self:
        """See `Autodiff.again`."""
        return type(self)(self.model)

    def recording(self) -> contextlib.AbstractContextManager[Any]:
        """See `RecordedAutodiff.recording`."""
        scope: contextlib.AbstractContextManager[Any] = torch.enable_grad()
        return scope

    def leaf(self, tensor: Tensor) -> Tensor:
        """See `RecordedAutodiff.leaf`."""
        return tensor.detach().requires_grad_()

    def gradients(
        self, targets: list[Tensor], sources: list[Tensor], seeds: list[Tensor]
    ) -> list[Tensor]:
        """See `RecordedAutodiff.gradients`."""
        return gradients(targets, sources, seeds)

    def task_gradients(
        self, heads: HeadGradients, halves: list[HeadGradients]
    ) -> TaskGradients:
        """See `Autodiff.task_gradients`."""
        return TorchGradients(
            self.ends,
            self.parameters,
            heads,
            tied_at=self.plan.tied_at,
            scale=self.scale,
            replicas=self.replicas,
            halves=halves,
        )

    def input_gradient(
        self, function: Callable[[list[Tensor]], Tensor], values: list[Tensor]
    ) -> list[Tensor]:
        """See `Autodiff.input_gradient`."""
        leaves = list(map(self.leaf, values))
        with torch.enable_grad():
            result = function(leaves)
        return gradients([result], leaves, None)

    def slope_gradient(
        self,
        targets: Callable[[Tensor], list[Tensor]],
        penalty: Callable[[list[Tensor]], Tensor],
        x: Tensor,
    ) -> list[Tensor]:
        """See `Autodiff.slope_gradient`."""
        leaf = self.leaf(x)
        with torch.enable_grad():
            slopes = [
                gradients([target], [leaf], None, differentiable=True)[0]
                for target in targets(leaf)
            ]
            value = penalty(slopes)
        parameters = [v.value for v in self.model.trainable_variables]
        return gradients([value], parameters, None)

    def apply(self, gradients: list[Tensor]) -> None:
        """Let the optimizer make the update; Keras does not join processes."""
        super().apply(self.replicas.sum(gradients))
        self.replicas.average(self.model.non_trainable_variables)

    @contextlib.contextmanager
    def before_the_step(self, kept: KeptValues) -> Iterator[None]:
        """See `Autodiff.before_the_step`; layers may draw from PyTorch's generators."""
        assert self.random is not None
        with super().before_the_step(kept), self.random.restored():
            yield


class TorchGradients(TaskGradients):
    """See `TaskGradients`.

    Args:
        ends: The tensors at the trunk's end.
        parameters: The shared parameters.
        heads: The tasks' gradients, from their heads.
        **options: Further arguments of `TaskGradients`.
    """

    def __init__(
        self,
        ends: Sequence[torch.Tensor],
        parameters: Sequence[torch.Tensor],
        heads: HeadGradients,
        **options: Any,
    ) -> None:
        super().__init__(heads, **options)
        self.ends = list(ends)
        self.parameters = list(parameters)
        self._transposed: tuple[list[Any], list[Any]] | None = None

    def pull_back(self, cotangent: Cotangent) -> list[Any]:
        """Return one gradient for each shared variable."""
        pairs = zip(self.ends, cotangent, strict=True)
        reached = [(end, c) for end, c in pairs if c is not None]
        return gradients(
            [end for end, _ in reached], self.parameters, [c for _, c in reached]
        )

    def push_forward(self, direction: list[Any]) -> Cotangent:
        """Differentiate the pull-back, which is linear in the cotangent."""
        if self._transposed is None:
            with torch.enable_grad():
                seeds = [torch.zeros_like(t, requires_grad=True) for t in self.ends]
                found = torch.autograd.grad(
                    self.ends,
                    self.parameters,
                    seeds,
                    create_graph=True,
                    allow_unused=True,
                )
            self._transposed = seeds, list(found)
        seeds, pulled = self._transposed
        reached = [
            (p, d)
            for p, d in zip(pulled, direction, strict=True)
            if p is not None and p.requires_grad
        ]
        if not reached:
            return [torch.zeros_like(seed) for seed in seeds]
        return gradients([p for p, _ in reached], seeds, [d for _, d in reached])

    def rows(self, half: int | None = None) -> list[Any]:
        """Copy each task's gradients into the stacks before the next are computed.

        These then reuse their memory. The stacks of a CPU are kept for the next step,
        which overwrites them, until `forget_stacks` or as long as the parameters live:
        PyTorch has no pool of memory there, and in fresh stacks page faults took a
        tenth of a step on 20 tasks.
        """
        rows: list[Any] = []
        for task, pair in enumerate(self._pairs(half)):
            row = self.gradient(*pair)
            if not rows:
                rows = self._stacks(row, half)
            for stack, gradient in zip(rows, row, strict=True):
                stack[task].copy_(gradient)
            del row
        return rows

    def _stacks(self, row: list[Any], half: int | None) -> list[Any]:
        """Return stacks for T gradients like these, of any content."""
        tasks = len(self.heads.cotangents)
        kept: dict[Any, list[Any]] = {}
        if row and row[0].device.type == "cpu":
            kept = _STACKS.setdefault(self.parameters[0], {})
        stacks = kept.setdefault((half, tasks), [])
        alike = len(stacks) == len(row) and all(
            stack.shape[1:] == g.shape and stack.dtype == g.dtype
            for stack, g in zip(stacks, row, strict=True)
        )
        if not alike:
            stacks[:] = [g.new_empty((tasks, *g.shape)) for g in row]
        return list(stacks)

    def sum_of_products(self, terms: list[tuple[Any, Any]]) -> Any:
        """Add into one tensor, which saves the memory of T products."""
        (weight, part), *rest = terms
        added = part * weight.to(part.dtype)
        for weight, part in rest:
            added.addcmul_(part, weight.to(part.dtype))
        return added

    def check_sum(self, gradients: list[Tensor]) -> Tensor:
        """Add all entries; a Keras operation takes longer than a small sum."""
        parts = [g.sum(dtype=torch.float32) for g in gradients]
        return torch.stack(parts).sum() if parts else torch.zeros(())

    def each(self, function: Callable[..., Tensor], *items: Sequence[Any]) -> Tensor:
        """Call the function for one task after the other."""
        return torch.stack([function(*parts) for parts in zip(*items, strict=True)])

    def choose(
        self,
        condition: Any,
        then: Callable[[], Any],
        otherwise: Callable[[], Any],
        variables: list[Variable],
    ) -> Any:
        """Call one of the two functions."""
        return then() if bool(condition) else otherwise()


def forget_stacks(parameters: Sequence[torch.Tensor]) -> None:
    """Give up the memory that `TorchGradients.rows` kept for the next step.

    Args:
        parameters: The shared parameters, in the order that it was given.
    """
    if parameters:
        _STACKS.pop(parameters[0], None)


def gradients(
    outputs: Sequence[torch.Tensor],
    inputs: Sequence[torch.Tensor],
    cotangent: Sequence[torch.Tensor] | None,
    differentiable: bool = False,
) -> list[torch.Tensor]:
    """Return the gradients, zeros for inputs that the outputs do not depend on.

    Args:
        outputs: What is differentiated.
        inputs: With respect to what.
        cotangent: One tensor for each output; None for scalars.
        differentiable: Whether they can be differentiated again.

    Returns:
        One tensor for each input. The graph is kept.
    """
    if not inputs:
        return []
    if not any(t.requires_grad for t in outputs):
        return [torch.zeros_like(t) for t in inputs]
    found = torch.autograd.grad(
        outputs,
        inputs,
        cotangent,
        retain_graph=True,
        create_graph=differentiable,
        allow_unused=True,
    )
    return [
        torch.zeros_like(t) if g is None else g
        for t, g in zip(inputs, found, strict=True)
    ]


class RandomStates:
    """The states of PyTorch's generators at the time it is made.

    Keras layers without a seed draw from them.
    """

    def __init__(self) -> None:
        self.states = self._current()

    def _current(self) -> tuple[torch.Tensor, list[torch.Tensor]]:
        devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return torch.get_rng_state(), devices

    def _set(self, states: tuple[torch.Tensor, list[torch.Tensor]]) -> None:
        torch.set_rng_state(states[0])
        if states[1]:
            torch.cuda.set_rng_state_all(states[1])

    @contextlib.contextmanager
    def restored(self) -> Iterator[None]:
        """Return to these states for a while."""
        states = self._current()
        self._set(self.states)
        try:
            yield
        finally:
            self._set(states)
