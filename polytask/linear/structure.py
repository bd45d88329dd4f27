"""The task structure of an estimator, and how strong it is."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from polytask import regularizers
from polytask.errors import UserError
from polytask.linear.accepted import check_nonnegative, check_supported
from polytask.linear.datafits.datafit import Datafit
from polytask.linear.penalties import (
    Concave,
    Nonnegative,
    UnpenalizedLastRow,
    Whole,
    make_penalty,
)
from polytask.linear.solvers.problem import Problem
from polytask.regularizers import Regularizer, TaskStructure
from polytask.regularizers.concave import HasTangents

_ALIASES = {"ridge": "l2", "lasso": "l1", "multi_task_lasso": "l21"}
DEFAULT_RATIO = 0.1


class Structure:
    """A regularizer on the weights of a linear model, with a strength to be chosen.

    Args:
        identifier: A name, an instance or a configuration of
            `polytask.regularizers`; `"ridge"` and `"lasso"` are known as well; None
            for no penalty.
        names: The tasks' names.
        widths: Number of columns of each task.
        intercept_row: Whether the last row of W holds intercepts.
        positive: Whether all weights are at least 0.

    Raises:
        UserError: If the regularizer is unknown, does not fit the tasks or has no
            exact solver.
    """

    def __init__(
        self,
        identifier: Any,
        names: Sequence[str],
        widths: Sequence[int],
        intercept_row: bool = False,
        positive: bool = False,
    ) -> None:
        self.named = isinstance(identifier, str)
        if self.named:
            identifier = _ALIASES.get(identifier.lower(), identifier)
        original = regularizers.get(identifier)
        if original is not None and not isinstance(original, Regularizer):
            raise UserError(
                f"{type(original).__name__} is not a regularizer of polytask. Pass one "
                "of polytask.regularizers, or its name."
            )
        # A copy: `bind` tells it the tasks, and the user's object stays as it is.
        self.regularizer = None if original is None else original.rescaled(1.0)
        self.intercept_row, self.positive = intercept_row, positive
        self.columns, self.width = sum(widths), 1
        if isinstance(self.regularizer, TaskStructure):
            self.regularizer.bind(names, widths)
            if self.regularizer.needs_equal_widths:
                self.width = widths[0]
        if self.regularizer is not None:
            check_supported(self.regularizer)
        if positive:
            check_nonnegative(self.regularizer)

    @property
    def own_strength(self) -> float:
        """The first strength of the regularizer as it was passed."""
        if self.regularizer is None:
            return 0.0
        return float(getattr(self.regularizer, self.regularizer.strengths[0]))

    def largest(self, datafit: Datafit) -> float:
        """Return λ_max, the strength of ratio 1.

        From it on all weights are zero. For a penalty that never gives zeros, such as
        ridge, it is the largest curvature of the loss, where the strongest direction
        of the data is shrunk to half.

        Args:
            datafit: The loss.
        """
        if self.regularizer is None:
            return 0.0
        if self.own_strength == 0:
            raise UserError(
                f"{type(self.regularizer).__name__}: a ratio or strength scales its "
                f"own strengths, of which the first, {self.regularizer.strengths[0]}, "
                "is 0. Make it positive."
            )
        gradient = datafit.null_gradient
        weights = gradient[:-1] if self.intercept_row else gradient
        if self.positive:
            weights = np.minimum(weights, 0.0)
        if isinstance(self.regularizer, HasTangents):
            penalty = Concave(self.regularizer, self.width)
            critical = penalty.critical(weights, datafit.largest_curvature())
        else:
            critical = Whole(self.regularizer, self.width).lambda_max(weights)
        return datafit.lipschitz() if critical is None else critical

    def problem(self, datafit: Datafit, strength: float) -> Problem:
        """Return what is minimized at a strength.

        Args:
            datafit: The loss.
            strength: λ, the first strength; others keep their ratio to it.
        """
        regularizer: Any = self.regularizer
        if regularizer is not None and strength != self.own_strength:
            if self.own_strength == 0:
                self.largest(datafit)
            # At zero there is no penalty.
            scale = strength / self.own_strength
            regularizer = regularizer.rescaled(scale) if strength else None
        ridge = 0.0
        if regularizer is not None and not self.intercept_row:
            regularizer, ridge = regularizer.without_ridge()
        penalty = make_penalty(regularizer, self.columns, self.width)
        if self.positive:
            penalty = Nonnegative(penalty)
        if self.intercept_row:
            penalty = UnpenalizedLastRow(penalty)
        return Problem(datafit, penalty, ridge)


def chosen_strength(
    structure: Structure, datafit: Datafit, strength: Any, ratio: Any
) -> float:
    """Return λ from what the user set.

    Args:
        structure: The task structure.
        datafit: The loss.
        strength: λ, or None.
        ratio: λ as a fraction of λ_max, or None.

    Returns:
        λ; without either, that of an instance, and 0.1 of λ_max for a name.

    Raises:
        UserError: If both are set, or one is negative or not finite.
    """
    if strength is not None and ratio is not None:
        raise UserError(
            f"Pass either strength or ratio; found strength={strength!r} and "
            f"ratio={ratio!r}."
        )
    for name, value in (("strength", strength), ("ratio", ratio)):
        if value is None:
            continue
        number = isinstance(value, int | float | np.number)
        if not number or not np.isfinite(value) or value < 0:
            raise UserError(
                f"{name} must be a finite number, at least 0; found {value!r}."
            )
    if strength is not None:
        return float(strength)
    if ratio is None and not structure.named:
        return structure.own_strength
    largest = structure.largest(datafit)
    return largest * (DEFAULT_RATIO if ratio is None else float(ratio))
