"""The tasks' kernels as the one matrix that a task structure acts on."""

from typing import Any

from keras import ops


def stack_kernels(kernels: list[Any], regularizer: Any) -> Any:
    """Put kernels together for a regularizer.

    Args:
        kernels: One tensor, or one for each task with the same input features.
        regularizer: A structure that compares the tasks entry by entry
            (`needs_equal_widths`) gets one flattened column a task; any other gets
            the kernels side by side.

    Returns:
        The tensor; a single kernel is returned as it is.
    """
    if len(kernels) == 1:
        return kernels[0]
    if getattr(regularizer, "needs_equal_widths", False):
        return ops.stack([ops.reshape(kernel, (-1,)) for kernel in kernels], axis=-1)
    return ops.concatenate(kernels, axis=-1)


def unstack_kernels(stack: Any, kernels: list[Any], regularizer: Any) -> list[Any]:
    """Take a stack apart again.

    Args:
        stack: In the shape that `stack_kernels` returned.
        kernels: The tensors it was made of; only their shapes are used.
        regularizer: The same regularizer.

    Returns:
        One tensor for each kernel, in its shape.
    """
    if len(kernels) == 1:
        return [stack]
    if getattr(regularizer, "needs_equal_widths", False):
        columns = ops.unstack(stack, len(kernels), axis=-1)
        return [
            ops.reshape(column, kernel.shape)
            for column, kernel in zip(columns, kernels, strict=True)
        ]
    widths = [kernel.shape[-1] for kernel in kernels]
    ends = [sum(widths[: i + 1]) for i in range(len(widths) - 1)]
    parts: list[Any] = ops.split(stack, ends, axis=-1)
    return parts
