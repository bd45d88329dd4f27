"""Task structures that pull related tasks together: a graph, the mean, the order."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask._checks import checked_strength
from polytask._export import polytask_export
from polytask.knob import to_config
from polytask.numeric.namespace import Namespace, Tensor
from polytask.numeric.norms import safe_norm
from polytask.numeric.prox import group_soft_threshold
from polytask.regularizers.feature_selection import TaskStructure
from polytask.regularizers.groups import as_matrix, group_distance
from polytask.regularizers.regularizer import Regularizer
from polytask.regularizers.task_graph import TaskGraph


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


@polytask_export("polytask.regularizers.SoftSharing")
class SoftSharing(GraphLaplacian):
    """(λ/2) Σ_(s<t) ‖θ_s - θ_t‖²: towers of equal shape, close unless data object.

    Args:
        strength: λ, at least 0. Defaults to 0.01; from 1e-4 up.

    Raises:
        UserError: If the strength is negative or not finite.

    Source:
        Duong, Cohn, Bird and Cook, "Low Resource Dependency Parsing: Cross-lingual
        Parameter Sharing in a Neural Network Parser", ACL 2015.

    Example:
        >>> from keras import ops
        >>> w = SoftSharing(1.0).prox(ops.array([[0.0, 6.0]]), step=1.0)
        >>> [round(x, 4) for x in ops.convert_to_numpy(w)[0].tolist()]
        [2.0, 4.0]
    """

    def __init__(self, strength: float = 0.01) -> None:
        super().__init__(strength, edges="complete")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"strength": to_config(self.strength)}


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


@polytask_export("polytask.regularizers.MeanRegularized")
class MeanRegularized(TaskStructure):
    """(λ/2) Σ_t ‖w_t - w̄‖² + (μ/2) ‖W‖²: many near-identical tasks, little data each.

    λ = 0 trains independent tasks, λ → ∞ one model for all.

    Args:
        strength: λ, at least 0. Defaults to 0.01.
        ridge: μ, at least 0. Defaults to 0.0.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Evgeniou and Pontil, "Regularized multi-task learning", KDD 2004.

    Example:
        >>> from keras import ops
        >>> w = MeanRegularized(3.0).prox(ops.array([[1.0, 3.0, 5.0]]), step=1.0)
        >>> ops.convert_to_numpy(w).tolist()
        [[2.5, 3.0, 3.5]]
    """

    has_prox = True
    metric = "scalar"
    smooth = True
    needs_equal_widths = True
    strengths = ("strength", "ridge")

    def __init__(self, strength: float = 0.01, ridge: float = 0.0) -> None:
        self.strength = checked_strength(strength, "MeanRegularized")
        self.ridge = checked_strength(ridge, "MeanRegularized", "ridge")

    def task_matrix(self, num_tasks: int) -> np.ndarray:
        """Return λ (I - 11ᵀ/T) + μ I."""
        eye = np.eye(num_tasks)
        return self.strength * (eye - 1.0 / num_tasks) + self.ridge * eye

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        deviation = w - xp.mean(w, axis=-1, keepdims=True)
        pull = 0.5 * self.strength * xp.sum(xp.square(deviation))
        return pull + 0.5 * self.ridge * xp.sum(xp.square(w))

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        mean = xp.mean(w, axis=-1, keepdims=True)
        ridge = step * self.ridge / metric
        return mean / (1 + ridge) + (w - mean) / (
            1 + ridge + step * self.strength / metric
        )

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        deviation = w - xp.mean(w, axis=-1, keepdims=True)
        pull = self.strength * deviation + self.ridge * w
        return xp.max(xp.abs(gradient + pull))


_CHAIN = TaskGraph("TemporalGroupLasso", "chain", None, None)


@polytask_export("polytask.regularizers.TemporalGroupLasso")
class TemporalGroupLasso(TaskStructure):
    """λ‖W‖₂,₁ + (δ/2) Σ_t ‖w_(t+1) - w_t‖² + (μ/2)‖W‖²: disease progression (TGL).

    Tasks are in the order of time. In the eigenbasis of the chain the quadratic part
    is a diagonal metric, in which the row-wise prox is exact.

    Args:
        strength: λ of the joint feature selection, at least 0. Defaults to 0.01.
        smoothness: δ, at least 0. Defaults to 0.01.
        ridge: μ, at least 0. Defaults to 0.0.

    Raises:
        UserError: If a strength is negative or not finite.

    Source:
        Zhou, Yuan, Liu and Ye, "A Multi-Task Learning Formulation for Predicting
        Disease Progression", KDD 2011.

    Example:
        >>> from keras import ops
        >>> penalty = TemporalGroupLasso(1.0, smoothness=1.0)
        >>> w = penalty.prox(ops.array([[3.0, 4.0], [0.3, 0.4]]), step=1.0)
        >>> ops.convert_to_numpy(w)[1].tolist()
        [0.0, 0.0]
    """

    has_prox = True
    metric = "scalar"
    needs_equal_widths = True
    strengths = ("strength", "smoothness", "ridge")

    def __init__(
        self, strength: float = 0.01, smoothness: float = 0.01, ridge: float = 0.0
    ) -> None:
        owner = "TemporalGroupLasso"
        self.strength = checked_strength(strength, owner)
        self.smoothness = checked_strength(smoothness, owner, "smoothness")
        self.ridge = checked_strength(ridge, owner, "ridge")

    def without_ridge(self) -> tuple[Regularizer, float]:
        """Return the row norms and the differences, and μ."""
        return TemporalGroupLasso(self.strength, self.smoothness), self.ridge

    def task_matrix(self, num_tasks: int) -> np.ndarray | None:
        """Return the matrix of the quadratic part, if there is no other."""
        if self.strength > 0:
            return None
        quadratic = self.smoothness * _CHAIN.laplacian(num_tasks)
        return quadratic + self.ridge * np.eye(num_tasks)

    def separable_strengths(self, num_tasks: int) -> tuple[float, float] | None:
        """Return λ for the rows, if there is no quadratic part."""
        quadratic = self.smoothness > 0 or self.ridge > 0
        return None if quadratic else (0.0, self.strength)

    def _spectrum(self, xp: Namespace, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return the curvatures of the quadratic part, and its eigenbasis."""
        num_tasks = int(w.shape[-1])
        values, vectors = _CHAIN.spectrum(num_tasks)
        values = xp.convert_to_tensor(values, dtype=w.dtype)
        return (
            self.smoothness * values + self.ridge,
            xp.convert_to_tensor(vectors, dtype=w.dtype),
        )

    def _value(self, xp: Namespace, w: Tensor) -> Tensor:
        jumps = xp.sum(xp.square(w[..., 1:] - w[..., :-1]))
        return (
            self.strength * xp.sum(safe_norm(xp, w, (-1,)))
            + 0.5 * self.smoothness * jumps
            + 0.5 * self.ridge * xp.sum(xp.square(w))
        )

    def _prox(self, xp: Namespace, w: Tensor, step: Tensor, metric: Tensor) -> Tensor:
        curvature, basis = self._spectrum(xp, w)
        scale = metric + step * curvature
        center = xp.matmul(as_matrix(xp, w), basis) * (metric / scale)
        rotated = group_soft_threshold(
            xp, center, step * self.strength, scale * xp.ones_like(center), (-1,)
        )
        return xp.reshape(xp.matmul(rotated, xp.transpose(basis)), w.shape)

    def _lambda_max(self, xp: Namespace, gradient: Tensor) -> Tensor:
        return xp.max(safe_norm(xp, gradient, (-1,)))

    def _distance(self, xp: Namespace, w: Tensor, gradient: Tensor) -> Tensor:
        curvature, basis = self._spectrum(xp, w)
        matrix = as_matrix(xp, w)
        rotated = xp.matmul(matrix, basis) * curvature
        pull = xp.matmul(rotated, xp.transpose(basis))
        slope = as_matrix(xp, gradient) + pull
        return group_distance(xp, matrix, slope, self.strength, (-1,))
