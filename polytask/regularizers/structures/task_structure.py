"""The contract of a penalty that couples the tasks' heads."""

from collections.abc import Sequence

from polytask._export import polytask_export
from polytask.errors import UserError
from polytask.regularizers.regularizer import Regularizer


@polytask_export("polytask.regularizers.TaskStructure")
class TaskStructure(Regularizer):
    """A regularizer on the stack W of all tasks' kernels.

    The last axis of W numbers the tasks, or the outputs of all tasks side by side
    where heads may differ in width; all axes before it number the features. Heads of
    equal width greater than one are flattened, so that a column is a task.

    Attributes:
        needs_equal_widths: Whether the penalty compares the tasks' weights entry by
            entry, so that all heads must have the same shape.
    """

    needs_equal_widths: bool = False

    def bind(
        self, task_names: Sequence[str], widths: Sequence[int] | None = None
    ) -> None:
        """Check that the structure fits these tasks, and learn their order.

        Args:
            task_names: The tasks, in the order of the stack.
            widths: The number of outputs of each head, where known.

        Raises:
            UserError: If the heads differ in width but must not, or the structure
                names a task that is not there.
        """
        if not self.needs_equal_widths or widths is None or len(set(widths)) <= 1:
            return
        found = ", ".join(
            f"{task}: {width}" for task, width in zip(task_names, widths, strict=True)
        )
        raise UserError(
            f"{type(self).__name__} compares the tasks' weights one by one and needs "
            f"heads of equal width; found {found}. Use L21 or TraceNorm, or apply it "
            "to tower layers of equal shape."
        )
