"""Tasks that stay close to their neighbors in a known graph."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask._export import polytask_export
from polytask.knob import to_config
from polytask.numeric.namespace import Namespace, Tensor
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.structures.task_graph import TaskGraph
from polytask.regularizers.structures.task_structure import TaskStructure


@polytask_export("polytask.regularizers.GraphLaplacian")
class GraphLaplacian(TaskStructure):
    """(λ/2) Σ_st a_st ‖w_s - w_t‖² over the edges: regions, product trees, time.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        edges: `"chain"`, `"complete"`, or a list of `(task, task)` or
            `(task, task, weight)`, each edge once; a task is a name or a position.
        adjacency: Symmetric matrix of weights a_st, at least 0, instead of edges.
        tasks: The tasks' names in the order of the stack. `MultiTaskModel` supplies
            them; needed otherwise where edges use names.

    Raises:
        UserError: If the strength or a weight is negative or not finite, or the graph
            is not well formed.

    Source:
        Evgeniou, Micchelli and Pontil, "Learning Multiple Tasks with Kernel Methods",
        JMLR 2005.

    Example:
        >>> from keras import ops
        >>> chain = GraphLaplacian(1.0, edges=[(0, 1), (1, 2)])
        >>> w = chain.prox(ops.array([[0.0, 0.0, 6.0]]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w)[0].tolist()]
        [0.75, 1.5, 3.75]
    """

    has_prox = True
    metric = "scalar"
    smooth = True
    needs_equal_widths = True

    def __init__(
        self,
        strength: float = 0.01,
        edges: Any = None,
        adjacency: Any = None,
        tasks: Sequence[str] | None = None,
    ) -> None:
        owner = type(self).__name__
        self.strength = checked_strength(strength, owner)
        self.graph = TaskGraph(owner, edges, adjacency, tasks)

    def bind(
        self, task_names: Sequence[str], widths: Sequence[int] | None = None
    ) -> None:
        """Check that the graph fits these tasks, and learn their order."""
        super().bind(task_names, widths)
        self.graph.bind(task_names)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"strength": to_config(self.strength), **self.graph.get_config()}

    def task_matrix(self, num_tasks: int) -> np.ndarray:
        """Return λ (Deg - A)."""
        return self.strength * self.graph.laplacian(num_tasks)

    def _spectrum(self, xp: Namespace, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return the Laplacian's eigenvalues and the weights in its basis."""
        values, vectors = self.graph.spectrum(int(w.shape[-1]))
        scales = xp.convert_to_tensor(values, dtype=w.dtype)
        return scales, xp.convert_to_tensor(vectors, dtype=w.dtype)

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        scales, basis = self._spectrum(xp, w)
        # In the basis every term is a square, so that no digits cancel.
        rotated = xp.matmul(as_matrix(xp, w), basis)
        return 0.5 * self.strength * xp.sum(scales * xp.square(rotated))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        scales, basis = self._spectrum(xp, w)
        shrink = 1 / (1 + step * self.strength / metric * scales)
        rotated = xp.matmul(as_matrix(xp, w), basis) * shrink
        return xp.reshape(xp.matmul(rotated, xp.transpose(basis)), w.shape)

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        scales, basis = self._spectrum(xp, w)
        rotated = xp.matmul(as_matrix(xp, w), basis) * scales
        pull = self.strength * xp.matmul(rotated, xp.transpose(basis))
        return xp.max(xp.abs(as_matrix(xp, gradient) + pull))
