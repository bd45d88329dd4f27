"""Operations on the groups of a large kernel, with little traffic in memory."""

from collections.abc import Callable
from typing import Any

from keras import ops

from polytask.regularizers._gradient_free import gradient_free_torch
from polytask.regularizers._tensor import Tensor


class GroupOperations:
    """The operations that a problem with one unknown for each group is made of.

    Those of the size of the kernel are methods of their own, as they decide the time;
    the others are those of `keras.ops` under the same names. A tensor of the kernel's
    size that a method returns holds until the next of these is computed.
    """

    def __getattr__(self, name: str) -> Any:
        """Return the function of that name."""
        return getattr(ops, name)

    def norm(self, values: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Return the norms of the groups, with their axes kept at size one."""
        if len(axes) <= 2:
            # On PyTorch this makes no copy, which would take longer than the sum.
            return ops.norm(values, axis=axes, keepdims=True)
        return ops.sqrt(ops.sum(ops.square(values), axis=axes, keepdims=True))

    def product(self, left: Tensor, right: Tensor) -> Tensor:
        """Return `left * right`."""
        return left * right

    def quotient(self, above: Tensor, radius: Tensor, shift: Tensor) -> Tensor:
        """Return `above / (radius + shift)`."""
        return above / (radius + shift)


class TorchGroupOperations(GroupOperations):
    """PyTorch's own operations, where no gradient is asked for.

    Everything of the kernel's size is written to one place, which stays in the cache,
    and what is small does not pass through Keras, which takes longer than to compute
    it.

    Args:
        torch: The module.
        kernel: A tensor of the shape and type that everything large has.
    """

    def __init__(self, torch: Any, kernel: Tensor) -> None:
        self.torch = torch
        self.place = torch.empty_like(kernel)

    def __getattr__(self, name: str) -> Any:
        """Return PyTorch's function of that name."""
        return getattr(self.torch, name)

    def norm(self, values: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Return the norms of the groups, with their axes kept at size one."""
        return self.torch.linalg.vector_norm(values, dim=axes, keepdim=True)

    def product(self, left: Tensor, right: Tensor) -> Tensor:
        """Return `left * right`."""
        return self.torch.mul(left, right, out=self.place)

    def quotient(self, above: Tensor, radius: Tensor, shift: Tensor) -> Tensor:
        """Return `above / (radius + shift)`."""
        self.torch.add(radius, shift, out=self.place)
        return self.torch.div(above, self.place, out=self.place)

    def maximum(self, values: Tensor, least: Any) -> Tensor:
        """Return the larger of two tensors, or of a tensor and a number."""
        if isinstance(least, float):
            return values.clamp(min=least)
        return self.torch.maximum(values, least)

    def clip(self, values: Tensor, least: float, most: Tensor) -> Tensor:
        """Return `values` between a number and a tensor."""
        return self.torch.minimum(values.clamp(min=least), most)

    def while_loop(
        self,
        cond: Callable[..., Any],
        body: Callable[..., tuple[Tensor, ...]],
        loop_vars: tuple[Tensor, ...],
        maximum_iterations: int,
    ) -> tuple[Tensor, ...]:
        """Repeat `body` while `cond` holds, up to a number of times."""
        for _ in range(maximum_iterations):
            if not cond(*loop_vars):
                break
            loop_vars = body(*loop_vars)
        return loop_vars


def group_operations(kernel: Tensor, *others: Any) -> GroupOperations:
    """Return the operations for a problem on these tensors.

    Args:
        kernel: A tensor of the size of the kernel.
        *others: What else the problem is made of.
    """
    torch = gradient_free_torch(kernel, *others)
    return GroupOperations() if torch is None else TorchGroupOperations(torch, kernel)
