"""Tasks that merge exactly."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask._export import polytask_export
from polytask.knob import to_config
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import group_soft_threshold
from polytask.regularizers._checks import checked_strength
from polytask.regularizers.groups import as_matrix
from polytask.regularizers.structures.task_graph import TaskGraph
from polytask.regularizers.structures.task_structure import TaskStructure


@polytask_export("polytask.regularizers.NetworkLasso")
class NetworkLasso(TaskStructure):
    """λ Σ_st a_st ‖w_s - w_t‖₂ over the edges: neighbors become exactly equal.

    A prox in closed form exists where no task has two neighbors, as for two tasks;
    otherwise the penalty is trained through its gradient.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        edges: As in `GraphLaplacian`.
        adjacency: As in `GraphLaplacian`.
        tasks: As in `GraphLaplacian`.

    Raises:
        UserError: If the strength or a weight is negative or not finite, or the graph
            is not well formed.

    Source:
        Hallac, Leskovec and Boyd, "Network Lasso: Clustering and Optimization in
        Large Graphs", KDD 2015.

    Example:
        >>> from keras import ops
        >>> pair = NetworkLasso(1.0, edges=[(0, 1)])
        >>> w = pair.prox(ops.array([[0.0, 6.0]]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w)[0].tolist()]
        [1.0, 5.0]
    """

    metric = "scalar"
    needs_equal_widths = True

    def __init__(
        self,
        strength: float = 0.01,
        edges: Any = None,
        adjacency: Any = None,
        tasks: Sequence[str] | None = None,
    ) -> None:
        self.strength = checked_strength(strength, "NetworkLasso")
        self.graph = TaskGraph("NetworkLasso", edges, adjacency, tasks)
        self.has_prox = self._is_matching()

    def bind(
        self, task_names: Sequence[str], widths: Sequence[int] | None = None
    ) -> None:
        """Check that the graph fits these tasks, and learn their order."""
        super().bind(task_names, widths)
        self.graph.bind(task_names)
        self.has_prox = self._is_matching()

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"strength": to_config(self.strength), **self.graph.get_config()}

    def _is_matching(self) -> bool:
        """Return whether no task is known to have two neighbors."""
        graph = self.graph
        if graph.tasks is not None:
            edges = graph.weighted_edges(len(graph.tasks))
        elif graph.adjacency is not None:
            edges = graph.weighted_edges(len(graph.adjacency))
        elif isinstance(graph.edges, list):
            edges = [(s, t, a) for s, t, a in graph.listed_edges() if a > 0]
        else:
            return False
        ends = [end for s, t, _ in edges for end in (s, t)]
        return len(ends) == len(set(ends))

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        num_tasks = int(w.shape[-1])
        edges = self.graph.weighted_edges(num_tasks)
        incidence = np.zeros((num_tasks, len(edges)))
        for column, (s, t, weight) in enumerate(edges):
            incidence[s, column], incidence[t, column] = weight, -weight
        differences = xp.matmul(
            as_matrix(xp, w), xp.convert_to_tensor(incidence, dtype=w.dtype)
        )
        return self.strength * xp.sum(safe_norm(xp, differences, (0,)))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        matrix = as_matrix(xp, w)
        columns = [matrix[:, t] for t in range(int(matrix.shape[-1]))]
        for s, t, weight in self.graph.weighted_edges(len(columns)):
            middle = 0.5 * (columns[s] + columns[t])
            threshold = step * self.strength * weight
            apart = columns[s] - middle
            half = group_soft_threshold(xp, apart, threshold, metric, (0,))
            columns[s], columns[t] = middle + half, middle - half
        return xp.reshape(xp.stack(columns, axis=-1), w.shape)
