"""Which tasks are related, and how strongly."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask.errors import UserError, nearest

_SHAPES = ("chain", "complete")


class TaskGraph:
    """An undirected weighted graph between tasks, as a user writes it.

    Args:
        owner: The regularizer's name, for messages.
        edges: `"chain"` (neighbors in the order of the tasks), `"complete"`, or a
            list of `(task, task)` or `(task, task, weight)`; a task is a name or its
            position.
        adjacency: A symmetric matrix of weights, instead of edges.
        tasks: The tasks' names in the order of the stack, where edges use names;
            None: learned by `bind`.

    Raises:
        UserError: If a weight is negative, an edge is no edge, or both or neither of
            edges and adjacency are given.
    """

    def __init__(
        self, owner: str, edges: Any, adjacency: Any, tasks: Sequence[str] | None
    ) -> None:
        self.owner = owner
        self.tasks = None if tasks is None else [str(task) for task in tasks]
        self.adjacency: list[list[float]] | None = None
        self.edges: str | list[list[Any]] | None = None
        if (edges is None) == (adjacency is None):
            raise UserError(
                f"{owner}: pass either edges or adjacency; found "
                + ("neither." if edges is None else "both.")
            )
        if adjacency is not None:
            self.adjacency = self._checked_adjacency(adjacency)
        elif isinstance(edges, str):
            if edges not in _SHAPES:
                raise UserError(
                    f"{owner}: unknown edges {edges!r}.{nearest(edges, _SHAPES)} "
                    'Pass "chain", "complete" or a list of (task, task, weight).'
                )
            self.edges = edges
        else:
            self.edges = [self._checked_edge(edge) for edge in edges]
        if self.tasks is not None:
            self.weighted_edges(len(self.tasks))

    def get_config(self) -> dict[str, Any]:
        """Return edges, adjacency and tasks as plain values."""
        return {"edges": self.edges, "adjacency": self.adjacency, "tasks": self.tasks}

    def bind(self, task_names: Sequence[str]) -> None:
        """Learn the order of the tasks and check the graph against it.

        Args:
            task_names: The tasks, in the order of the stack.

        Raises:
            UserError: If an edge names another task, or the sizes differ.
        """
        if self.tasks is not None and list(task_names) != self.tasks:
            raise UserError(
                f"{self.owner}: the graph was made for the tasks "
                f"{', '.join(self.tasks)}; found {', '.join(task_names)}."
            )
        previous, self.tasks = self.tasks, list(task_names)
        try:
            self.weighted_edges(len(self.tasks))
        except UserError:
            self.tasks = previous
            raise

    def weighted_edges(self, num_tasks: int) -> list[tuple[int, int, float]]:
        """Return the edges as positions and weights.

        Args:
            num_tasks: The number of tasks in the stack.

        Returns:
            One `(first, second, weight)` per edge of weight above zero.

        Raises:
            UserError: If the graph names a task that is not there.
        """
        if self.adjacency is not None:
            if len(self.adjacency) != num_tasks:
                raise UserError(
                    f"{self.owner}: the adjacency is for {len(self.adjacency)} tasks; "
                    f"found {num_tasks}."
                )
            return [
                (s, t, self.adjacency[s][t])
                for s in range(num_tasks)
                for t in range(s + 1, num_tasks)
                if self.adjacency[s][t] > 0
            ]
        if self.edges == "chain":
            return [(t, t + 1, 1.0) for t in range(num_tasks - 1)]
        if self.edges == "complete":
            pairs = [(s, t) for s in range(num_tasks) for t in range(s + 1, num_tasks)]
            return [(s, t, 1.0) for s, t in pairs]
        return [
            (self._position(s, num_tasks), self._position(t, num_tasks), weight)
            for s, t, weight in self.listed_edges()
            if weight > 0
        ]

    def listed_edges(self) -> list[list[Any]]:
        """Return the edges that were given one by one, as `[task, task, weight]`."""
        return self.edges if isinstance(self.edges, list) else []

    def laplacian(self, num_tasks: int) -> np.ndarray:
        """Return Deg - A.

        Args:
            num_tasks: The number of tasks in the stack.

        Returns:
            Symmetric float64 matrix (tasks, tasks).
        """
        matrix = np.zeros((num_tasks, num_tasks))
        for s, t, weight in self.weighted_edges(num_tasks):
            matrix[s, s] += weight
            matrix[t, t] += weight
            matrix[s, t] -= weight
            matrix[t, s] -= weight
        return matrix

    def spectrum(self, num_tasks: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the eigenvalues of the Laplacian, at least 0, and its eigenvectors.

        Args:
            num_tasks: The number of tasks in the stack.
        """
        values, vectors = np.linalg.eigh(self.laplacian(num_tasks))
        return np.maximum(values, 0.0), vectors

    def _position(self, task: Any, num_tasks: int) -> int:
        if isinstance(task, str):
            if self.tasks is None:
                raise UserError(
                    f'{self.owner}: the edges name the task "{task}", but the order '
                    "of the tasks is not known. Pass tasks=[...], or positions."
                )
            if task not in self.tasks:
                raise UserError(
                    f'{self.owner}: the edges name an unknown task "{task}".'
                    f"{nearest(task, self.tasks)} Tasks: {', '.join(self.tasks)}."
                )
            return self.tasks.index(task)
        if not 0 <= task < num_tasks:
            raise UserError(
                f"{self.owner}: the edges name the task at position {task}; there are "
                f"{num_tasks} tasks, at 0 to {num_tasks - 1}."
            )
        return int(task)

    def _checked_edge(self, edge: Any) -> list[Any]:
        parts = list(edge) if isinstance(edge, list | tuple) else []
        names = all(
            isinstance(part, str)
            or (isinstance(part, numbers.Integral) and not isinstance(part, bool))
            for part in parts[:2]
        )
        if len(parts) not in (2, 3) or not names or parts[0] == parts[1]:
            raise UserError(
                f"{self.owner}: an edge is (task, other task) or (task, other task, "
                f"weight); found {edge!r}."
            )
        weight = parts[2] if len(parts) == 3 else 1.0
        self._check_weight(weight, f"edge {parts[0]}-{parts[1]}")
        first, second = (p if isinstance(p, str) else int(p) for p in parts[:2])
        return [first, second, float(weight)]

    def _checked_adjacency(self, adjacency: Any) -> list[list[float]]:
        try:
            matrix = np.asarray(adjacency, dtype="float64")
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{self.owner}: adjacency must be a matrix of numbers; {error}."
            ) from error
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise UserError(
                f"{self.owner}: adjacency must be a square matrix; found the shape "
                f"{matrix.shape}."
            )
        for (s, t), weight in np.ndenumerate(matrix):
            self._check_weight(weight, f"adjacency[{s}, {t}]")
        if not np.array_equal(matrix, matrix.T):
            s, t = np.argwhere(matrix != matrix.T)[0]
            raise UserError(
                f"{self.owner}: adjacency must be symmetric; found "
                f"[{s}, {t}]={matrix[s, t]:g} and [{t}, {s}]={matrix[t, s]:g}."
            )
        rows: list[list[float]] = matrix.tolist()
        return rows

    def _check_weight(self, weight: Any, where: str) -> None:
        valid = isinstance(weight, numbers.Real) and math.isfinite(float(weight))
        # A negative weight would push tasks apart without bound: not convex.
        if not valid or float(weight) < 0:
            raise UserError(
                f"{self.owner}: the weight of {where} must be a finite number, at "
                f"least 0; found {weight!r}."
            )
